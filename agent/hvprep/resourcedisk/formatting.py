"""A new partition table and file system on a disk that the verdict gives free. What is on it is lost.

The partition's name is written before anything in it changes: a disk on which it stands without a file system
of ours is one where this was cut off, and the verdict gives it free once more. So the order is: table, old
signatures in the partition, file system. No program is told to overwrite what it finds (mkfs -f and -F): that
is a second look at what the verdict saw.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hvprep.errors import ChangeFailed, FormatError, Refusal
from hvprep.facts.block_devices import BlockDevice, Partition, probe_storage
from hvprep.facts.tools import find_program
from hvprep.formats.partition_table import TableEntry, read_partition_table
from hvprep.resourcedisk.partitioning import choose_partitioner
from hvprep.resourcedisk.verdict import FILE_SYSTEM_LABEL, PARTITION_NAME
from hvprep.system.device import open_device
from hvprep.system.machine import Machine

MIB = 1024 * 1024
#: mkfs of each, without discarding blocks first: on a remote cache that takes minutes and gives nothing.
_MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-E", "nodiscard", "-L", FILE_SYSTEM_LABEL),
    "xfs": ("mkfs.xfs", "-q", "-K", "-L", FILE_SYSTEM_LABEL),
    "btrfs": ("mkfs.btrfs", "-q", "-K", "-L", FILE_SYSTEM_LABEL),
}
#: Smaller ones cannot be made: xfsprogs 6 (mkfs.xfs(8)), btrfs-progs (btrfs_min_dev_size), a journal of ext4.
_SMALLEST_BYTES = {"ext4": 4 * MIB, "xfs": 304 * MIB, "btrfs": 128 * MIB}
_TOOL_TIMEOUT_S = 120.0
_MKFS_TIMEOUT_S = 600.0
_SETTLE_TIMEOUT_S = 10.0
_POLL_S = 0.1
_CHANGED = "nothing was done; hvprep resource-disk looks at it anew"


def refuse_unformattable(machine: Machine, device: BlockDevice, fstype: str) -> None:
    """Raise Refusal where the file system could not be made, before anything is touched."""
    if device.is_read_only:
        raise Refusal(f"{device.path} is read-only", "look at dmesg(1) for why")
    program = _MAKERS[fstype][0]
    if find_program(machine.root, program) is None:
        raise Refusal(
            f"{program} is not installed, so {device.path} cannot be formatted",
            "install the package that has it, or set ResourceDisk.Filesystem in /etc/hvprep.conf",
        )
    smallest = _SMALLEST_BYTES[fstype] + 2 * MIB  # the tables at both ends
    if device.size_bytes < smallest:
        raise Refusal(
            f"{device.path} has {device.size_bytes // MIB} MiB, and {fstype} needs {smallest // MIB}",
            "set ResourceDisk.Filesystem=ext4, or ResourceDisk.Format=n to leave the disk alone",
        )
    choose_partitioner(machine, device.path)


def format_disk(
    machine: Machine, device: BlockDevice, fstype: str, settle: Callable[[], None]
) -> Partition:
    """Give the disk one partition with a file system, and return that partition.

    `settle` waits until udev has dealt with what it was told. Raises Refusal where the disk is no longer the
    one that was judged, CommandFailed, ChangeFailed where the kernel does not see the new partition.
    """
    refuse_unformattable(machine, device, fstype)
    settle()
    _refuse_another_disk(machine, device)
    partitioner = choose_partitioner(machine, device.path)
    partitioner.write(machine.runner, _TOOL_TIMEOUT_S)
    partition = _wait_for_partition(machine, device, settle)
    machine.runner.check(("wipefs", "--all", "--quiet", str(partition.path)), _TOOL_TIMEOUT_S)
    machine.runner.check((*_MAKERS[fstype], str(partition.path)), _MKFS_TIMEOUT_S)
    return partition


def _refuse_another_disk(machine: Machine, device: BlockDevice) -> None:
    """Names are given anew: the disk must still be the one that was judged."""
    now = next((each for each in probe_storage(machine.root).devices if each.path == device.path), None)
    keys = [
        None if each is None else (each.device_number, each.diskseq, each.size_bytes, each.sysfs)
        for each in (now, device)
    ]
    if keys[0] != keys[1]:
        raise Refusal(f"{device.path} is not the disk any more that it was a moment ago", _CHANGED)


def _wait_for_partition(machine: Machine, device: BlockDevice, settle: Callable[[], None]) -> Partition:
    """The one partition, once the kernel has it where the new table says, and it has its node."""
    entry = _read_entry(machine, device)
    deadline = time.monotonic() + _SETTLE_TIMEOUT_S
    while True:
        settle()
        partition = _find_partition(machine, device, entry)
        if partition is not None:
            return partition
        if time.monotonic() > deadline:
            raise ChangeFailed(
                f"the kernel does not see the new partition on {device.path}",
                "run hvprep resource-disk again, or reboot",
            )
        machine.runner.run(("blockdev", "--rereadpt", str(device.path)), _TOOL_TIMEOUT_S)
        time.sleep(_POLL_S)


def _read_entry(machine: Machine, device: BlockDevice) -> TableEntry:
    """The partition that the table on the disk has now: what a tool says of itself proves nothing."""
    try:
        with open_device(machine.root, device.path, device.device_number) as reader:
            table = read_partition_table(reader.read_at, reader.size_bytes, device.sector_bytes)
    except FormatError as error:
        raise ChangeFailed(f"the new partition table of {device.path} does not read: {error}") from error
    entries = [entry for entry in table.entries if entry.name == PARTITION_NAME]
    if len(table.entries) != 1 or not entries or table.damage:
        raise ChangeFailed(f"the new partition table of {device.path} is not what was asked for")
    return entries[0]


def _find_partition(machine: Machine, device: BlockDevice, entry: TableEntry) -> Partition | None:
    storage = probe_storage(machine.root)
    found = next((each for each in storage.devices if each.path == device.path), None)
    if found is None:
        raise ChangeFailed(f"{device.path} has vanished", "look at dmesg(1) for why")
    for partition in found.partitions:
        place = (partition.number, partition.start_bytes, partition.size_bytes)
        if place == (entry.number, entry.start_bytes, entry.size_bytes) and _has_node(machine, partition):
            return partition
    return None


def _has_node(machine: Machine, partition: Partition) -> bool:
    try:
        with open_device(machine.root, partition.path, partition.device_number):
            return True
    except (OSError, Refusal):
        return False
