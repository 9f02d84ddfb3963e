"""`key=value` in `[sections]`: units of systemd, and the files of NetworkManager.

Source: systemd.syntax(7); GLib's GKeyFile. They differ in two things: systemd goes on with the next line
after a backslash at the end of one, and takes a line that starts with `;` for a comment.

>>> text = "# mine\\n[Match]\\nName = eth0\\nMACAddress=00:0d:3a:00:00:01\\n"
>>> file = parse(text)
>>> file.find("Match", "Name")
Entry(section='Match', key='Name', value='eth0', line=3, last_line=3)
>>> file.without(file.find("Match", "MACAddress")).render()
'# mine\\n[Match]\\nName = eth0\\n'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError

_YES = ("yes", "true", "1", "on")


@dataclass(frozen=True)
class Entry:
    """A value with the lines, counted from 1, that it stands in."""

    section: str
    key: str
    value: str
    line: int
    last_line: int


@dataclass(frozen=True)
class KeyFile:
    """The whole file: its lines with their ends, and the entries in them in order."""

    lines: tuple[str, ...]
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def find(self, section: str, key: str) -> Entry | None:
        """The last entry of that name, which is the one that counts where there can be but one."""
        found = [entry for entry in self.entries if (entry.section, entry.key) == (section, key)]
        return found[-1] if found else None

    def words(self, section: str, key: str) -> tuple[str, ...]:
        """The words of all entries of that name. An empty one takes back those before it, as in systemd."""
        words: list[str] = []
        for entry in self.entries:
            if (entry.section, entry.key) == (section, key):
                words = [*words, *entry.value.split()] if entry.value else []
        return tuple(words)

    def without(self, *entries: Entry | None) -> KeyFile:
        """The file without the lines of these entries."""
        gone = {number for entry in entries if entry for number in range(entry.line, entry.last_line + 1)}
        return parse("".join(line for number, line in enumerate(self.lines, 1) if number not in gone))


def is_yes(value: str) -> bool:
    """Whether it switches on what it is the value of.

    >>> is_yes("True"), is_yes("0")
    (True, False)
    """
    return value.lower() in _YES


def parse(text: str, continues: bool = True) -> KeyFile:
    """The file in `text`; `parse(text).render() == text`. `continues`: whether a backslash at the end of a
    line goes on with the next. What is neither a section nor an entry is kept.

    Raises FormatError for a NUL.
    """
    if "\0" in text:
        raise FormatError("there is a NUL in it", "see what wrote this file")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    entries, section, number = [], "", 0
    while number < len(lines):
        first = number
        line = lines[number].rstrip("\n")
        number += 1
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        while continues and line.endswith("\\") and number < len(lines):
            following = lines[number].rstrip("\n")
            number += 1
            # systemd leaves out comments between the parts (systemd.syntax(7)).
            if following.lstrip()[:1] not in ("#", ";"):
                line = f"{line[:-1]} {following}"
        line = line.strip()
        key, equals, value = line.partition("=")
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif equals:
            entries.append(Entry(section, key.rstrip(), value.lstrip(), first + 1, number))
    return KeyFile(lines, tuple(entries))
