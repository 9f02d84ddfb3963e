"""The block devices of the running machine, what is mounted from them, and what the kernel swaps to.

Everything is read from /sys, /proc, /run/udev/data and the links below /dev/disk: no device is opened here.
Sizes and offsets are in bytes. A device number is written as in /sys, "8:16".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hvprep.facts.live import Swap
from hvprep.model.node import GuestPath
from hvprep.model.view import View


class Transport(str, Enum):
    """How a disk is driven: by the SCSI layer (storvsc of Hyper-V is there), as NVMe, or otherwise."""

    SCSI = "scsi"
    NVME = "nvme"
    OTHER = "other"  # virtio, loop, dm, md, zram ...


@dataclass(frozen=True)
class Partition:
    """A partition that the kernel knows. `holders` are block devices that stand on it (dm, md, bcache)."""

    name: str
    path: GuestPath
    device_number: str
    number: int
    start_bytes: int
    size_bytes: int
    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlockDevice:
    """A whole disk, or a device that stands on others (dm, md, bcache, loop): everything in /sys/block.

    name         the kernel's own, "sdb": to be shown, never to be decided by
    path         its node, "/dev/sdb"
    sysfs        its directory with all links followed: where it hangs on the machine
    diskseq      the kernel's serial number of this disk (Linux 5.15): another one is another disk under the
                 same name; None where the kernel has none
    vmbus_id     the device_id of the nearest device of the VMBus that it hangs on: lower case, no braces
    lun          the last of the four numbers of its SCSI address; None for what is no SCSI disk
    holders      names of the block devices that stand on the whole disk
    links        the other names below /dev that udev has for it, and those below /dev/disk that lead to it
    properties   what udev knows of it (ID_...), empty where udev did not run
    """

    name: str
    path: GuestPath
    device_number: str
    size_bytes: int
    sysfs: GuestPath
    transport: Transport
    sector_bytes: int = 512
    diskseq: int | None = None
    vendor: str = ""
    model: str = ""
    is_removable: bool = False
    is_read_only: bool = False
    partitions: tuple[Partition, ...] = ()
    holders: tuple[str, ...] = ()
    vmbus_id: str | None = None
    lun: int | None = None
    links: tuple[GuestPath, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DeviceMount:
    """A line of mountinfo (proc_pid_mountinfo(5)).

    `device_number` is st_dev of what is on it: btrfs, overlayfs and zfs have one that is no block device's,
    then only `source` tells the device. `root` is the directory of the file system that is seen there.
    """

    device_number: str
    root: str
    mountpoint: GuestPath
    fstype: str
    source: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Storage:
    """All of it. `mounts` in the order in which they were mounted; None: /proc does not show them."""

    devices: tuple[BlockDevice, ...]
    mounts: tuple[DeviceMount, ...] | None
    swaps: tuple[Swap, ...] | None


def probe_storage(view: View) -> Storage:
    """What the kernel and udev show now. A device that vanishes meanwhile is left out. Raises nothing."""
    raise NotImplementedError
