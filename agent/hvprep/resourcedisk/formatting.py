"""A new partition table and file system on a disk that the verdict gives free. What is on it is lost.

The order is: table with the unfinished partition, old signatures in it, file system, final name. No program
is told to overwrite what it finds (mkfs -f, -F): that is a second look at what the verdict saw. udev is kept
from the disk meanwhile (systemd.io, BLOCK_DEVICE_LOCKING), so that it opens nothing under our hands.
"""

from __future__ import annotations

import time

from hvprep.errors import ChangeFailed, FormatError, Refusal
from hvprep.facts.block_devices import BlockDevice, Partition, probe_storage
from hvprep.facts.tools import find_program
from hvprep.formats.partition_table import TableEntry, TableKind, read_partition_table
from hvprep.resourcedisk.partitioning import choose_partitioner
from hvprep.resourcedisk.verdict import FILE_SYSTEM_LABEL, PARTITION_NAME, UNFINISHED_NAME
from hvprep.system.device import hold_device, open_device
from hvprep.system.machine import Machine

#: mkfs of each, without discarding blocks first: on a disk of many GiB that takes minutes and gives nothing.
_MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-E", "nodiscard", "-L", FILE_SYSTEM_LABEL),
    "xfs": ("mkfs.xfs", "-q", "-K", "-L", FILE_SYSTEM_LABEL),
    "btrfs": ("mkfs.btrfs", "-q", "-K", "-L", FILE_SYSTEM_LABEL),
}
_TOOL_TIMEOUT_S = 120.0
_MKFS_TIMEOUT_S = 600.0
_KERNEL_TIMEOUT_S = 10.0
_POLL_S = 0.1


def refuse_unformattable(machine: Machine, device: BlockDevice, fstype: str) -> None:
    """Raise Refusal where a program that is needed is not there, before anything is touched."""
    program = _MAKERS[fstype][0]
    if find_program(machine.root, program) is None:
        raise Refusal(
            f"{program} is not installed, so {device.path} cannot be formatted",
            "install the package that has it, or set ResourceDisk.Filesystem in /etc/hvprep.conf",
        )
    choose_partitioner(machine, device.path)


def format_disk(machine: Machine, device: BlockDevice, fstype: str) -> Partition:
    """Give the disk one partition with a file system, and return that partition.

    Raises Refusal where the disk is no longer the one that was judged, CommandFailed, and ChangeFailed where
    the kernel does not see the new partition.
    """
    refuse_unformattable(machine, device, fstype)
    partitioner = choose_partitioner(machine, device.path)
    with hold_device(machine.root, device.path, device.device_number):
        _refuse_another_disk(machine, device)
        partitioner.write_table(machine.runner)
        partition = _wait_for_partition(machine, device, UNFINISHED_NAME)
        machine.runner.check(("wipefs", "--all", "--force", "--quiet", str(partition.path)), _TOOL_TIMEOUT_S)
        machine.runner.check((*_MAKERS[fstype], str(partition.path)), _MKFS_TIMEOUT_S)
        return _finish(machine, device)


def finish_format(machine: Machine, device: BlockDevice) -> Partition:
    """Give the partition of a format that was cut off after mkfs its final name. Raises as `format_disk`."""
    with hold_device(machine.root, device.path, device.device_number):
        _refuse_another_disk(machine, device)
        return _finish(machine, device)


def _finish(machine: Machine, device: BlockDevice) -> Partition:
    choose_partitioner(machine, device.path).finish_partition(machine.runner)
    return _wait_for_partition(machine, device, PARTITION_NAME)


def _refuse_another_disk(machine: Machine, device: BlockDevice) -> None:
    """Names are given anew: the disk must still be the one that was judged."""
    now = _find_device(machine, device)
    if _identity(now) != _identity(device) or now.partitions != device.partitions:
        raise Refusal(
            f"{device.path} is not any more what it was a moment ago", "run hvprep resource-disk again"
        )


def _identity(device: BlockDevice) -> tuple[object, ...]:
    return device.device_number, device.diskseq, device.size_bytes, device.sysfs


def _find_device(machine: Machine, device: BlockDevice) -> BlockDevice:
    now = next((each for each in probe_storage(machine.root).devices if each.path == device.path), None)
    if now is None:
        raise ChangeFailed(f"{device.path} has vanished", "look at dmesg(1) for why")
    return now


def _wait_for_partition(machine: Machine, device: BlockDevice, name: str) -> Partition:
    """The one partition, once the kernel has it where the table says, and it has its node."""
    entry = _read_entry(machine, device, name)
    deadline = time.monotonic() + _KERNEL_TIMEOUT_S
    while True:
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


def _read_entry(machine: Machine, device: BlockDevice, name: str) -> TableEntry:
    """The partition that the table on the disk has now: what a tool says of itself proves nothing."""
    try:
        with open_device(machine.root, device.path, device.device_number) as reader:
            table = read_partition_table(reader.read_at, reader.size_bytes, device.sector_bytes)
    except FormatError as error:
        raise ChangeFailed(f"the new partition table of {device.path} does not read: {error}") from error
    if table.kind is not TableKind.GPT or [entry.name for entry in table.entries] != [name] or table.damage:
        raise ChangeFailed(f"the new partition table of {device.path} is not what was asked for")
    return table.entries[0]


def _find_partition(machine: Machine, device: BlockDevice, entry: TableEntry) -> Partition | None:
    for partition in _find_device(machine, device).partitions:
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
