"""What a tree of /sys, /dev and /proc tells of the block devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hvprep.facts.block_devices import Partition, Transport, probe_storage
from hvprep.facts.storage_use import find_use
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.unit.sysfs import CONTROLLER, GIB, RESOURCE_1, WHOLE, Machine, generation_1, generation_2


def test_a_disk_of_generation_2(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.udev_link("azure/resource", "/dev/sda")
    machine.udev_link("azure/resource-part1", "/dev/sda1")
    device = machine.device("sda")
    assert (device.path, device.device_number, device.size_bytes) == (GuestPath("/dev/sda"), "8:0", 16 * GIB)
    assert (device.transport, device.vmbus_id, device.lun) == (Transport.SCSI, CONTROLLER, 1)
    assert (device.vendor, device.model, device.is_removable, device.is_read_only) == (
        "Msft",
        "Virtual Disk",
        False,
        False,
    )
    assert (device.sector_bytes, device.diskseq) == (512, 7)
    assert device.sysfs.match(f"*/VMBUS:00/{CONTROLLER}/host0/target0:0:0/0:0:0:1/block/sda")
    assert device.links == (GuestPath("/dev/disk/azure/resource"),)
    assert device.partitions == (Partition("sda1", GuestPath("/dev/sda1"), "8:1", 1, WHOLE[1], WHOLE[2]),)
    assert device.nodes == {"8:0": GuestPath("/dev/sda"), "8:1": GuestPath("/dev/sda1")}


@pytest.mark.parametrize("old", [False, True])
def test_disks_of_generation_1(tmp_path: Path, old: bool) -> None:
    machine = generation_1(tmp_path, old)
    device = machine.device("sdb")
    assert (device.vmbus_id, device.lun, device.vendor) == (RESOURCE_1, 0, "Msft")
    assert [part.name for part in device.partitions] == ["sdb1"]
    assert device.diskseq == (None if old else 7)
    # The partitions of sda are not those of sdaa, whose name begins alike.
    assert [part.name for part in machine.device("sda").partitions] == ["sda1", "sda2"]
    assert [part.device_number for part in machine.device("sdaa").partitions] == ["65:161"]


def test_braces_and_capital_letters_of_other_kernels(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.scsi("sdb", "8:16", RESOURCE_1, "1:0:1:0", braces=False)
    machine.scsi("sdc", "8:32", CONTROLLER.upper(), "2:0:0:1")
    assert machine.device("sdb").vmbus_id == RESOURCE_1
    assert machine.device("sdc").vmbus_id == CONTROLLER


def test_an_nvme_disk_and_a_hidden_path_of_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.nvme("nvme1n1", "259:3")
    machine.plain("nvme1c1n1", "259:4")
    machine.write("sys/devices/virtual/block/nvme1c1n1/hidden", "1\n")
    (device,) = machine.storage().devices
    assert (device.name, device.transport, device.model, device.lun) == (
        "nvme1n1",
        Transport.NVME,
        "Microsoft NVMe Direct Disk",
        None,
    )


def test_what_has_no_size_or_is_gone_is_left_out(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.plain("loop0", "7:0", size_bytes=0)
    machine.link("sys/block/sdq", "../devices/gone/sdq")
    machine.plain("loop1", "7:1")
    (tmp_path / "sys/devices/virtual/block/loop1/dev").unlink()
    (tmp_path / "sys/devices/virtual/block/loop1/uevent").unlink()
    assert [device.name for device in machine.storage().devices] == ["sda", "sdb", "sdc"]


def test_a_slash_in_the_name_of_a_node(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plain("cciss!c0d0", "104:0", [(1, 1 << 20, GIB)])
    machine.write("sys/devices/virtual/block/cciss!c0d0/uevent", "")
    device = machine.device("cciss!c0d0")
    assert device.path == GuestPath("/dev/cciss/c0d0")
    assert device.device_number == "104:0"
    assert device.partitions[0].path == GuestPath("/dev/cciss/c0d0p1")


def test_sizes_of_large_sectors(tmp_path: Path) -> None:
    """/sys counts in 512 bytes whatever the sectors are."""
    machine = generation_2(tmp_path)
    (machine.directory("sda") / "queue/logical_block_size").write_text("4096\n")
    device = machine.device("sda")
    assert (device.sector_bytes, device.size_bytes, device.partitions[0].start_bytes) == (
        4096,
        16 * GIB,
        1 << 20,
    )


def test_mounts_of_ours_and_of_process_1(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("8:18 / ext4 /dev/sdb2", r"8:1 /mnt/a\040b ext4 /dev/sda1")
    machine.mounts("8:18 / ext4 /dev/sdb2", "8:33 /data xfs /dev/sdc1", process="1")
    mounts = machine.storage().mounts or ()
    assert [str(mount.mountpoint) for mount in mounts] == ["/", "/mnt/a b", "/data"]
    assert mounts[1].device_number == "8:1"
    assert mounts[1].root == "/"


def test_the_source_of_a_mount_is_the_node_behind_its_link(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.udev_link("../mapper/vg-data", "/dev/dm-0")
    machine.mounts("0:40 /data btrfs /dev/mapper/vg-data", "0:41 /net nfs host:/dev/x")
    assert [mount.source for mount in machine.storage().mounts or ()] == ["/dev/dm-0", "host:/dev/x"]


def test_no_proc_is_not_nothing_mounted(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    (tmp_path / "proc/self/mountinfo").unlink()
    (tmp_path / "proc/swaps").unlink()
    assert (machine.storage().mounts, machine.storage().swaps) == (None, None)


def test_an_empty_machine(tmp_path: Path) -> None:
    assert probe_storage(Root(tmp_path)).devices == ()


def test_the_machine_that_runs_the_tests() -> None:
    """The real /sys: whatever / is on, what is read agrees with what stat(2) says."""
    storage = probe_storage(Root(Path("/")))
    assert storage.mounts
    for device in storage.devices:
        status = os.stat(device.path)
        assert f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" == device.device_number


# Use.


def test_a_stack_of_holders_is_followed_to_what_is_mounted(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.plain("md0", "9:0", [(1, 1 << 20, GIB)])
    machine.plain("dm-0", "253:0")
    machine.hold("sda1", "md0")
    machine.hold("md0p1", "dm-0")
    machine.mounts("253:0 /data xfs /dev/mapper/vg-data", "8:18 / ext4 /dev/sdb2")
    use = find_use(machine.storage(), machine.device("sda"))
    assert use.stacked == ("md0", "dm-0")
    assert [str(mount.mountpoint) for mount in use.mounts] == ["/data"]


def test_a_holder_without_a_size_is_one_all_the_same(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.hold("sda", "dm-7")
    assert find_use(machine.storage(), machine.device("sda")).stacked == ("dm-7",)


def test_holders_in_a_circle_end(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.plain("dm-0", "253:0")
    machine.plain("dm-1", "253:1")
    for name, holder in (("sda", "dm-0"), ("dm-0", "dm-1"), ("dm-1", "dm-0")):
        machine.hold(name, holder)
    assert find_use(machine.storage(), machine.device("sda")).stacked == ("dm-0", "dm-1")


def test_btrfs_is_known_by_its_node_and_only_then(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    # The second was mounted from an earlier disk of that name: its number tells that it is not this one.
    machine.mounts("0:44 /mnt btrfs /dev/sda1", "8:99 /old ext4 /dev/sda1")
    use = find_use(machine.storage(), machine.device("sda"))
    assert [str(mount.mountpoint) for mount in use.mounts] == ["/mnt"]


@pytest.mark.parametrize("path", ["/dev/sda", "/dev/sda1"])
def test_swap_on_the_disk_and_on_a_partition(tmp_path: Path, path: str) -> None:
    machine = generation_2(tmp_path)
    machine.swaps(path, "/mnt/swapfile", "/dev/sdc1")
    assert [str(swap.path) for swap in find_use(machine.storage(), machine.device("sda")).swaps] == [path]
