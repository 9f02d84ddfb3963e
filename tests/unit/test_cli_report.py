"""The exit status of a check, and its sums."""

from __future__ import annotations

from typing import List

import pytest
from hvprep.cli.report import count_verdicts, exit_status
from hvprep.model.finding import Finding, Severity, Verdict

REQUIRED, RECOMMENDED = Severity.REQUIRED, Severity.RECOMMENDED


def finding(severity: Severity, verdict: Verdict) -> Finding:
    return Finding("a-test", "A test", severity, verdict, ("because",), None, "nowhere")


@pytest.mark.parametrize(
    ("findings", "status", "strict_status"),
    [
        ([], 0, 0),
        ([finding(REQUIRED, Verdict.MET), finding(RECOMMENDED, Verdict.MET)], 0, 0),
        ([finding(REQUIRED, Verdict.UNMET)], 3, 3),
        ([finding(RECOMMENDED, Verdict.UNMET)], 0, 3),
        ([finding(REQUIRED, Verdict.NOT_ASSESSED), finding(REQUIRED, Verdict.NOT_APPLICABLE)], 0, 0),
        ([finding(REQUIRED, Verdict.MET), finding(REQUIRED, Verdict.UNMET)], 3, 3),
    ],
)
def test_exit_status(findings: List[Finding], status: int, strict_status: int) -> None:
    assert exit_status(findings, strict=False) == status
    assert exit_status(findings, strict=True) == strict_status


def test_sums() -> None:
    counts = count_verdicts([finding(REQUIRED, Verdict.MET), finding(REQUIRED, Verdict.UNMET)] * 2)
    assert {verdict.value: count for verdict, count in counts.items()} == {
        "met": 2, "not met": 2, "not assessed": 0, "not applicable": 0,
    }  # fmt: skip
