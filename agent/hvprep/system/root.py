"""Root: all file access to a machine, live (`/`) or a mounted image, and nothing outside of it.

The reading half is the `View` that steps see. The writing half is what the executor and the journal are
made of: every write is a temporary file, fsync, rename and fsync of the directory, so that a power cut
leaves the old file or the new one. `observe` is told of each mutation before it happens; tests record
the order there, or end the process at the n-th.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hvprep.errors import FormatError
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.view import READ_LIMIT_BYTES
from hvprep.system.inode import dress, fill, kind_of, read_all, read_xattrs
from hvprep.system.names import has_wildcard, matches_name, temporary_name
from hvprep.system.walk import Place, canonical, naming, walk

#: Told of (operation, guest path) before each mutation.
Observer = Callable[[str, GuestPath], None]

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def _unobserved(operation: str, path: GuestPath) -> None:
    """Nobody watches."""


class Root:
    """The file tree below `host_path`, seen as the guest sees it."""

    def __init__(self, host_path: Path, observe: Observer = _unobserved) -> None:
        self.host_path = host_path
        self.observe = observe
        self._fd = os.open(host_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    # Reading: the View.

    def node(self, path: GuestPath) -> Node | None:
        """See View. Extended attributes are read too where the file system has them."""
        try:
            with walk(self._fd, path, follow_last=False) as place:
                status = os.lstat(place.name, dir_fd=place.directory_fd)
                is_link = stat.S_ISLNK(status.st_mode)
                target = os.readlink(place.name, dir_fd=place.directory_fd) if is_link else None
                xattrs = read_xattrs(place.directory_fd, place.name, status.st_mode)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return Node(
            kind=kind_of(status.st_mode),
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            target=target,
            xattrs=xattrs,
        )

    def resolve(self, path: GuestPath) -> GuestPath:
        """See View."""
        return canonical(self._fd, path)

    def read(self, path: GuestPath, limit_bytes: int = READ_LIMIT_BYTES) -> bytes | None:
        """See View. Sizes that the kernel makes up (/proc, /sys) are not trusted."""
        try:
            with self.open(path) as stream:
                content = read_all(stream, limit_bytes + 1)
        except OSError as error:
            if error.errno in (*_ABSENT, errno.EISDIR):
                return None
            raise
        if len(content) > limit_bytes:
            raise FormatError(f"{path} is larger than {limit_bytes} bytes, which no such file is")
        return content

    def open(self, path: GuestPath) -> BinaryIO:
        """See View. Only regular files are opened: a FIFO or a device would hang or be touched."""
        with walk(self._fd, path, follow_last=True) as place:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            status = os.lstat(place.name, dir_fd=place.directory_fd)
            if not stat.S_ISREG(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "not a regular file", str(path))
            return io.FileIO(os.open(place.name, flags, dir_fd=place.directory_fd), closefd=True)

    def glob(self, pattern: str) -> tuple[GuestPath, ...]:
        """See View."""
        found = [GuestPath("/")]
        for part in GuestPath(pattern).parts[1:]:
            if has_wildcard(part):
                found = [
                    parent / name
                    for parent in found
                    for name in sorted(self.names(parent))
                    if matches_name(name, part)
                ]
            else:
                found = [parent / part for parent in found]
        return tuple(path for path in found if self.node(path) is not None)

    def is_pending(self, path: GuestPath) -> bool:
        """Never: nothing is planned on the machine itself."""
        return False

    def device(self, path: GuestPath) -> int | None:
        """The number of the file system that holds `path` (st_dev), None where there is nothing."""
        try:
            with walk(self._fd, path, follow_last=True) as place:
                return os.lstat(place.name, dir_fd=place.directory_fd).st_dev
        except OSError:
            return None

    @contextmanager
    def directory_fd(self, path: GuestPath) -> Iterator[int]:
        """A descriptor, fit for fsync and ioctl, of an existing directory; links are followed."""
        with walk(self._fd, path, follow_last=True) as place:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(place.name, flags, dir_fd=place.directory_fd)
        try:
            with naming(path):
                yield fd
        finally:
            os.close(fd)

    def names(self, directory: GuestPath) -> list[str]:
        """The names in a directory, in no order; [] where there is none."""
        try:
            with self.directory_fd(directory) as fd:
                return os.listdir(fd)
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise

    # Writing: the executor's and the journal's.

    def put(self, path: GuestPath, content: bytes | BinaryIO, like: Node) -> None:
        """A regular file at `path`, with the mode, owner and extended attributes of `like`, durable."""
        with self._beside(path) as (temporary, place):
            self.observe("create", temporary)
            _discard(place.directory_fd, temporary.name)
            with self._opened(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
                fill(fd, content)
                dress(fd, like)
                self.observe("fsync", temporary)
                os.fsync(fd)
        self.sync_directory(path.parent)

    def append(self, path: GuestPath, content: bytes) -> None:
        """Add `content` to the end of a file of our own (mode 0600), durable when this returns."""
        is_new = self.node(path) is None
        self.observe("append", path)
        with self._opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as fd:
            fill(fd, content)
            self.observe("fsync", path)
            os.fsync(fd)
        if is_new:
            self.sync_directory(path.parent)

    def truncate(self, path: GuestPath, size: int) -> None:
        """Cut a file of our own down to `size` bytes, durable; takes no room on a full disk."""
        self.observe("truncate", path)
        with self._opened(path, os.O_WRONLY) as fd:
            os.ftruncate(fd, size)
            os.fsync(fd)

    def make_link(self, path: GuestPath, target: str, like: Node | None = None) -> None:
        """A symbolic link at `path`, replacing what is there, durable."""
        with self._beside(path) as (temporary, place):
            self.observe("symlink", temporary)
            _discard(place.directory_fd, temporary.name)
            os.symlink(target, temporary.name, dir_fd=place.directory_fd)
            if like is not None:
                os.chown(temporary.name, like.uid, like.gid, dir_fd=place.directory_fd, follow_symlinks=False)
        self.sync_directory(path.parent)

    @contextmanager
    def _opened(self, path: GuestPath, flags: int) -> Iterator[int]:
        """A descriptor of the file or directory at `path`; a link there is not followed."""
        with walk(self._fd, path, follow_last=False) as place:
            flags |= os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(place.name, flags, 0o600, dir_fd=place.directory_fd)
        try:
            with naming(path):
                yield fd
        finally:
            os.close(fd)

    @contextmanager
    def _beside(self, path: GuestPath) -> Iterator[tuple[GuestPath, Place]]:
        """What is made under the temporary name meanwhile gets the name `path`; on a failure it goes."""
        temporary = temporary_name(path)
        with walk(self._fd, path, follow_last=False) as place:
            try:
                yield temporary, place
                self.observe("rename", path)
                os.rename(
                    temporary.name, place.name, src_dir_fd=place.directory_fd, dst_dir_fd=place.directory_fd
                )
            except BaseException:
                _discard(place.directory_fd, temporary.name)
                raise

    def make_directory(self, path: GuestPath, like: Node | None = None) -> None:
        """A directory at `path` (0755, or dressed as `like`); its parent exists. Durable."""
        with walk(self._fd, path, follow_last=False) as place:
            self.observe("mkdir", path)
            os.mkdir(place.name, 0o755, dir_fd=place.directory_fd)
        if like is not None:
            self.dress(path, like)
        self.sync_directory(path.parent)

    def dress(self, path: GuestPath, like: Node) -> None:
        """Give an existing file or directory the mode, owner and extended attributes of `like`, durable."""
        self.observe("dress", path)
        with self._opened(path, os.O_RDONLY | os.O_NONBLOCK) as fd:
            dress(fd, like)
            os.fsync(fd)

    def remove(self, path: GuestPath) -> None:
        """Nothing at `path` any more: a file, a link, or an empty directory. Absent is fine. Durable."""
        node = self.node(path)
        if node is None:
            return
        with walk(self._fd, path, follow_last=False) as place:
            self.observe("remove", path)
            if node.kind is Kind.DIRECTORY:
                os.rmdir(place.name, dir_fd=place.directory_fd)
            else:
                os.unlink(place.name, dir_fd=place.directory_fd)
        self.sync_directory(path.parent)

    def hard_link(self, path: GuestPath, new: GuestPath) -> None:
        """A second name for a file. Raises OSError where the file system has no links (vfat)."""
        with self._two_places(path, new) as (old_place, new_place):
            self.observe("link", new)
            os.link(
                old_place.name,
                new_place.name,
                src_dir_fd=old_place.directory_fd,
                dst_dir_fd=new_place.directory_fd,
                follow_symlinks=False,
            )
        self.sync_directory(new.parent)

    def rename(self, path: GuestPath, new: GuestPath) -> None:
        """Give a file another name in its directory, replacing what has it. Atomic, durable."""
        with self._two_places(path, new) as (old_place, new_place):
            self.observe("rename", new)
            os.rename(
                old_place.name,
                new_place.name,
                src_dir_fd=old_place.directory_fd,
                dst_dir_fd=new_place.directory_fd,
            )
        self.sync_directory(new.parent)

    @contextmanager
    def _two_places(self, path: GuestPath, new: GuestPath) -> Iterator[tuple[Place, Place]]:
        walks = walk(self._fd, path, follow_last=False), walk(self._fd, new, follow_last=False)
        with walks[0] as old_place, walks[1] as new_place:
            yield old_place, new_place

    def sync(self, path: GuestPath) -> None:
        """Bring an existing file that another program wrote to the disk (fsync(2))."""
        self.observe("fsync", path)
        with self._opened(path, os.O_RDONLY) as fd:
            os.fsync(fd)

    def sync_directory(self, path: GuestPath) -> None:
        """Bring a directory's names to the disk."""
        self.observe("fsync-directory", path)
        with self.directory_fd(path) as fd:
            os.fsync(fd)


def _discard(directory_fd: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory_fd)
