"""modprobe.d(5): the lines that keep a module from being loaded.

Source: modprobe.d(5) and libkmod (libkmod-config.c) for the files, Documentation/admin-guide and
dracut.cmdline(7) for the kernel's words. '-' and '_' are the same in names, written '_' here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.formats.kernel_modules import normalise_alias

#: Commands of which `install X COMMAND` makes that nothing is loaded, and says nothing.
_LOADS = re.compile(r"\b(?:modprobe|insmod)\b")
#: Words of the kernel line, and how far each reaches: see `Reach`.
_WORDS = {
    "module_blacklist": "kernel",
    "modprobe.blacklist": "alias",
    "rd.driver.blacklist": "alias",
    "rdblacklist": "alias",  # dracut before 008 (dracut.kernel(7))
}


@dataclass(frozen=True)
class Ban:
    """One module that is kept out.

    reach  "alias": it is not loaded for a device that asks for it, by its alias; "command": modprobe runs a
           command in its place, also where another module needs it; "kernel": the kernel refuses it
    text   the line, or the word of the kernel line
    line   its number in the file, from 1; 0 for a word
    """

    module: str
    reach: str
    text: str
    line: int = 0


def parse(text: str) -> tuple[Ban, ...]:
    """The bans in one file. Lines that do not read are passed over, as modprobe does.

    >>> parse("# no\\nblacklist hv-netvsc\\ninstall hv_utils /bin/true\\n")[1]
    Ban(module='hv_utils', reach='command', text='install hv_utils /bin/true', line=3)
    """
    return tuple(filter(None, (_parse_line(line, number) for number, line in _logical_lines(text))))


def parse_words(words: Iterable[str]) -> tuple[Ban, ...]:
    """The bans among the words of a kernel command line.

    >>> [ban.module for ban in parse_words(["ro", "modprobe.blacklist=hv-netvsc,floppy"])]
    ['hv_netvsc', 'floppy']
    """
    return tuple(
        Ban(normalise_alias(module), _WORDS[name], word)
        for word in words
        for name in [parameter_name(word)]
        if name in _WORDS
        for module in (value_of(word) or "").strip('"').split(",")
        if module
    )


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, line with what backslashes at its end add)."""
    start = 1
    parts: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not parts:
            start = number
        parts.append(line[:-1] if line.endswith("\\") else line)
        if not line.endswith("\\"):
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


def _parse_line(line: str, number: int) -> Ban | None:
    words = line.split()
    if len(words) < 2 or words[0].startswith("#"):
        return None
    shown = " ".join(words)
    if words[0] == "blacklist":
        return Ban(normalise_alias(words[1]), "alias", shown, number)
    if words[0] == "install" and len(words) > 2 and not _LOADS.search(" ".join(words[2:])):
        return Ban(normalise_alias(words[1]), "command", shown, number)
    if words[0] == "alias" and words[2:] == ["off"]:  # module-init-tools
        return Ban(normalise_alias(words[1]), "command", shown, number)
    return None
