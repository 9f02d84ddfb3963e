"""Makes the actions one after the other. One that fails hinders no other, and all failures are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from hvprep.deprovision.action import Action, EndProcesses, Move
from hvprep.errors import HvprepError
from hvprep.facts.live import probe_pids_of
from hvprep.model.change import Link, Purge, Run, Write
from hvprep.model.node import Kind, Node
from hvprep.system.erase import Erased, erase
from hvprep.system.machine import Machine
from hvprep.system.processes import end_processes

#: Told of each action before it is made: (number from 1, how many, the action).
OnAction = Callable[[int, int, Action], None]

_RUN_TIMEOUT_S = 60


class Outcome(str, Enum):
    """How an action ended."""

    DONE = "ok"
    NOTHING = "nothing to do"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """`why` says what is left and what to do about it, where it failed."""

    action: Action
    outcome: Outcome
    why: str = ""


def run_actions(
    machine: Machine,
    actions: Sequence[Action],
    on_action: OnAction,
    is_late: Callable[[], bool] = lambda: False,
) -> tuple[Result, ...]:
    """Make them all. What has not begun when `is_late` says so fails, and says that the time was over."""
    results = []
    for number, action in enumerate(actions, start=1):
        if is_late():
            results.append(Result(action, Outcome.FAILED, "the time for it was over"))
            continue
        on_action(number, len(actions), action)
        try:
            results.append(_make(machine, action))
        except (HvprepError, OSError) as error:
            results.append(Result(action, Outcome.FAILED, _words(error)))
    return tuple(results)


def _words(error: Exception) -> str:
    if isinstance(error, HvprepError):
        return error.sentence if error.hint is None else f"{error.sentence} ({error.hint})"
    assert isinstance(error, OSError)
    return f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")


def _make(machine: Machine, action: Action) -> Result:
    root = machine.root
    if isinstance(action, Purge):
        return _told(action, erase(root, action.path))
    if isinstance(action, EndProcesses):
        left = end_processes(action.uid, probe_pids_of)
        why = f"processes {', '.join(map(str, left))} do not end: kill -KILL them"
        return Result(action, Outcome.FAILED, why) if left else Result(action, Outcome.DONE)
    if isinstance(action, Run):
        machine.runner.check(action.argv, _RUN_TIMEOUT_S)
    elif isinstance(action, Link):
        root.make_link(action.path, action.target)
    elif isinstance(action, Move):
        return _move(machine, action)
    else:
        return _write(machine, action)
    return Result(action, Outcome.DONE)


def _told(action: Action, erased: Erased) -> Result:
    if erased.left:
        more = f" and {len(erased.left) - 3} more" if len(erased.left) > 3 else ""
        shown = "; ".join(f"{path}: {why}" for path, why in erased.left[:3])
        return Result(action, Outcome.FAILED, shown + more)
    return Result(action, Outcome.DONE if erased.count else Outcome.NOTHING)


def _write(machine: Machine, action: Write) -> Result:
    root = machine.root
    path = root.resolve(action.path)
    node = root.node(path)
    if node is None and not action.content and root.node(path.parent) is None:
        return Result(action, Outcome.NOTHING)
    if node is not None and node.kind is not Kind.FILE:
        return Result(action, Outcome.FAILED, f"{path} is no file: look at it, then try again")
    root.put(path, action.content, node or Node(Kind.FILE, 0o644, 0, 0))
    return Result(action, Outcome.DONE)


def _move(machine: Machine, action: Move) -> Result:
    root = machine.root
    parent = root.resolve(action.path.parent)
    old, new = parent / action.path.name, parent / action.name
    if root.node(old) is None:
        return Result(action, Outcome.NOTHING)
    if root.node(new) is not None:
        return Result(action, Outcome.FAILED, f"{new} is there already: look at both, then rename one")
    root.rename(old, new)
    return Result(action, Outcome.DONE)


def failures_of(results: Sequence[Result]) -> tuple[Result, ...]:
    """Those that failed."""
    return tuple(result for result in results if result.outcome is Outcome.FAILED)
