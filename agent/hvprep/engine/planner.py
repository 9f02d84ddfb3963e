"""Asks every step what it wants, and makes one ordered plan of the answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from hvprep.engine.execution import touched_by
from hvprep.errors import FormatError, HvprepError
from hvprep.model.change import Build, Change, Write, target_of
from hvprep.model.finding import Finding, Note, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, PlannedChange
from hvprep.model.snapshot import Snapshot
from hvprep.model.view import View
from hvprep.system.machine import take_snapshot
from hvprep.system.overlay import Overlay

F = TypeVar("F")
S = TypeVar("S")


def make_plan(steps: Sequence[Step[F, S]], view: View, facts: F, settings: S) -> Plan:
    """Plan every step on one overlay, so that later steps see what earlier ones would do.

    Never writes. An error of one step becomes its finding and hides no other step.
    """
    overlay = Overlay(view)
    planned: list[PlannedChange] = []
    findings: list[Finding] = []
    for step in steps:
        changes, notes = _ask(step, overlay, facts, settings)
        for change in changes:
            overlay.apply(change)
        planned.extend(PlannedChange(change, (step.id,)) for change in changes)
        findings.append(_judge(step, changes, notes))
    merged = _in_order(_merge(planned))
    return Plan(merged, states_of(view, merged), tuple(findings))


def _ask(step: Step[F, S], overlay: Overlay, facts: F, settings: S) -> tuple[list[Change], list[Note]]:
    trial = Overlay(overlay)
    changes: list[Change] = []
    notes: list[Note] = []
    try:
        for outcome in step.plan(trial, facts, settings):
            if isinstance(outcome, Note):
                notes.append(outcome)
            else:
                trial.apply(outcome)
                changes.append(outcome)
    except FormatError as error:
        return [], [Note(Verdict.NOT_ASSESSED, error.sentence, error.hint)]
    except PermissionError as error:
        return [], [
            Note(Verdict.NOT_ASSESSED, f"{error.filename} may not be read by this user", "try as root")
        ]
    except (HvprepError, OSError) as error:
        hint = error.hint if isinstance(error, HvprepError) else None
        return [], [Note(Verdict.UNMET, str(error), hint)]
    return changes, notes


def _judge(step: Step[F, S], changes: Sequence[Change], notes: Sequence[Note]) -> Finding:
    verdicts = {note.verdict for note in notes}
    if changes or Verdict.UNMET in verdicts:
        verdict = Verdict.UNMET
    elif Verdict.NOT_ASSESSED in verdicts:
        verdict = Verdict.NOT_ASSESSED
    elif Verdict.NOT_APPLICABLE in verdicts:
        verdict = Verdict.NOT_APPLICABLE
    else:
        verdict = Verdict.MET
    remedies = [note.remedy for note in notes if note.verdict is verdict and note.remedy]
    if changes or (verdict is Verdict.UNMET and not remedies):
        remedies.insert(0, step.remedy)
    because = [note.because for note in notes if note.verdict is verdict or verdict is Verdict.UNMET]
    because += [change.why for change in changes]
    return Finding(
        id=step.id,
        title=step.title,
        severity=step.severity,
        verdict=verdict,
        because=tuple(dict.fromkeys(because)),
        remedy="; ".join(dict.fromkeys(remedies)) or None,
        source=step.sources,
        changes=tuple(changes),
        damage=tuple(note.because for note in notes if note.is_damage),
    )


def _merge(planned: Iterable[PlannedChange]) -> list[PlannedChange]:
    """One Build a target: what is wanted is the union. One Write a file, the last content wins; but what
    comes after another kind of change there, or after a program that may read the file, stays apart."""
    merged: list[PlannedChange] = []
    latest: dict[GuestPath, int] = {}  # which of `merged` a later change of that path may be joined with
    for item in planned:
        path = target_of(item.change)
        if path is None:
            latest = {each: at for each, at in latest.items() if isinstance(merged[at].change, Build)}
            merged.append(item)
            continue
        index = latest.get(path)
        if index is not None and type(merged[index].change) is type(item.change):
            merged[index] = _join(merged[index], item)
        else:
            latest[path] = len(merged)
            merged.append(item)
    return merged


def _join(first: PlannedChange, second: PlannedChange) -> PlannedChange:
    steps = tuple(dict.fromkeys(first.steps + second.steps))
    change = second.change
    whys = "; ".join(dict.fromkeys((first.change.why, change.why)))
    if isinstance(change, Build) and isinstance(first.change, Build):
        wants = tuple(dict.fromkeys(first.change.wants + change.wants))
        otherwise = change.otherwise or first.change.otherwise  # the second was made from the first: Overlay
        change = replace(change, wants=wants, why=whys, otherwise=otherwise)
    elif isinstance(change, Write) and isinstance(first.change, Write):
        mode = first.change.mode if change.mode is None else change.mode
        change = replace(change, why=whys, mode=mode, check=change.check or first.change.check)
    return PlannedChange(change, steps)


def _in_order(planned: Sequence[PlannedChange]) -> tuple[PlannedChange, ...]:
    """Files first, then initrds in the order of the steps (the default kernel's last), then boot entries."""

    def rank(item: PlannedChange) -> int:
        if not isinstance(item.change, Build):
            return 0
        return 1 if item.change.subject else 2

    return tuple(sorted(planned, key=rank))


def states_of(view: View, planned: Iterable[PlannedChange]) -> tuple[tuple[GuestPath, Snapshot | None], ...]:
    """What every path that the plan touches holds now, under its canonical name at its turn."""
    overlay = Overlay(view)
    paths: dict[GuestPath, None] = {}
    for item in planned:
        paths.update(dict.fromkeys(touched_by(overlay, item.change)))
        overlay.apply(item.change)
    return tuple((path, take_snapshot(view, path)) for path in paths)
