"""A plan: what would be done, in order, and the state of the machine that it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hvprep.errors import FormatError
from hvprep.model.change import Change, change_from_json, change_to_json
from hvprep.model.document import as_path, read_json
from hvprep.model.finding import Finding
from hvprep.model.node import GuestPath
from hvprep.model.snapshot import Snapshot, snapshot_from_json, snapshot_to_json

#: The version of the plan's JSON; a plan of another version is refused.
PLAN_VERSION = 1

_HINT = "make a new one with: hvprep prepare --save-plan FILE"


@dataclass(frozen=True)
class PlannedChange:
    """One change and the ids of the steps that ask for it."""

    change: Change
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they are made. `before` is what every touched path held when the
    plan was made (canonical paths); applying it to another state is refused."""

    changes: tuple[PlannedChange, ...]
    before: tuple[tuple[GuestPath, Snapshot | None], ...] = ()
    findings: tuple[Finding, ...] = ()


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """A JSON object with all that is needed to apply the plan later; it holds file contents."""
    return {
        "version": PLAN_VERSION,
        "changes": [
            {"steps": list(planned.steps), "change": change_to_json(planned.change)}
            for planned in plan.changes
        ],
        "before": {str(path): snapshot_to_json(snapshot) for path, snapshot in plan.before},
    }


def plan_from_json(document: Mapping[str, Any]) -> Plan:
    """What `plan_to_json` wrote, without the findings. Raises FormatError."""
    if not isinstance(document, Mapping) or document.get("version") != PLAN_VERSION:
        raise FormatError(
            f"this is not a plan of version {PLAN_VERSION}",
            _HINT,
        )
    try:
        changes = tuple(
            PlannedChange(change_from_json(item["change"]), tuple(str(step) for step in item["steps"]))
            for item in document["changes"]
        )
        before = tuple(
            (as_path(path), snapshot_from_json(state)) for path, state in document["before"].items()
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FormatError(f"the plan does not read: {error}", _HINT) from error
    except RecursionError as error:
        raise FormatError("the plan does not read: it is nested too deeply", _HINT) from error
    return Plan(changes, before)


def plan_from_text(text: str) -> Plan:
    """The plan in a saved file. Raises FormatError, whatever the text is."""
    return plan_from_json(read_json(text, "the plan", _HINT))
