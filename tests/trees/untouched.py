"""What is said of a system on which nothing may be changed, and that nothing is."""

from __future__ import annotations

from typing import Optional

from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig


def expect_untouched(
    rig: Rig, says: str, verdict: Verdict = Verdict.UNMET, only: Optional[str] = None
) -> None:
    """kernel-parameters gives a finding that says it, and prepare touches no file: not the boot
    configuration, not the initrds, not the gettys. `only`: it is about that requirement alone."""
    finding = rig.finding("kernel-parameters")
    assert finding.verdict is verdict, finding
    assert any(says in reason for reason in finding.because), finding.because
    assert all(reason and "\n" not in reason for reason in finding.because)
    assert finding.remedy
    before = take_snapshot(rig.root)
    plan = rig.prepare(only)
    assert plan.changes == ()
    assert not [each for each in plan.findings if each.changes]
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
