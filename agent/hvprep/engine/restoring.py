"""Carries out a rollback plan; killed at any moment and run again, it ends at the same state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from hvprep.engine.building import candidate_of, generate, remove_candidates
from hvprep.engine.execution import Judge
from hvprep.engine.journal import Transaction, clear_scratch, open_blob, read_transactions, reopen
from hvprep.engine.rollback import Leave, Restore, RollbackPlan
from hvprep.errors import ChangeFailed, CommandFailed, Refusal
from hvprep.model.change import Build
from hvprep.model.node import GuestPath, Kind
from hvprep.system.machine import Machine, take_snapshot
from hvprep.system.root import Root
from hvprep.system.volumes import settle

#: Told what is done, in words.
OnAction = Callable[[str], None]


def roll_back(
    machine: Machine, plan: RollbackPlan, judges: Mapping[str, Judge], on_action: OnAction
) -> tuple[Leave, ...]:
    """Restore, repeat, mark; returns what was left as it is. Raises Refusal on conflicts, ChangeFailed."""
    if plan.conflicts:
        names = ", ".join(f"{conflict.path} {conflict.why}" for conflict in plan.conflicts)
        raise Refusal(f"nothing was rolled back: {names}", "look at these files; --force overwrites them")
    root = machine.root
    _find_missing_content(root, plan)
    journals = [reopen(root, transaction) for transaction in plan.transactions]
    for journal in journals:
        journal.add("rolling-back")
    for leftover in plan.leftovers:
        remove_candidates(root, leftover)
    left = list(plan.leaves)
    for restore in plan.restores:
        on_action(f"restore {restore.path}")
        left.extend(_restore(root, restore))
    for directory in {restore.path.parent for restore in plan.restores if _is_boot(restore.path)}:
        if root.node(directory) is not None:
            settle(root, directory)
    for repeat in plan.repeats:
        on_action(f"make {repeat.build.target} anew")
        left.extend(_repeat(machine, repeat.build, plan.transactions[-1], judges))
    for journal in journals:
        journal.add("rolled-back")
    for transaction in plan.transactions:
        clear_scratch(root, transaction.directory / "blobs")
        clear_scratch(root, transaction.directory / "scratch")
    return tuple(left)


def _find_missing_content(root: Root, plan: RollbackPlan) -> None:
    transactions = read_transactions(root)
    for restore in plan.restores:
        digest = restore.state.digest if restore.state is not None else None
        if digest is None or restore.backup is not None:
            continue
        blob = open_blob(root, transactions, digest)
        if blob is None:
            raise Refusal(
                f"nothing was rolled back: the copy of {restore.path} is gone from the journal",
                "restore that file from a backup of the machine",
            )
        blob.close()


def _restore(root: Root, restore: Restore) -> tuple[Leave, ...]:
    path, state = restore.path, restore.state
    if state is None:
        return _remove(root, path)
    if state.kind is Kind.LINK:
        root.make_link(path, state.target or "", state.as_node())
    elif state.kind is Kind.DIRECTORY:
        root.make_directory(path, state.as_node())
    elif restore.backup is not None and take_snapshot(root, restore.backup) == state:
        root.rename(restore.backup, path)
    else:
        blob = open_blob(root, read_transactions(root), state.digest or "")
        if blob is None:
            raise ChangeFailed(f"the copy of {path} is gone from the journal")
        with blob:
            root.put(path, blob, state.as_node())
    if take_snapshot(root, path) != state:
        raise ChangeFailed(f"{path} was written, yet does not hold what it held before")
    return ()


def _remove(root: Root, path: GuestPath) -> tuple[Leave, ...]:
    node = root.node(path)
    if node is not None and node.kind is Kind.DIRECTORY and root.names(path):
        return (Leave(path, "holds files that hvprep did not make"),)
    root.remove(path)
    return ()


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
        return (Leave(target, f"stays as it is now: {error.sentence}"),)
    finally:
        remove_candidates(root, candidate)
        clear_scratch(root, transaction.directory / "scratch")
    return ()


def _is_boot(path: GuestPath) -> bool:
    return len(path.parts) > 1 and path.parts[1] == "boot"
