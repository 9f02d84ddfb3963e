"""Nothing left of a path, with all that is below it: for what no copy may be kept of.

Directories are walked by their descriptors and no symbolic link is followed, so that a user who plants one,
or moves a directory while we work, leads us nowhere. What is mounted somewhere below is not ours: it stays,
and so do the directories above it. Storage is not overwritten: on a disk that is discarded or copied that
would prove nothing (shred(1)).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hvprep.model.node import GuestPath
from hvprep.system.root import Root

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Directories below each other; each is an open descriptor meanwhile.
_DEPTH_LIMIT = 255
_WHY = {
    errno.EPERM: "it is immutable: chattr -i {path}",
    errno.EBUSY: "something is mounted on it, and stays: umount {path}",
    errno.EROFS: "its volume is read-only: mount -o remount,rw",
}


@dataclass
class Erased:
    """How many names went, and what is left with the reason, in words that say what to do."""

    count: int = 0
    left: list[tuple[GuestPath, str]] = field(default_factory=list)


def erase(root: Root, path: GuestPath) -> Erased:
    """Remove `path`, a file, a link or a whole tree; a directory that something is mounted on is emptied.

    What cannot go is told, and hinders nothing else. Absent is fine.
    """
    erased = Erased()
    node = root.node(path)
    if node is None:
        return erased
    parent = root.resolve(path.parent)
    try:
        with root.directory_fd(parent) as parent_fd:
            _erase(root, parent_fd, parent / path.name, erased, 0, _mount_of(parent_fd))
        root.sync_directory(parent)
    except OSError as error:
        _leave(erased, path, error)
    return erased


def _erase(root: Root, parent_fd: int, path: GuestPath, erased: Erased, depth: int, mount: int) -> None:
    """One name in an open directory, which is on the mount `mount`."""
    try:
        mode = os.lstat(path.name, dir_fd=parent_fd).st_mode
        if stat.S_ISDIR(mode):
            with _entered(parent_fd, path.name) as fd:
                is_mount = _mount_of(fd) != mount
                if is_mount and depth:
                    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
                before = len(erased.left)
                _clear(root, fd, path, erased, depth + 1)
            if is_mount or len(erased.left) > before:
                return
        root.observe("erase", path)
        (os.rmdir if stat.S_ISDIR(mode) else os.unlink)(path.name, dir_fd=parent_fd)
        erased.count += 1
    except FileNotFoundError:
        return
    except OSError as error:
        _leave(erased, path, error)


def _clear(root: Root, fd: int, path: GuestPath, erased: Erased, depth: int) -> None:
    if depth > _DEPTH_LIMIT:
        raise OSError(errno.ELOOP, "it is nested too deeply")
    mount = _mount_of(fd)
    for name in sorted(os.listdir(fd)):
        _erase(root, fd, path / name, erased, depth, mount)


def _leave(erased: Erased, path: GuestPath, error: OSError) -> None:
    why = _WHY.get(error.errno or 0, error.strerror or str(error))
    erased.left.append((path, why.format(path=path)))


@contextmanager
def _entered(parent_fd: int, name: str) -> Iterator[int]:
    fd = os.open(name, _DIRECTORY, dir_fd=parent_fd)
    try:
        yield fd
    finally:
        os.close(fd)


def _mount_of(fd: int) -> int:
    """The id of the mount that a descriptor is on (proc(5), /proc/pid/fdinfo); a bind mount has its own.

    Without /proc, the number of the file system.
    """
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as stream:
            found = re.search(r"^mnt_id:\s*(\d+)$", stream.read(), re.M)
    except OSError:
        found = None
    return int(found[1]) if found else -os.fstat(fd).st_dev
