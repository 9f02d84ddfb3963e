"""Takes transactions back, newest first, from their journals; generic, no step writes an undo.

First everything is planned against the state of now, so that a conflict is found before anything is
touched. A file that somebody changed since is a conflict. A generated file that changed since is none
(the next kernel package makes it anew on every machine): its sources are restored and the journaled
Build is repeated. Running it again after a crash is harmless: what is restored already is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hvprep.engine.building import backup_of
from hvprep.engine.journal import Record, State, Transaction
from hvprep.errors import FormatError
from hvprep.model.change import Build, change_from_json
from hvprep.model.node import GuestPath, Kind
from hvprep.model.snapshot import Snapshot, snapshot_from_json
from hvprep.system.machine import take_snapshot
from hvprep.system.root import Root, temporary_name


@dataclass(frozen=True)
class Restore:
    """Bring `path` back to `state` (None: nothing there), from its journal or from `backup`."""

    path: GuestPath
    state: Snapshot | None
    backup: GuestPath | None = None


@dataclass(frozen=True)
class Repeat:
    """Make a generated file anew from the restored sources."""

    build: Build


@dataclass(frozen=True)
class Leave:
    """What cannot or need not come back, and why."""

    path: GuestPath
    why: str


@dataclass(frozen=True)
class Conflict:
    """A path that is neither as we found it nor as we left it."""

    path: GuestPath
    why: str


@dataclass(frozen=True)
class RollbackPlan:
    """What taking these transactions (newest first) back means. `leftovers` are half-made files that may
    stand beside their targets."""

    transactions: tuple[Transaction, ...]
    restores: tuple[Restore, ...]
    repeats: tuple[Repeat, ...]
    leaves: tuple[Leave, ...]
    conflicts: tuple[Conflict, ...]
    leftovers: tuple[GuestPath, ...]


@dataclass
class _Planner:
    """The state of every path as the rollback planned so far would leave it."""

    root: Root
    force: bool
    states: dict[GuestPath, Snapshot | None] = field(default_factory=dict)
    restores: list[Restore] = field(default_factory=list)
    repeats: dict[GuestPath, Repeat] = field(default_factory=dict)
    leaves: list[Leave] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    leftovers: list[GuestPath] = field(default_factory=list)

    def state(self, path: GuestPath) -> Snapshot | None:
        if path not in self.states:
            self.states[path] = take_snapshot(self.root, path)
        return self.states[path]

    def restore(self, path: GuestPath, state: Snapshot | None, backup: GuestPath | None = None) -> None:
        self.restores.append(Restore(path, state, backup))
        self.states[path] = state
        if backup is not None:
            self.states[backup] = None


def plan_rollback(root: Root, transactions: Iterable[Transaction], force: bool = False) -> RollbackPlan:
    """Plan to take back `transactions`, which are every one that is not rolled back yet, newest first."""
    chosen = tuple(transactions)
    planner = _Planner(root, force)
    for transaction in chosen:
        for record in reversed(tuple(_with_run_results(transaction))):
            _plan_record(planner, record)
    return RollbackPlan(
        chosen,
        tuple(planner.restores),
        tuple(planner.repeats.values()),
        tuple(planner.leaves),
        tuple(planner.conflicts),
        tuple(planner.leftovers),
    )


def to_roll_back(transactions: Iterable[Transaction], first: str | None = None) -> tuple[Transaction, ...]:
    """`first` and all after it that are not rolled back yet, newest first; by default only the newest."""
    standing = [each for each in transactions if each.state is not State.ROLLED_BACK]
    if first is None:
        return tuple(standing[-1:])
    return tuple(reversed([each for each in standing if each.id >= first]))


def _with_run_results(transaction: Transaction) -> Iterator[Record]:
    """The records, each `run` with the states that its `ran` told, and no `ran` of its own."""
    records = list(transaction.records)
    for index, record in enumerate(records):
        if record["op"] == "run":
            later = records[index + 1] if index + 1 < len(records) else {"op": ""}
            ended = later["op"] == "ran"
            after = {item["path"]: item["after"] for item in later["paths"]} if ended else {}
            yield {**record, "after": after, "ended": ended}
        elif record["op"] != "ran":
            yield record


def _plan_record(planner: _Planner, record: Record) -> None:
    op = record["op"]
    try:
        if op == "change":
            _plan_change(planner, record)
        elif op == "run":
            for item in record["paths"]:
                path, before = GuestPath(item["path"]), snapshot_from_json(item["before"])
                after = snapshot_from_json(record["after"].get(item["path"])) if record["ended"] else None
                _plan_path(planner, path, before, after, certain=not record["ended"])
        elif op == "purge":
            planner.leaves.append(Leave(GuestPath(record["path"]), "was purged, which keeps no copy"))
        elif op == "building":
            planner.leftovers.append(GuestPath(record["candidate"]))
    except KeyError as error:
        raise FormatError(f"a journal record {op!r} is incomplete: {error} is missing") from error


def _plan_change(planner: _Planner, record: Record) -> None:
    path = GuestPath(record["path"])
    before, after = snapshot_from_json(record["before"]), snapshot_from_json(record["after"])
    planner.leftovers.append(temporary_name(path))
    document = record.get("build")
    if document is None:
        _plan_path(planner, path, before, after, certain=bool(record.get("ours")))
        return
    now = planner.state(path)
    if now == before:
        return
    if now == after:
        planner.restore(path, before, _find_backup(planner, path, before))
    elif now is None:
        planner.leaves.append(Leave(path, "was removed since, as its kernel was"))
    else:
        change = change_from_json(document)
        if isinstance(change, Build):
            planner.repeats[path] = Repeat(change)


def _plan_path(
    planner: _Planner, path: GuestPath, before: Snapshot | None, after: Snapshot | None, certain: bool
) -> None:
    now = planner.state(path)
    if now == before:
        return
    made_directory = before is None and after is not None and after.kind is Kind.DIRECTORY
    if now == after or certain or planner.force or made_directory:
        planner.restore(path, before)
    else:
        planner.conflicts.append(Conflict(path, "was changed since by somebody else"))


def _find_backup(planner: _Planner, path: GuestPath, before: Snapshot | None) -> GuestPath | None:
    """The backup beside a generated file, where it still holds the old content."""
    backup = backup_of(path)
    state = planner.state(backup)
    return backup if before is not None and state == before else None
