"""What deprovisioning does to a system, as data: of it nothing can be taken back.

Files are written, linked and purged with the changes that every plan has; two more are needed here alone.
A Purge takes a whole tree (but what is mounted in it), and a Write of nothing empties a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from hvprep.model.change import Link, Purge, Run, Write
from hvprep.model.node import GuestPath


@dataclass(frozen=True)
class Move:
    """Another name, in the same directory, for what is at `path`. Fails where that name is taken."""

    path: GuestPath
    name: str
    why: str


@dataclass(frozen=True)
class EndProcesses:
    """Every process of a user ends: asked first, killed after a while. On a running system only."""

    uid: int
    user: str
    why: str


Action = Union[Write, Link, Purge, Run, Move, EndProcesses]


def describe(action: Action) -> str:
    """One line: what is done to what."""
    if isinstance(action, EndProcesses):
        return f"end the processes of {action.user}"
    if isinstance(action, Run):
        return f"run {' '.join(action.argv)}"
    if isinstance(action, Move):
        return f"rename {action.path} to {action.name}"
    if isinstance(action, Link):
        return f"link {action.path} to {action.target}"
    if isinstance(action, Write):
        return f"{'edit' if action.content else 'empty'} {action.path}"
    return f"remove {action.path}"
