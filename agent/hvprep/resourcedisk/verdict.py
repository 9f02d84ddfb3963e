"""The decision table: what may be done with a disk. Pure: evidence and policy in, one Decision out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.block_devices import BlockDevice
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.evidence import Evidence
from hvprep.resourcedisk.locate import Located

#: The label of every file system that we make: XFS takes 12 bytes, ext4 16. By it alone is a disk ours.
FILE_SYSTEM_LABEL = "hvprep-temp"
#: The name of our one partition in the GPT. With it and no signature in it, a format of ours was cut off.
PARTITION_NAME = "hvprep-resource"
#: What Windows' side of Azure calls a new temporary disk.
NTFS_LABEL = "Temporary Storage"
DATALOSS_README = "DATALOSS_WARNING_README.txt"


class Action(str, Enum):
    """What may be done. There is none that formats because a mount failed."""

    FORMAT = "format"  # a new GPT with one partition, and a file system in it; then mount that
    MOUNT = "mount"  # what is there, as it is
    USE_MOUNTED = "use-mounted"  # somebody has mounted it: swap may go there, nothing else
    REFUSE = "refuse"  # a person has to look
    NOTHING = "nothing"  # nothing is wrong and nothing is to be done


@dataclass(frozen=True)
class Policy:
    """The administrator's words and where we are. `is_azure`: by the chassis asset tag."""

    is_azure: bool
    may_format: bool  # ResourceDisk.Format
    may_format_nvme: bool  # ResourceDisk.NVMe


@dataclass(frozen=True)
class Decision:
    """What is to be done with which disk, and why. `hint`: what a person can do about a refusal.

    path, offset_bytes, size_bytes   what to mount, for MOUNT and USE_MOUNTED: a partition or the whole disk;
                                     `path` is None where its node is missing: wait for udev, never guess
    fstype, label, uuid              of the file system there
    mountpoint                       where it is mounted already, for USE_MOUNTED
    is_ours                          whether it has our label
    """

    action: Action
    because: str
    hint: str = ""
    device: BlockDevice | None = None
    path: GuestPath | None = None
    offset_bytes: int = 0
    size_bytes: int = 0
    fstype: str = ""
    label: str = ""
    uuid: str = ""
    mountpoint: GuestPath | None = None
    is_ours: bool = False


def decide(evidence: Evidence, policy: Policy) -> Decision:
    """What may be done with this one disk."""
    raise NotImplementedError


def choose(located: Located, decisions: Sequence[Decision]) -> Decision:
    """The one of `decisions` (of `located.candidates`, in order) that is carried out: one disk is used, not all.

    Ours first, then one that is mounted, one to mount, one to format; else the first refusal, and NOTHING
    where there is no such disk.
    """
    raise NotImplementedError
