"""Drivers that are kept out: by modprobe.d, by its copy in an initrd, by the kernel's own line."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from hvprep.errors import ChangeFailed
from hvprep.model.change import Build
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.standins.initrd_generator import archive
from tests.trees.tree import add_to_tree, make_tree

STEP = "initrd-drivers"


@pytest.fixture
def alpine(tmp_path: Path) -> Rig:
    rig = Rig(make_tree("initrd-alpine", tmp_path / "root"))
    add_to_tree(rig.root, "remove /boot/vmlinuz-virt\n")
    menu = rig.root / "boot/extlinux.conf"
    text = menu.read_text()
    menu.write_text(text[: text.index("LABEL virt")] + text[text.index("LABEL lts") :])
    return rig


def drivers(rig: Rig) -> Finding:
    return next(finding for finding in rig.plan().findings if finding.id == STEP)


CONF = "file /etc/modprobe.d/a.conf\n"
PACKAGED = "file /usr/lib/modprobe.d/a.conf\n"
KMOD = "elf /usr/bin/kmod x86_64\nlink /usr/sbin/modprobe ../bin/kmod\n"
OLD = "elf /usr/sbin/modprobe x86_64\n"
BANS = [
    (f"{CONF}|# CIS\n|install hv_netvsc /bin/true\n",
     "hv_netvsc counts as absent: /etc/modprobe.d/a.conf:2: install hv_netvsc /bin/true"),
    (f"{PACKAGED}|blacklist hv-storvsc\n", "/usr/lib/modprobe.d/a.conf:1: blacklist hv-storvsc"),
    (f"{CONF}|install scsi_transport_fc /bin/false\n", "hv_storvsc counts as absent: /etc/modprobe.d"),
    (f"{CONF}|install fs-ext4 /bin/false\n", "ext4 counts as absent: /etc/modprobe.d/a.conf:1"),
    (f"{PACKAGED}|blacklist hv_netvsc\n{CONF}|# masked\n", None),
    (f"{CONF}|blacklist scsi_transport_fc\n|blacklist floppy\n", None),
    (f"{CONF}|install hv_netvsc /sbin/modprobe --ignore-install hv_netvsc; logger x\n", None),
    (f"file /etc/modprobe.d/a.conf.bak\n|blacklist hv_netvsc\n{KMOD}", None),
    (f"file /etc/modprobe.d/blacklist\n|blacklist hv_netvsc\n{OLD}", "/etc/modprobe.d/blacklist:1"),
    (f"file /etc/modprobe.conf\n|alias hv_netvsc off\n{OLD}", "/etc/modprobe.conf:1: alias hv_netvsc off"),
    ("file /etc/modprobe.conf\n|blacklist hv_netvsc\n", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), BANS)
def test_a_driver_that_is_kept_out_counts_as_absent(alpine: Rig, text: str, reason: Optional[str]) -> None:
    """It is told with file and line, and left to the person: no change is planned for it."""
    alpine.prepare(STEP)
    add_to_tree(alpine.root, text)
    finding = drivers(alpine)
    assert finding.verdict is (Verdict.MET if reason is None else Verdict.UNMET), finding.because
    assert finding.changes == ()
    assert reason is None or any(reason in each for each in finding.because), finding.because
    assert reason is None or finding.remedy


def test_a_ban_in_the_copy_inside_the_image(alpine: Rig) -> None:
    alpine.prepare(STEP)
    path = alpine.root / "boot/initramfs-lts"
    path.write_bytes(archive({"etc/modprobe.d/x.conf": b"\nblacklist hv_vmbus\n"}) + path.read_bytes())
    (reason,) = [each for each in drivers(alpine).because if "absent" in each]
    assert (
        reason
        == "hv_vmbus counts as absent: /boot/initramfs-lts, /etc/modprobe.d/x.conf:2: blacklist hv_vmbus"
    )
    assert drivers(alpine).changes == ()


def hardened(rig: Rig, copied: str, rule: str) -> Path:
    """The image as a generator makes it that copies modprobe.d, from a system that had this rule then."""
    path = rig.root / "boot/initramfs-lts"
    path.write_bytes(archive({copied: f"# CIS\n{rule}\n".encode()}) + path.read_bytes())
    return path


@pytest.mark.parametrize(
    "rule", ["blacklist hv_netvsc", "install hv_netvsc /bin/true", "install scsi_transport_fc :"]
)
def test_an_image_with_a_rule_that_the_system_has_lost_is_made_anew(alpine: Rig, rule: str) -> None:
    alpine.prepare(STEP)
    path = hardened(alpine, "etc/modprobe.d/a.conf", rule)
    before = take_snapshot(alpine.root)
    add_to_tree(alpine.root, f"{CONF}|# CIS\n|{rule}\n")
    assert drivers(alpine).changes == (), "a new image would have the rule too"
    add_to_tree(alpine.root, f"{CONF}|# CIS\n")
    add_to_tree(alpine.root, f"file /etc/modprobe.d/b.conf\n|{rule}\n")
    assert drivers(alpine).changes == (), "another file has it"
    (alpine.root / "etc/modprobe.d/b.conf").unlink()
    assert not [each for each in drivers(alpine).because if "absent" in each]
    (build,) = drivers(alpine).changes
    assert isinstance(build, Build)
    freed = "hv_storvsc" if "scsi" in rule else "hv_netvsc"
    assert build.wants[-1] == f"!ban {freed}"
    assert build.why == (
        f"/boot/initramfs-lts, /etc/modprobe.d/a.conf:2 keeps {freed} out, and the system does no longer"
    )
    alpine.prepare(STEP)
    assert b"CIS" not in path.read_bytes()
    assert (drivers(alpine).verdict, drivers(alpine).changes) == (Verdict.MET, ())
    alpine.rollback()
    (alpine.root / "etc/modprobe.d/a.conf").unlink()
    (alpine.root / "etc/modprobe.d").rmdir()
    assert diff_snapshots(before, take_snapshot(alpine.root)) == []


def test_a_new_image_that_has_the_rule_again_is_refused(alpine: Rig) -> None:
    """A hook of the generator's puts it there."""
    alpine.prepare(STEP)
    path = hardened(alpine, "etc/modprobe.d/a.conf", "blacklist hv_netvsc")
    add_to_tree(alpine.root, f"{CONF}|# CIS\n")
    generator = alpine.root / "sbin/mkinitfs"
    text = generator.read_text()
    member = '"etc/modprobe.d/a.conf": b"blacklist hv_netvsc"'
    generator.write_text(text.replace("archive({**dict", f"archive({{{member}, **dict"))
    assert generator.read_text() != text
    old = path.read_bytes()
    with pytest.raises(ChangeFailed, match=r"a.conf:1 says: blacklist hv_netvsc"):
        alpine.prepare(STEP)
    assert path.read_bytes() == old


def test_a_rule_of_a_masked_file_is_left_to_a_person(alpine: Rig) -> None:
    """The generator may copy the masked file and not the one that masks it, as dracut does."""
    alpine.prepare(STEP)
    hardened(alpine, "usr/lib/modprobe.d/a.conf", "blacklist hv_netvsc")
    add_to_tree(alpine.root, f"{PACKAGED}|# CIS\n|blacklist hv_netvsc\n{CONF}|# masked\n")
    assert (drivers(alpine).verdict, drivers(alpine).changes) == (Verdict.UNMET, ())


@pytest.mark.parametrize(
    ("word", "is_ban"),
    [
        ("modprobe.blacklist=floppy,hv-netvsc", True),
        ("rd.driver.blacklist=hv_storvsc", True),
        ("module_blacklist=scsi_transport_fc", True),
        ("modprobe.blacklist=scsi_transport_fc", False),
        ("modprobe.blacklists=hv_netvsc", False),
    ],
)
def test_a_ban_on_the_kernel_line(alpine: Rig, word: str, is_ban: bool) -> None:
    alpine.prepare(STEP)
    path = alpine.root / "boot/extlinux.conf"
    path.write_text(path.read_text().replace("rootfstype=ext4", f"rootfstype=ext4 {word}"))
    reasons = [each for each in drivers(alpine).because if "absent" in each]
    assert len(reasons) == int(is_ban)
    assert not reasons or (word in reasons[0] and "extlinux.conf" in reasons[0])
