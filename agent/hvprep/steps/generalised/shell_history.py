"""shell-history: no commands that anybody typed while the image was made."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.homes import Home
from hvprep.facts.traces import find_paths, traces_of
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.homes import look_into_homes


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from look_into_homes(view, _look)


def _look(view: View, home: Home) -> Iterator[Outcome]:
    found = {path for trace in traces_of("shell-history") for path in find_paths(view, trace, [home])}
    for path in sorted(found):
        size_bytes = _size_bytes(view, path)
        if size_bytes:
            yield Note(Verdict.UNMET, f"{path} holds {size_bytes} bytes of what was typed")


def _size_bytes(view: View, path: GuestPath) -> int:
    """Of a regular file, links followed: 0 for a link to /dev/null, as people make it."""
    node = view.node(view.resolve(path))
    return node.size if node is not None and node.kind is Kind.FILE else 0


SHELL_HISTORY: Step[Facts, Settings] = Step(
    id="shell-history",
    title="no shell's history is left",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (export HISTSIZE=0); Marketplace certification",
    remedy="run hvprep deprovision --at-shutdown, or end the sessions of these users, then remove the files:"
    " a shell writes its history when it ends (unset HISTFILE in the one that you use)",
    plan=_plan,
    rows=("H06",),
)
