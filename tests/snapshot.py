"""What a tree is, so that two moments of it can be compared: rollback has to give back the same.

"Identical" means kind, mode, owner, extended attributes and content (or link target) of every path outside
/var/lib/hvprep and /run, down to the permissions of directories. Time stamps and inode numbers may differ.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Tuple

import pytest

#: What hvprep keeps for itself, and what does not outlive a boot.
LEFT_OUT = ("/var/lib/hvprep", "/run")


class Entry(NamedTuple):
    """One path. `data` is the digest of a file, the target of a link, the numbers of a device, or ""."""

    kind: str
    mode: int
    uid: int
    gid: int
    data: str
    xattrs: Tuple[Tuple[str, bytes], ...] = ()


Snapshot = Mapping[str, Entry]


def take_snapshot(root: Path, left_out: Tuple[str, ...] = LEFT_OUT) -> Snapshot:
    """Every path of the tree, by its guest path. The names in `left_out` go with all that is below them."""
    return {path: _entry(host_path) for path, host_path in _walk(root, "", left_out)}


def _walk(directory: Path, prefix: str, left_out: Tuple[str, ...]) -> Iterator[Tuple[str, Path]]:
    yield prefix or "/", directory
    for item in sorted(os.scandir(directory), key=lambda item: item.name):
        path = f"{prefix}/{item.name}"
        if path in left_out:
            continue
        if item.is_dir(follow_symlinks=False):
            yield from _walk(Path(item.path), path, left_out)
        else:
            yield path, Path(item.path)


def _entry(path: Path) -> Entry:
    info = path.lstat()
    data = ""
    if stat.S_ISREG(info.st_mode):
        kind, data = "file", _digest(path)
    elif stat.S_ISLNK(info.st_mode):
        kind, data = "link", os.fsdecode(path.readlink())
    elif stat.S_ISDIR(info.st_mode):
        kind = "directory"
    else:
        kind, data = "other", f"{stat.S_IFMT(info.st_mode):o} {info.st_rdev}"
    return Entry(kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, data, _xattrs(path))


def _xattrs(path: Path) -> Tuple[Tuple[str, bytes], ...]:
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def diff_snapshots(before: Snapshot, after: Snapshot) -> List[str]:
    """One line for every path that was added, removed or changed; nothing when the trees are identical."""
    lines: Dict[str, str] = {}
    for path in before.keys() - after.keys():
        lines[path] = f"removed {path} ({before[path].kind})"
    for path in after.keys() - before.keys():
        lines[path] = f"added {path} ({after[path].kind} {after[path].mode:04o})"
    for path in before.keys() & after.keys():
        if before[path] != after[path]:
            lines[path] = f"changed {path} ({', '.join(_differences(before[path], after[path]))})"
    return [lines[path] for path in sorted(lines)]


def _differences(before: Entry, after: Entry) -> Iterator[str]:
    if before.kind != after.kind:
        yield f"{before.kind} -> {after.kind}"
    elif before.data != after.data:
        yield f"{before.data} -> {after.data}" if before.kind == "link" else "content"
    if before.mode != after.mode:
        yield f"mode {before.mode:04o} -> {after.mode:04o}"
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield f"owner {before.uid}:{before.gid} -> {after.uid}:{after.gid}"
    if before.xattrs != after.xattrs:
        yield f"extended attributes {dict(before.xattrs)} -> {dict(after.xattrs)}"


@pytest.fixture
def tree_snapshot() -> Callable[[Path], Snapshot]:
    """The function that takes a snapshot of a root."""
    return take_snapshot
