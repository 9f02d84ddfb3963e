"""The tables of users and groups: passwd(5), shadow(5), group(5), gshadow(5), and subuid(5), subgid(5).

One record in each line, its fields between colons, the first one its name. Source: the manual pages, and
nss/nss_files/files-parse.c of glibc: blanks before a name do not count, nor do empty lines and those that
start with `#`. Lines that are no record (a line of NIS, one without a colon) are kept as they are.

>>> table = parse('root:$6$x:19000:0:99999:7:::\\nann:!:19000::::::\\nannika:*:19000::::::\\n')
>>> table.with_field('root', PASSWORD, '!').without('ann').render()
'root:!:19000:0:99999:7:::\\nannika:*:19000::::::\\n'
>>> parse('adm:x:4:syslog,ann,annika\\nann:x:1000:\\n').without_member('ann').render()
'adm:x:4:syslog,annika\\nann:x:1000:\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError

#: Which field holds the password, in passwd, shadow, group and gshadow alike.
PASSWORD = 1
#: Which fields are lists of users, with commas between them: gshadow has administrators of a group too.
GROUP_LISTS, GSHADOW_LISTS = (3,), (2, 3)

_NUMBER = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True)
class Record:
    """One line, counted from 1. There is at least one field, the name, and it is not empty."""

    line: int
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the user or the group."""
        return self.fields[0]

    def field(self, index: int) -> str | None:
        """The field at `index`, counted from 0; None where the line ends before it."""
        return self.fields[index] if index < len(self.fields) else None


@dataclass(frozen=True)
class Table:
    """The whole file: its lines with their ends, and the records in them in order."""

    lines: tuple[str, ...]
    records: tuple[Record, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def named(self, name: str) -> tuple[Record, ...]:
        """The records of that name: one, or none; more where the file is wrong, and then the first counts."""
        return tuple(record for record in self.records if record.name == name)

    def without(self, name: str) -> Table:
        """Without the lines of exactly that name."""
        gone = {record.line for record in self.named(name)}
        return parse("".join(line for number, line in enumerate(self.lines, 1) if number not in gone))

    def with_field(self, name: str, index: int, value: str) -> Table:
        """With that field in every line of that name that is long enough to have it; all others stay.

        Raises FormatError where `value` could not stand there.
        """
        if index < 1 or re.search(r"[:\n]", value):
            raise FormatError(f"a table of users cannot hold {value!r} in a field", "Leave colons out of it.")
        lines = list(self.lines)
        for record in self.named(name):
            _replace(lines, record, index, value)
        return parse("".join(lines))

    def without_member(self, user: str, lists: tuple[int, ...] = GROUP_LISTS) -> Table:
        """Without that user, by the exact name, in the lists of every group. The groups stay."""
        lines = list(self.lines)
        for record in self.records:
            for index in lists:
                members = (record.field(index) or "").split(",")
                if user in members:
                    _replace(lines, record, index, ",".join(each for each in members if each != user))
        return parse("".join(lines))


@dataclass(frozen=True)
class Account:
    """A user of passwd(5). `home` is "" where none is given, `shell` is /bin/sh then."""

    name: str
    password: str
    uid: int
    gid: int
    home: str
    shell: str


def parse(text: str) -> Table:
    """The table in `text`. Every text is one; `parse(text).render() == text`."""
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    found = (_parse_line(number, line) for number, line in enumerate(lines, 1))
    return Table(lines, tuple(record for record in found if record))


def find_accounts(table: Table) -> Iterator[Account]:
    """The users in a passwd(5), in its order; lines that the C library takes for none are left out."""
    for record in table.records:
        fields = record.fields
        if len(fields) >= 4 and _NUMBER.fullmatch(fields[2]) and _NUMBER.fullmatch(fields[3]):
            home, shell = record.field(5) or "", ":".join(fields[6:])
            yield Account(record.name, fields[1], int(fields[2]), int(fields[3]), home, shell or "/bin/sh")


def _parse_line(number: int, line: str) -> Record | None:
    """A record; None for a comment, for NIS's `+`, `-` and what follows them, and for what has one field."""
    fields = line.rstrip("\n").lstrip(" \t\r\v\f").split(":")
    is_record = len(fields) > 1 and fields[0] and fields[0][0] not in "#+-"
    return Record(number, tuple(fields)) if is_record else None


def _replace(lines: list[str], record: Record, index: int, value: str) -> None:
    """Put `value` in the field of the record's line, which may have been edited before."""
    line = lines[record.line - 1]
    end = "\n" if line.endswith("\n") else ""
    fields = line.rstrip("\n").split(":")
    if index < len(fields):
        fields[index] = value
        lines[record.line - 1] = ":".join(fields) + end
