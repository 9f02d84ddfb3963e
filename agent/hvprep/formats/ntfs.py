"""NTFS, read only, without mounting: its label and the names in its root directory.

Debian's and EL's kernels have no driver for it. Only what a volume that Windows has just made needs is
understood; whatever else is met is refused, so that nothing that was not seen is ever taken for nothing.
The journal ($LogFile) is not replayed.

Sources: layout.h and the readers of ntfs-3g (libntfs-3g/index.c, dir.c, runlist.c), with which tests compare.

>>> read_ntfs(lambda offset, size_bytes: bytes(size_bytes), 1 << 20)
Traceback (most recent call last):
hvprep.errors.FormatError: this is no NTFS: its boot sector does not say so
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.ntfs_index import IndexEntry, parse_block, parse_root
from hvprep.formats.ntfs_record import Attribute, Record, Run, parse_record

ReadAt = Callable[[int, int], bytes]

#: Bounds for what a damaged or hostile volume may ask for.
STRUCTURE_LIMIT_BYTES = 64 * 1024
CLUSTER_LIMIT_BYTES = 2 * 1024 * 1024
DIRECTORY_LIMIT_BYTES = 16 * 1024 * 1024

_MFT, _VOLUME, _ROOT = 0, 3, 5
#: NTFS's own files, and that their records are below this one (layout.h: FILE_reserved15 is the last).
_OWN_NAMES = frozenset(
    (".", "$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", "$Bitmap", "$Boot", "$BadClus", "$Secure")
) | {"$Quota", "$UpCase", "$Extend"}
_FIRST_USER = 16
_VOLUME_NAME, _VOLUME_INFORMATION, _DATA = 0x60, 0x70, 0x80
_INDEX_ROOT, _INDEX_ALLOCATION, _BITMAP = 0x90, 0xA0, 0xB0
_BY_NAME = "$I30"
_IS_DIRECTORY, _IS_DIRTY = 2, 1
_DOS_NAME = 2
_SECTOR_BYTES = 512


@dataclass(frozen=True)
class NtfsEntry:
    """A file or directory in the root directory."""

    name: str
    is_directory: bool


@dataclass(frozen=True)
class NtfsVolume:
    """`entries` are those of the root directory but NTFS's own ($MFT ... $Extend, "."), sorted by name.

    `is_dirty`: it was not unmounted; its journal may hold names that are not here yet.
    """

    label: str
    entries: tuple[NtfsEntry, ...]
    is_dirty: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(entry.name for entry in self.entries)


@dataclass(frozen=True)
class _Volume:
    """A volume whose boot sector has been read."""

    read_at: ReadAt
    size_bytes: int
    cluster_bytes: int
    record_bytes: int
    mft_cluster: int

    def read(self, offset: int, size_bytes: int) -> bytes:
        if offset + size_bytes > self.size_bytes:
            raise FormatError("the NTFS volume leads beyond its end")
        content = self.read_at(offset, size_bytes)
        if len(content) != size_bytes:
            raise FormatError("the NTFS volume is cut off")
        return content

    def read_runs(self, runs: tuple[Run, ...], offset: int, size_bytes: int) -> bytes:
        """A piece of what stands in those clusters."""
        content, start = b"", 0
        for run in runs:
            end = start + run.count * self.cluster_bytes
            at = offset + len(content)
            if start <= at < end and len(content) < size_bytes:
                if run.cluster is None:
                    raise FormatError("the NTFS volume has a hole where a structure has to be")
                piece = min(end - at, size_bytes - len(content))
                content += self.read(run.cluster * self.cluster_bytes + at - start, piece)
            start = end
        if len(content) != size_bytes:
            raise FormatError("the NTFS volume has too few clusters for a structure")
        return content


def read_ntfs(read_at: ReadAt, size_bytes: int) -> NtfsVolume:
    """The volume. Raises FormatError for what this does not understand whole, and what `read_at` raises."""
    volume = _open(read_at, size_bytes)
    start = volume.read(volume.mft_cluster * volume.cluster_bytes, volume.record_bytes)
    data = _find(parse_record(start, _MFT), _DATA)
    if data is None or data.runs is None:
        raise FormatError("the NTFS volume's $MFT has no clusters")
    about, root = (_read_record(volume, data.runs, number) for number in (_VOLUME, _ROOT))
    if not root.flags & _IS_DIRECTORY:
        raise FormatError("the root directory of the NTFS volume is none")
    information, label = _find(about, _VOLUME_INFORMATION), _find(about, _VOLUME_NAME)
    if information is None or len(information.value or b"") < 12:
        raise FormatError("the NTFS volume does not say what it is")
    return NtfsVolume(
        ((label.value if label else None) or b"").decode("utf-16-le", "replace"),
        _own_aside(_walk(volume, root)),
        bool((information.value or b"")[10] & _IS_DIRTY),
    )


def _open(read_at: ReadAt, size_bytes: int) -> _Volume:
    """The boot sector's numbers (layout.h, NTFS_BOOT_SECTOR)."""
    sector = read_at(0, _SECTOR_BYTES)
    if len(sector) != _SECTOR_BYTES or sector[3:11] != b"NTFS    " or sector[510:] != b"\x55\xaa":
        raise FormatError("this is no NTFS: its boot sector does not say so")
    sector_bytes, per_cluster = struct.unpack_from("<HB", sector, 0x0B)
    sectors, mft_cluster = struct.unpack_from("<QQ", sector, 0x28)
    (per_record,) = struct.unpack_from("<b", sector, 0x40)
    # Above 128 it is the negative exponent of 2.
    cluster_bytes = sector_bytes * (per_cluster if per_cluster <= 128 else 1 << (256 - per_cluster))
    record_bytes = per_record * cluster_bytes if per_record > 0 else 1 << -per_record
    if not (_is_power(sector_bytes, 4096) and _is_power(cluster_bytes, CLUSTER_LIMIT_BYTES)):
        raise FormatError(f"the NTFS volume would have clusters of {cluster_bytes} bytes")
    if not _is_power(record_bytes, STRUCTURE_LIMIT_BYTES):
        raise FormatError(f"the NTFS volume would have records of {record_bytes} bytes")
    if not 0 < sectors * sector_bytes <= size_bytes:
        raise FormatError(f"the NTFS volume has {sectors} sectors, and its partition {size_bytes} bytes")
    return _Volume(read_at, size_bytes, cluster_bytes, record_bytes, mft_cluster)


def _is_power(number: int, limit: int) -> bool:
    """Whether it is a power of 2, of one sector at least."""
    return _SECTOR_BYTES <= number <= limit and number & (number - 1) == 0


def _read_record(volume: _Volume, mft: tuple[Run, ...], number: int) -> Record:
    raw = volume.read_runs(mft, number * volume.record_bytes, volume.record_bytes)
    record = parse_record(raw, number)
    if record.has_attribute_list:
        raise FormatError(f"record {number} of the NTFS volume goes on in other records, which are not read")
    return record


def _find(record: Record, kind: int, name: str = "") -> Attribute | None:
    """The attribute. Raises FormatError for one that is compressed, encrypted, sparse or there twice.

    Flags of an index's root (it is always in the record) say what becomes of new files, not what it is.
    """
    found = [each for each in record.attributes if (each.type, each.name) == (kind, name)]
    if len(found) > 1 or any(each.flags and each.runs is not None for each in found):
        raise FormatError(f"the NTFS volume has an attribute of type {kind:#x} that cannot be read as it is")
    return found[0] if found else None


def _walk(volume: _Volume, root: Record) -> list[IndexEntry]:
    """All entries of the index by name: those in the record, and those in the blocks below."""
    head = _find(root, _INDEX_ROOT, _BY_NAME)
    if head is None or head.value is None:
        raise FormatError("the root directory of the NTFS volume has no index")
    block_bytes, entries = parse_root(head.value)
    if not _is_power(block_bytes, STRUCTURE_LIMIT_BYTES):
        raise FormatError(f"the NTFS volume would have index blocks of {block_bytes} bytes")
    blocks = _find(root, _INDEX_ALLOCATION, _BY_NAME)
    # ntfs-3g, index.c: where a cluster is larger than a block, blocks are counted in sectors.
    unit_bytes = volume.cluster_bytes if volume.cluster_bytes <= block_bytes else _SECTOR_BYTES
    found, pending, seen = list(entries), _children(entries), set()
    while pending:
        child = pending.pop()
        offset = child * unit_bytes
        if blocks is None or blocks.runs is None or offset % block_bytes or offset in seen:
            raise FormatError("the index of the NTFS volume's root directory leads astray")
        if offset + block_bytes > min(blocks.size_bytes, DIRECTORY_LIMIT_BYTES):
            raise FormatError("the root directory of the NTFS volume is too large, or ends too early")
        seen.add(offset)
        entries = parse_block(volume.read_runs(blocks.runs, offset, block_bytes), child)
        found += entries
        pending += _children(entries)
    if {offset // block_bytes for offset in seen} != _blocks_in_use(volume, root):
        raise FormatError("the root directory of the NTFS volume has blocks that its index does not lead to")
    return [entry for entry in found if not entry.is_last]


def _children(entries: tuple[IndexEntry, ...]) -> list[int]:
    return [entry.child for entry in entries if entry.child is not None]


def _blocks_in_use(volume: _Volume, root: Record) -> set[int]:
    """The index blocks that the directory's bitmap has marked."""
    bitmap = _find(root, _BITMAP, _BY_NAME)
    if bitmap is None:
        return set()
    content = bitmap.value
    if content is None:
        if bitmap.size_bytes > STRUCTURE_LIMIT_BYTES:
            raise FormatError("the root directory of the NTFS volume is too large")
        content = volume.read_runs(bitmap.runs or (), 0, bitmap.size_bytes)
    return {8 * at + bit for at, byte in enumerate(content) if byte for bit in range(8) if byte >> bit & 1}


def _own_aside(entries: list[IndexEntry]) -> tuple[NtfsEntry, ...]:
    """Without NTFS's own files, and without the short names that MS-DOS needs beside the long ones."""
    long = {entry.record for entry in entries if entry.name_type != _DOS_NAME}
    found = {
        NtfsEntry(entry.name, entry.is_directory)
        for entry in entries
        if not (entry.record < _FIRST_USER and entry.name in _OWN_NAMES)
        and not (entry.name_type == _DOS_NAME and entry.record in long)
    }
    return tuple(sorted(found, key=lambda entry: entry.name))
