"""Nodes of an NTFS directory's index: its root, which stands in the file record, and blocks ("INDX") below.

Sources: layout.h (INDEX_ROOT, INDEX_BLOCK, INDEX_HEADER, INDEX_ENTRY, FILE_NAME_ATTR) and index.c of ntfs-3g.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.ntfs_record import unfixed

_FILE_NAME = 0x30
_ROOT_HEADER_BYTES, _BLOCK_HEADER_BYTES = 16, 24
_HAS_CHILD, _LAST = 1, 2
_ENTRY_BYTES, _KEY_BYTES = 16, 66
_DIRECTORY = 0x10000000
_RECORD_MASK = (1 << 48) - 1


@dataclass(frozen=True)
class IndexEntry:
    """A name and the number of its file record. `child` is the place of the block with what sorts before it.

    The last entry of a node `is_last` and has no name. `name_type`: 0 POSIX, 1 Windows, 2 MS-DOS, 3 both.
    """

    record: int
    name: str
    name_type: int
    is_directory: bool
    child: int | None
    is_last: bool


def parse_root(value: bytes) -> tuple[int, tuple[IndexEntry, ...]]:
    """The size of the blocks below in bytes, and the entries. Raises FormatError."""
    if len(value) < _ROOT_HEADER_BYTES or struct.unpack_from("<I", value)[0] != _FILE_NAME:
        raise FormatError("an index of the NTFS volume is not one of names")
    return struct.unpack_from("<I", value, 8)[0], _parse_node(value[_ROOT_HEADER_BYTES:])


def parse_block(raw: bytes, place: int) -> tuple[IndexEntry, ...]:
    """The entries of the block that has to be at `place`. Raises FormatError."""
    content = unfixed(raw, b"INDX")
    if struct.unpack_from("<Q", content, 16)[0] != place:
        raise FormatError("an index block of the NTFS volume is another one than it should be")
    return _parse_node(content[_BLOCK_HEADER_BYTES:])


def _parse_node(content: bytes) -> tuple[IndexEntry, ...]:
    """The entries of a node: all have a child, or none has."""
    if len(content) < _ENTRY_BYTES:
        raise FormatError("an index of the NTFS volume is cut off")
    start, end = struct.unpack_from("<II", content)
    entries = tuple(_parse_entries(content[:end], start))
    if end > len(content) or len({entry.child is None for entry in entries}) != 1:
        raise FormatError("an index of the NTFS volume does not hold together")
    return entries


def _parse_entries(content: bytes, at: int) -> Iterator[IndexEntry]:
    while True:
        if at % 8 or at < _ENTRY_BYTES or at + _ENTRY_BYTES > len(content):
            raise FormatError("the entries of an index of the NTFS volume have no end")
        reference, length, key_bytes, flags = struct.unpack_from("<QHHH", content, at)
        raw = content[at : at + length]
        least = _ENTRY_BYTES + (8 if flags & _HAS_CHILD else 0)
        if len(raw) != length or length < least + (0 if flags & _LAST else key_bytes):
            raise FormatError("an entry of an index of the NTFS volume is cut off")
        child = struct.unpack_from("<Q", raw, length - 8)[0] if flags & _HAS_CHILD else None
        if flags & _LAST:
            if at + length != len(content):
                raise FormatError("an index of the NTFS volume goes on behind its last entry")
            yield IndexEntry(0, "", 0, False, child, True)
            return
        name, name_type, is_directory = _parse_file_name(raw[_ENTRY_BYTES : _ENTRY_BYTES + key_bytes])
        yield IndexEntry(reference & _RECORD_MASK, name, name_type, is_directory, child, False)
        at += length


def _parse_file_name(key: bytes) -> tuple[str, int, bool]:
    if len(key) < _KEY_BYTES or len(key) < _KEY_BYTES + 2 * key[64] or key[64] == 0:
        raise FormatError("a name in an index of the NTFS volume is cut off")
    name = key[_KEY_BYTES : _KEY_BYTES + 2 * key[64]].decode("utf-16-le", "replace")
    return name, key[65], bool(struct.unpack_from("<I", key, 56)[0] & _DIRECTORY)
