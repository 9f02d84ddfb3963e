"""grub-mkconfig gone wrong. On an image the lines of the old grub.cfg are edited instead; on a running
machine, where it has to work, nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.errors import HvprepError, Refusal
from hvprep.formats.kernel_cmdline import parse
from hvprep.steps.registry import JUDGES

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig, content
from tests.trees.tree import make_tree

CFG = "boot/grub/grub.cfg"
OURS = ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300"]
GONE = {"quiet", "splash", "console=ttyS0"}

#: By fault, what is said of it. What the last of them writes is right for a machine that runs.
SAYS = {
    "drops-entry": "the entries of vmlinuz-6.8.0-60-generic disappear from it",
    "other-root": r"the kernel path, root= or volume of vmlinuz-6.8.0-62-generic becomes .*root=/dev/vda1",
    "builder": r"volume of vmlinuz-6.8.0-62-generic becomes .*root=UUID=b01dface",
    "syntax": r"grub-script-check .*failed with exit status 1: .*Syntax error",
    "nothing": "ended without an error, yet made no file for /boot/grub/grub.cfg",
    "killed": "was killed by signal 9",
    "deaf": r'entry "Ubuntu": it has no console=, not console=ttyS0,115200n8',
    "fails": "failed with exit status 1: .*failed to get canonical path",
}
OFFLINE_ONLY = "foreign"


def make_rig(fault: str, tmp_path: Path) -> Rig:
    root = make_tree("ubuntu-24.04-cloud", tmp_path / "root")
    (root / "usr/sbin/grub-mkconfig.fault").write_text(fault)
    # On a running machine /boot would have to be mounted.
    (root / "etc/fstab").write_text("LABEL=cloudimg-rootfs / ext4 defaults 0 1\n")
    return Rig(root)


@pytest.mark.parametrize("fault", [*SAYS, OFFLINE_ONLY])
def test_on_an_image_the_kernel_lines_are_edited_by_word(fault: str, tmp_path: Path) -> None:
    rig = make_rig(fault, tmp_path)
    before = take_snapshot(rig.root)
    old = (rig.root / CFG).read_text().split("\n")
    rig.prepare(only="kernel-parameters")
    new = (rig.root / CFG).read_text().split("\n")
    assert len(new) == len(old)
    for old_line, new_line in zip(old, new):
        old_words, new_words = parse(old_line).words, parse(new_line).words
        if old_words[:1] == ("linux",):
            assert list(new_words) == [*(word for word in old_words if word not in GONE), *OURS]
        else:
            assert new_line == old_line
    assert sorted(path.name for path in (rig.root / "boot/grub").iterdir()) == [
        "grub.cfg",
        "grub.cfg.hvprep-old",
    ]
    assert rig.plan(only="kernel-parameters").changes == ()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("fault", SAYS)
def test_on_a_running_machine_nothing_changes(fault: str, tmp_path: Path) -> None:
    rig = make_rig(fault, tmp_path)
    rig.live = RUNNING
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match=SAYS[fault]) as caught:
        rig.prepare()
    assert caught.value.exit_status == 1
    assert "\n" not in caught.value.sentence
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_on_a_running_machine_other_systems_may_be_found(tmp_path: Path) -> None:
    rig = make_rig(OFFLINE_ONLY, tmp_path)
    rig.live = RUNNING
    rig.prepare()
    assert "Fedora" in (rig.root / CFG).read_text()
    assert rig.plan().changes == ()


@pytest.mark.parametrize("live", [None, RUNNING], ids=["image", "running"])
def test_a_grub_cfg_that_somebody_edits_meanwhile_is_not_overwritten(live: object, tmp_path: Path) -> None:
    rig = make_rig("edits-target", tmp_path)
    rig.live = RUNNING if live else None
    before = take_snapshot(rig.root)
    with pytest.raises(Refusal, match="/boot/grub/grub.cfg was changed by somebody else"):
        rig.prepare()
    assert diff_snapshots(before, take_snapshot(rig.root)) == ["changed /boot/grub/grub.cfg (content)"]
    assert (rig.root / CFG).read_text().endswith("# edited by somebody\n")


@pytest.mark.parametrize(
    ("fault", "trace"),
    [
        ("drops-entry", None),
        ("other-root", "root=/dev/vda1"),
        ("builder", "root=UUID=b01dface"),
        ("foreign", "Fedora"),
    ],
)
def test_without_the_judge_the_fault_would_get_through(fault: str, trace: str, tmp_path: Path) -> None:
    """So the tests above are red without it."""
    rig = make_rig(fault, tmp_path)
    rig.judges = {**JUDGES, "boot-entries": content}
    rig.prepare()
    text = (rig.root / CFG).read_text()
    assert trace in text if trace else "vmlinuz-6.8.0-60-generic" not in text


def test_without_the_judge_the_verifier_still_sees_missing_words(tmp_path: Path) -> None:
    rig = make_rig("deaf", tmp_path)
    rig.judges = {**JUDGES, "boot-entries": content}
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match="the changes did not have their effect: kernel-parameters"):
        rig.prepare()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_system_whose_boot_files_were_taken_away_meanwhile(tmp_path: Path) -> None:
    """The package of an old kernel is removed while its initrd is being built."""
    rig = make_rig("", tmp_path)
    rig.meanwhile = lambda change: (rig.root / "boot/initrd.img-6.8.0-60-generic").unlink(missing_ok=True)
    with pytest.raises(Refusal, match=r"/boot/initrd.img-6.8.0-60-generic was changed by somebody else"):
        rig.prepare()
