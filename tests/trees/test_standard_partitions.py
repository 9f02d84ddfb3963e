"""standard-partitions: what / is on, by the names of a mounted image and by /sys of a running system."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.unit.sysfs import Machine, generation_1

STEP = "standard-partitions"
MET, UNMET, NOT_ASSESSED = Verdict.MET, Verdict.UNMET, Verdict.NOT_ASSESSED


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=STEP)


@pytest.fixture
def alpine(tmp_path: Path) -> Rig:
    """With a boot loader whose lines are easily changed."""
    return Rig(make_tree("alpine-extlinux", tmp_path / "root"), only=STEP)


def judged(rig: Rig, fstab: str = "", words: str = "", more: str = "") -> Finding:
    (rig.root / "etc").mkdir(exist_ok=True)
    if fstab:
        (rig.root / "etc/fstab").write_text(f"{fstab} / ext4 defaults 0 1\n")
    if words:
        config = rig.root / "boot/extlinux.conf"
        config.write_text(re.sub("APPEND .*", f"APPEND {words}", config.read_text()))
    add_to_tree(rig.root, more)
    before = take_snapshot(rig.root)
    finding = rig.finding(STEP)
    assert finding.changes == ()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    return finding


@pytest.mark.parametrize(
    ("spec", "verdict", "kind"),
    [
        ("UUID=1-2", MET, ""),
        ("LABEL=root", MET, ""),
        ("PARTUUID=1-2", MET, ""),
        ("/dev/sda1", MET, ""),
        ("/dev/nvme0n1p2", MET, ""),
        ("/dev/disk/by-uuid/1-2", MET, ""),
        ("/dev/cciss/c0d0p1", MET, ""),
        ("/dev/mapper/rhel-root", UNMET, "LVM"),
        ("/dev/system/root", UNMET, "LVM"),
        ("/dev/disk/by-id/dm-name-vg-root", UNMET, "LVM"),
        ("/dev/mapper/luks-0123", UNMET, "LUKS"),
        ("/dev/mapper/sda3_crypt", UNMET, "LUKS"),
        ("/dev/md0", UNMET, "RAID"),
        ("/dev/md/root", UNMET, "RAID"),
        ("/dev/disk/by-id/md-uuid-1", UNMET, "RAID"),
    ],
)
def test_the_name_in_fstab(rig: Rig, spec: str, verdict: Verdict, kind: str) -> None:
    finding = judged(rig, spec, more="file /etc/crypttab\n|# x\n|sda3_crypt UUID=1 none luks\n")
    assert finding.verdict is verdict, finding
    assert spec in finding.because[0]
    assert finding.because[0].startswith(f"/ is on {kind}: line 1 of /etc/fstab" if kind else "/ is ")


@pytest.mark.parametrize(
    ("fstab", "words", "verdict", "kind"),
    [
        ("", "root=UUID=1 ro", MET, ""),
        ("", "root=/dev/mapper/vg-root ro", UNMET, "LVM"),
        ("UUID=1", "root=/dev/mapper/vg-root ro", UNMET, "LVM"),
        ("UUID=1", "root=UUID=1 rd.lvm.lv=rhel/root", UNMET, "LVM"),
        ("UUID=1", "root=UUID=1 rd_LVM_LV=vg/lv_root rd_NO_LUKS", UNMET, "LVM"),
        ("UUID=1", "root=UUID=1 rd.lvm.lv=rhel/swap", MET, ""),
        ("UUID=1", "root=UUID=1 rd.md.uuid=a:b:c:d", UNMET, "RAID"),
        ("UUID=1", "root=UUID=1 rd.luks.uuid=luks-1", UNMET, "LUKS"),
        ("UUID=1", "root=UUID=1 cryptdevice=UUID=2:root", UNMET, "LUKS"),
        ("UUID=1", "root=UUID=1 rd_NO_LVM rd_NO_MD rd_NO_LUKS rd.lvm=0", MET, ""),
        ("UUID=1", "root=PARTUUID=3 rd.lvm.lv=data/home", MET, ""),
    ],
)
def test_the_kernels_words(alpine: Rig, fstab: str, words: str, verdict: Verdict, kind: str) -> None:
    (alpine.root / "etc/fstab").unlink()
    finding = judged(alpine, fstab, words)
    assert finding.verdict is verdict, finding
    assert finding.because[0].startswith(f"/ is on {kind}: " if kind else "/ is ")


@pytest.mark.parametrize("path", ["/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"])
def test_an_array_that_may_hold_it(rig: Rig, path: str) -> None:
    text = f"file {path}\n|HOMEHOST <system>\n|#ARRAY x\n"
    assert judged(rig, "UUID=1", more=text).verdict is MET
    finding = judged(rig, "UUID=1", more=text + "|ARRAY /dev/md0 metadata=1.2 UUID=a:b:c:d\n")
    assert finding.verdict is NOT_ASSESSED
    assert path in finding.because[0]
    assert judged(rig, "PARTUUID=1").verdict is MET


def test_nothing_tells(rig: Rig) -> None:
    assert judged(rig).verdict is NOT_ASSESSED


def running(rig: Rig) -> Machine:
    rig.live = RUNNING
    return generation_1(rig.root)


@pytest.mark.parametrize("fstab", ["UUID=1", "/dev/sda2", "LABEL=root"])
def test_a_running_system_on_a_partition(rig: Rig, fstab: str) -> None:
    """Other disks' layers are not its."""
    machine = running(rig)
    machine.plain("md0", "9:0")
    machine.hold("sdaa1", "md0")
    finding = judged(rig, fstab, more="file /etc/mdadm.conf\n|ARRAY /dev/md0\n")
    assert (finding.verdict, finding.because) == (MET, (f"/ is on a partition: {fstab}",))


def test_a_running_system_on_lvm_on_luks(rig: Rig) -> None:
    machine = running(rig)
    machine.plain("dm-0", "253:0")
    machine.plain("dm-1", "253:1")
    machine.plain("dm-2", "253:2")
    machine.write("sys/devices/virtual/block/dm-0/dm/uuid", "CRYPT-LUKS2-0123\n")
    machine.write("sys/devices/virtual/block/dm-1/dm/uuid", "LVM-abc\n")
    machine.write("sys/devices/virtual/block/dm-2/dm/uuid", "LVM-home\n")
    machine.hold("sda2", "dm-0")
    machine.hold("dm-0", "dm-1")
    machine.hold("sda1", "dm-2")
    machine.mounts("253:1 / ext4 /dev/dm-1", "253:2 /home ext4 /dev/dm-2")
    finding = judged(rig, "UUID=1")
    assert (finding.verdict, finding.because) == (UNMET, ("/ is on LVM on LUKS: dm-0, dm-1 below it",))


def test_a_running_system_on_an_array_with_two_disks(rig: Rig) -> None:
    machine = running(rig)
    machine.plain("md127", "9:127")
    machine.hold("sda2", "md127")
    machine.hold("sdb1", "md127")
    machine.mounts("9:127 / ext4 /dev/md127")
    finding = judged(rig, "UUID=1")
    assert (finding.verdict, finding.because) == (UNMET, ("/ is on RAID: md127 below it",))


def test_a_running_system_whose_disk_is_not_to_be_seen_goes_by_names(rig: Rig) -> None:
    running(rig).mounts("0:30 / overlay overlay")
    assert judged(rig, "UUID=1").because == ("/ is UUID=1, and nothing speaks of LVM, RAID or LUKS for it",)
    assert judged(rig, "/dev/mapper/vg-root").verdict is UNMET
