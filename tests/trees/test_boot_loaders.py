"""Boot loaders and inits of many systems, from EL 5 on: all that is said and done about them.

Their kernels have every driver built in, so nothing is said about initrds: those have trees of their own.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.golden import compare, portable_report, shown
from tests.trees.moment import describe_difference, take_moment
from tests.trees.rig import Rig
from tests.trees.tree import make_tree

#: By tree, the boot loader that check names.
LOADERS = {
    "el-5": "GRUB legacy",
    "el-6": "GRUB legacy",
    "el-6-uefi": "GRUB legacy",
    "el-6-xen": "GRUB legacy",
    "sles-11": "GRUB legacy",
    "sles-12": "GRUB 2",
    "sles-15": "GRUB 2",
    "sles-15-xen": "GRUB 2",
    "opensuse-tumbleweed": "GRUB 2",
    "debian-5": "GRUB legacy",
    "debian-8": "GRUB 2",
    "debian-9": "GRUB 2",
    "debian-10": "GRUB 2",
    "debian-11": "GRUB 2",
    "ubuntu-14.04": "GRUB 2",
    "ubuntu-16.04": "GRUB 2",
    "ubuntu-18.04": "GRUB 2",
    "ubuntu-20.04": "GRUB 2",
    "ubuntu-22.04": "GRUB 2",
}


@pytest.mark.parametrize("name", LOADERS)
def test_check_prepare_and_rollback(name: str, tmp_path: Path) -> None:
    rig = Rig(make_tree(name, tmp_path / "root"))
    before = take_moment(rig.root)
    report = rig.report()
    assert report["machine"]["boot_loader"]["name"] == LOADERS[name]
    compare(f"{name}/report.json", shown(portable_report(report)))
    assert take_moment(rig.root) == before

    rig.prepare()
    prepared = take_moment(rig.root)
    compare(f"{name}/diff.txt", describe_difference(before, prepared))
    after = rig.plan()
    assert after.changes == ()
    assert {finding.id: finding.verdict for finding in after.findings} == {
        finding.id: Verdict.MET for finding in after.findings
    }
    compare(f"{name}/report-after.json", shown(portable_report(rig.report())))
    assert rig.prepare().changes == ()

    rig.rollback()
    assert diff_snapshots(before.entries, take_snapshot(rig.root)) == []
