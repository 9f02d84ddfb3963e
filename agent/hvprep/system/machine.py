"""The machine that a verb works on: its files, and a way to start its programs."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.model.node import GuestPath, Kind
from hvprep.model.snapshot import Snapshot
from hvprep.model.view import View
from hvprep.system.root import Root
from hvprep.system.runner import Runner


@dataclass(frozen=True)
class Machine:
    """`live` tells the running machine from a mounted image or a chroot."""

    root: Root
    runner: Runner
    live: bool


def take_snapshot(view: View, path: GuestPath) -> Snapshot | None:
    """The state of `path` now (a link at the end is not followed), None where nothing stands."""
    node = view.node(path)
    if node is None:
        return None
    digest = digest_of(view, path) if node.kind is Kind.FILE else None
    return Snapshot(node.kind, node.mode, node.uid, node.gid, digest, node.target, node.xattrs)


def digest_of(view: View, path: GuestPath) -> str:
    """SHA-256 of a regular file's content, in hexadecimal."""
    import hashlib

    summed = hashlib.sha256()
    with view.open(path) as stream:
        while block := stream.read(1024 * 1024):
            summed.update(block)
    return summed.hexdigest()
