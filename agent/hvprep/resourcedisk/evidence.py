"""What is on a disk: its partition table, the signatures on it and in each partition, names on an NTFS.

Read only; nothing is mounted. A partition is a piece of the disk (offset, size): it needs no node of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hvprep.errors import CommandFailed, FormatError, HvprepError
from hvprep.facts.block_devices import BlockDevice, DeviceMount, Storage
from hvprep.facts.storage_use import find_use
from hvprep.formats.blkid import parse_export
from hvprep.formats.ntfs import NtfsVolume, read_ntfs
from hvprep.formats.partition_table import (
    PartitionTable,
    TableEntry,
    TableKind,
    read_partition_table,
)
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.blank import is_blank
from hvprep.resourcedisk.locate import Candidate
from hvprep.system.device import DeviceReader, open_device
from hvprep.system.root import Root
from hvprep.system.runner import Runner


@dataclass(frozen=True)
class Signature:
    """What the low-level probe of blkid(8) finds. `usage` is filesystem, raid, crypto or other."""

    type: str
    usage: str = ""
    label: str = ""
    uuid: str = ""


@dataclass(frozen=True)
class Contents:
    """What is on the whole disk (`entry` None) or in one partition.

    path        its node; None where the kernel has made none for this partition
    signature   of the one file system or member on it, None where blkid finds none
    is_blank    no signature, and what was read of it is zero; None: not looked at (there is a signature)
    ntfs        what is on an NTFS; None for what is no NTFS
    trouble     why it could not be read or understood; "" where all went well
    """

    entry: TableEntry | None
    path: GuestPath | None
    offset_bytes: int
    size_bytes: int
    signature: Signature | None = None
    is_blank: bool | None = None
    ntfs: NtfsVolume | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that a verdict is made from. `mounts` are those from this disk, `is_free` see DeviceReader.

    `table` is None where the table could not be read; `whole.trouble` says why then.
    """

    candidate: Candidate
    table: PartitionTable | None
    whole: Contents
    partitions: tuple[Contents, ...]
    mounts: tuple[DeviceMount, ...]
    is_free: bool

    @property
    def data(self) -> Contents | None:
        """Where data can be: the disk itself, or its one partition. None where that cannot be said."""
        if self.table is None or self.table.kind is TableKind.NONE:
            return self.whole if self.table is not None else None
        found = [contents for contents in self.partitions if contents.entry in self.table.data_entries]
        return found[0] if len(found) == 1 else None

    @property
    def partitioned_bytes(self) -> int:
        """How much of the disk is in partitions; all of it where it has no table."""
        if self.table is None or self.table.kind is TableKind.NONE:
            return self.whole.size_bytes
        return sum(entry.size_bytes for entry in self.table.entries)

    def mounted(self, mount: DeviceMount) -> Contents | None:
        """What is on the disk or partition that is mounted there; None where it was not looked at."""
        path = self.candidate.device.nodes.get(mount.device_number) or GuestPath(mount.source)
        return next((each for each in (self.whole, *self.partitions) if each.path == path), None)


#: The most that blkid may take: a disk that answers slower is not used.
_BLKID_TIMEOUT_S = 60.0
_NOTHING_FOUND, _AMBIVALENT = 2, 8  # blkid(8), EXIT STATUS
#: What blkid calls our kinds of table.
_TABLE_WORDS = {
    TableKind.NONE: "",
    TableKind.MBR: "dos",
    TableKind.GPT: "gpt",
    TableKind.HYBRID: "gpt",
}


def gather_evidence(candidate: Candidate, storage: Storage, root: Root, runner: Runner) -> Evidence:
    """Read one disk. Never raises for what is wrong with the disk: that is `trouble`.

    Raises CommandFailed where blkid cannot be run at all.
    """
    device = candidate.device
    mounts = find_use(storage, device).mounts
    whole = Contents(None, device.path, 0, device.size_bytes)
    try:
        with open_device(root, device.path, device.device_number) as reader:
            if reader.size_bytes != device.size_bytes:
                raise FormatError(f"{device.path} has {reader.size_bytes} bytes now, not {device.size_bytes}")
            table, whole, partitions = _Disk(device, reader, runner).read(whole)
            return Evidence(candidate, table, whole, partitions, mounts, reader.is_free)
    except CommandFailed:
        raise
    except (OSError, HvprepError) as error:
        return Evidence(candidate, None, replace(whole, trouble=_said(error)), (), mounts, False)


@dataclass(frozen=True)
class _Disk:
    """A disk that is open."""

    device: BlockDevice
    reader: DeviceReader
    runner: Runner

    def read(self, whole: Contents) -> tuple[PartitionTable, Contents, tuple[Contents, ...]]:
        """The table, the whole disk and its partitions. Raises OSError, HvprepError."""
        whole, words = self._probe(whole)
        if whole.signature is not None and not words:
            # A boot sector of FAT or NTFS looks like an MBR.
            return PartitionTable(TableKind.NONE), self._read_contents(whole), ()
        table = read_partition_table(self.reader.read_at, self.reader.size_bytes, self.device.sector_bytes)
        if table.kind is TableKind.NONE and not words and not whole.trouble:
            return table, self._read_contents(whole), ()
        if whole.signature is not None:
            trouble = f"it has a partition table and is a {whole.signature.type} too"
            whole = replace(whole, trouble=trouble)
        elif words != _TABLE_WORDS[table.kind] and not table.damage:
            trouble = f"blkid finds the partition table {words or 'none'!r}, hvprep {table.kind.value!r}"
            whole = replace(whole, trouble=whole.trouble or trouble)
        return table, whole, tuple(self._read_partition(table, entry) for entry in table.entries)

    def _read_partition(self, table: PartitionTable, entry: TableEntry) -> Contents:
        """What is in it; where there are more with data than one, no verdict asks for that."""
        path = next(
            (
                part.path
                for part in self.device.partitions
                if (part.number, part.start_bytes, part.size_bytes)
                == (entry.number, entry.start_bytes, entry.size_bytes)
            ),
            None,
        )
        contents = Contents(entry, path, entry.start_bytes, entry.size_bytes)
        if entry not in table.data_entries or len(table.data_entries) > 1:
            return contents
        if entry.start_bytes + entry.size_bytes > self.reader.size_bytes:
            return replace(contents, trouble=f"partition {entry.number} does not fit on the disk")
        contents, words = self._probe(contents)
        if words and contents.signature is None:
            contents = replace(contents, signature=Signature(words, "partition-table"))
        return self._read_contents(contents)

    def _probe(self, contents: Contents) -> tuple[Contents, str]:
        """With the signature that blkid finds; and how it calls the partition table in there, "" for none."""
        argv = ["blkid", "-p", "-o", "export"]
        if contents.entry is not None:
            argv += ["-O", str(contents.offset_bytes), "-S", str(contents.size_bytes)]
        result = self.runner.run([*argv, str(self.device.path)], _BLKID_TIMEOUT_S)
        if result.status == _AMBIVALENT:
            return replace(contents, trouble="blkid finds signatures of several kinds on it"), ""
        if result.status not in (0, _NOTHING_FOUND) or (result.status != 0 and result.output.strip()):
            trouble = f"blkid failed with exit status {result.status}: {result.output.strip()}"
            return replace(contents, trouble=trouble), ""
        found = parse_export(result.output)
        if "TYPE" not in found:
            return contents, found.get("PTTYPE", "")
        signature = Signature(
            found["TYPE"], found.get("USAGE", ""), found.get("LABEL", ""), found.get("UUID", "")
        )
        return replace(contents, signature=signature), found.get("PTTYPE", "")

    def _read_contents(self, contents: Contents) -> Contents:
        """With what we look at ourselves."""

        def read_at(offset: int, size_bytes: int) -> bytes:
            if offset < 0 or offset + size_bytes > contents.size_bytes:
                raise FormatError("it leads beyond the end of its partition")
            return self.reader.read_at(contents.offset_bytes + offset, size_bytes)

        if contents.trouble:
            return contents
        try:
            if contents.signature is None:
                return replace(contents, is_blank=is_blank(read_at, contents.size_bytes))
            if contents.signature.type == "ntfs":
                return replace(contents, ntfs=read_ntfs(read_at, contents.size_bytes))
        except (OSError, FormatError) as error:
            return replace(contents, trouble=_said(error))
        return contents


def _said(error: OSError | HvprepError) -> str:
    return error.sentence if isinstance(error, HvprepError) else f"it cannot be read: {error.strerror}"
