"""A swap file in one directory that stays open: nothing is done by a path, which others may change.

Whoever may write to the directory can put other files under our names. So every file is opened there without
following links, has to be root's alone, and is given to programs and to the kernel as /proc/PID/fd/N.
Sources: swapon(2), mkswap(8), linux/swap.h, linux/fs.h, ioctl_iflags(2).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hvprep.errors import ChangeFailed, Refusal
from hvprep.model.node import GuestPath
from hvprep.system.names import temporary_name
from hvprep.system.root import Root
from hvprep.system.runner import Runner

#: The label in the header of every swap file that we make (15 bytes at most).
LABEL = "hvprep-swap"

_SWAP_FLAG_PREFER = 0x8000
_PRIORITY_MASK = 0x7FFF
_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS, _FS_NOCOW_FL = 0x80086601, 0x40086602, 0x00800000
_BTRFS_SUPER_MAGIC = 0x9123683E
_MKSWAP_TIMEOUT_S = 60.0
_BLOCK_BYTES = 4 * 1024 * 1024
#: union swap_header: the magic ends the first page, the label stands at 1024 + 12 + 16.
_MAGIC, _LABEL_OFFSET = b"SWAPSPACE2", 1052
#: A page, on the architectures that there are.
_LARGEST_PAGE = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class SwapFile:
    """What stands under our name. `is_made`: it has our header, so that it was made to the end."""

    size_bytes: int
    allocated_bytes: int
    is_made: bool


class SwapDirectory:
    """The directory, and the operations on one name in it. `observe` in Root is told of each mutation."""

    def __init__(self, root: Root, runner: Runner, directory: GuestPath, fd: int, name: str) -> None:
        self.path = directory / name
        self._root = root
        self._runner = runner
        self._fd = fd

    @property
    def device_number(self) -> str:
        """The file system's number as /proc writes it: "8:17"."""
        return _number(os.fstat(self._fd))

    @property
    def parent_number(self) -> str:
        """That of the directory above it: the same where nothing is mounted."""
        return _number(os.stat("..", dir_fd=self._fd))

    def room(self) -> tuple[int, int]:
        """The size of the file system, and what of it a program of a user may still take; in bytes."""
        status = os.fstatvfs(self._fd)
        return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize

    def find(self) -> SwapFile | None:
        """What has our name. Raises Refusal where it is no file of root's."""
        try:
            with self._opened(self.path.name, os.O_RDONLY) as fd:
                status = os.fstat(fd)
                return SwapFile(status.st_size, status.st_blocks * 512, _has_our_header(fd))
        except FileNotFoundError:
            return None

    def make(self, size_bytes: int) -> None:
        """A swap file of that size, complete before it gets its name. What an interrupted run left goes.

        Raises ChangeFailed where there is no room, CommandFailed without mkswap.
        """
        temporary = temporary_name(self.path)
        self._root.observe("create", temporary)
        with suppress(FileNotFoundError):
            os.unlink(temporary.name, dir_fd=self._fd)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary.name, flags, 0o600, dir_fd=self._fd)
        try:
            os.fchown(fd, 0, 0)
            os.fchmod(fd, 0o600)
            _forbid_copy_on_write(fd)
            self._allocate(fd, size_bytes)
            self._put_header(fd)
            self._root.observe("rename", self.path)
            os.rename(temporary.name, self.path.name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary.name, dir_fd=self._fd)
            raise
        finally:
            os.close(fd)

    def switch_on(self, priority: int) -> None:
        """Have the kernel swap to it; where that refuses holes, after every block has been written.

        Raises ChangeFailed with the kernel's reason.
        """
        with self._opened(self.path.name, os.O_RDWR) as fd:
            os.fchmod(fd, 0o600)
            number = self._swapon(fd, priority)
            if number == errno.EINVAL and not _is_btrfs(fd):
                self._fill(fd)
                self._put_header(fd)
                number = self._swapon(fd, priority)
            if number:
                raise ChangeFailed(f"the kernel does not swap to {self.path}: {os.strerror(number)}")

    def switch_off(self) -> None:
        """Have the kernel take everything back from it. Raises ChangeFailed where memory has no room."""
        with self._opened(self.path.name, os.O_RDONLY) as fd:
            self._root.observe("swapoff", self.path)
            if _libc.swapoff(f"/proc/self/fd/{fd}".encode()) != 0:
                reason = os.strerror(ctypes.get_errno())
                raise ChangeFailed(
                    f"swap to {self.path} cannot be ended: {reason}", "try when less memory is used"
                )

    def remove(self) -> None:
        """Nothing under our names any more; it must not be in use."""
        for name in (self.path.name, temporary_name(self.path).name):
            self._root.observe("remove", self.path.parent / name)
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._fd)

    @contextmanager
    def _opened(self, name: str, flags: int) -> Iterator[int]:
        try:
            fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._fd)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise
            raise self._not_ours() from error
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_nlink != 1:
                raise self._not_ours()
            yield fd
        finally:
            os.close(fd)

    def _not_ours(self) -> Refusal:
        return Refusal(f"{self.path} is not a swap file of hvprep", "look at it, and move it away")

    def _allocate(self, fd: int, size_bytes: int) -> None:
        self._root.observe("allocate", self.path)
        try:
            os.posix_fallocate(fd, 0, size_bytes)
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise self._no_room(error) from error
            os.ftruncate(fd, size_bytes)
            self._fill(fd)

    def _fill(self, fd: int) -> None:
        self._root.observe("fill", self.path)
        zeros, size = bytes(_BLOCK_BYTES), os.fstat(fd).st_size
        try:
            for offset in range(0, size, _BLOCK_BYTES):
                os.pwrite(fd, zeros[: size - offset], offset)
            os.fsync(fd)
        except OSError as error:
            raise self._no_room(error) from error

    def _no_room(self, error: OSError) -> ChangeFailed:
        return ChangeFailed(
            f"{self.path} cannot be made: {error.strerror}", "see df(1) and the kernel's messages"
        )

    def _put_header(self, fd: int) -> None:
        self._root.observe("mkswap", self.path)
        self._runner.check(("mkswap", "-L", LABEL, f"/proc/{os.getpid()}/fd/{fd}"), _MKSWAP_TIMEOUT_S)
        os.fsync(fd)

    def _swapon(self, fd: int, priority: int) -> int:
        """0, or the error number."""
        self._root.observe("swapon", self.path)
        flags = _SWAP_FLAG_PREFER | (priority & _PRIORITY_MASK)
        return 0 if _libc.swapon(f"/proc/self/fd/{fd}".encode(), flags) == 0 else ctypes.get_errno()


def _number(status: os.stat_result) -> str:
    return f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"


def _has_our_header(fd: int) -> bool:
    head = os.pread(fd, _LARGEST_PAGE, 0)
    is_swap = any(head[end - len(_MAGIC) : end] == _MAGIC for end in (4096, 8192, 16384, 65536))
    return is_swap and head[_LABEL_OFFSET : _LABEL_OFFSET + 16].rstrip(b"\0") == LABEL.encode()


def _forbid_copy_on_write(fd: int) -> None:
    """btrfs swaps only to files without copy on write, which a file has to be told while it is empty."""
    if not _is_btrfs(fd):
        return
    number = bytearray(struct.calcsize("l"))
    fcntl.ioctl(fd, _FS_IOC_GETFLAGS, number)
    (flags,) = struct.unpack("l", number)
    fcntl.ioctl(fd, _FS_IOC_SETFLAGS, struct.pack("l", flags | _FS_NOCOW_FL))


def _is_btrfs(fd: int) -> bool:
    """By the type number that statfs(2) gives, the first word of its structure."""
    buffer = ctypes.create_string_buffer(256)
    if _libc.fstatfs(fd, buffer) != 0:
        return False
    return bool(struct.unpack_from("l", buffer)[0] == _BTRFS_SUPER_MAGIC)
