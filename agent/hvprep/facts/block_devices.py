"""The block devices of the running machine, what is mounted from them, and what the kernel swaps to.

Everything is read from /sys, /proc and the links below /dev/disk (sysfs(5), proc(5); Linux,
Documentation/ABI/stable/sysfs-block): no device is opened here, and no program is asked. Sizes and offsets
are in bytes. A device number is written as in /sys, "8:16".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hvprep.errors import HvprepError
from hvprep.facts.live import Swap, parse_swaps
from hvprep.formats import mountinfo
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
    links        the names below /dev/disk/azure and /dev/disk/cloud that lead to it: udev's rules of others
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

    @property
    def nodes(self) -> dict[str, GuestPath]:
        """The node by the device number, of the disk and of its partitions."""
        parts = {part.device_number: part.path for part in self.partitions}
        return {self.device_number: self.path, **parts}


@dataclass(frozen=True)
class DeviceMount:
    """A line of mountinfo (proc_pid_mountinfo(5)).

    `device_number` is st_dev of what is on it: btrfs, overlayfs and zfs have one that is no block device's,
    then only `source` tells the device (its links are followed). `root` is the directory of the file system
    that is seen there.
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


#: /sys counts in these, whatever the device's own sectors are (Linux, include/linux/blk_types.h).
_UNIT_BYTES = 512
_LINKS = ("/dev/disk/azure/*", "/dev/disk/cloud/*")
_SCSI_ADDRESS = re.compile("[0-9]+:[0-9]+:[0-9]+:([0-9]+)")
_VMBUS_ID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?")


def probe_storage(view: View) -> Storage:
    """What the kernel and udev show now. A device that vanishes meanwhile is left out. Raises nothing."""
    links: dict[GuestPath, tuple[GuestPath, ...]] = {}
    for path in (path for pattern in _LINKS for path in _glob(view, pattern)):
        node = view.resolve(path)
        links[node] = (*links.get(node, ()), path)
    devices = (_probe_device(view, path, links) for path in _glob(view, "/sys/block/*"))
    swaps = _read(view, "/proc/swaps")
    return Storage(
        tuple(device for device in devices if device is not None),
        _probe_mounts(view),
        None if swaps is None else parse_swaps(swaps),
    )


def _probe_device(
    view: View, entry: GuestPath, links: dict[GuestPath, tuple[GuestPath, ...]]
) -> BlockDevice | None:
    """The device at /sys/block/NAME. None for one that is gone, empty, or a hidden path of an NVMe disk."""
    sysfs = view.resolve(entry)
    event = _uevent(view, sysfs)
    number, size = _number(view, sysfs, event), _integer(view, sysfs / "size")
    if number is None or not size or _integer(view, sysfs / "hidden"):
        return None
    path = _node_path(event, entry.name)
    device = view.resolve(sysfs / "device")  # of a disk alone: the SCSI device, the NVMe controller
    return BlockDevice(
        name=entry.name,
        path=path,
        device_number=number,
        size_bytes=size * _UNIT_BYTES,
        sysfs=sysfs,
        transport=_transport(entry.name, device),
        sector_bytes=_integer(view, sysfs / "queue/logical_block_size") or _UNIT_BYTES,
        diskseq=_integer(view, sysfs / "diskseq"),
        vendor=_text(view, device / "vendor"),
        model=_text(view, device / "model"),
        is_removable=bool(_integer(view, sysfs / "removable")),
        is_read_only=bool(_integer(view, sysfs / "ro")),
        partitions=tuple(sorted(_probe_partitions(view, sysfs), key=lambda each: each.number)),
        holders=_holders(view, sysfs),
        vmbus_id=_vmbus_id(view, device),
        lun=_lun(device),
        links=links.get(path, ()),
    )


def _probe_partitions(view: View, sysfs: GuestPath) -> Iterator[Partition]:
    for directory in (path.parent for path in _glob(view, f"{sysfs}/*/start")):
        event = _uevent(view, directory)
        number, size = _number(view, directory, event), _integer(view, directory / "size")
        start, index = _integer(view, directory / "start"), _integer(view, directory / "partition")
        if index is None:  # before Linux 2.6.29 the name alone tells
            index = int((re.findall("[0-9]+$", directory.name) or ["0"])[0])
        if number is not None and size is not None and start is not None:
            yield Partition(
                directory.name,
                _node_path(event, directory.name),
                number,
                index,
                start * _UNIT_BYTES,
                size * _UNIT_BYTES,
                _holders(view, directory),
            )


def _holders(view: View, directory: GuestPath) -> tuple[str, ...]:
    return tuple(path.name for path in _glob(view, f"{directory}/holders/*"))


def _transport(name: str, device: GuestPath) -> Transport:
    if re.fullmatch("nvme[0-9]+n[0-9]+", name):
        return Transport.NVME
    return Transport.OTHER if _SCSI_ADDRESS.fullmatch(device.name) is None else Transport.SCSI


def _lun(device: GuestPath) -> int | None:
    match = _SCSI_ADDRESS.fullmatch(device.name)
    return None if match is None else int(match[1])


def _vmbus_id(view: View, device: GuestPath) -> str | None:
    """The `device_id` of the nearest directory above that has one: only devices of the VMBus do."""
    for directory in device.parents:
        match = _VMBUS_ID.fullmatch(_text(view, directory / "device_id").lower())
        if match is not None:
            return match[1]
    return None


def _node_path(event: dict[str, str], name: str) -> GuestPath:
    # A slash in the name of a node is an exclamation mark in /sys (Linux, lib/kobject.c).
    return GuestPath("/dev", event.get("DEVNAME") or name.replace("!", "/"))


def _number(view: View, directory: GuestPath, event: dict[str, str]) -> str | None:
    if event.get("MAJOR", "").isdecimal() and event.get("MINOR", "").isdecimal():
        return f"{event['MAJOR']}:{event['MINOR']}"
    return _text(view, directory / "dev") or None


def _uevent(view: View, directory: GuestPath) -> dict[str, str]:
    words = (line.partition("=") for line in _text(view, directory / "uevent").splitlines())
    return {name: value for name, _, value in words}


def _probe_mounts(view: View) -> tuple[DeviceMount, ...] | None:
    """Those that we see, and those that process 1 sees and we do not: a service may have its own."""
    contents = [_read(view, f"/proc/{process}/mountinfo") for process in ("self", "1")]
    if all(content is None for content in contents):
        return None
    lines = [
        line
        for content in contents
        for line in mountinfo.parse((content or b"").decode("utf-8", "surrogateescape"))
    ]
    return tuple(
        dict.fromkeys(
            DeviceMount(
                line.device_number,
                line.root,
                GuestPath(line.mountpoint),
                line.fstype,
                _followed(view, line.source),
                line.options,
            )
            for line in lines
        )
    )


def _followed(view: View, source: str) -> str:
    """/dev/mapper/NAME is a link to the node that /sys knows."""
    return str(view.resolve(GuestPath(source))) if source.startswith("/dev/") else source


def _integer(view: View, path: GuestPath) -> int | None:
    text = _text(view, path)
    return int(text) if re.fullmatch("[0-9]{1,19}", text) else None


def _text(view: View, path: GuestPath) -> str:
    return (_read(view, str(path)) or b"").decode("utf-8", "replace").strip("\0 \t\r\n")


def _read(view: View, path: str) -> bytes | None:
    """The content; None where there is none, or the device went away while it was read (ENODEV)."""
    try:
        return view.read(GuestPath(path))
    except (OSError, HvprepError):
        return None


def _glob(view: View, pattern: str) -> tuple[GuestPath, ...]:
    try:
        return view.glob(pattern)
    except OSError:
        return ()
