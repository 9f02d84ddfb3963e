"""Judges the effect: what was planned must not have to be planned again."""

from __future__ import annotations

from hvprep.model.plan import Plan


def find_failures(before: Plan, after: Plan) -> tuple[str, ...]:
    """One sentence for each step that had changes to make and still has some, after they were made."""
    asked = {step for planned in before.changes for step in planned.steps}
    return tuple(
        f"{finding.id}: {finding.title}: {'; '.join(change.why for change in finding.changes)}"
        for finding in after.findings
        if finding.id in asked and finding.changes
    )
