"""Partition tables: the MBR's four entries and the GPT, read only, through `read_at(offset, size_bytes)`.

Sources: the UEFI specification, chapter 5 (both tables, checksums, the protective MBR); sfdisk --json.
Logical partitions are not walked: the extended partition that holds them is an entry like others.

>>> read_partition_table(lambda offset, size_bytes: bytes(size_bytes), 1 << 20).kind.value
'none'
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hvprep.errors import FormatError

ReadAt = Callable[[int, int], bytes]

#: Windows sets this partition aside on every disk with a GPT, with nothing in it: 16 to 128 MiB
#: (learn.microsoft.com, "Windows and GPT FAQ").
MICROSOFT_RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
_RESERVED_LIMIT_BYTES = 128 * 1024 * 1024

_PROTECTIVE = "ee"
_SIGNATURE = b"EFI PART"
_HEADER = struct.Struct("<8s4sII4xQQQQ16sQIII")
#: The specification asks for room for 128 entries of 128 bytes; tools write no more than these.
_ENTRIES_LIMIT, _ENTRY_LIMIT_BYTES = 1024, 1024
_ENTRY_BYTES = 128


class TableKind(str, Enum):
    """Which table a disk has, in the words of sfdisk and blkid."""

    NONE = "none"
    MBR = "dos"
    GPT = "gpt"
    HYBRID = "hybrid"  # a GPT, and an MBR with entries of its own beside the protective one


@dataclass(frozen=True)
class TableEntry:
    """A partition. `type` is "7" (hexadecimal) in an MBR, a GUID in lower case in a GPT.

    `name` is what the GPT calls it.
    """

    number: int
    start_bytes: int
    size_bytes: int
    type: str
    name: str = ""


@dataclass(frozen=True)
class PartitionTable:
    """The table. `damage` says what is wrong with it, a checksum or an overlap; () for a sound one."""

    kind: TableKind
    entries: tuple[TableEntry, ...] = ()
    damage: tuple[str, ...] = ()

    @property
    def data_entries(self) -> tuple[TableEntry, ...]:
        """The partitions but the one that Windows sets aside."""
        return tuple(
            entry
            for entry in self.entries
            if entry.type != MICROSOFT_RESERVED or entry.size_bytes > _RESERVED_LIMIT_BYTES
        )


@dataclass(frozen=True)
class _Header:
    backup_lba: int
    first_usable: int
    last_usable: int
    disk_guid: bytes
    entries: tuple[TableEntry, ...]


def read_partition_table(read_at: ReadAt, size_bytes: int, sector_bytes: int = 512) -> PartitionTable:
    """The table of the disk. Raises nothing but what `read_at` raises: what is wrong is `damage`."""
    if sector_bytes < 512 or size_bytes < 3 * sector_bytes:
        return PartitionTable(TableKind.NONE)
    mbr = _parse_mbr(read_at(0, 512), sector_bytes)
    last = size_bytes // sector_bytes - 1
    damage: list[str] = []
    headers = [_try_header(read_at, size_bytes, sector_bytes, lba, damage) for lba in (1, last)]
    found = next((header for header in headers if header is not None), None)
    own = tuple(entry for entry in mbr or () if entry.type != _PROTECTIVE)
    if found is None:
        is_protective = mbr is not None and len(own) < len(mbr)
        if is_protective and not damage:
            damage.append("there is a protective MBR, and no GPT")
        if mbr is None:
            return PartitionTable(TableKind.GPT if damage else TableKind.NONE, (), tuple(damage))
        kind = TableKind.GPT if is_protective else TableKind.MBR
        return PartitionTable(kind, own, (*damage, *_misplaced(own, size_bytes)))
    if None in headers and len(damage) == 0:
        damage.append("the GPT stands only once, at the " + ("end" if headers[0] is None else "beginning"))
    if headers[0] and headers[1] and not _agree(headers[0], headers[1]):
        damage.append("the two copies of the GPT differ")
    if mbr is None or len(own) == len(mbr):
        damage.append("there is no protective MBR")
    kind = TableKind.HYBRID if own else TableKind.GPT
    return PartitionTable(kind, found.entries, (*damage, *_misplaced(found.entries, size_bytes)))


def _parse_mbr(sector: bytes, sector_bytes: int) -> tuple[TableEntry, ...] | None:
    """The primary entries that are not empty. None where there is no MBR."""
    if sector[510:512] != b"\x55\xaa":
        return None
    entries = []
    for number in range(1, 5):
        kind, start, count = struct.unpack_from("<4xB3xII", sector, 446 + 16 * (number - 1))
        if kind != 0 or count != 0:
            entries.append(TableEntry(number, start * sector_bytes, count * sector_bytes, f"{kind:x}"))
    return tuple(entries)


def _try_header(
    read_at: ReadAt, size_bytes: int, sector_bytes: int, lba: int, damage: list[str]
) -> _Header | None:
    """The header in that sector. None where there is none, or a damaged one, which is then told."""
    sector = read_at(lba * sector_bytes, 512)
    if sector[:8] != _SIGNATURE:
        return None
    try:
        return _parse_header(read_at, size_bytes, sector_bytes, lba, sector)
    except FormatError as error:
        damage.append(f"the GPT header in sector {lba} {error.sentence}")
        return None


def _parse_header(read_at: ReadAt, size_bytes: int, sector_bytes: int, lba: int, sector: bytes) -> _Header:
    """Raises FormatError with the end of a sentence."""
    values = _HEADER.unpack_from(sector)
    _, _, header_bytes, checksum, my_lba, other, first, last, guid, at, count, each, table = values
    if not _HEADER.size <= header_bytes <= 512:
        raise FormatError(f"has {header_bytes} bytes")
    if zlib.crc32(sector[:16] + bytes(4) + sector[20:header_bytes]) != checksum:
        raise FormatError("does not have its checksum")
    if my_lba != lba:
        raise FormatError(f"says that it is in sector {my_lba}")
    if count > _ENTRIES_LIMIT or each % _ENTRY_BYTES or not _ENTRY_BYTES <= each <= _ENTRY_LIMIT_BYTES:
        raise FormatError(f"tells of {count} entries of {each} bytes")
    if at * sector_bytes + count * each > size_bytes:
        raise FormatError(f"has its entries in sector {at}, beyond the end of the disk")
    array = read_at(at * sector_bytes, count * each)
    if zlib.crc32(array) != table:
        raise FormatError("has entries that do not have their checksum")
    entries = (_parse_entry(array, index, each, sector_bytes) for index in range(count))
    return _Header(other, first, last, guid, tuple(entry for entry in entries if entry is not None))


def _parse_entry(array: bytes, index: int, each: int, sector_bytes: int) -> TableEntry | None:
    kind, _, first, last, _, name = struct.unpack_from("<16s16sQQQ72s", array, index * each)
    if not any(kind):
        return None
    return TableEntry(
        index + 1,
        first * sector_bytes,
        max(0, last - first + 1) * sector_bytes,
        str(uuid.UUID(bytes_le=kind)),
        name.decode("utf-16-le", "replace").partition("\0")[0],
    )


def _agree(primary: _Header, backup: _Header) -> bool:
    """Whether they tell of the same disk; each names the other's place, which differs."""
    return (primary.disk_guid, primary.first_usable, primary.last_usable, primary.entries) == (
        backup.disk_guid,
        backup.first_usable,
        backup.last_usable,
        backup.entries,
    )


def _misplaced(entries: tuple[TableEntry, ...], size_bytes: int) -> tuple[str, ...]:
    """Partitions that are empty, overlap, or end behind the disk."""
    words, before = [], 0
    for entry in sorted(entries, key=lambda each: each.start_bytes):
        if entry.size_bytes == 0 or entry.start_bytes + entry.size_bytes > size_bytes:
            words.append(f"partition {entry.number} does not fit on the disk")
        if entry.start_bytes < before:
            words.append(f"partition {entry.number} overlaps another")
        before = max(before, entry.start_bytes + entry.size_bytes)
    return tuple(words)
