"""Reading a block device: never written, no link followed, never another one than was meant."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from hvprep.errors import FormatError, Refusal
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DeviceReader:
    """An open device. `read_at` is what the readers in formats/ take.

    `is_free`: nobody else has it for himself (open(2), O_EXCL): no mount, swap, dm or md stands on it or on
    a partition of it.
    """

    def __init__(self, path: GuestPath, fd: int, is_free: bool) -> None:
        self._path, self._fd = path, fd
        self.is_free = is_free
        self.size_bytes = os.lseek(fd, 0, os.SEEK_END)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Exactly those bytes. Raises OSError where the disk gives none, FormatError beyond its end."""
        if offset < 0 or size_bytes < 0 or offset + size_bytes > self.size_bytes:
            raise FormatError(
                f"{self._path} has {self.size_bytes} bytes, and {size_bytes} are wanted from {offset} on"
            )
        content = b""
        while len(content) < size_bytes:
            block = os.pread(self._fd, size_bytes - len(content), offset + len(content))
            if not block:  # it has shrunk, or is gone
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(self._path))
            content += block
        return content


@contextmanager
def open_device(root: Root, path: GuestPath, device_number: str | None) -> Iterator[DeviceReader]:
    """The block device at `path`, read only; `device_number` ("8:16") is what it has to be.

    With None it has to be a regular file, as an image of a disk is. Raises Refusal where it is another
    device or no such thing, OSError.
    """
    with root.directory_fd(path.parent) as directory:
        _require(path, os.lstat(path.name, dir_fd=directory), device_number)  # before open(2) does anything
        is_free = _is_free(path.name, directory)
        fd = os.open(path.name, _FLAGS, dir_fd=directory)
    try:
        _require(path, os.fstat(fd), device_number)
        # What another run or program has read through this node may be older than the disk.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        yield DeviceReader(path, fd, is_free)
    finally:
        os.close(fd)


def _require(path: GuestPath, status: os.stat_result, device_number: str | None) -> None:
    if device_number is None:
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(f"{path} is not a regular file")
        return
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if not stat.S_ISBLK(status.st_mode) or number != device_number:
        raise Refusal(
            f"{path} is not the block device {device_number}", "run hvprep again when udev has settled"
        )


def _is_free(name: str, directory_fd: int) -> bool:
    """Asked in no time: while a device is held like this nobody could mount it."""
    try:
        os.close(os.open(name, _FLAGS | os.O_EXCL, dir_fd=directory_fd))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True
