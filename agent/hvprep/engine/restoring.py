"""Carries out a rollback plan; killed at any moment and run again, it ends at the same state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from hvprep.engine.building import candidate_of, generate, remove_candidates
from hvprep.engine.execution import Judge, hint_for, is_boot
from hvprep.engine.journal import State, Transaction, find_blob, remove_below, reopen
from hvprep.engine.rollback import Leave, Restore, RollbackPlan
from hvprep.errors import ChangeFailed, CommandFailed, Refusal
from hvprep.model.change import Build
from hvprep.model.node import Kind
from hvprep.model.snapshot import Snapshot, holds
from hvprep.system.interrupts import shielded
from hvprep.system.machine import Machine, take_snapshot
from hvprep.system.root import Root
from hvprep.system.volumes import settle

#: Told what is done, in words.
OnAction = Callable[[str], None]


def roll_back(
    machine: Machine, plan: RollbackPlan, judges: Mapping[str, Judge], on_action: OnAction
) -> tuple[Leave, ...]:
    """Restore, repeat, mark; returns what was left as it is. Raises Refusal on conflicts, ChangeFailed.

    No signal cuts it off. Where something could not come back (`Leave.failed`) the kept copies stay.
    """
    if plan.conflicts:
        names = ", ".join(f"{conflict.path} {conflict.why}" for conflict in plan.conflicts)
        raise Refusal(f"nothing was rolled back: {names}", "look at these files; --force overwrites them")
    try:
        with shielded():
            return _roll_back(machine, plan, judges, on_action)
    except OSError as error:
        hint = hint_for(error, str(error.filename)) if error.filename else None
        where = f" ({error.filename})" if error.filename else ""
        raise ChangeFailed(
            f"the rollback stopped half-way: {error.strerror or error}{where}",
            f"{hint}; then run: hvprep rollback" if hint else "run: hvprep rollback",
        ) from error


def _roll_back(
    machine: Machine, plan: RollbackPlan, judges: Mapping[str, Judge], on_action: OnAction
) -> tuple[Leave, ...]:
    root = machine.root
    for transaction in plan.transactions:
        remove_below(root, transaction.directory / "scratch")  # first: a full disk is why we may be here
        if transaction.state is State.COMMITTED:
            reopen(root, transaction).add("rolling-back")
    for leftover in plan.leftovers:
        remove_candidates(root, leftover)
    left = list(plan.leaves)
    for restore in plan.restores:
        on_action(f"restore {restore.path}")
        left.extend(_restore(root, restore))
    for directory in {restore.path.parent for restore in plan.restores if is_boot(restore.path)}:
        if root.node(directory) is not None:
            settle(root, directory)
    for repeat in plan.repeats:
        on_action(f"make {repeat.build.target} anew")
        left.extend(_repeat(machine, repeat.build, plan.transactions[-1], judges))
    for transaction in plan.transactions:
        reopen(root, transaction).add("rolled-back")
    if not any(leave.failed for leave in left):  # a person may still need the copies
        for transaction in plan.transactions:
            remove_below(root, transaction.directory / "blobs")
    return tuple(left)


def _restore(root: Root, restore: Restore) -> tuple[Leave, ...]:
    path, state = restore.path, restore.state
    now = root.node(path)
    if now is not None and (state is None or (now.kind is Kind.DIRECTORY) != (state.kind is Kind.DIRECTORY)):
        if now.kind is Kind.DIRECTORY and root.names(path):
            return (Leave(path, "holds files that hvprep did not make"),)
        root.remove(path)
        now = None
    if state is None:
        return ()
    if state.kind is Kind.LINK:
        root.make_link(path, state.target or "", state.as_node())
    elif state.kind is Kind.DIRECTORY and now is None:
        root.make_directory(path, state.as_node())
    elif state.kind is Kind.DIRECTORY:
        root.dress(path, state.as_node())
    else:
        _restore_file(root, restore, state)
    if not holds(take_snapshot(root, path), state):
        raise ChangeFailed(f"{path} was written, yet does not hold what it held before")
    return ()


def _restore_file(root: Root, restore: Restore, state: Snapshot) -> None:
    if restore.backup is not None and holds(take_snapshot(root, restore.backup), state):
        root.rename(restore.backup, restore.path)
        return
    blob = find_blob(root, state.digest or "")
    if blob is None:
        raise ChangeFailed(f"the copy of {restore.path} is gone from the journal")
    with root.open(blob) as content:
        root.put(restore.path, content, state.as_node())


def _repeat(
    machine: Machine, build: Build, transaction: Transaction, judges: Mapping[str, Judge]
) -> tuple[Leave, ...]:
    """Make a generated file from the restored sources; nothing is wanted in it but that it is sound."""
    root = machine.root
    target = root.resolve(build.target)
    candidate = candidate_of(target, transaction.id)
    sound = replace(build, wants=())
    old = root.node(target)
    try:
        generate(machine, sound, candidate, transaction.directory / "scratch", judges)
        if old is not None:
            root.dress(candidate, old)
        root.sync(candidate)
        root.rename(candidate, target)
        settle(root, target.parent)
    except (ChangeFailed, CommandFailed) as error:
        return (Leave(target, f"stays as it is now: {error.sentence}", failed=True),)
    finally:
        remove_candidates(root, candidate)
        remove_below(root, transaction.directory / "scratch")
    return ()
