"""One hvprep at a time on one root."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hvprep.errors import Refusal
from hvprep.model.node import GuestPath, Kind
from hvprep.system.root import Root

#: Everything that hvprep remembers on a machine.
STATE_DIRECTORY = GuestPath("/var/lib/hvprep")
#: What ends with the boot.
BOOT_DIRECTORY = GuestPath("/run/hvprep")


@contextmanager
def lock(root: Root, verb: str) -> Iterator[None]:
    """Hold /var/lib/hvprep (flock(2)); the kernel lets go of it when the process ends, however it ends.

    Raises Refusal that names the process and the verb that hold it.
    """
    try:
        make_state_directory(root)
        fd = _open_lock(root, STATE_DIRECTORY, "lock")
    except OSError as error:
        raise Refusal(
            f"{STATE_DIRECTORY}, where hvprep keeps its journal, cannot be written: {error.strerror}",
            "look whether that volume is read-only or full, and whether you are root",
        ) from error
    with _held(fd, verb):
        yield


@contextmanager
def lock_for_boot(root: Root, verb: str) -> Iterator[None]:
    """Hold the verb's own lock in /run/hvprep: it is there at every boot, whatever state the disks are in.

    Raises Refusal as `lock`.
    """
    try:
        path = root.resolve(BOOT_DIRECTORY)
        if root.node(path) is None:
            root.make_directory(path)
        _make_private(root, BOOT_DIRECTORY)
        fd = _open_lock(root, BOOT_DIRECTORY, f"{verb}.lock")
    except OSError as error:
        raise Refusal(
            f"{BOOT_DIRECTORY} cannot be written: {error.strerror}", "look whether /run is"
        ) from error
    with _held(fd, verb):
        yield


def _open_lock(root: Root, directory: GuestPath, name: str) -> int:
    with root.directory_fd(directory) as directory_fd:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=directory_fd)


@contextmanager
def _held(fd: int, verb: str) -> Iterator[None]:
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "another process"
            raise Refusal(
                f"another hvprep is at work on this system: {holder}",
                "wait until it has ended, then try again",
            ) from None
        with suppress(OSError):  # only a name for others; a full disk is no reason not to roll back
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{verb}, process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def find_holder(root: Root) -> str | None:
    """Who is at work on this root now; None where nobody is, or where we may not know."""
    try:
        with root.directory_fd(STATE_DIRECTORY) as directory_fd:
            fd = os.open("lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "another process"
    finally:
        os.close(fd)


def make_state_directory(root: Root) -> None:
    """/var/lib/hvprep, readable by root only."""
    for path in (GuestPath("/var"), GuestPath("/var/lib"), STATE_DIRECTORY):
        resolved = root.resolve(path)
        if root.node(resolved) is None:
            root.make_directory(resolved)
    for path in (STATE_DIRECTORY, STATE_DIRECTORY / "journal"):
        _make_private(root, path)


def is_root() -> bool:
    """Whether this process may do everything, so that others could use it."""
    return os.geteuid() == 0


def _make_private(root: Root, path: GuestPath) -> None:
    """Nobody else may write where root looks for what it has to do: another user's directory becomes ours."""
    node = root.node(root.resolve(path))
    if node is None or (node.mode == 0o700 and node.uid == 0):
        return
    if node.uid != 0 and is_root():
        itself = root.node(path)
        if itself is None or itself.kind is not Kind.DIRECTORY:
            raise Refusal(
                f"{path} leads to what belongs to user {node.uid}, who could change what hvprep keeps",
                f"look at it, then remove the link or: chown 0:0 {root.resolve(path)}",
            )
    with root.directory_fd(path) as fd:
        if is_root():
            os.fchown(fd, 0, 0)
        os.fchmod(fd, 0o700)
