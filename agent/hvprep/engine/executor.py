"""Makes the changes of a plan, each after its before-image is safe in the journal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from hvprep.engine.building import CHECK_TIMEOUT_S, build, candidate_of, remove_candidates
from hvprep.engine.execution import (
    Execution,
    expect,
    expect_file,
    hint_for,
    is_boot,
    make_parents,
    touched_by,
)
from hvprep.engine.journal import forget
from hvprep.errors import ChangeFailed
from hvprep.model.change import (
    CANDIDATE,
    Build,
    Change,
    Link,
    Purge,
    Remove,
    Run,
    Write,
    change_to_json,
)
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.plan import Plan
from hvprep.model.snapshot import Snapshot, snapshot_to_json
from hvprep.system.machine import take_snapshot
from hvprep.system.volumes import settle

#: Told of each change before it is made: (number from 1, how many, the change).
OnChange = Callable[[int, int, Change], None]

_RUN_TIMEOUT_S = 600
_SECRET_FILE = Node(Kind.FILE, 0o600, 0, 0)


def execute(execution: Execution, plan: Plan, on_change: OnChange) -> None:
    """Make every change in order. Raises HvprepError at the first that fails; the caller rolls back."""
    for number, planned in enumerate(plan.changes, start=1):
        on_change(number, len(plan.changes), planned.change)
        try:
            _make(execution, planned.change)
        except OSError as error:
            paths = [str(path) for path in touched_by(execution.machine.root, planned.change)]
            hint = hint_for(error, " ".join(paths))
            raise ChangeFailed(f"{', '.join(paths)}: {error.strerror or error}", hint) from error


def _make(execution: Execution, change: Change) -> None:
    if isinstance(change, Build):
        build(execution, change)
    elif isinstance(change, Run):
        _run(execution, change)
    elif isinstance(change, Purge):
        _purge(execution, change)
    else:
        _replace(execution, change)


def _replace(execution: Execution, change: Write | Link | Remove) -> None:
    root, journal = execution.machine.root, execution.journal
    (path,) = touched_by(root, change)
    before = expect_file(execution, path)
    after = _state_after(change, before)
    if after is None and before is None:
        return
    if after is not None:
        make_parents(execution, path.parent)
    if isinstance(change, Write) and change.check:
        _check(execution, change, path)
    journal.keep(path, before)
    journal.add(
        "change",
        path=str(path),
        before=snapshot_to_json(before),
        after=snapshot_to_json(after),
        why=change.why,
    )
    if after is None:
        root.remove(path)
    elif isinstance(change, Write):
        root.put(path, change.content, after.as_node())
    else:
        root.make_link(path, after.target or "", after.as_node())
    execution.expected[path] = after
    if is_boot(path):
        settle(root, path.parent)


def _check(execution: Execution, change: Write, path: GuestPath) -> None:
    """Have the program accept the content, beside the file that it is for and readable by root alone."""
    machine, candidate = execution.machine, candidate_of(path, execution.journal.id)
    execution.journal.add("building", candidate=str(candidate))
    try:
        machine.root.put(candidate, change.content, _SECRET_FILE)
        argv = [word.replace(CANDIDATE, str(candidate)) for word in change.check]
        machine.runner.check(argv, CHECK_TIMEOUT_S)
    finally:
        remove_candidates(machine.root, candidate)


def _state_after(change: Write | Link | Remove, before: Snapshot | None) -> Snapshot | None:
    if isinstance(change, Remove):
        return None
    if isinstance(change, Link):
        return Snapshot(Kind.LINK, 0o777, 0, 0, target=change.target)
    digest = hashlib.sha256(change.content).hexdigest()
    if before is None or before.kind is not Kind.FILE:
        return Snapshot(Kind.FILE, 0o644 if change.mode is None else change.mode, 0, 0, digest)
    return replace(before, digest=digest, mode=before.mode if change.mode is None else change.mode)


def _purge(execution: Execution, change: Purge) -> None:
    """No before-image is kept, and those that earlier changes kept of this path go."""
    root, journal = execution.machine.root, execution.journal
    (path,) = touched_by(root, change)
    before = expect_file(execution, path)
    journal.add("purge", path=str(path))
    forget(root, path, before)
    root.remove(path)
    execution.expected[path] = None


def _run(execution: Execution, change: Run) -> None:
    machine, journal = execution.machine, execution.journal
    paths = touched_by(machine.root, change)
    states = []
    for path in paths:
        before = expect(execution, path)
        if before is not None and before.kind is Kind.OTHER:
            raise ChangeFailed(f"{path} is neither a file, a link nor a directory: it could not be restored")
        journal.keep(path, before)
        states.append({"path": str(path), "before": snapshot_to_json(before)})
    journal.add("run", run=change_to_json(change), paths=states)
    machine.runner.check(change.argv, _RUN_TIMEOUT_S)
    after = {path: take_snapshot(machine.root, path) for path in paths}
    journal.add(
        "ran", paths=[{"path": str(path), "after": snapshot_to_json(state)} for path, state in after.items()]
    )
    execution.expected.update(after)
