"""Judges the effect: what was planned must not have to be planned again."""

from __future__ import annotations

from hvprep.model.plan import Plan


def find_failures(before: Plan, after: Plan) -> tuple[str, ...]:
    """One sentence for each step that had changes to make and still has some after they were made, or that
    sees damage then."""
    asked = {step for planned in before.changes for step in planned.steps}
    return tuple(
        f"{finding.id}: {finding.title}: {'; '.join(reasons)}"
        for finding in after.findings
        for reasons in [(*(change.why for change in finding.changes), *finding.damage)]
        if finding.id in asked and reasons
    )
