"""/etc/network/interfaces of ifupdown, ifupdown-ng and BusyBox.

Source: interfaces(5) of each. A line goes on after a backslash; a stanza goes on until the next one starts.

>>> file = parse("auto eth0\\niface eth0 inet dhcp\\n  hwaddress ether 00:0d:3a:00:00:01\\nsource a.d/*\\n")
>>> file.started, file.sources
(('eth0',), ('a.d/*',))
>>> file.stanzas[0].method, file.stanzas[0].options[0].line
('dhcp', 3)
>>> file.without(3).render()
'auto eth0\\niface eth0 inet dhcp\\nsource a.d/*\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hvprep.errors import FormatError

_STARTED = frozenset(("auto", "allow-auto", "allow-hotplug"))
#: What starts a stanza, or stands alone.
_WORDS = frozenset(("iface", "mapping", "template", "source", "source-directory", "rename"))


@dataclass(frozen=True)
class Option:
    """A line of a stanza: its first word and the rest."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class Stanza:
    """What is said of an interface, in a line counted from 1. `method` is "dhcp", "static", "manual", ..., or
    "" where the stanza names none, as ifupdown-ng allows."""

    name: str
    family: str
    method: str
    line: int
    options: tuple[Option, ...]

    def find(self, name: str) -> Option | None:
        """The first option of that name."""
        return next((option for option in self.options if option.name == name), None)


@dataclass(frozen=True)
class Interfaces:
    """One file: its lines with their ends, and what they say.

    started   names and patterns of the interfaces that are brought up at boot, or when they appear
    sources   patterns of files that are read too; those of source-directory end with "/"
    """

    lines: tuple[str, ...]
    started: tuple[str, ...]
    stanzas: tuple[Stanza, ...]
    sources: tuple[str, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def without(self, *numbers: int) -> Interfaces:
        """The file without these lines, and those that they go on with."""
        gone = {
            number
            for first, last, _ in _logical_lines(self.lines)
            if first in numbers
            for number in range(first, last + 1)
        }
        return parse("".join(line for number, line in enumerate(self.lines, 1) if number not in gone))


def parse(text: str) -> Interfaces:
    """The file in `text`; `parse(text).render() == text`. Raises FormatError for a NUL."""
    if "\0" in text:
        raise FormatError("there is a NUL in it", "see what wrote this file")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    started: list[str] = []
    sources: list[str] = []
    stanzas: list[Stanza] = []
    is_open = False  # whether options belong to the last stanza
    for first, _, line in _logical_lines(lines):
        word, *words = line.split() or [""]
        if not word or word.startswith("#"):
            continue
        if word == "iface" and words:
            stanzas.append(_stanza(words, first))
        elif word in _STARTED:
            started.extend(words)
        elif word in ("source", "source-directory"):
            sources.extend(f"{each}/" if word == "source-directory" else each for each in words)
        elif word not in _WORDS and not word.startswith(("allow-", "no-")):
            if is_open:
                option = Option(word, " ".join(words), first)
                stanzas[-1] = replace(stanzas[-1], options=(*stanzas[-1].options, option))
            continue
        is_open = word == "iface" and bool(words)
    return Interfaces(lines, tuple(started), tuple(stanzas), tuple(sources))


def _stanza(words: list[str], line: int) -> Stanza:
    name, *rest = words
    family, method = (*rest, "", "")[:2] if "inherits" not in rest else ("", "")
    return Stanza(name, family, method, line, ())


def _logical_lines(lines: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    """(number of the first, number of the last, text of the line with those that it goes on with)."""
    parts: list[str] = []
    for number, line in enumerate(lines, 1):
        bare = line.rstrip("\n")
        is_comment = not parts and bare.lstrip().startswith("#")
        parts.append(bare[:-1] if bare.endswith("\\") and not is_comment else bare)
        if not bare.endswith("\\") or is_comment or number == len(lines):
            yield number - len(parts) + 1, number, " ".join(parts)
            parts = []
