"""The list of requirements for the man page, from the same table that `check --list` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Phase, Profile, Step
from hvprep.settings import Settings
from hvprep.steps.registry import STEPS

_HEADINGS = {
    Phase.PREPARE: "These **check** judges by itself, and **prepare** sees to:",
    Phase.GENERALISED: "These **check --only generalised** judges, in an image that machines are made from:",
}


def render_requirements() -> str:
    """packaging/man/requirements.inc: every requirement, in reStructuredText for rst2man."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield ".. Made by ./dev conf from the steps; do not edit."
    for phase, heading in _HEADINGS.items():
        steps = [step for step in STEPS if step.phase is phase]
        if steps:
            yield from ("", heading, "")
        for step in steps:
            yield f"**{step.id}**"
            yield from textwrap.wrap(_words(step), 100, initial_indent="    ", subsequent_indent="    ")


def _words(step: Step[Facts, Settings]) -> str:
    where = (
        ""
        if len(step.profiles) == len(Profile)
        else f", on {' and '.join(each.value for each in step.profiles)}"
    )
    title = step.title[:1].upper() + step.title[1:]
    severity = step.severity.value.capitalize()
    text = f"{title}. {severity}{where}; asked for by {step.sources}. Remedy: {step.remedy}."
    return "".join("\\" + sign if sign in "\\*`|_" else sign for sign in text)
