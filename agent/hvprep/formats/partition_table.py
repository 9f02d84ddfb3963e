"""Partition tables: the MBR's four entries and the GPT, read only, through `read_at(offset, size_bytes)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

ReadAt = Callable[[int, int], bytes]


class TableKind(str, Enum):
    """Which table a disk has."""

    NONE = "none"
    MBR = "dos"  # as sfdisk and blkid call it
    GPT = "gpt"
    HYBRID = "hybrid"  # a GPT, and an MBR with entries of its own beside the protective one


@dataclass(frozen=True)
class TableEntry:
    """A partition. `type` is "7" (hexadecimal) in an MBR, a GUID in lower case in a GPT, which has `name` too."""

    number: int
    start_bytes: int
    size_bytes: int
    type: str
    name: str = ""


@dataclass(frozen=True)
class PartitionTable:
    """The table. `damage` says in words what is wrong with it (a checksum, an overlap); () for a sound one."""

    kind: TableKind
    entries: tuple[TableEntry, ...] = ()
    damage: tuple[str, ...] = ()


def read_partition_table(read_at: ReadAt, size_bytes: int, sector_bytes: int = 512) -> PartitionTable:
    """The table of the disk. Raises FormatError where it cannot be understood, and what `read_at` raises."""
    raise NotImplementedError
