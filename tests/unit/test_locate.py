"""Which disk is the temporary one, and which never are."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.locate import Found, Located, find_resource_disks, is_system_place

from tests.unit.sysfs import (
    CONTROLLER,
    DATA_CONTROLLER,
    GIB,
    OS_1,
    RESOURCE_1,
    Machine,
    generation_1,
    generation_2,
)


def locate(machine: Machine) -> Located:
    return find_resource_disks(machine.storage())


def names(located: Located) -> List[str]:
    return [candidate.device.name for candidate in located.candidates]


def only_objection(machine: Machine) -> str:
    located = locate(machine)
    assert located.candidates == ()
    (excluded,) = located.excluded
    return excluded.because


@pytest.mark.parametrize("old", [False, True])
def test_generation_1(tmp_path: Path, old: bool) -> None:
    (candidate,) = locate(generation_1(tmp_path, old)).candidates
    assert (candidate.device.name, candidate.found) == ("sdb", Found.GENERATION_1)
    assert RESOURCE_1 in candidate.because


def test_generation_2(tmp_path: Path) -> None:
    (candidate,) = locate(generation_2(tmp_path)).candidates
    assert (candidate.device.name, candidate.found) == ("sda", Found.GENERATION_2)
    assert CONTROLLER in candidate.because


@pytest.mark.parametrize(
    ("vmbus_id", "address"),
    [
        (CONTROLLER, "0:0:0:2"),
        (CONTROLLER, "0:0:0:11"),
        (CONTROLLER, "0:0:1:0"),
        (DATA_CONTROLLER, "0:0:0:1"),
        (OS_1, "0:0:0:1"),
        (RESOURCE_1, "1:0:1:1"),
        (f"a{RESOURCE_1[1:]}", "1:0:1:0"),
    ],
)
def test_other_places_are_no_candidates_and_nothing_is_said_of_them(
    tmp_path: Path, vmbus_id: str, address: str
) -> None:
    machine = Machine(tmp_path)
    machine.scsi("sdb", "8:16", vmbus_id, address)
    machine.mounts("8:2 / ext4 /dev/sda2")
    machine.swaps()
    assert locate(machine) == Located((), ())


def test_a_size_without_one_is_quiet(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.scsi("sda", "8:0", CONTROLLER, "0:0:0:0")
    machine.mounts("8:1 / ext4 /dev/sda1")
    machine.swaps()
    assert locate(machine) == Located((), ())


def test_nvme_disks_come_in_the_order_of_their_numbers_and_after_scsi(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.nvme("nvme2n1", "259:2")
    machine.nvme("nvme1n12", "259:5")
    machine.nvme("nvme1n3", "259:4", "Microsoft NVMe Direct Disk v2")
    machine.nvme("nvme0n1", "259:0", "MSFT NVMe Accelerator v1.0")
    located = locate(machine)
    assert names(located) == ["sda", "nvme1n3", "nvme1n12", "nvme2n1"]
    assert [candidate.found for candidate in located.candidates[1:]] == [Found.NVME] * 3
    assert located.excluded == ()


@pytest.mark.parametrize("model", ["Microsoft NVMe Direct Disk Plus", "A Microsoft NVMe Direct Disk", ""])
def test_other_nvme_disks_are_none(tmp_path: Path, model: str) -> None:
    machine = Machine(tmp_path)
    machine.nvme("nvme1n1", "259:2", model)
    machine.mounts()
    machine.swaps()
    assert locate(machine) == Located((), ())


# Links of udev.


@pytest.mark.parametrize("name", ["azure/resource", "cloud/azure_resource"])
def test_a_link_finds_what_sysfs_does_not_contradict(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path)
    machine.scsi("sdd", "8:48", "vmbus_0_1", "5:0:0:1")
    machine.udev_link(name, "/dev/sdd")
    machine.mounts()
    machine.swaps()
    (candidate,) = locate(machine).candidates
    assert (candidate.device.name, candidate.found) == ("sdd", Found.UDEV_LINK)
    assert f"/dev/disk/{name}" in candidate.because


def test_a_link_to_a_data_disk_is_no_proof_and_spoils_nothing(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.udev_link("azure/resource", "/dev/sdc")
    located = locate(machine)
    assert names(located) == ["sda"]
    (excluded,) = located.excluded
    assert excluded.device.name == "sdc"
    assert excluded.because == (
        f"/dev/disk/azure/resource leads to LUN 1 of the VMBus device {DATA_CONTROLLER}, where no temporary"
        " disk is"
    )


def test_a_link_to_the_systems_disk(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.udev_link("cloud/azure_resource", "/dev/sdb")
    assert names(locate(machine)) == ["sda"]


def test_a_link_to_what_is_no_scsi_disk(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plain("vdb", "254:16")
    machine.udev_link("azure/resource", "/dev/vdb")
    machine.mounts()
    machine.swaps()
    assert only_objection(machine) == "/dev/disk/azure/resource leads to /dev/vdb, which is no SCSI disk"


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.link("dev/disk/azure/resource", "../../sdz")
    machine.mounts()
    machine.swaps()
    assert locate(machine) == Located((), ())


def test_other_links_of_the_same_rules_prove_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.scsi("sdd", "8:48", "vmbus_0_1", "5:0:0:1")
    machine.udev_link("azure/resource-part1", "/dev/sdd")
    machine.udev_link("azure/root", "/dev/sdd")
    machine.mounts()
    machine.swaps()
    assert locate(machine) == Located((), ())


# What excludes.


@pytest.mark.parametrize(
    ("vendor", "model"), [("QEMU", "Virtual Disk"), ("Msft", "Virtual DVD-ROM"), ("", "")]
)
def test_another_makers_disk_in_the_same_place(tmp_path: Path, vendor: str, model: str) -> None:
    machine = Machine(tmp_path)
    machine.scsi("sdb", "8:16", CONTROLLER, "0:0:0:1", vendor=vendor, model=model)
    machine.mounts()
    machine.swaps()
    assert (
        only_objection(machine) == f"it says that it is {vendor!r} {model!r}, not a virtual disk of Hyper-V"
    )


def test_a_medium_that_can_be_removed(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    (machine.directory("sda") / "removable").write_text("1\n")
    assert only_objection(machine) == "its medium can be removed"


@pytest.mark.parametrize("place", ["/", "/boot", "/boot/efi", "/efi", "/usr", "/usr/local", "/home", "/var"])
def test_what_the_system_runs_on(tmp_path: Path, place: str) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("8:99 / ext4 /dev/vda", f"8:1 {place} ext4 /dev/sda1")
    assert only_objection(machine) == f"{place} is mounted from it"


@pytest.mark.parametrize("place", ["/mnt", "/mnt/resource", "/data", "/srv", "/bootstrap", "/var/tmp/x"])
def test_other_mounts_are_for_the_verdict(tmp_path: Path, place: str) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("8:18 / ext4 /dev/sdb2", f"8:1 {place} ext4 /dev/sda1")
    assert names(locate(machine)) == ["sda"]
    assert not is_system_place(GuestPath(place))


def test_a_root_on_lvm_on_luks_excludes_its_disk(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.plain("dm-0", "253:0")
    machine.plain("dm-1", "253:1")
    machine.hold("sda1", "dm-0")
    machine.hold("dm-0", "dm-1")
    machine.mounts("253:1 / ext4 /dev/mapper/vg-root")
    assert only_objection(machine) == "/ is mounted from it"


def test_a_root_on_btrfs_excludes_its_disk(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("0:32 / btrfs /dev/sda1 /@")
    assert only_objection(machine) == "/ is mounted from it"


def test_a_root_that_only_process_1_sees(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("8:1 /home ext4 /dev/sda1", process="1")
    assert only_objection(machine) == "/home is mounted from it"


def test_something_that_stands_on_it(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.plain("md127", "9:127")
    machine.hold("sda1", "md127")
    assert only_objection(machine) == "md127 stands on it (LVM, LUKS, md or bcache)"


def test_swap_on_it(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.swaps("/dev/sda1")
    assert only_objection(machine) == "the kernel swaps to /dev/sda1, which is on it"


def test_swap_through_a_holder(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.plain("bcache0", "252:0")
    machine.hold("sda", "bcache0")
    machine.swaps("/dev/bcache0")
    assert names(locate(machine)) == []


def test_several_file_systems_of_it(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("8:1 /mnt ext4 /dev/sda1", "8:1 /mnt/bind ext4 /dev/sda1 /x", "8:2 /data ext4 /dev/sda2")
    second = machine.directory("sda") / "sda2"
    second.mkdir()
    for name, text in (("start", "9"), ("size", "9"), ("dev", "8:2")):
        (second / name).write_text(text)
    assert only_objection(machine) == "several file systems are mounted from it, /mnt among them"


def test_a_bind_mount_of_its_file_system_is_no_second_one(tmp_path: Path) -> None:
    machine = generation_2(tmp_path)
    machine.mounts("8:18 / ext4 /dev/sdb2", "8:1 /mnt ext4 /dev/sda1", "8:1 /var/tmp/x ext4 /dev/sda1 /x")
    assert names(locate(machine)) == ["sda"]


def test_two_that_look_like_it_are_both_left_alone(tmp_path: Path) -> None:
    machine = generation_1(tmp_path)
    machine.scsi("sdc", "8:32", "00000000-0001-8899-0001-000000000000", "2:0:1:0")
    located = locate(machine)
    assert located.candidates == ()
    assert {each.because for each in located.excluded} == {"sdb and sdc all look like the one temporary disk"}


@pytest.mark.parametrize("name", ["proc/self/mountinfo", "proc/swaps"])
def test_what_cannot_be_seen_is_not_taken_for_free(tmp_path: Path, name: str) -> None:
    machine = generation_2(tmp_path)
    (tmp_path / name).unlink()
    assert only_objection(machine) == "/proc does not show what is mounted and swapped to"


def test_an_nvme_disk_that_is_in_use(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.nvme("nvme1n1", "259:1")
    machine.nvme("nvme2n1", "259:2")
    machine.plain("md0", "9:0", size_bytes=GIB)
    machine.hold("nvme2n1", "md0")
    machine.mounts("9:0 /data xfs /dev/md0")
    machine.swaps()
    located = locate(machine)
    assert names(located) == ["nvme1n1"]
    assert [each.device.name for each in located.excluded] == ["nvme2n1"]
