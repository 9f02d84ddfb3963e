"""floppy-module: found and mended by a drop-in, on systems that have it and on those that need none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Severity, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.standins.initrd_generator import archive
from tests.trees.tree import add_to_tree, make_tree

STEP = "floppy-module"
DIRECTORY = "usr/lib/modules/5.10.0-28-amd64"
DROP_IN = "etc/modprobe.d/hvprep-floppy.conf"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("modules", tmp_path / "root"), only=STEP)


def test_it_is_kept_out_by_a_drop_in(rig: Rig) -> None:
    finding = rig.finding(STEP)
    assert (finding.verdict, finding.severity) == (Verdict.UNMET, Severity.RECOMMENDED)
    assert finding.because == ("nothing keeps floppy out of kernel 5.10.0-28-amd64",)
    before = take_snapshot(rig.root)
    rig.prepare()
    assert (rig.root / DROP_IN).read_text().splitlines()[-1] == "blacklist floppy"
    assert rig.finding(STEP).verdict is Verdict.MET
    assert rig.finding(STEP).because == (f"/{DROP_IN}:2: blacklist floppy",)
    assert rig.plan().changes == ()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize(
    ("rule", "is_met"),
    [
        ("blacklist floppy", True),  # osbuild's images of RHEL for Azure: blacklist-floppy.conf
        ("install floppy /bin/false", True),
        ("install flop* /bin/false", True),
        ("install floppy /sbin/modprobe -i floppy", False),
        ("# blacklist floppy", False),
        ("blacklist floppy_x", False),
        ("options floppy floppy=0", False),
    ],
)
def test_a_rule_of_the_vendors_is_enough(rig: Rig, rule: str, is_met: bool) -> None:
    add_to_tree(rig.root, f"file /usr/lib/modprobe.d/blacklist-floppy.conf\n|{rule}\n")
    assert rig.finding(STEP).verdict is (Verdict.MET if is_met else Verdict.UNMET)


def test_a_drop_in_that_lost_its_line_gets_it_back(rig: Rig) -> None:
    add_to_tree(rig.root, f"file /{DROP_IN}\n|# nothing\n")
    rig.prepare()
    assert "blacklist floppy\n" in (rig.root / DROP_IN).read_text()


def test_where_no_kernel_has_it_nothing_is_written(rig: Rig) -> None:
    path = rig.root / DIRECTORY / "modules.dep"
    path.write_text(path.read_text().replace("kernel/drivers/block/floppy.ko:\n", ""))
    assert (rig.finding(STEP).verdict, rig.finding(STEP).because) == (Verdict.MET, ("no kernel has it",))
    assert rig.plan().changes == ()


def test_one_that_is_built_in_is_told(rig: Rig) -> None:
    path = rig.root / DIRECTORY / "modules.dep"
    path.write_text(path.read_text().replace("kernel/drivers/block/floppy.ko:\n", ""))
    with (rig.root / DIRECTORY / "modules.builtin").open("a") as stream:
        stream.write("kernel/drivers/block/floppy.ko\n")
    finding = rig.finding(STEP)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert finding.because == ("kernel 5.10.0-28-amd64 has the floppy driver built in",)


def test_without_modules_dep_it_is_not_known(rig: Rig) -> None:
    (rig.root / DIRECTORY / "modules.dep").unlink()
    assert (rig.finding(STEP).verdict, rig.plan().changes) == (Verdict.NOT_ASSESSED, ())


@pytest.mark.parametrize(
    ("members", "is_told"), [("5.10.0-28-amd64: floppy", True), ("5.10.0-28-amd64: sd_mod", False)]
)
def test_initrds_that_hold_it_are_told(rig: Rig, members: str, is_told: bool) -> None:
    add_to_tree(rig.root, f"initrd /boot/initrd.img-5.10.0-28-amd64 0644\n|zstd\n| init\n| {members}\n")
    rig.prepare()
    finding = rig.finding(STEP)
    assert finding.verdict is Verdict.MET
    told = [
        each for each in finding.because if each.startswith("/boot/initrd.img-5.10.0-28-amd64 holds floppy")
    ]
    assert bool(told) is is_told


def test_an_initrd_with_a_rule_of_its_own_is_not_told(rig: Rig) -> None:
    add_to_tree(rig.root, "initrd /boot/initrd.img-5.10.0-28-amd64 0644\n|zstd\n| 5.10.0-28-amd64: floppy\n")
    path = rig.root / "boot/initrd.img-5.10.0-28-amd64"
    path.write_bytes(archive({"etc/modprobe.d/floppy.conf": b"blacklist floppy\n"}) + path.read_bytes())
    rig.prepare()
    assert rig.finding(STEP).because == (f"/{DROP_IN}:2: blacklist floppy",)


def test_a_link_in_its_place_leads_nowhere(rig: Rig) -> None:
    """A hostile image: the drop-in's name is a link out of the tree."""
    outside = rig.root.parent / "outside"
    outside.write_text("untouched")
    (rig.root / "etc/modprobe.d").mkdir()
    (rig.root / DROP_IN).symlink_to("../../../outside")
    rig.prepare()
    assert outside.read_text() == "untouched"
    assert rig.finding(STEP).verdict is Verdict.MET


def test_a_hyper_v_of_ones_own_may_have_floppies(rig: Rig) -> None:
    add_to_tree(rig.root, "file /etc/hvprep.conf\n|Image.Profile=hyperv\n")
    assert rig.finding(STEP).verdict is Verdict.NOT_APPLICABLE
