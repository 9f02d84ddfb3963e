"""fstab(5): the table of file systems that are mounted at boot.

Lines that are no entry (comments, blank lines, lines too short) are kept and come back as they were.

>>> table = parse('UUID=1 / ext4 defaults 0 1\\n/dev/sdb1 /mnt auto defaults,nofail 0 2\\n')
>>> table.entry_for('/mnt').options
('defaults', 'nofail')
>>> print(table.without(lambda entry: entry.spec == '/dev/sdb1', 'hvprep: by kernel name').render(), end='')
UUID=1 / ext4 defaults 0 1
# /dev/sdb1 /mnt auto defaults,nofail 0 2 # hvprep: by kernel name
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hvprep.errors import FormatError

_FIELD = re.compile(r"[^ \t]+")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Entry:
    """One file system. `spec` and `mountpoint` have their octal escapes decoded, `line` counts from 1.

    `passno` is the sixth field, the order of the checks at boot; fields that are left out have the values
    that mount(8) takes for them.
    """

    line: int
    spec: str
    mountpoint: str
    type: str
    options: tuple[str, ...] = ("defaults",)
    dump: int = 0
    passno: int = 0


@dataclass(frozen=True)
class Fstab:
    """The whole table: its lines with their ends, and the entries in them in order."""

    lines: tuple[str, ...]
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def entry_for(self, mountpoint: str) -> Entry | None:
        """The entry that mount(8) would use for this directory: the first one, slashes at its end aside."""
        wanted = mountpoint.rstrip("/")
        found = (each for each in self.entries if each.type != "swap" and each.mountpoint[:1] == "/")
        return next((each for each in found if each.mountpoint.rstrip("/") == wanted), None)

    def without(self, unwanted: Callable[[Entry], bool], tag: str) -> Fstab:
        """With the entries that `unwanted` accepts turned into comments that end in `tag`.

        Raises FormatError where `tag` has more than one line.
        """
        if "\n" in tag:
            raise FormatError(f"{tag!r} is no end for a comment", "Give a tag of one line.")
        lines = list(self.lines)
        for entry in self.entries:
            if unwanted(entry):
                body, end = _split_end(lines[entry.line - 1])
                lines[entry.line - 1] = f"# {body} # {tag}{end}"
        return parse("".join(lines))


def parse(text: str) -> Fstab:
    """The table in `text`. Every text is one; `parse(text).render() == text`."""
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    found = (_parse_line(number, line) for number, line in enumerate(lines, 1))
    return Fstab(lines, tuple(entry for entry in found if entry))


def _parse_line(number: int, line: str) -> Entry | None:
    """The entry of a line, as getmntent(3) reads it for systemd; None for a line that is no entry.

    libmount refuses a line whose last fields are no numbers; systemd mounts it, with zeros for them.
    """
    fields = _FIELD.findall(_split_end(line)[0])
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    numbers = [0, 0]
    for position, field in enumerate(fields[4:6]):
        if not re.fullmatch("[0-9]{1,9}", field):
            break
        numbers[position] = int(field)
    options = tuple(fields[3].split(",")) if len(fields) > 3 else ("defaults",)
    return Entry(number, decode_field(fields[0]), decode_field(fields[1]), fields[2], options, *numbers)


def decode_field(field: str) -> str:
    r"""The text of a field of this table or of those in /proc: blanks are written as three octal digits.

    >>> decode_field(r'/mnt/a\040b\134')
    '/mnt/a b\\'
    """
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8) & 0xFF), field)


def _split_end(line: str) -> tuple[str, str]:
    body = line[:-1] if line.endswith("\n") else line
    body = body[:-1] if body.endswith("\r") else body
    return body, line[len(body) :]
