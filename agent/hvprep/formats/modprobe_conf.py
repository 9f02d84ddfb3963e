"""modprobe.d(5): the lines that keep a module from being loaded, and taking them out.

Source: modprobe.d(5) and libkmod-config.c of kmod for the files, tried with modprobe of kmod 30 and 34;
Documentation/admin-guide and dracut.cmdline(7) for the kernel's words. '-' and '_' are the same in names,
written '_' here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.formats.kernel_modules import normalise_alias

#: Stands before a line that was taken out.
TAKEN_OUT = "# taken out by hvprep: "


class Reach(Enum):
    """How far a rule reaches.

    ALIAS    the module is not loaded for an alias, of a device or "fs-udf" of a mount; by its own name it is
    COMMAND  modprobe runs a command in its place, also where another module needs it; of several commands
             the first counts. Its name is a pattern (glob(7)) of modules
    LOADS    such a command that loads it
    ASKED    who asks for exactly this, alias or name, gets nothing. A pattern too
    KERNEL   the kernel refuses it
    INITRD   as ALIAS, until the root file system is there
    """

    ALIAS = "alias"
    COMMAND = "command"
    LOADS = "loads"
    ASKED = "asked"
    KERNEL = "kernel"
    INITRD = "initrd"


#: Words of the kernel's line.
_WORDS = {
    "module_blacklist": Reach.KERNEL,
    "modprobe.blacklist": Reach.ALIAS,
    "rd.driver.blacklist": Reach.INITRD,
    "rdblacklist": Reach.INITRD,  # dracut before 008 (dracut.kernel(7))
}
#: Commands of which `install X COMMAND` makes that something is loaded after all.
_LOADS = re.compile(r"\b(?:modprobe|insmod)\b")
#: strtok() with blank and tab, as libkmod has it: a carriage return is part of a name.
_LINE = re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t]+)(?:[ \t](.+))?", re.DOTALL)
_PIECE = re.compile(r"\\?\n|\\.|[^\\\n]+|\\")
_SHELL_COMMENT = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True)
class Rule:
    """One line about the loading of a module.

    name  the module, alias or pattern that it is about
    text  the line, or the word of the kernel's line
    line  its number in the file, from 1; 0 for a word
    """

    name: str
    reach: Reach
    text: str
    line: int = 0

    def is_about(self, name: str) -> bool:
        """Whether the rule is about this module or alias, which is normalised."""
        if self.reach in (Reach.COMMAND, Reach.LOADS, Reach.ASKED):
            return fnmatchcase(name, self.name.replace("[^", "[!"))
        return self.name == name


def parse(text: str) -> tuple[Rule, ...]:
    """The rules in one file. Lines that do not read are passed over, as modprobe does.

    >>> parse("# no\\nblacklist hv-netvsc\\ninstall hv_utils /bin/true\\n")[1]
    Rule(name='hv_utils', reach=<Reach.COMMAND: 'command'>, text='install hv_utils /bin/true', line=3)
    """
    return tuple(filter(None, (_parse_line(line, number) for number, line in _logical_lines(text))))


def parse_words(words: Iterable[str]) -> tuple[Rule, ...]:
    """The rules among the words of a kernel command line.

    >>> [rule.name for rule in parse_words(["ro", "modprobe.blacklist=hv-netvsc,floppy"])]
    ['hv_netvsc', 'floppy']
    """
    return tuple(
        Rule(normalise_alias(module), _WORDS[name], word)
        for word in words
        for name in [parameter_name(word)]
        if name in _WORDS
        for module in (value_of(word) or "").strip('"').split(",")
        if module
    )


def take_out(text: str, lines: Collection[int]) -> str:
    """The text with these lines made comments, all else as it is. What a backslash continues goes with it:
    modprobe joins lines before it looks for comments.

    >>> take_out("blacklist a\\ninstall b \\\\\\n /bin/true\\n", [2])
    'blacklist a\\n# taken out by hvprep: install b \\\\\\n /bin/true\\n'
    """
    physical = text.split("\n")
    return "\n".join(TAKEN_OUT + line if number in lines else line for number, line in enumerate(physical, 1))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, what modprobe reads). A backslash joins lines, or is left out."""
    start = number = 1
    parts: list[str] = []
    for piece in _PIECE.findall(text):
        if piece == "\n":
            yield start, "".join(parts)
            start = number = number + 1
            parts = []
        elif piece == "\\\n":
            number += 1
        else:
            parts.append(piece[1:] if piece[0] == "\\" else piece)
    if parts:
        yield start, "".join(parts)


def _parse_line(line: str, number: int) -> Rule | None:
    match = _LINE.fullmatch(line)
    if match is None or line.startswith("#"):
        return None
    keyword, name, rest = match[1], normalise_alias(match[2]), match[3] or ""
    shown = " ".join(line.split())
    if keyword == "blacklist":
        return Rule(name, Reach.ALIAS, shown, number)
    if keyword == "install" and rest:
        loads = _LOADS.search(_SHELL_COMMENT.sub("", rest))
        return Rule(name, Reach.LOADS if loads else Reach.COMMAND, shown, number)
    if keyword == "alias" and rest.split() == ["off"]:  # no module has that name; module-init-tools' word
        return Rule(name, Reach.ASKED, shown, number)
    return None
