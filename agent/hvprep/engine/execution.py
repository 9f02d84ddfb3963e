"""All that the changes of one transaction need, and the guard that each of them passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hvprep.engine.journal import Journal
from hvprep.errors import ChangeFailed, Refusal
from hvprep.model.change import Build
from hvprep.model.node import GuestPath, Kind
from hvprep.model.snapshot import Snapshot
from hvprep.model.view import View
from hvprep.system.machine import Machine, take_snapshot

#: Inspects a candidate: (machine, candidate, build) -> what is wrong with it, () where it may be used.
Judge = Callable[[View, GuestPath, Build], tuple[str, ...]]


@dataclass(frozen=True)
class Execution:
    """`before` is the state that the plan was made for; `backups` whether old files stay beside new ones."""

    machine: Machine
    journal: Journal
    judges: Mapping[str, Judge]
    before: Mapping[GuestPath, Snapshot | None]
    backups: bool = True


def expect(execution: Execution, path: GuestPath) -> Snapshot | None:
    """The state of `path`; raises Refusal where it is not what the plan was made for."""
    now = take_snapshot(execution.machine.root, path)
    if path in execution.before and now != execution.before[path]:
        raise Refusal(
            f"{path} was changed by somebody else since the plan was made", "look at it, then try again"
        )
    if now is not None and now.kind is Kind.OTHER:
        raise ChangeFailed(f"{path} is neither a file, a link nor a directory")
    return now
