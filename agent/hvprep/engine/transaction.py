"""One plan, all or nothing: begin, execute, verify, commit; or take everything back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone

from hvprep import __version__
from hvprep.engine.execution import Execution, Judge
from hvprep.engine.executor import OnChange, execute
from hvprep.engine.journal import State, Transaction, begin, read_transactions
from hvprep.engine.preflight import Room
from hvprep.engine.restoring import OnAction, roll_back
from hvprep.engine.rollback import plan_rollback
from hvprep.errors import ChangeFailed, HvprepError, Interrupted, Refusal
from hvprep.model.change import Build
from hvprep.model.plan import Plan
from hvprep.model.snapshot import holds
from hvprep.system.interrupts import shielded
from hvprep.system.machine import Machine, take_snapshot
from hvprep.system.root import Root


@dataclass(frozen=True)
class Progress:
    """Who is told while a transaction runs."""

    on_change: OnChange
    on_action: OnAction


def apply(
    machine: Machine,
    plan: Plan,
    room: Room,
    judges: Mapping[str, Judge],
    find_failures: Callable[[], Sequence[str]],
    progress: Progress,
) -> str:
    """Make the plan's changes and return the transaction's id.

    Where a change fails, the verification fails, or somebody interrupts, everything is taken back before
    the error goes on; the machine is then as it was. Raises Refusal, before anything is written, where the
    machine is not as the plan saw it.
    """
    _refuse_unknown_judges(plan, judges)
    _refuse_moved(machine.root, plan)
    journal, committed = None, False
    try:
        journal = begin(machine.root, datetime.now(timezone.utc).isoformat(timespec="seconds"), __version__)
        execution = Execution(machine, journal, judges, dict(plan.before), room.backups, progress.on_action)
        execute(execution, plan, progress.on_change)
        failures = find_failures()
        if failures:
            raise ChangeFailed(f"the changes did not have their effect: {' / '.join(failures)}")
        with shielded():
            journal.add("commit")
            committed = True
    except (Exception, KeyboardInterrupt) as error:
        if journal is None and not isinstance(error, KeyboardInterrupt):
            raise  # it did not begin
        if journal is None or not committed:
            _take_back(machine, judges, progress, error)
            raise
        # What came while the commit was written came too late: it is done.
    return journal.id


def recover(
    machine: Machine, judges: Mapping[str, Judge], on_action: OnAction, force: bool = False
) -> tuple[str, ...]:
    """Take back every transaction that was cut off; returns their ids. Nothing where there is none.

    Raises Refusal that names the files that somebody changed since, unless `force`.
    """
    broken = find_open(machine.root)
    if broken:
        roll_back(machine, plan_rollback(machine.root, broken, force), judges, on_action)
    return tuple(each.id for each in broken)


def find_open(root: Root) -> tuple[Transaction, ...]:
    """Transactions that were cut off (applying or rolling back), newest first."""
    cut_off = (State.OPEN, State.ROLLING_BACK)
    return tuple(reversed([each for each in read_transactions(root) if each.state in cut_off]))


def _refuse_unknown_judges(plan: Plan, judges: Mapping[str, Judge]) -> None:
    for planned in plan.changes:
        if isinstance(planned.change, Build) and planned.change.judge not in judges:
            raise Refusal(
                f"the plan wants {planned.change.target} to be judged by {planned.change.judge!r}, "
                "which this version of hvprep does not know",
                "make the plan anew",
            )


def _refuse_moved(root: Root, plan: Plan) -> None:
    moved = [str(path) for path, state in plan.before if not holds(take_snapshot(root, path), state)]
    if moved:
        raise Refusal(
            f"changed by somebody else since the plan was made: {', '.join(moved)}",
            "look at it, then make the plan anew",
        )


def _take_back(
    machine: Machine, judges: Mapping[str, Judge], progress: Progress, cause: BaseException
) -> None:
    try:
        with suppress(KeyboardInterrupt), shielded():  # a second one asks for what is happening anyway
            recover(machine, judges, progress.on_action)
    except (HvprepError, OSError) as error:
        raise ChangeFailed(
            f"{cause} — and taking the changes back failed too: {error}",
            "run: hvprep rollback",
        ) from cause
    if isinstance(cause, KeyboardInterrupt):
        raise Interrupted("interrupted; everything that was begun has been taken back") from cause
