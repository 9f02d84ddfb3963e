"""home-secrets: no private key, password or token of the person who made the image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.homes import Home
from hvprep.facts.traces import find_paths, traces_of
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.homes import look_into_homes

_IN_HOMES, _ANSWERS = (
    tuple(trace for trace in traces_of("home-secrets") if trace.in_homes is in_homes)
    for in_homes in (True, False)
)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from look_into_homes(view, _look)
    for trace in _ANSWERS:
        yield from _judge(find_paths(view, trace, ()))


def _look(view: View, home: Home) -> Iterator[Outcome]:
    for trace in _IN_HOMES:
        yield from _judge(path for path in find_paths(view, trace, [home]) if path.suffix != ".pub")


def _judge(paths: Iterable[GuestPath]) -> Iterator[Outcome]:
    for path in paths:
        yield Note(Verdict.UNMET, f"{path} is left")


HOME_SECRETS: Step[Facts, Settings] = Step(
    id="home-secrets",
    title="no key, password or token of a person is left",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="Marketplace certification (no secrets in the image)",
    remedy="hvprep deprovision removes root's; or remove those that not every machine shall have",
    plan=_plan,
    rows=("H09",),
)
