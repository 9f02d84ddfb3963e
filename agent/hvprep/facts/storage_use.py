"""What a disk is used for: by itself, through its partitions, and through everything that stands on those."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.block_devices import BlockDevice, DeviceMount, Storage
from hvprep.facts.live import Swap


@dataclass(frozen=True)
class StorageUse:
    """`stacked` names the devices that stand on the disk or its partitions (LVM, LUKS, md, bcache).

    `mounts` and `swaps` are those from the disk and from all of these. A swap file is none of them: it is on
    a file system.
    """

    stacked: tuple[str, ...]
    mounts: tuple[DeviceMount, ...]
    swaps: tuple[Swap, ...]


def find_use(storage: Storage, device: BlockDevice) -> StorageUse:
    """The use of a whole disk.

    Identity is the device number. A file system that has a number of its own (major 0: btrfs, overlayfs) is
    told by the node that it was mounted from.
    """
    stacked = _stacked(storage, device)
    family = (device, *(each for each in storage.devices if each.name in stacked))
    nodes = {number: str(path) for each in family for number, path in each.nodes.items()}
    return StorageUse(
        stacked,
        tuple(
            mount
            for mount in storage.mounts or ()
            if mount.device_number in nodes or (_has_own_number(mount) and mount.source in nodes.values())
        ),
        tuple(swap for swap in storage.swaps or () if str(swap.path) in nodes.values()),
    )


def _stacked(storage: Storage, device: BlockDevice) -> tuple[str, ...]:
    """The names of all holders, those of holders too; a holder that shows no size yet is one as well."""
    known = {each.name: each for each in storage.devices}
    found: list[str] = []
    pending = [device]
    while pending:
        each = pending.pop(0)
        for name in (*each.holders, *(name for part in each.partitions for name in part.holders)):
            if name not in found and name != device.name:
                found.append(name)
                pending += [known[name]] if name in known else []
    return tuple(found)


def _has_own_number(mount: DeviceMount) -> bool:
    return mount.device_number.startswith("0:")
