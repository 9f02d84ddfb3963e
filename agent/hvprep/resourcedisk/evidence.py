"""What is on a disk: its partition table, the signatures on it and in each partition, names on an NTFS.

Read only; nothing is mounted. A partition is a piece of the disk (offset, size): it needs no node of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.block_devices import DeviceMount, Storage
from hvprep.formats.ntfs import NtfsVolume
from hvprep.formats.partition_table import PartitionTable, TableEntry
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.locate import Candidate
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


def gather_evidence(candidate: Candidate, storage: Storage, root: Root, runner: Runner) -> Evidence:
    """Read one disk. Never raises for what is wrong with the disk: that is `trouble`.

    Raises CommandFailed where blkid cannot be run at all.
    """
    raise NotImplementedError
