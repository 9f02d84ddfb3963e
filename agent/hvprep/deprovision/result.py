"""What is left to tell that a system was deprovisioned. It holds nothing of the machine."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hvprep import __version__
from hvprep.deprovision.action import describe
from hvprep.deprovision.files import RESULT
from hvprep.deprovision.runner import Outcome, Result, failures_of
from hvprep.errors import FormatError
from hvprep.model.document import read_json
from hvprep.model.node import Kind, Node
from hvprep.model.view import View
from hvprep.system.lock import make_state_directory
from hvprep.system.root import Root


def result_to_json(results: Sequence[Result]) -> dict[str, object]:
    """The document of `deprovision --json`: every action and how it ended."""
    return {
        "version": 1,
        "hvprep": __version__,
        "actions": [
            {
                "action": describe(each.action),
                "because": each.action.why,
                "outcome": each.outcome.value,
                "why": each.why,
            }
            for each in results
        ],
        "failed": len(failures_of(results)),
    }


def write_result(root: Root, results: Sequence[Result]) -> None:
    """How many actions there were, and how many failed: not which, for names may tell of the machine."""
    make_state_directory(root)
    counts = {outcome.value: sum(each.outcome is outcome for each in results) for outcome in Outcome}
    content = json.dumps({"version": 1, "hvprep": __version__, "outcomes": counts}) + "\n"
    root.put(RESULT, content.encode(), Node(Kind.FILE, 0o644, 0, 0))


def read_result(view: View) -> str | None:
    """One sentence for people; None where nothing was deprovisioned. Raises FormatError."""
    content = view.read(RESULT)
    if content is None:
        return None
    try:
        counts = read_json(content, str(RESULT))["outcomes"]
        done, failed = int(counts["ok"]), int(counts["failed"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{RESULT} does not read: {error}", f"rm {RESULT}") from error
    return f"deprovisioned: {done} actions done" + (f", {failed} failed" if failed else "")
