"""The swap file on the temporary disk: there, of the right size and in use; or gone. On no other disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hvprep.errors import ChangeFailed, Refusal
from hvprep.facts.block_devices import DeviceMount, Storage
from hvprep.facts.live import Swap
from hvprep.formats.fstab import decode_field
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.swap_size import MIB, Room, fitting_bytes, is_good_enough, wanted_bytes
from hvprep.settings.resource_disk import SwapSize
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.swapfile import SwapDirectory, SwapFile

SWAP_NAME = "hvprep-swapfile"
#: Before a disk over the network and the system's own, which have -2 and less; behind zram, which has 100.
PRIORITY = 10
#: What the kernel swaps to a file on (swapon(8), NOTES).
_FIT_FOR_SWAP = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"))


def find_swap(storage: Storage, mount: DeviceMount) -> Swap | None:
    """Our swap file on that mount, if the kernel swaps to it."""
    return next((swap for swap in storage.swaps or () if swap.path == mount.mountpoint / SWAP_NAME), None)


def find_other_swap(storage: Storage, mount: DeviceMount) -> Swap | None:
    """A swap file of somebody else on that mount, if the kernel swaps to one."""
    for swap in storage.swaps or ():
        if swap.path.is_relative_to(mount.mountpoint) and swap.path != mount.mountpoint / SWAP_NAME:
            inner = [each for each in storage.mounts or () if swap.path.is_relative_to(each.mountpoint)]
            if max(inner, key=lambda each: len(each.mountpoint.parts)).mountpoint == mount.mountpoint:
                return swap
    return None


def swap_line(root: Root, mount: DeviceMount) -> str:
    """The line of /proc/swaps about our file on that mount, up to the size; "" where there is none."""
    for line in (root.read(GuestPath("/proc/swaps")) or b"").decode("utf-8", "surrogateescape").splitlines():
        words = line.split()
        if words and decode_field(words[0]) == str(mount.mountpoint / SWAP_NAME):
            return line[: line.index(words[2], len(words[0])) + len(words[2])]
    return ""


def keep_swap(
    machine: Machine, storage: Storage, mount: DeviceMount, size: SwapSize, memory_bytes: int | None
) -> str:
    """Have the kernel swap to our file on `mount`, of that size. Returns what there is then, in words.

    Raises Refusal, ChangeFailed and CommandFailed; then there is no swap of ours, or the one that was.
    """
    if mount.fstype not in _FIT_FOR_SWAP:
        raise Refusal(f"the kernel cannot swap to a file on {mount.fstype}, as {mount.mountpoint} is", None)
    if "ro" in mount.options:
        raise Refusal(f"{mount.mountpoint} is mounted read-only, so no swap file can be made there", None)
    with _swap_directory(machine, mount) as directory:
        active = find_swap(storage, mount) is not None
        existing = directory.find()
        room = _room(directory, existing)
        wanted = wanted_bytes(size, room, memory_bytes)
        fitting = fitting_bytes(wanted, room)
        if existing is not None and not (
            existing.is_made and is_good_enough(existing.size_bytes, wanted, fitting)
        ):
            _end(directory, active)
            existing, active = None, False
        if existing is None:
            if not fitting:
                free = room.free_bytes // MIB
                raise ChangeFailed(
                    f"{mount.mountpoint} has {free} MiB free, too little for a swap file",
                    "make room there, or set ResourceDisk.EnableSwap=n",
                )
            directory.make(fitting)
        if not active:
            _switch_on(directory)
        return _said(directory, wanted)


def end_swap(machine: Machine, storage: Storage, mount: DeviceMount) -> bool:
    """No swap file of ours on `mount` any more; whether there was one. Raises Refusal, ChangeFailed."""
    with _swap_directory(machine, mount) as directory:
        if directory.find() is None:
            return False
        _end(directory, find_swap(storage, mount) is not None)
        return True


def _end(directory: SwapDirectory, active: bool) -> None:
    if active:
        directory.switch_off()
    directory.remove()


def _switch_on(directory: SwapDirectory) -> None:
    try:
        directory.switch_on(PRIORITY)
    except ChangeFailed:
        directory.remove()
        raise


def _room(directory: SwapDirectory, existing: SwapFile | None) -> Room:
    size_bytes, free_bytes = directory.room()
    return Room(size_bytes, free_bytes + (existing.allocated_bytes if existing is not None else 0))


def _said(directory: SwapDirectory, wanted: int) -> str:
    found = directory.find()
    assert found is not None, "it was made or found"
    text = f"{found.size_bytes // MIB} MiB of swap in {directory.path}"
    return (
        text
        if found.size_bytes >= wanted
        else f"{text}, of {wanted // MIB} wanted: there is no room for more"
    )


@contextmanager
def _swap_directory(machine: Machine, mount: DeviceMount) -> Iterator[SwapDirectory]:
    """The top directory of the mounted disk, open, so that it stays that one. Raises Refusal for another."""
    where = GuestPath(mount.mountpoint)
    with machine.root.directory_fd(where) as fd:
        directory = SwapDirectory(machine.root, machine.runner, where, fd, SWAP_NAME)
        # btrfs has a number of its own for each subvolume, another than mountinfo shows.
        is_there = (
            directory.device_number != directory.parent_number
            if mount.fstype == "btrfs"
            else directory.device_number == mount.device_number
        )
        if not is_there:
            raise Refusal(
                f"the disk is not what is mounted on {where} any more", "run hvprep resource-disk again"
            )
        yield directory
