"""Path walking inside a root, one component at a time, so that no symbolic link leads out of it.

Every component is opened relative to its parent's descriptor with O_NOFOLLOW (open(2)); a link is read
and its text walked from the root's own descriptor, as a chroot(2) would. A hostile image, or one that is
changed under our feet, can make a walk fail but cannot make it end outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hvprep.model.node import GuestPath

#: Links followed before a walk gives up; the kernel's own limit (path_resolution(7)).
_LINK_LIMIT = 40
#: Linux, include/uapi/linux/limits.h: NAME_MAX.
_NAME_LIMIT_BYTES = 255
_OPEN_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Place:
    """Where a walk ended: a descriptor of the parent directory, the last name in it, the canonical path.

    `name` is "." for the root itself.
    """

    directory_fd: int
    name: str
    path: GuestPath


class _Walk:
    """The stack of open directories of one walk; closed as a whole."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._stack: list[tuple[str, int]] = []

    @property
    def directory_fd(self) -> int:
        return self._stack[-1][1] if self._stack else self._root_fd

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._stack)

    def enter(self, name: str) -> None:
        self._stack.append((name, os.open(name, _OPEN_DIRECTORY, dir_fd=self.directory_fd)))

    def leave(self) -> None:
        if self._stack:
            os.close(self._stack.pop()[1])

    def restart(self) -> None:
        while self._stack:
            self.leave()


@contextmanager
def walk(root_fd: int, path: GuestPath, follow_last: bool) -> Iterator[Place]:
    """Walk to the parent of `path`; with `follow_last` a link at the end is followed too.

    The last name need not exist. Raises FileNotFoundError, NotADirectoryError or OSError(ELOOP).
    """
    if not path.is_absolute():
        raise ValueError(f"not an absolute guest path: {path}")
    steps = _Walk(root_fd)
    try:
        with naming(path):
            yield _walk_to(steps, path, follow_last)
    finally:
        steps.restart()


@contextmanager
def naming(path: GuestPath) -> Iterator[None]:
    """An OSError names the guest path, not the last name alone that a descriptor's calls are given."""
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else ""
        if error.errno is not None and (not named.startswith("/") or named.startswith("/proc/self/fd/")):
            error.filename = str(path)
            error.filename2 = None
        raise


def _walk_to(steps: _Walk, path: GuestPath, follow_last: bool) -> Place:
    pending = deque(path.parts[1:])
    links = 0
    while pending:
        name = pending.popleft()
        if name == "..":
            steps.leave()
            continue
        if not _can_exist(name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if not pending and not follow_last:
            return _place(steps, name)
        try:
            status = os.lstat(name, dir_fd=steps.directory_fd)
        except FileNotFoundError:
            if pending:
                raise
            return _place(steps, name)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _LINK_LIMIT:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            _follow(steps, name, pending)
        elif pending:
            steps.enter(name)
        else:
            return _place(steps, name)
    return Place(steps.directory_fd, ".", GuestPath("/", *steps.names))


def _can_exist(name: str) -> bool:
    """Whether a file system could hold the name at all: what a guest's file says may be no name."""
    try:
        return "\0" not in name and len(os.fsencode(name)) <= _NAME_LIMIT_BYTES
    except UnicodeEncodeError:
        return False


def _follow(steps: _Walk, name: str, pending: deque[str]) -> None:
    """Put the text of the link `name` in front of the names that are still to be walked."""
    target = GuestPath(os.readlink(name, dir_fd=steps.directory_fd))
    if target.is_absolute():
        steps.restart()
    pending.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))


def _place(steps: _Walk, name: str) -> Place:
    return Place(steps.directory_fd, name, GuestPath("/", *steps.names, name))


def canonical(root_fd: int, path: GuestPath) -> GuestPath:
    """`path` with every link followed inside the root, those at dangling ends too (realpath(1) -m).

    Where links lead in a circle nothing can be followed, and `path` stays as it is.
    """
    if not path.is_absolute():
        raise ValueError(f"not an absolute guest path: {path}")
    steps = _Walk(root_fd)
    try:
        return _canonical(steps, path)
    finally:
        steps.restart()


def _canonical(steps: _Walk, path: GuestPath) -> GuestPath:
    pending = deque(path.parts[1:])
    missing: list[str] = []  # from the first name on that is not there, or below which nothing can be
    links = 0
    while pending:
        name = pending.popleft()
        if name == "..":
            if missing:
                missing.pop()
            else:
                steps.leave()
            continue
        try:
            is_there = not missing and _can_exist(name)
            mode = os.lstat(name, dir_fd=steps.directory_fd).st_mode if is_there else 0
        except FileNotFoundError:
            mode = 0
        if stat.S_ISLNK(mode):
            links += 1
            if links > _LINK_LIMIT:
                return path
            _follow(steps, name, pending)
        elif stat.S_ISDIR(mode):
            steps.enter(name)
        else:
            missing.append(name)
    return GuestPath("/", *steps.names, *missing)
