"""Takes transactions back, newest first, from their journals; generic, no step writes an undo.

First everything is planned against the state of now, so that a conflict is found before anything is
touched. Of each path it is known what it held at first and every state that we gave it since: it goes back
to the first, from whichever of these it holds now. So running a rollback again after a crash is harmless,
however far it came. A file in any other state was changed by somebody: a conflict. A generated file that
somebody changed is none (the next kernel package makes it anew on every machine): its sources are restored
and the journaled Build is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hvprep.engine.building import backup_of, candidate_of
from hvprep.engine.journal import Record, State, Transaction, find_blob, is_meant
from hvprep.errors import FormatError, Refusal, UsageError
from hvprep.model.change import Build, change_from_json
from hvprep.model.document import as_path, shorten
from hvprep.model.node import GuestPath, Kind
from hvprep.model.snapshot import Snapshot, holds, snapshot_from_json
from hvprep.system.machine import take_snapshot
from hvprep.system.names import temporary_name
from hvprep.system.root import Root


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
    """What cannot or need not come back, and why. `failed`: it should have, and the person has work left."""

    path: GuestPath
    why: str
    failed: bool = False


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
class _History:
    """What the chosen transactions tell of one path, oldest first.

    `certain`: whatever stands there is ours (a backup's name, the work of a program that was cut off).
    """

    first: Snapshot | None
    known: list[Snapshot | None]
    certain: bool = False
    purged: bool = False
    build: Build | None = None


@dataclass
class _Histories:
    """Every path's history, in the order in which the paths were first touched, and where rubbish may lie."""

    paths: dict[GuestPath, _History] = field(default_factory=dict)
    leftovers: dict[GuestPath, None] = field(default_factory=dict)

    def add(self, path: GuestPath, before: Snapshot | None) -> _History:
        self.leftovers[temporary_name(path)] = None
        history = self.paths.setdefault(path, _History(before, [before]))
        history.known.append(before)
        return history


def plan_rollback(root: Root, transactions: Iterable[Transaction], force: bool = False) -> RollbackPlan:
    """Plan to take back `transactions`, which are every one that is not rolled back yet, newest first.

    `force`: what would be a conflict is overwritten, or left where that cannot be.
    """
    chosen = tuple(transactions)
    histories = _Histories()
    for transaction in reversed(chosen):
        for record in _with_run_results(transaction):
            _read_record(histories, record)
    actions = [
        action
        for path, history in reversed(list(histories.paths.items()))
        for action in _plan_path(root, path, history, force)
    ]
    repeats = tuple(action for action in actions if isinstance(action, Repeat))
    repeated = [candidate_of(root.resolve(each.build.target), chosen[-1].id) for each in repeats]
    return RollbackPlan(
        chosen,
        _in_order([action for action in actions if isinstance(action, Restore)]),
        repeats,
        tuple(action for action in actions if isinstance(action, Leave)),
        tuple(action for action in actions if isinstance(action, Conflict)),
        tuple(dict.fromkeys([*histories.leftovers, *repeated])),
    )


def to_roll_back(transactions: Iterable[Transaction], first: str | None = None) -> tuple[Transaction, ...]:
    """`first` ("1" is "0001") and all after it that are not rolled back yet, newest first; by default only
    the newest. Raises UsageError where there is no `first`, Refusal where it was rolled back already."""
    known = tuple(transactions)
    standing = [each for each in known if each.state is not State.ROLLED_BACK]
    if first is None:
        return tuple(standing[-1:])
    wanted = [each for each in known if is_meant(each.id, first)]
    if not wanted:
        raise UsageError(
            f"there is no transaction {first}",
            f"the transactions of this system: {', '.join(each.id for each in known) or 'none'}",
        )
    chosen = tuple(reversed([each for each in standing if each.number >= wanted[0].number]))
    if wanted[0].state is State.ROLLED_BACK:
        after = ", ".join(each.id for each in reversed(chosen))
        raise Refusal(
            f"{wanted[0].id} was rolled back already",
            f"these came after it and stand: {after}; name the first that is to go" if after else None,
        )
    return chosen


def _with_run_results(transaction: Transaction) -> Iterator[Record]:
    """The records, each `run` with the states that its `ran` told, and no `ran` of its own."""
    records = list(transaction.records)
    for index, record in enumerate(records):
        if record["op"] == "run":
            later = records[index + 1] if index + 1 < len(records) else {"op": ""}
            yield {**record, "after": later.get("paths") if later["op"] == "ran" else None}
        elif record["op"] != "ran":
            yield record


def _read_record(histories: _Histories, record: Record) -> None:
    op = record["op"]
    try:
        if op == "change":
            _read_change(histories, record)
        elif op == "run":
            _read_run(histories, record)
        elif op == "purge":
            path = _path(record["path"])
            histories.add(path, None).purged = True
            histories.paths[path].first = None
            histories.paths[path].known = [None]
        elif op == "building":
            histories.leftovers[_path(record["candidate"])] = None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"a journal record {op!r} is incomplete: {error}") from error


def _read_change(histories: _Histories, record: Record) -> None:
    history = histories.add(_path(record["path"]), snapshot_from_json(record["before"]))
    history.known.append(snapshot_from_json(record["after"]))
    history.certain = history.certain or bool(record.get("ours"))
    if "build" in record:
        change = change_from_json(record["build"])
        if isinstance(change, Build):
            history.build = history.build or change


def _read_run(histories: _Histories, record: Record) -> None:
    after = {item["path"]: snapshot_from_json(item["after"]) for item in record["after"] or ()}
    for item in record["paths"]:
        history = histories.add(_path(item["path"]), snapshot_from_json(item["before"]))
        if item["path"] in after:
            history.known.append(after[item["path"]])
        else:
            history.certain = True


def _path(text: str) -> GuestPath:
    try:
        return as_path(text)
    except ValueError as error:
        raise FormatError(f"a journal record names the path {shorten(text)}: {error}") from error


def _plan_path(
    root: Root, path: GuestPath, history: _History, force: bool
) -> Iterator[Restore | Repeat | Leave | Conflict]:
    now, first = take_snapshot(root, path), history.first
    if history.purged:
        yield Leave(path, "was purged, which keeps no copy")
    if holds(now, first):
        return
    is_ours = any(holds(now, known) for known in history.known) or _is_made_directory(now, history)
    if not is_ours and history.purged:
        return
    if not is_ours and history.build is not None:
        if now is None:
            yield Leave(path, "was removed since, as its kernel was")
        else:
            yield Repeat(history.build)
    elif not (is_ours or history.certain or force):
        yield Conflict(path, "was changed since by somebody else")
    else:
        yield _find_content(root, path, history, force)


def _in_order(restores: Sequence[Restore]) -> tuple[Restore, ...]:
    """As they come, but a directory goes after what is below it, and comes back before that."""
    by_path = {restore.path: restore for restore in restores}
    ordered: dict[GuestPath, Restore] = {}

    def place(restore: Restore) -> None:
        if restore.path in ordered:
            return
        for other in restores:
            if other.state is None and restore.path in other.path.parents:
                place(other)
        for parent in reversed(restore.path.parents):
            if restore.state is not None and parent in by_path:
                place(by_path[parent])
        ordered[restore.path] = restore

    for restore in restores:
        place(restore)
    return tuple(ordered.values())


def _is_made_directory(now: Snapshot | None, history: _History) -> bool:
    """A directory that we made stays ours when its mode changes; what it holds decides whether it goes."""
    return (
        now is not None
        and now.kind is Kind.DIRECTORY
        and any(known is not None and known.kind is Kind.DIRECTORY for known in history.known)
    )


def _find_content(
    root: Root, path: GuestPath, history: _History, force: bool
) -> Restore | Repeat | Leave | Conflict:
    state = history.first
    if state is None or state.digest is None:
        return Restore(path, state)
    if history.build is not None and holds(take_snapshot(root, backup_of(path)), state):
        return Restore(path, state, backup_of(path))
    if find_blob(root, state.digest) is not None:
        return Restore(path, state)
    if history.build is not None:
        return Repeat(history.build)
    why = "cannot come back: its copy is gone from the journal, or damaged"
    return Leave(path, why, failed=True) if force else Conflict(path, why)
