"""crypttab(5): the encrypted devices that are opened at boot. What is no entry comes back as it was.

>>> table = parse('root UUID=1 none luks\\nswap /dev/sda2 /dev/urandom swap,cipher=aes-xts-plain64\\n')
>>> print(table.without(lambda entry: entry.makes_swap, 'hvprep: no swap').render(), end='')
root UUID=1 none luks
# swap /dev/sda2 /dev/urandom swap,cipher=aes-xts-plain64 # hvprep: no swap
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hvprep.formats.fstab import comment_out, fields_of, split_lines, with_field


@dataclass(frozen=True)
class Entry:
    """One device: it appears as /dev/mapper/NAME. `line` counts from 1; the key file is left out."""

    line: int
    name: str
    device: str
    options: tuple[str, ...] = ()

    @property
    def makes_swap(self) -> bool:
        """Whether boot makes a new swap area of it, with a new key."""
        return "swap" in self.options


@dataclass(frozen=True)
class Crypttab:
    """The whole table: its lines with their ends, and the entries in them in order."""

    lines: tuple[str, ...]
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def without(self, unwanted: Callable[[Entry], bool], tag: str) -> Crypttab:
        """With the entries that `unwanted` accepts turned into comments that end in `tag`.

        Raises FormatError where `tag` has more than one line.
        """
        numbers = {entry.line for entry in self.entries if unwanted(entry)}
        return parse("".join(comment_out(self.lines, numbers, tag)))

    def with_device(self, number: int, device: str) -> Crypttab:
        """With another device in the line of this number; every other byte of it stays."""
        lines = list(self.lines)
        lines[number - 1] = with_field(lines[number - 1], 1, device)
        return parse("".join(lines))


def parse(text: str) -> Crypttab:
    """The table in `text`. Every text is one; `parse(text).render() == text`."""
    lines = split_lines(text)
    return Crypttab(lines, tuple(_parse_lines(lines)))


def _parse_lines(lines: tuple[str, ...]) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        fields = fields_of(line)
        if len(fields) >= 2:
            yield Entry(number, fields[0], fields[1], tuple(fields[3].split(",")) if len(fields) > 3 else ())
