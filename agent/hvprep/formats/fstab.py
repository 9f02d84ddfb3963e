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
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError

_FIELD = re.compile(r"[^ \t]+")
_ESCAPE = re.compile(r"\\([0-7]{3})")
#: What ends a field, or begins an escape or a comment (addmntent(3)).
_SPECIAL = re.compile(r"^#|[ \t\n\\]")


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

    @property
    def is_automatic(self) -> bool:
        """Whether boot mounts it, or swaps to it."""
        return "noauto" not in self.options


@dataclass(frozen=True)
class Fstab:
    """The whole table: its lines with their ends, and the entries in them in order.

    `broken` are the numbers of lines that are neither: mount(8) says "parse error", and goes on without them.
    """

    lines: tuple[str, ...]
    entries: tuple[Entry, ...]
    broken: tuple[int, ...] = ()

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
        numbers = {entry.line for entry in self.entries if unwanted(entry)}
        return parse("".join(comment_out(self.lines, numbers, tag)))

    def with_line(self, number: int, text: str) -> Fstab:
        """With a line more after that of this number, ended as that one is."""
        lines = list(self.lines)
        body, end = _split_end(lines[number - 1])
        between = end if end.endswith("\n") else f"{end}\n"
        lines[number - 1 : number] = [body + between, text + end]
        return parse("".join(lines))

    def with_spec(self, number: int, spec: str) -> Fstab:
        """With another device in the line of this number; every other byte of it stays."""
        lines = list(self.lines)
        lines[number - 1] = with_field(lines[number - 1], 0, spec)
        return parse("".join(lines))


def with_field(line: str, index: int, text: str) -> str:
    """The line with another text in the field of that index; every other byte stays.

    >>> with_field('/dev/sda1 \\t/  ext4\\n', 1, '/a b')
    '/dev/sda1 \\t/a\\\\040b  ext4\\n'
    """
    span = list(_FIELD.finditer(line))[index].span()
    return line[: span[0]] + encode_field(text) + line[span[1] :]


def comment_out(lines: Sequence[str], numbers: Collection[int], tag: str) -> list[str]:
    """The lines of a table, those of these numbers (from 1) as comments that end in `tag`.

    Raises FormatError where `tag` has more than one line.
    """
    if "\n" in tag:
        raise FormatError(f"{tag!r} is no end for a comment", "Give a tag of one line.")
    edited = list(lines)
    for number in numbers:
        body, end = _split_end(lines[number - 1])
        edited[number - 1] = f"# {body} # {tag}{end}"
    return edited


def parse(text: str) -> Fstab:
    """The table in `text`. Every text is one; `parse(text).render() == text`."""
    lines = split_lines(text)
    found = {number: _parse_line(number, line) for number, line in enumerate(lines, 1)}
    broken = (number for number, entry in found.items() if entry is None and fields_of(lines[number - 1]))
    return Fstab(lines, tuple(entry for entry in found.values() if entry), tuple(broken))


def split_lines(text: str) -> tuple[str, ...]:
    """The lines with their ends."""
    return tuple(line for line in re.split(r"(?<=\n)", text) if line)


def fields_of(line: str) -> list[str]:
    """The fields as they are written; none of a comment.

    >>> fields_of("/dev/sda1\\t/  ext4\\r\\n"), fields_of(" # a comment")
    (['/dev/sda1', '/', 'ext4'], [])
    """
    fields: list[str] = _FIELD.findall(_split_end(line)[0])
    return [] if fields[:1] and fields[0].startswith("#") else fields


def _parse_line(number: int, line: str) -> Entry | None:
    """The entry of a line, as getmntent(3) reads it for systemd; None for a line that is no entry.

    libmount refuses a line whose last fields are no numbers; systemd mounts it, with zeros for them.
    """
    fields = fields_of(line)
    if len(fields) < 3:
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


def encode_field(text: str) -> str:
    r"""The other way round.

    >>> encode_field('/mnt/a b')
    '/mnt/a\\040b'
    """
    return _SPECIAL.sub(lambda match: f"\\{ord(match[0]):03o}", text)


def _split_end(line: str) -> tuple[str, str]:
    body = line[:-1] if line.endswith("\n") else line
    body = body[:-1] if body.endswith("\r") else body
    return body, line[len(body) :]
