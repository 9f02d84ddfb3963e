"""All that the changes of one transaction need, and the guard that each of them passes."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hvprep.engine.journal import Journal
from hvprep.errors import Refusal
from hvprep.model.change import Build, Change, Run, Write, target_of
from hvprep.model.node import GuestPath, Kind
from hvprep.model.snapshot import Snapshot, holds, snapshot_to_json
from hvprep.model.view import View
from hvprep.system.machine import Machine, take_snapshot

#: Inspects a candidate: (machine, candidate, build) -> what is wrong with it, () where it may be used.
Judge = Callable[[View, GuestPath, Build], tuple[str, ...]]


@dataclass(frozen=True)
class Execution:
    """`expected` is what every path of the plan must hold when its turn comes: the state that the plan was
    made for, until a change of ours is made there. `backups`: whether old files stay beside new ones.
    `on_action` is told in words what turned out otherwise than planned."""

    machine: Machine
    journal: Journal
    judges: Mapping[str, Judge]
    expected: dict[GuestPath, Snapshot | None]
    backups: bool = True
    on_action: Callable[[str], None] = lambda text: None


def touched_by(view: View, change: Change) -> tuple[GuestPath, ...]:
    """The canonical paths that the change makes, replaces or removes.

    Contents go to where links lead; a link that is itself made or removed is not followed.
    """
    if isinstance(change, Run):
        return tuple(view.resolve(path.parent) / path.name for path in change.writes)
    path = target_of(change)
    assert path is not None
    if isinstance(change, (Write, Build)):
        return (view.resolve(path),)
    return (view.resolve(path.parent) / path.name,)


def expect(execution: Execution, path: GuestPath) -> Snapshot | None:
    """The state of `path`; raises Refusal where it is not what the plan was made for."""
    now = take_snapshot(execution.machine.root, path)
    if path not in execution.expected:
        raise Refusal(
            f"{path} is not where the plan saw it: a symbolic link on the way there was changed since",
            "look at it, then try again",
        )
    if not holds(now, execution.expected[path]):
        raise Refusal(
            f"{path} was changed by somebody else since the plan was made", "look at it, then try again"
        )
    return now


def expect_file(execution: Execution, path: GuestPath) -> Snapshot | None:
    """`expect`, where nothing but a file, a link or nothing may stand."""
    now = expect(execution, path)
    if now is not None and now.kind not in (Kind.FILE, Kind.LINK):
        raise Refusal(f"{path} is not a file ({now.kind.value})", "move it away, then try again")
    return now


def hint_for(error: OSError, path: str) -> str | None:
    """What to do where root itself is not permitted: only an attribute of chattr(1) forbids it anything."""
    return f"lsattr -d {path}; chattr -i {path}" if error.errno == errno.EPERM else None


def make_parents(execution: Execution, directory: GuestPath) -> None:
    """Directories that we make are changes too: rollback removes them again."""
    root, missing = execution.machine.root, []
    while root.node(directory) is None:
        missing.append(directory)
        directory = directory.parent
    after = Snapshot(Kind.DIRECTORY, 0o755, 0, 0)
    for made in reversed(missing):
        execution.journal.add(
            "change", path=str(made), before=None, after=snapshot_to_json(after), why="holds the next file"
        )
        root.make_directory(made, after.as_node())


def is_boot(path: GuestPath) -> bool:
    """Whether a boot loader may read it: what changes there has to be settled."""
    return len(path.parts) > 1 and path.parts[1] in ("boot", "efi")
