"""Generators of initrds that go wrong in every way that is known of real ones: nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.errors import HvprepError
from hvprep.formats.initrd_modules import modules_in
from hvprep.model.change import Build, Change
from hvprep.steps.registry import JUDGES

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.moment import initrd_listing
from tests.trees.rig import RUNNING, Rig, content
from tests.trees.tree import add_to_tree, make_tree

KERNEL = "6.1.0-56-amd64"
TWINS = {
    "debian-12-initramfs-tools": "usr/sbin/mkinitramfs",
    "debian-12-dracut": "usr/bin/dracut",
}
SAYS = {
    "no-drivers": r"the new /boot/initrd.* is not used: it lacks the drivers hv_netvsc hv_storvsc hv_vmbus",
    "no-sd": r"is not used: it lacks the drivers sd_mod",
    "nothing": r"ended without an error, yet made no file for /boot/initrd",
    "empty": r"ended without an error, yet made no file for /boot/initrd",
    "killed": r"was killed by signal 9",
    "no-space": r"failed with exit status 1: .*No space left on device",
    "gutted": r"is not used: it lacks .*init .*which the old one has",
}
#: What only a judge notices: the program says that all is well, and there is a sound archive.
ONLY_JUDGED = ("no-drivers", "no-sd", "gutted")


def make_rig(name: str, fault: str, tmp_path: Path) -> Rig:
    root = make_tree(name, tmp_path / "root")
    (root / f"{TWINS[name]}.fault").write_text(fault)
    return Rig(root)


@pytest.fixture
def rig(name: str, fault: str, tmp_path: Path) -> Rig:
    return make_rig(name, fault, tmp_path)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("fault", SAYS)
def test_a_faulty_generator_changes_nothing(rig: Rig, fault: str) -> None:
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match=SAYS[fault]) as caught:
        rig.prepare()
    assert caught.value.exit_status == 1
    assert "\n" not in caught.value.sentence
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    assert rig.finding("initrd-drivers").changes, "what is not done is still to be done"


@pytest.mark.parametrize("name", ["debian-12-initramfs-tools"])
@pytest.mark.parametrize("fault", ["no-drivers", "killed"])
def test_a_faulty_generator_changes_nothing_on_a_running_machine(rig: Rig, fault: str) -> None:
    rig.live = RUNNING
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match=SAYS[fault]):
        rig.prepare()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_the_next_prepare_goes_on_once_the_generator_is_repaired(tmp_path: Path) -> None:
    rig = make_rig("debian-12-dracut", "no-space", tmp_path)
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError):
        rig.prepare()
    (rig.root / "usr/bin/dracut.fault").unlink()
    assert rig.prepare().changes
    assert rig.plan().changes == ()
    rig.rollback()
    (rig.root / "usr/bin/dracut.fault").write_text("no-space")
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_generator_that_writes_to_the_final_path_is_found_out(tmp_path: Path) -> None:
    """dracut before 107 does when it is asked to: so it is asked for a new name. None is known that does not
    listen; of the old content there is no copy yet at that moment, all else is taken back."""
    rig = make_rig("debian-12-dracut", "elsewhere", tmp_path)
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match=f"/boot/initrd.img-{KERNEL}"):
        rig.prepare()
    differences = diff_snapshots(before, take_snapshot(rig.root))
    assert differences in ([], [f"changed /boot/initrd.img-{KERNEL} (content)"])


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("fault", ONLY_JUDGED)
def test_without_the_judge_the_fault_would_get_through(rig: Rig, fault: str) -> None:
    """So the tests above are red without it: only the verifier is left, and it judges drivers alone."""
    rig.judges = {**JUDGES, "initrd": content}
    installed = []

    def look(change: Change) -> None:
        if isinstance(change, Build) and not change.subject:  # boot entries come after all initrds
            installed.append((rig.root / f"boot/initrd.img-{KERNEL}").read_bytes())

    rig.meanwhile = look
    if fault == "gutted":
        rig.prepare()
    else:
        with pytest.raises(HvprepError, match="did not have their effect"):
            rig.prepare()
    names = initrd_listing(installed[0]).split("\n")
    modules = modules_in(names)[KERNEL]
    faulty = {
        "no-drivers": "hv_vmbus" not in modules,
        "no-sd": "sd_mod" not in modules,
        "gutted": "init" not in names,
    }
    assert faulty[fault]


def test_an_image_without_what_finds_the_root_volume_is_refused(tmp_path: Path) -> None:
    """The old one had LVM's program, and / is one of its volumes."""
    rig = Rig(make_tree("el-9", tmp_path / "root"))
    version = "5.14.0-427.13.1.el9_4.x86_64"
    members = f"|gzip\n| init\n| usr/bin/sh\n| usr/sbin/lvm\n| {version}: dm_mod xfs\n"
    add_to_tree(rig.root, f"initrd /boot/initramfs-{version}.img 0600\n{members}")
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match="img is not used: it lacks lvm, which the old one has"):
        rig.prepare("initrd-drivers")
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_dracut_drops_what_follows_an_unknown_name(tmp_path: Path) -> None:
    """boot.md, fact 1: only names that every kernel resolves go into the drop-in, so none is dropped."""
    root = make_tree("debian-12-dracut", tmp_path / "root")
    (root / "etc/dracut.conf.d/10-site.conf").write_text('add_drivers+=" no_such_module hv_utils "\n')
    rig = Rig(root)
    with pytest.raises(HvprepError, match="lacks the drivers hv_netvsc"):
        rig.prepare()
    (root / "etc/dracut.conf.d/10-site.conf").unlink()
    rig.prepare()
    assert rig.finding("initrd-drivers").changes == ()
