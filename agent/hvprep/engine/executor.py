"""Makes the changes of a plan, each after its before-image is safe in the journal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from hvprep.engine.building import build
from hvprep.engine.execution import Execution, expect
from hvprep.errors import Refusal
from hvprep.model.change import Build, Change, Link, Purge, Remove, Run, Write, change_to_json
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.plan import Plan
from hvprep.model.snapshot import Snapshot, snapshot_to_json
from hvprep.system.machine import take_snapshot

#: Told of each change before it is made: (number from 1, how many, the change).
OnChange = Callable[[int, int, Change], None]


def execute(execution: Execution, plan: Plan, on_change: OnChange) -> None:
    """Make every change in order. Raises HvprepError at the first that fails; the caller rolls back."""
    for number, planned in enumerate(plan.changes, start=1):
        on_change(number, len(plan.changes), planned.change)
        _make(execution, planned.change)


def _make(execution: Execution, change: Change) -> None:
    if isinstance(change, Build):
        build(execution, change)
    elif isinstance(change, Run):
        _run(execution, change)
    else:
        _replace(execution, change)


def _replace(execution: Execution, change: Write | Link | Remove | Purge) -> None:
    root, journal = execution.machine.root, execution.journal
    path = root.resolve(change.path) if isinstance(change, Write) else change.path
    before = expect(execution, path)
    if isinstance(change, Purge):
        journal.add("purge", path=str(path))
        root.remove(path)
        return
    if before is not None and before.kind not in (Kind.FILE, Kind.LINK):
        raise Refusal(f"{path} is a {before.kind.value}, not a file", "move it away, then try again")
    _make_parents(execution, path.parent)
    after = _state_after(change, before)
    journal.keep(path, before)
    journal.add(
        "change",
        path=str(path),
        before=snapshot_to_json(before),
        after=snapshot_to_json(after),
        why=change.why,
    )
    if isinstance(change, Write):
        root.put(path, change.content, after.as_node() if after else Node(Kind.FILE, 0o644, 0, 0))
    elif isinstance(change, Link):
        root.make_link(path, change.target)
    else:
        root.remove(path)


def _state_after(change: Write | Link | Remove, before: Snapshot | None) -> Snapshot | None:
    if isinstance(change, Remove):
        return None
    if isinstance(change, Link):
        return Snapshot(Kind.LINK, 0o777, 0, 0, target=change.target)
    digest = hashlib.sha256(change.content).hexdigest()
    if before is None or before.kind is not Kind.FILE:
        return Snapshot(Kind.FILE, 0o644 if change.mode is None else change.mode, 0, 0, digest)
    return replace(before, digest=digest, mode=before.mode if change.mode is None else change.mode)


def _make_parents(execution: Execution, directory: GuestPath) -> None:
    """Directories that we make are changes too: rollback removes them again."""
    root = execution.machine.root
    if root.node(root.resolve(directory)) is not None:
        return
    _make_parents(execution, directory.parent)
    after = Snapshot(Kind.DIRECTORY, 0o755, 0, 0)
    execution.journal.add(
        "change", path=str(directory), before=None, after=snapshot_to_json(after), why="holds the next file"
    )
    root.make_directory(directory, after.as_node())


def _run(execution: Execution, change: Run) -> None:
    machine, journal = execution.machine, execution.journal
    states = []
    for path in change.writes:
        before = expect(execution, path)
        journal.keep(path, before)
        states.append({"path": str(path), "before": snapshot_to_json(before)})
    journal.add("run", run=change_to_json(change), paths=states)
    machine.runner.check(change.argv, timeout_s=600)
    after = [
        {"path": str(path), "after": snapshot_to_json(take_snapshot(machine.root, path))}
        for path in change.writes
    ]
    journal.add("ran", paths=after)
