"""users-left: no account of a person is on every machine that is made from the image."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.homes import find_homes, people
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    for account in people(view):
        yield Note(
            Verdict.UNMET, f"{account.name} (uid {account.uid}) is a user, with the home {account.home}"
        )
    for home in find_homes(view):
        if not home.users and home.path.parent == GuestPath("/home") and home.path.name != "lost+found":
            yield Note(Verdict.UNMET, f"{home.path} is the home of nobody")


USERS_LEFT: Step[Facts, Settings] = Step(
    id="users-left",
    title="no user is left but those of the system",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="Microsoft, generalising an image (waagent -deprovision+user)",
    remedy="hvprep deprovision --user USER, where this user is not meant to be on every machine",
    plan=_plan,
    rows=("H09",),
)
