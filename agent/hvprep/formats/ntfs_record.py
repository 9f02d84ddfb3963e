"""Records of NTFS: the fixups of its multi-sector structures, file records, attributes, lists of runs.

Sources: layout.h, mst.c, attrib.c and runlist.c of ntfs-3g.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError

#: Each 512 bytes of a structure end with two bytes that stand elsewhere, whatever the disk's sectors are.
_STRIDE_BYTES = 512
_ATTRIBUTE_LIST, _END = 0x20, 0xFFFFFFFF
_HEADER_BYTES, _RESIDENT_BYTES, _NON_RESIDENT_BYTES = 16, 24, 64


@dataclass(frozen=True)
class Run:
    """So many clusters in a row, from `cluster` on; None is a hole."""

    cluster: int | None
    count: int


@dataclass(frozen=True)
class Attribute:
    """An attribute of a file: `value` where it stands in the record, else `runs` of so many bytes.

    `flags` tell of compression, encryption and holes: 0 for what can be read as it is.
    """

    type: int
    name: str
    flags: int
    value: bytes | None
    runs: tuple[Run, ...] | None
    size_bytes: int


@dataclass(frozen=True)
class Record:
    """A file record. `flags`: 1 it is in use, 2 it is a directory."""

    flags: int
    attributes: tuple[Attribute, ...]

    @property
    def has_attribute_list(self) -> bool:
        """Whether more of its attributes stand in other records."""
        return any(attribute.type == _ATTRIBUTE_LIST for attribute in self.attributes)


def unfixed(raw: bytes, magic: bytes) -> bytes:
    """A structure with the ends of its sectors put back. Raises FormatError where it was torn or is none."""
    if raw[:4] != magic or len(raw) % _STRIDE_BYTES:
        raise FormatError(f"the NTFS volume has no {magic.decode('ascii')} where one has to be")
    at, count = struct.unpack_from("<HH", raw, 4)
    array = raw[at : at + 2 * count]
    if at < 8 or count != len(raw) // _STRIDE_BYTES + 1 or len(array) != 2 * count:
        raise FormatError(f"the update sequence of an NTFS {magic.decode('ascii')} does not fit it")
    content = bytearray(raw)
    for index in range(1, count):
        end = index * _STRIDE_BYTES
        if raw[end - 2 : end] != array[:2]:
            raise FormatError(f"an NTFS {magic.decode('ascii')} was not written whole")
        content[end - 2 : end] = array[2 * index : 2 * index + 2]
    return bytes(content)


def parse_record(raw: bytes, number: int) -> Record:
    """The file record of that number, in use and not the continuation of another. Raises FormatError."""
    content = unfixed(raw, b"FILE")
    at, flags, used_bytes = struct.unpack_from("<HHI", content, 0x14)
    (base,) = struct.unpack_from("<Q", content, 0x20)
    (usa,) = struct.unpack_from("<H", content, 4)
    own = struct.unpack_from("<I", content, 0x2C)[0] if usa >= 0x30 else number  # since NTFS 3.1
    if not flags & 1 or base != 0 or own != number or used_bytes > len(content):
        raise FormatError(f"record {number} of the NTFS volume is not what has to be there")
    return Record(flags, tuple(_parse_attributes(content[:used_bytes], at, number)))


def _parse_attributes(content: bytes, at: int, number: int) -> Iterator[Attribute]:
    while True:
        if at % 8 or at + 8 > len(content):
            raise FormatError(f"the attributes of record {number} of the NTFS volume have no end")
        kind, length = struct.unpack_from("<II", content, at)
        if kind == _END:
            return
        if length < _RESIDENT_BYTES or at + length > len(content):
            raise FormatError(f"record {number} of the NTFS volume ends within an attribute")
        yield _parse_attribute(content[at : at + length], kind)
        at += length


def _parse_attribute(raw: bytes, kind: int) -> Attribute:
    non_resident, name_length, name_at, flags = struct.unpack_from("<BBHH", raw, 8)
    name = raw[name_at : name_at + 2 * name_length].decode("utf-16-le", "replace")
    if non_resident == 0:
        size, value_at = struct.unpack_from("<IH", raw, _HEADER_BYTES)
        value = raw[value_at : value_at + size]
        if len(value) != size or value_at < _RESIDENT_BYTES:
            raise FormatError(f"an NTFS attribute of type {kind:#x} ends within its value")
        return Attribute(kind, name, flags, value, None, size)
    if len(raw) < _NON_RESIDENT_BYTES:
        raise FormatError(f"an NTFS attribute of type {kind:#x} is too short")
    lowest, highest, pairs_at = struct.unpack_from("<qqH", raw, _HEADER_BYTES)
    (size,) = struct.unpack_from("<q", raw, 48)
    runs = tuple(_parse_runs(raw, pairs_at))
    if lowest != 0 or size < 0 or pairs_at < _NON_RESIDENT_BYTES:
        raise FormatError(f"an NTFS attribute of type {kind:#x} does not begin here")
    if sum(run.count for run in runs) != highest + 1:
        raise FormatError(f"the clusters of an NTFS attribute of type {kind:#x} do not add up")
    return Attribute(kind, name, flags, None, runs, size)


def _parse_runs(raw: bytes, at: int) -> Iterator[Run]:
    """The mapping pairs: each says how long its two numbers are, and where it begins from the one before."""
    cluster = 0
    while True:
        head = raw[at : at + 1]
        if head == b"\0":
            return
        count_bytes, delta_bytes = (head[0] & 0xF, head[0] >> 4) if head else (0, 0)
        end = at + 1 + count_bytes + delta_bytes
        if not 1 <= count_bytes <= 8 or delta_bytes > 8 or end > len(raw):
            raise FormatError("a list of clusters of the NTFS volume does not read")
        count = int.from_bytes(raw[at + 1 : at + 1 + count_bytes], "little", signed=True)
        delta = int.from_bytes(raw[at + 1 + count_bytes : end], "little", signed=True)
        cluster += delta
        if count <= 0 or cluster < 0:
            raise FormatError("a list of clusters of the NTFS volume leads before its beginning")
        yield Run(cluster if delta_bytes else None, count)
        at = end
