"""Shell completions, made from the grammar of the command line.

Usage: python3 packaging/completions.py bash|zsh|fish. packaging/install runs it when a
package is built. Whatever stands in the parser is in the completions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Callable

from hvprep.cli.parser import make_parser
from hvprep.steps.registry import STEPS

HEAD = "# Made by packaging/completions.py of hvprep from the grammar of its command line."
#: What is completed for a value that the help calls so; nothing for other names.
PATHS = {"DIR": "directory", "FILE": "file", "IMAGE": "file"}


@dataclass(frozen=True)
class Argument:
    """An option (`names`, such as --root) or, without names, a word that stands for itself.

    value  its name in the help; "" for an option that takes none
    words  the values that there are, where they are known
    """

    names: tuple[str, ...]
    help: str
    value: str
    words: tuple[str, ...]

    @property
    def path(self) -> str:
        """What kind of path it takes: "directory", "file" or ""."""
        return PATHS.get(self.value, "")


@dataclass(frozen=True)
class Command:
    """`words` after the program's name (hvprep itself has none), and the commands that may follow."""

    words: tuple[str, ...]
    help: str
    options: tuple[Argument, ...]
    operands: tuple[Argument, ...]
    commands: tuple[Command, ...]

    @property
    def name(self) -> str:
        """How the scripts call it: " check", and "" for hvprep itself."""
        return "".join(f" {word}" for word in self.words)

    @property
    def next_words(self) -> tuple[str, ...]:
        """Every word that may follow."""
        commands = tuple(command.words[-1] for command in self.commands)
        options = tuple(name for option in self.options for name in option.names)
        return commands + options + tuple(word for operand in self.operands for word in operand.words)

    def walk(self) -> Iterator[Command]:
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read_grammar(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), summary: str = "") -> Command:
    """The parser and everything below it."""
    arguments, commands = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                commands.append(read_grammar(below, (*words, name), summaries.get(name, "")))
        elif action.help != argparse.SUPPRESS:
            arguments.append(_read_argument(action))
    options = tuple(argument for argument in arguments if argument.names)
    operands = tuple(argument for argument in arguments if not argument.names)
    return Command(words, summary, options, operands, tuple(commands))


def _read_argument(action: argparse.Action) -> Argument:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    words = tuple(map(str, action.choices or ()))
    if action.dest == "only" and not words:
        words = tuple(step.id for step in STEPS)
    help_text = " ".join((action.help or "").replace("%%", "%").split())
    return Argument(tuple(action.option_strings), help_text, "" if action.nargs == 0 else value, words)


# bash


def render_bash(grammar: Command) -> str:
    """For /usr/share/bash-completion/completions. It needs bash 4 and nothing of bash-completion itself."""
    values = [
        f"        {_patterns(command, option)}) {_bash_values(option.words, option.path)} ;;"
        for command in grammar.walk()
        for option in command.options
        if option.value
    ]
    nexts = [
        f'                "{command.name}") {_bash_values(command.next_words, _operand_path(command))} ;;'
        for command in grammar.walk()
    ]
    commands = " | ".join(f'"{command.name}"' for command in grammar.walk() if command.words)
    return f"""{HEAD}
_hvprep()
{{
    local command='' words='' paths='' i
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    [[ $prev != "=" ]] || prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    [[ $cur != "=" ]] || cur=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command ${{COMP_WORDS[i]}}" in
            {commands}) command+=" ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$command $prev" in
{_joined(values)}
        *)
            case $command in
{_joined(nexts)}
            esac
            ;;
    esac
    [[ -z $paths ]] || compopt -o filenames
    mapfile -t COMPREPLY < <(compgen ${{paths:+"$paths"}} -W "$words" -- "$cur")
}}
complete -F _hvprep hvprep
"""


def _patterns(command: Command, option: Argument) -> str:
    return " | ".join(f'"{command.name} {name}"' for name in option.names)


def _bash_values(words: tuple[str, ...], path: str) -> str:
    paths = {"directory": " paths=-d", "file": " paths=-f"}.get(path, "")
    return f"words='{' '.join(words)}'{paths}"


def _operand_path(command: Command) -> str:
    return next((operand.path for operand in command.operands if operand.path), "")


# zsh


def render_zsh(grammar: Command) -> str:
    """For a directory of zsh's fpath, as _hvprep."""
    functions = "\n".join(_zsh_function(command) for command in grammar.walk())
    return f'#compdef hvprep\n{HEAD}\n\n{functions}\n_hvprep "$@"\n'


def _zsh_function(command: Command) -> str:
    specs = [_zsh_option(option) for option in command.options]
    if not command.commands:
        specs += [f"'*:{_zsh(operand.value)}:{_zsh_action(operand)}'" for operand in command.operands]
        return f"{_zsh_name(command)}() {{\n    _arguments{_continued(specs)}\n}}\n"
    specs += ["'1: :->command'", "'*:: :->arguments'"]
    described = _joined(f"                '{each.words[-1]}:{_zsh(each.help)}'" for each in command.commands)
    cases = _joined(f"                {each.words[-1]}) {_zsh_name(each)} ;;" for each in command.commands)
    return f"""{_zsh_name(command)}() {{
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C{_continued(specs)}
    case $state in
        command)
            local -a commands=(
{described}
            )
            _describe -t commands command commands
            ;;
        arguments)
            case $line[1] in
{cases}
            esac
            ;;
    esac
}}
"""


def _zsh_name(command: Command) -> str:
    return "_hvprep" + "".join(f"_{word}" for word in command.words)


def _zsh_option(option: Argument) -> str:
    value = f":{_zsh(option.value)}:{_zsh_action(option)}" if option.value else ""
    return " ".join(
        f"'({' '.join(option.names)}){name}[{_zsh(option.help)}]{value}'" for name in option.names
    )


def _zsh_action(argument: Argument) -> str:
    if argument.words:
        return f"({' '.join(argument.words)})"
    return {"directory": "_files -/", "file": "_files"}.get(argument.path, " ")


def _zsh(text: str) -> str:
    return "".join("\\" + sign if sign in "[]\\" else "'\\''" if sign == "'" else sign for sign in text)


# fish


def render_fish(grammar: Command) -> str:
    """For /usr/share/fish/vendor_completions.d."""
    commands = " ".join(f"'{command.name}'" for command in grammar.walk() if command.words)
    lines = [line for command in grammar.walk() for line in _fish_lines(command)]
    return f"""{HEAD}
function __hvprep_command
    set -l command ''
    for word in (commandline -opc)[2..-1]
        if contains -- "$command $word" {commands}
            set command "$command $word"
        end
    end
    echo "$command"
end

complete -c hvprep -f
{_joined(lines)}
"""


def _fish_lines(command: Command) -> Iterator[str]:
    start = f"complete -c hvprep -n 'test (__hvprep_command) = \"{command.name}\"'"
    for each in command.commands:
        yield f"{start} -a {each.words[-1]} -d '{_fish(each.help)}'"
    for option in command.options:
        names = " ".join(f"-l {name[2:]}" if name[:2] == "--" else f"-s {name[1:]}" for name in option.names)
        yield f"{start} {names}{_fish_values(option) if option.value else ''} -d '{_fish(option.help)}'"
    for operand in command.operands:
        if operand.words or operand.path:
            yield f"{start}{_fish_values(operand)}"


def _fish_values(argument: Argument) -> str:
    if argument.words:
        return f" -x -a '{' '.join(argument.words)}'"
    return {"directory": " -x -a '(__fish_complete_directories)'", "file": " -r -F"}.get(argument.path, " -x")


def _fish(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _joined(lines: Iterator[str] | list[str]) -> str:
    return "\n".join(lines)


def _continued(specs: list[str]) -> str:
    return "".join(f" \\\n        {spec}" for spec in specs)


RENDERERS: Mapping[str, Callable[[Command], str]] = {
    "bash": render_bash,
    "zsh": render_zsh,
    "fish": render_fish,
}

if __name__ == "__main__":
    sys.stdout.write(RENDERERS[sys.argv[1]](read_grammar(make_parser())))
