"""Which disk the running system is on."""

from __future__ import annotations

from hvprep.facts.block_devices import BlockDevice, Storage
from hvprep.facts.storage_use import find_use
from hvprep.model.node import GuestPath


def find_system_disks(storage: Storage) -> tuple[BlockDevice, ...]:
    """The disks that / is on, below LVM, RAID and LUKS; several where these span them, none where /proc or
    /sys does not show it."""
    stacked = {name for device in storage.devices for name in _held(device)}
    return tuple(
        device for device in storage.devices if device.name not in stacked and holds_root(storage, device)
    )


def _held(device: BlockDevice) -> tuple[str, ...]:
    return (*device.holders, *(name for part in device.partitions for name in part.holders))


def holds_root(storage: Storage, device: BlockDevice) -> bool:
    """Whether / is on this device, or on one that stands on it."""
    return any(mount.mountpoint == GuestPath("/") for mount in find_use(storage, device).mounts)
