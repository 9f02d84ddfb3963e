"""The decision table: what may be done with a disk. Pure: evidence and policy in, one Decision out.

Each row is a function; the first that says something decides. No way leads from a failed mount to a format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from hvprep.facts.block_devices import BlockDevice
from hvprep.formats.ntfs import NtfsEntry, NtfsVolume
from hvprep.formats.partition_table import TableKind
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.evidence import Contents, Evidence
from hvprep.resourcedisk.locate import Found, Located

#: The label of every file system that we make: XFS takes 12 bytes, ext4 16. By it alone is a disk ours.
FILE_SYSTEM_LABEL = "hvprep-temp"
#: What the GPT calls our one partition, and what it calls it until it has its file system: only while it has
#: that name and no signature was a format of ours cut off, and may be made again.
PARTITION_NAME = "hvprep-resource"
UNFINISHED_NAME = "hvprep-unfinished"
#: What Azure's hosts call a new temporary disk, and what they and Windows put on it.
NTFS_LABEL = "Temporary Storage"
DATALOSS_README = "DATALOSS_WARNING_README.txt"
_WINDOWS_DIRECTORY = "System Volume Information"
#: Smaller disks are not formatted: XFS takes 300 MiB, and Azure has none below 4 GiB.
LEAST_BYTES = 320 * 1024 * 1024
#: What a partition over the whole disk may leave beside it.
_OUTSIDE_BYTES = 64 * 1024 * 1024

_MOUNTABLE = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs"))
_NAMES_SHOWN = 5


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

    because                          a clause about the disk: "it holds ..."; of `choose` alone, a sentence
    path, offset_bytes, size_bytes   what to mount, for MOUNT and USE_MOUNTED: a partition or the whole disk;
                                     `path` is None where its node is missing: wait for udev, never guess
    fstype, label, uuid              of the file system there
    mountpoint                       where it is mounted already, for USE_MOUNTED
    is_ours                          whether it has our label
    is_unfinished                    it is ours and its partition still has UNFINISHED_NAME: rename it first
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
    is_unfinished: bool = False


def decide(evidence: Evidence, policy: Policy) -> Decision:
    """What may be done with this one disk: the first row of the table that says something."""
    rows = (_is_mounted, _is_unwanted, _is_elsewhere, _is_held, _is_unreadable, _is_partitioned, _by_contents)
    found = (decision for row in rows if (decision := row(evidence, policy)) is not None)
    return replace(next(found), device=evidence.candidate.device)


def choose(located: Located, decisions: Sequence[Decision]) -> Decision:
    """The one of `decisions` (of `located.candidates`, in order) that is carried out: one disk, not all.

    One that is mounted first (ours before others), then one to mount (likewise), then one to format; else the
    first refusal. NOTHING where there is no such disk.
    """
    ours = [decision for decision in decisions if decision.is_ours]
    if len(ours) > 1:
        names = " and ".join(str(decision.device.path) for decision in ours if decision.device)
        return Decision(
            Action.REFUSE,
            f"{names} all have the label {FILE_SYSTEM_LABEL}, by which hvprep mounts",
            "give all but one of them another label",
        )
    for action in (Action.USE_MOUNTED, Action.MOUNT, Action.FORMAT, Action.REFUSE, Action.NOTHING):
        fitting = sorted(
            (each for each in decisions if each.action is action), key=lambda each: not each.is_ours
        )
        if fitting:
            return fitting[0]
    if located.excluded:
        words = (f"{each.device.path} is left alone: {each.because}" for each in located.excluded)
        return Decision(Action.NOTHING, "; ".join(words))
    return Decision(Action.NOTHING, "this machine has no temporary disk")


# The rows, in their order.


def _is_mounted(evidence: Evidence, policy: Policy) -> Decision | None:
    if not evidence.mounts:
        return None
    mount = next((mount for mount in evidence.mounts if mount.root == "/"), evidence.mounts[0])
    contents = evidence.mounted(mount)
    if not policy.is_azure and not _is_ours(contents):
        return _nothing(f"somebody has mounted it on {mount.mountpoint}, and this is not Azure")
    return replace(
        _about(Action.USE_MOUNTED, contents, f"it is mounted on {mount.mountpoint} as {mount.fstype}"),
        fstype=mount.fstype,
        mountpoint=mount.mountpoint,
    )


def _is_unwanted(evidence: Evidence, policy: Policy) -> Decision | None:
    if policy.may_format:
        return None
    return _nothing("ResourceDisk.Format=n: hvprep neither formats nor mounts it")


def _is_elsewhere(evidence: Evidence, policy: Policy) -> Decision | None:
    """On plain Hyper-V of generation 1 the same place is anybody's second disk."""
    if policy.is_azure or _is_ours(evidence.data):
        return None
    return _nothing("this is not Azure, and it has not the label of a disk that hvprep has made")


def _is_held(evidence: Evidence, policy: Policy) -> Decision | None:
    if evidence.is_free or evidence.table is None:
        return None
    return _refuse(
        "another program has it for itself: a mount that hvprep does not see, LVM, md, btrfs or ZFS",
        "see which one with lsblk, lsof and dmesg",
    )


def _is_unreadable(evidence: Evidence, policy: Policy) -> Decision | None:
    data = evidence.data
    trouble = evidence.whole.trouble or (data.trouble if data is not None else "")
    if evidence.table is None or trouble:
        return _refuse(trouble or "its partition table cannot be read", "look at it with dmesg and wipefs")
    return None


def _is_partitioned(evidence: Evidence, policy: Policy) -> Decision | None:
    """By somebody, in another way than Azure or we do it."""
    table = evidence.table
    if table is None or table.kind is TableKind.NONE:
        return None
    count = len(table.data_entries)
    if count != 1:
        found = f"{count} partitions" if count else "a partition table without a partition"
        return _refuse(
            f"it has {found}: somebody has partitioned it",
            "mount what is on it yourself, or remove all partitions with wipefs --all to let hvprep have it",
        )
    if table.kind is TableKind.HYBRID or table.damage:
        words = table.damage or ("it has a hybrid MBR beside its GPT",)
        return _refuse(f"its partition table is not sound: {words[0]}", "look at it with sfdisk --verify")
    return None


def _by_contents(evidence: Evidence, policy: Policy) -> Decision | None:
    data = evidence.data
    if data is None:
        return _refuse("its partition was not read", "run hvprep again")
    kind = data.signature
    if kind is None:
        return _without_signature(evidence, policy, data)
    if kind.type == "ntfs" and data.ntfs is not None:
        return _with_ntfs(evidence, policy, data.ntfs)
    if kind.type in _MOUNTABLE:
        whose = "the label of hvprep" if _is_ours(data) else f"a file system ({kind.type}) that somebody made"
        if evidence.candidate.device.is_read_only:
            return _refuse(f"it has {whose}, and is read-only", "look at it with dmesg")
        unfinished = _is_ours(data) and _is_unfinished(evidence)
        return replace(_about(Action.MOUNT, data, f"it has {whose}"), is_unfinished=unfinished)
    return _refuse(
        f"it holds {kind.type} ({kind.usage or 'unknown'}), which is none of Azure's or of hvprep",
        "use it yourself, or remove what is on it with wipefs --all to let hvprep have it",
    )


# What they are made of.


def _without_signature(evidence: Evidence, policy: Policy, data: Contents) -> Decision:
    if data.entry is None and data.is_blank:
        return _format(evidence, policy, "it is blank: no signature, and zeros wherever hvprep looked")
    if _is_unfinished(evidence):
        return _format(evidence, policy, "hvprep has partitioned it, and was cut off before it was formatted")
    where = "it" if data.entry is None else "its partition"
    what = "nothing that hvprep knows, and is not blank" if not data.is_blank else "no file system"
    return _refuse(
        f"{where} holds {what}: it may be a raw disk of a database",
        "if nothing on it is wanted, clear it with blkdiscard --zeroout and run hvprep again",
    )


def _with_ntfs(evidence: Evidence, policy: Policy, ntfs: NtfsVolume) -> Decision:
    if ntfs.label != NTFS_LABEL:
        return _refuse(
            f"its NTFS has the label {ntfs.label!r}, not {NTFS_LABEL!r}", "save what is on it, and remove it"
        )
    foreign = [entry.name for entry in ntfs.entries if not _is_azures(entry)]
    if foreign:
        more = len(foreign) - _NAMES_SHOWN
        names = ", ".join(map(repr, foreign[:_NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")
        return _refuse(
            f"somebody has put files on its NTFS: {names}",
            "move them elsewhere, and remove them from the disk, to let hvprep have it",
        )
    device = evidence.candidate.device
    if device.size_bytes - evidence.partitioned_bytes > max(_OUTSIDE_BYTES, device.size_bytes // 16):
        return _refuse(
            "its NTFS leaves a large part of the disk free, which hvprep does not know",
            "look at it with sfdisk",
        )
    return _format(evidence, policy, f"its NTFS {NTFS_LABEL!r} holds nothing but Azure's own files")


def _format(evidence: Evidence, policy: Policy, because: str) -> Decision:
    """Nothing that is there speaks against it. What else could?"""
    device = evidence.candidate.device
    if evidence.candidate.found is Found.NVME and not policy.may_format_nvme:
        return _nothing(f"{because}; ResourceDisk.NVMe=n: NVMe disks are not formatted")
    if device.is_read_only:
        return _refuse("it is read-only", "look at it with dmesg")
    if device.size_bytes < LEAST_BYTES:
        return _refuse(
            f"it has {device.size_bytes // 2**20} MiB, and {LEAST_BYTES // 2**20} are the least to format",
            "choose a size of machine with a larger temporary disk, or set ResourceDisk.Format=n",
        )
    return Decision(Action.FORMAT, because)


def _is_ours(contents: Contents | None) -> bool:
    signature = contents.signature if contents is not None else None
    return signature is not None and signature.type in _MOUNTABLE and signature.label == FILE_SYSTEM_LABEL


def _is_unfinished(evidence: Evidence) -> bool:
    """Whether we were cut off between partitioning it and naming its partition as one that is done."""
    table = evidence.table
    return table is not None and [entry.name for entry in table.entries] == [UNFINISHED_NAME]


def _is_azures(entry: NtfsEntry) -> bool:
    name = entry.name.casefold()
    return name == (_WINDOWS_DIRECTORY if entry.is_directory else DATALOSS_README).casefold()


def _about(action: Action, contents: Contents | None, because: str) -> Decision:
    if contents is None or contents.signature is None:
        return Decision(action, because)
    return Decision(
        action,
        because,
        path=contents.path,
        offset_bytes=contents.offset_bytes,
        size_bytes=contents.size_bytes,
        fstype=contents.signature.type,
        label=contents.signature.label,
        uuid=contents.signature.uuid,
        is_ours=_is_ours(contents),
    )


def _refuse(because: str, hint: str) -> Decision:
    return Decision(Action.REFUSE, because, hint)


def _nothing(because: str) -> Decision:
    return Decision(Action.NOTHING, because)
