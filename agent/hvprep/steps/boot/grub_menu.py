"""GRUB 2's menu as a grub.cfg shows it: on which terminals, and whether there is time to see it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hvprep.steps.boot.menu_rules import VISIBLE_S, MenuRules

#: The variable of grubenv that hides the menu.
AUTO_HIDE = "menu_auto_hide"

_COMMAND = re.compile(r"^[ \t]*(serial|terminal_input|terminal_output)\b[ \t]*(.*?)[ \t]*$", re.MULTILINE)
#: How grub-mkconfig hides the menu: since 2.02 by a style, before that by a sleep that a key interrupts.
_HIDDEN_STYLE = re.compile(r"^([ \t]*set[ \t]+timeout_style=)[\"']?hidden[\"']?[ \t]*$")
_HIDDEN_SLEEP = re.compile(r"\bsleep[ \t]+--interruptible[ \t]+[0-9]+")
_NO_TIME = re.compile(r"^([ \t]*set[ \t]+timeout=)[\"']?0[\"']?[ \t]*$")
#: No time where one of these stands in the line before is no hiding: it ends the sleep, or SUSE's one boot of
#: an entry that somebody chose.
_WANTED_NO_TIME = re.compile(r"\bsleep\b|boot_once")
_AUTO_HIDE = re.compile(rf"\$\{{?{AUTO_HIDE}\b")
_BEGIN_OF_HEADER, _END_OF_HEADER = (f"### {word} /etc/grub.d/00_header ###\n" for word in ("BEGIN", "END"))


def menu_problems(text: str, rules: MenuRules) -> tuple[str, ...]:
    """What keeps the menu of a grub.cfg from the serial port, () where nothing does."""
    problems = list(_terminal_problems(text, rules))
    if _shown(text) != text:
        problems.append("it is hidden, or has no time to be seen")
    return tuple(f"the menu: {problem}" for problem in problems)


def edit_menu(text: str, rules: MenuRules) -> str:
    """`text` with the menu on the serial port: our commands end the header, so they come after its own.

    As it was where it has no header of grub-mkconfig's, and in vain where a later script has other commands.
    """
    text = _shown(text)
    if not any(_terminal_problems(text, rules)):
        return text
    lines = "".join(f"{command}\n" for command in menu_commands(rules))
    return text.replace(_END_OF_HEADER, lines + _END_OF_HEADER, 1)


def menu_commands(rules: MenuRules) -> tuple[str, ...]:
    """What brings the menu to its terminals."""
    terminals = " ".join(rules.terminals)
    commands = (rules.serial, f"terminal_input {terminals}", f"terminal_output {terminals}")
    return tuple(command for command in commands if command)


def hides_after_good_boots(text: str) -> bool:
    """Whether menu_auto_hide in grubenv hides the menu of this grub.cfg: Fedora's 12_menu_auto_hide. anaconda
    sets it on Fedora Workstation; keys that show the menu all the same are no keys of a serial console."""
    return _AUTO_HIDE.search(text) is not None


def _terminal_problems(text: str, rules: MenuRules) -> list[str]:
    commands = _last_commands(text)
    found = []
    if rules.serial and "serial" not in commands:
        found.append("no serial port is opened")
    elif not rules.is_opened_by(commands.get("serial", ())):
        found.append(f"{' '.join(commands['serial'])}, not {rules.serial}")
    for name, what in (("terminal_input", "its input"), ("terminal_output", "its output")):
        # Without such a command it is the firmware's console.
        words = commands[name][1:] if name in commands else ("console",)
        problem = rules.terminal_problem(words, is_input=name == "terminal_input")
        found += [f"{what} {problem}"] if problem else []
    return found


def _last_commands(text: str) -> Mapping[str, tuple[str, ...]]:
    """The last command of each name, by its words; `--append` adds to the one before."""
    commands: dict[str, tuple[str, ...]] = {}
    for match in _COMMAND.finditer(text):
        words = tuple(match[2].split())
        kept = commands.get(match[1], ())[1:] if "--append" in words else ()
        commands[match[1]] = (match[1], *kept, *words)
    return commands


def _shown(text: str) -> str:
    """`text` with a menu that can be seen: of a generated file its header alone, where what comes later
    depends on variables."""
    before, begin, rest = text.partition(_BEGIN_OF_HEADER)
    header, end, after = rest.partition(_END_OF_HEADER) if begin else (text, "", "")
    before = before if begin else ""
    lines = header.split("\n")
    for i, line in enumerate(lines):
        line = _HIDDEN_STYLE.sub(r"\1menu", line)
        line = _HIDDEN_SLEEP.sub(f"sleep --verbose --interruptible {VISIBLE_S}", line)
        if not (i and _WANTED_NO_TIME.search(lines[i - 1])):
            line = _NO_TIME.sub(rf"\g<1>{VISIBLE_S}", line)
        lines[i] = line
    return before + begin + "\n".join(lines) + end + after
