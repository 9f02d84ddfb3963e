"""Every captured system through check, prepare, check, prepare, rollback: all that is said and done."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hvprep.model.finding import Verdict
from hvprep.model.plan import plan_to_json
from jsonschema import Draft202012Validator

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.golden import compare, portable_plan, portable_report, shown
from tests.trees.moment import describe_difference, take_moment
from tests.trees.rig import Rig
from tests.trees.tree import DATA, LEFT, TREES, make_tree

SCHEMA = Path(__file__).parents[2] / "conf" / "report.schema.json"

every_tree = pytest.mark.parametrize("name", TREES)


@pytest.fixture
def rig(name: str, tmp_path: Path) -> Rig:
    return Rig(make_tree(name, tmp_path / "root"))


@every_tree
def test_check(name: str, rig: Rig) -> None:
    before = take_moment(rig.root)
    report = rig.report()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    compare(f"{name}/report.json", shown(portable_report(report)))
    assert take_moment(rig.root) == before


@every_tree
def test_plan(name: str, rig: Rig) -> None:
    compare(f"{name}/plan.json", shown(portable_plan(plan_to_json(rig.plan()))))


@every_tree
def test_prepare_and_rollback(name: str, rig: Rig) -> None:
    before = take_moment(rig.root)
    rig.prepare()
    prepared = take_moment(rig.root)
    compare(f"{name}/diff.txt", describe_difference(before, prepared))

    after = rig.plan()
    assert after.changes == ()
    left = {finding.id for finding in after.findings if finding.verdict is not Verdict.MET}
    assert left == LEFT.get(name, set())
    report = rig.report()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    compare(f"{name}/report-after.json", shown(portable_report(report)))
    assert rig.prepare().changes == ()
    assert diff_snapshots(prepared.entries, take_snapshot(rig.root, ("/run",))) == []

    rig.rollback()
    assert diff_snapshots(before.entries, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("name", [name for name in TREES if name.startswith("debian")])
def test_the_stand_in_writes_what_the_real_grub_mkconfig_wrote(name: str, rig: Rig) -> None:
    """The grub.cfg of these trees comes from real systems: the stand-in is one of the original, not of us."""
    captured = (rig.root / "boot/grub/grub.cfg").read_bytes()
    subprocess.run([str(rig.root / "usr/sbin/grub-mkconfig"), "-o", "/boot/grub/new"], check=True)
    assert (rig.root / "boot/grub/new").read_bytes() == captured


def test_every_data_file_says_where_it_comes_from_and_is_small() -> None:
    for path in DATA.glob("*.tree"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# "), path
        assert len(text) < 20_000, path
