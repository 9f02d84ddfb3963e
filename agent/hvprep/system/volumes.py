"""The file systems below a root: room, read-only or not, and bringing one safely to the disk."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from dataclasses import dataclass

from hvprep.model.node import GuestPath
from hvprep.system.root import Root

# ioctl_fs.h: _IOWR('X', 119, int) and _IOWR('X', 120, int).
_FIFREEZE = 0xC0045877
_FITHAW = 0xC0045878


@dataclass(frozen=True)
class Volume:
    """The file system that holds a path. `device` is its st_dev; two paths with one device share it."""

    device: int
    free_bytes: int
    read_only: bool


def volume_of(root: Root, path: GuestPath) -> Volume:
    """The file system that holds `path`, or where `path` would be made: its nearest existing parent."""
    while root.device(path) is None:
        path = path.parent
    resolved = root.resolve(path)
    try:
        descriptor = root.directory_fd(resolved)
        with descriptor as fd:
            return _volume(fd)
    except NotADirectoryError:
        with root.directory_fd(resolved.parent) as fd:
            return _volume(fd)


def mount_point(root: Root, path: GuestPath) -> GuestPath:
    """Where the file system that holds `path`, or would hold it, is mounted; "/" for the root's own."""
    while root.device(path) is None:
        path = path.parent
    path = root.resolve(path)
    while path != path.parent and root.device(path.parent) == root.device(path):
        path = path.parent
    return path


def _volume(fd: int) -> Volume:
    status = os.fstatvfs(fd)
    return Volume(
        device=os.fstat(fd).st_dev,
        free_bytes=status.f_bavail * status.f_frsize,
        read_only=bool(status.f_flag & os.ST_RDONLY),
    )


def settle(root: Root, directory: GuestPath) -> None:
    """Make what was renamed in `directory` visible to a boot loader even after a power cut.

    GRUB reads ext4 and XFS without replaying their journals, so syncfs(2) is not enough: where the
    directory is on a file system of its own, freezing it (ioctl_fs FIFREEZE) empties the journal, as
    dracut does since 049. The root file system and the host's are never frozen.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with root.directory_fd(directory) as fd:
        libc.syncfs(fd)
        device = os.fstat(fd).st_dev
        if device in (root.device(GuestPath("/")), os.stat("/").st_dev):
            return
        waiting = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:  # an interrupt must not leave it frozen
            fcntl.ioctl(fd, _FIFREEZE, 0)
            fcntl.ioctl(fd, _FITHAW, 0)
        except OSError:
            return  # the file system cannot be frozen (vfat, tmpfs); it has no journal to empty
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
