"""fstab-persistent-ids: names of disks that another machine, or the next boot, gives to another disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Sequence

import pytest
from hvprep.model.change import Write
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.unit.sysfs import Machine, generation_1

STEP = "fstab-persistent-ids"
MET, UNMET = Verdict.MET, Verdict.UNMET
ROOT_ID = "UUID=5c1c9f3e-6f0c-4b52-9c2e-6d6f4f2b1a30"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    root = make_tree("small-system", tmp_path / "root")
    (root / "etc").mkdir()
    return Rig(root, only=STEP)


@pytest.fixture
def alpine(tmp_path: Path) -> Rig:
    """Every boot entry has root=UUID=..."""
    return Rig(make_tree("alpine-extlinux", tmp_path / "root"), only=STEP)


@pytest.fixture
def debian(tmp_path: Path) -> Rig:
    return Rig(make_tree("debian-12-initramfs-tools", tmp_path / "root"), only=STEP)


def fstab(rig: Rig, *lines: str) -> None:
    (rig.root / "etc/fstab").write_text("".join(f"{line}\n" for line in lines))


def lines(rig: Rig) -> Sequence[str]:
    return (rig.root / "etc/fstab").read_text().splitlines()


def judged(rig: Rig, *table: str) -> Finding:
    if table:
        fstab(rig, *table)
    return rig.finding(STEP)


@pytest.mark.parametrize(
    "name",
    [
        "UUID=1-2",
        "LABEL=data",
        "PARTUUID=1",
        "PARTLABEL=a",
        "/dev/disk/by-uuid/1",
        "/dev/disk/by-label/a",
        "/dev/disk/by-partuuid/1",
        "/dev/disk/azure/resource-part1",
        "/dev/disk/azure/root-part2",
        "/dev/disk/cloud/azure_resource-part1",
        "/dev/disk/by-id/dm-name-vg-a",
        "/dev/disk/by-id/md-uuid-1",
        "/dev/disk/by-id/lvm-pv-uuid-1",
        "/dev/mapper/vg-a",
        "/dev/vg/a",
        "/dev/md0",
        "/dev/sr0",
        "/dev/fd0",
        "/dev/zram0",
        "/dev/loop0",
        "/dev/mmcblk0p1",
        "/dev/shadow/sda1",
        "/dev/sda-group/volume",
        "server:/dev/sda1",
        "/swapfile",
        "tmpfs",
    ],
)
def test_names_that_stay(rig: Rig, name: str) -> None:
    finding = judged(rig, f"{name} /data ext4 defaults 0 2")
    assert (finding.verdict, finding.changes) == (MET, ())


@pytest.mark.parametrize(
    "name",
    [
        "/dev/sda",
        "/dev/sda1",
        "/dev/sdaa15",
        "/dev/hdc2",
        "/dev/vda1",
        "/dev/xvdf1",
        "/dev/nvme0n1",
        "/dev/nvme0n1p15",
        "/dev/disk/by-path/pci-0000:00:07.1-ata-1-part1",
        "/dev/disk/by-diskseq/9-part1",
        "/dev/disk/azure/scsi1/lun0-part1",
        "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1",
        "/dev/disk/by-id/scsi-360022480-part2",
    ],
)
def test_names_that_come_and_go(rig: Rig, name: str) -> None:
    before = take_snapshot(rig.root)
    finding = judged(rig, "# mine", f"{name} /data ext4 defaults,nofail 0 2")
    assert (finding.verdict, finding.changes) == (UNMET, ())
    assert finding.because == (f"line 2 of /etc/fstab mounts {name} on /data",)
    assert f"blkid {name}" in (finding.remedy or "")
    assert len(diff_snapshots(before, take_snapshot(rig.root))) == 1, "the test's own fstab"


@pytest.mark.parametrize(
    "line",
    [
        "/dev/sdb1 /media/usb0 auto rw,user,noauto 0 0",
        "#/dev/sda1 / ext4",
        "/dev/sr0 /media/cdrom0 udf,iso9660 user",
    ],
)
def test_lines_that_boot_does_not_mount(rig: Rig, line: str) -> None:
    assert judged(rig, line).verdict is MET


def test_a_line_that_is_mounted_when_somebody_looks(rig: Rig) -> None:
    finding = judged(rig, "/dev/sdb1 /data ext4 noauto,x-systemd.automount 0 0")
    assert (finding.verdict, finding.because) == (UNMET, ("line 1 of /etc/fstab mounts /dev/sdb1 on /data",))


def test_a_line_that_no_mount_reads(rig: Rig) -> None:
    finding = judged(rig, "UUID=1 / ext4", "UUID=2 /home")
    assert finding.because == ("line 2 of /etc/fstab is no entry: UUID=2 /home",)
    assert "findmnt --verify" in (finding.remedy or "")


def test_no_fstab(rig: Rig) -> None:
    assert judged(rig).verdict is MET


# What is known of a system that does not run.


def test_the_root_is_what_the_boot_entries_say(alpine: Rig) -> None:
    fstab(alpine, "# vda", "/dev/vda3\t/  ext4 rw,relatime 0 1", "/dev/vda1 /boot ext4 defaults 0 2")
    before = take_snapshot(alpine.root)
    finding = judged(alpine)
    assert "line 2 of /etc/fstab names " + ROOT_ID + " instead of /dev/vda3" in finding.because
    assert "line 3 of /etc/fstab mounts /dev/vda1 on /boot" in finding.because
    alpine.prepare()
    assert lines(alpine) == [
        "# vda",
        f"{ROOT_ID}\t/  ext4 rw,relatime 0 1",
        "/dev/vda1 /boot ext4 defaults 0 2",
    ]
    assert judged(alpine).because == ("line 3 of /etc/fstab mounts /dev/vda1 on /boot",)
    alpine.rollback()
    assert diff_snapshots(before, take_snapshot(alpine.root)) == []


def words(rig: Rig, *every: str) -> None:
    """The words of the two entries."""
    config = rig.root / "boot/extlinux.conf"
    given = iter(every)
    config.write_text(re.sub("APPEND .*", lambda match: f"APPEND {next(given)}", config.read_text()))


@pytest.mark.parametrize(
    "every",
    [
        ("root=UUID=1 ro", "root=UUID=2 ro"),
        ("root=UUID=1 ro", "ro"),
        ("root=LABEL=a", "root=LABEL=a"),
        ("ro", "ro"),
    ],
)
def test_boot_entries_that_do_not_agree_tell_nothing(alpine: Rig, every: Sequence[str]) -> None:
    words(alpine, *every)
    finding = judged(alpine, "/dev/vda3 / ext4 rw 0 1")
    assert (finding.verdict, finding.changes) == (UNMET, ())


def test_boot_is_what_grub_looks_for(debian: Rig) -> None:
    """A /boot of its own: grub.cfg searches for another file system than the kernel's root."""
    config = debian.root / "boot/grub/grub.cfg"
    root = re.findall("root=(UUID=[0-9a-f-]+)", config.read_text())[0]
    fstab(
        debian,
        "/dev/sda2 / ext4 errors=remount-ro 0 1",
        "/dev/sda1 /boot/ ext4 defaults 0 2",
        "/dev/sda3 /home ext4",
    )
    assert debian.root.joinpath("boot/grub/grub.cfg").read_text().count("--fs-uuid")
    finding = judged(debian)
    assert f"line 1 of /etc/fstab names {root} instead of /dev/sda2" in finding.because
    assert "line 2 of /etc/fstab mounts /dev/sda1 on /boot/" in finding.because, "grub.cfg is on / so far"
    text = re.sub(
        r"(search .*--fs-uuid .*)[ ]\S+", r"\1 0b3e6a1c-77d2-4c55-9d0e-5a1c3c1f2b90", config.read_text()
    )
    config.write_text(text)
    debian.prepare()
    assert lines(debian) == [
        f"{root} / ext4 errors=remount-ro 0 1",
        "UUID=0b3e6a1c-77d2-4c55-9d0e-5a1c3c1f2b90 /boot/ ext4 defaults 0 2",
        "/dev/sda3 /home ext4",
    ]
    assert judged(debian).because == ("line 3 of /etc/fstab mounts /dev/sda3 on /home",)
    config.write_text(text + "search --no-floppy --label --set=root abc-def\n")
    table = ("UUID=1 / ext4", "/dev/sda1 /boot ext4")
    assert [change.why.partition(" of")[0] for change in judged(debian, *table).changes] == ["line 2"]
    config.write_text(text + "search --no-floppy --fs-uuid --set=root 12345678-9abc\n")
    assert (
        "line 2 of /etc/fstab mounts /dev/sda1 on /boot"
        in judged(debian, "UUID=1 / ext4", "/dev/sda1 /boot ext4").because
    )


# The kernel's words.


def test_the_root_of_a_boot_entry(alpine: Rig) -> None:
    words(alpine, "root=/dev/vda3 ro", "root=UUID=1 ro")
    add_to_tree(alpine.root, "file /etc/default/grub\n|GRUB_DISABLE_UUID=true\n")
    finding = judged(alpine)
    assert (finding.verdict, finding.changes) == (UNMET, ())
    assert "GRUB_DISABLE_UUID" not in (finding.remedy or ""), "another boot loader's"
    assert finding.because == ('entry "Linux virt" has root=/dev/vda3',)
    assert "/boot/extlinux.conf" in (finding.remedy or "")


def test_a_setting_that_keeps_grub_from_it(debian: Rig) -> None:
    defaults = debian.root / "etc/default/grub"
    config = debian.root / "boot/grub/grub.cfg"
    config.write_text(re.sub("root=UUID=[0-9a-f-]+", "root=/dev/sda1", config.read_text()))
    assert judged(debian).verdict is UNMET
    assert "GRUB_DISABLE_UUID" not in (judged(debian).remedy or "")
    defaults.write_text(defaults.read_text() + "GRUB_DISABLE_UUID=true\n")
    assert "take GRUB_DISABLE_UUID out of /etc/default/grub" in (judged(debian).remedy or "")


# The running system: udev has read what is on the disks.


def udev(rig: Rig, number: str, node: str, **tags: str) -> None:
    names = {"uuid": "ID_FS_UUID", "partuuid": "ID_PART_ENTRY_UUID"}
    text = "".join(f"|E:{names[tag]}={value}\n" for tag, value in tags.items())
    add_to_tree(rig.root, f"file /run/udev/data/b{number}\n{text}file {node}\n|\n")
    for tag, value in tags.items():
        add_to_tree(rig.root, f"link /dev/disk/by-{tag}/{value} ../../{node.rpartition('/')[2]}\n")


def running(rig: Rig) -> Machine:
    rig.live = RUNNING
    udev(rig, "8:1", "/dev/sda1", uuid="boot-1", partuuid="p-1")
    udev(rig, "8:2", "/dev/sda2", uuid="root-2", partuuid="p-2")
    udev(rig, "8:17", "/dev/sdb1", uuid="temporary")
    return generation_1(rig.root)


def test_a_running_system_knows(rig: Rig) -> None:
    running(rig)
    fstab(
        rig,
        "/dev/sda2 / ext4 defaults 0 1",
        "/dev/disk/by-path/x-part1 /data ext4",
        "/dev/sdb1 /mnt ext4 nofail",
    )
    add_to_tree(rig.root, "link /dev/disk/by-path/x-part1 ../../sda1\n")
    before = take_snapshot(rig.root)
    rig.prepare()
    assert lines(rig) == [
        "UUID=root-2 / ext4 defaults 0 1",
        "UUID=boot-1 /data ext4",
        "/dev/sdb1 /mnt ext4 nofail",
    ]
    assert judged(rig).because == ("line 3 of /etc/fstab mounts /dev/sdb1 on /mnt",), "of another disk"
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_an_id_that_leads_elsewhere_is_no_id(rig: Rig) -> None:
    """A clone of the disk: udev gives the link to one of the two."""
    running(rig)
    add_to_tree(rig.root, "link /dev/disk/by-uuid/root-2 ../../sdaa1\n")
    fstab(rig, "/dev/sda2 / ext4")
    rig.prepare()
    assert lines(rig) == ["PARTUUID=p-2 / ext4"]
    add_to_tree(rig.root, "link /dev/disk/by-partuuid/p-2 ../../sdaa1\n")
    finding = judged(rig, "/dev/sda2 / ext4")
    assert (finding.verdict, finding.changes) == (UNMET, ())


def test_devices_of_crypttab(rig: Rig) -> None:
    running(rig)
    table = (
        "# a\nroot\t/dev/sda2 none luks\nswap /dev/sda1 /dev/urandom swap\nb /dev/sdb1 none\nc UUID=1 none\n"
    )
    (rig.root / "etc/crypttab").write_text(table)
    finding = judged(rig)
    (write,) = finding.changes
    assert isinstance(write, Write)
    assert write.content.decode() == table.replace("/dev/sda2", "UUID=root-2").replace(
        "/dev/sda1", "PARTUUID=p-1"
    )
    assert "line 4 of /etc/crypttab opens /dev/sdb1 as b" in finding.because
    rig.live = None
    assert judged(rig).changes == ()
    assert len(judged(rig).because) == 3
