"""Content and metadata of one inode, through descriptors."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from typing import BinaryIO

from hvprep.model.node import Kind, Node

_COPY_BYTES = 1024 * 1024
#: There is none, or none for us (xattr(7)).
_NO_XATTR = (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA)


def kind_of(mode: int) -> Kind:
    """The file type in a st_mode."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER


def fill(fd: int, content: bytes | BinaryIO) -> None:
    """Write all of `content`."""
    if isinstance(content, bytes):
        content = io.BytesIO(content)
    while block := content.read(_COPY_BYTES):
        view = memoryview(block)
        while view:
            view = view[os.write(fd, view) :]


def dress(fd: int, like: Node) -> None:
    """Set owner, mode and extended attributes (the owner first: chown clears set-id bits).

    Attributes that the inode has and `like` has not go (a directory's default ACL gives some to what is
    made in it); a security module's label, which cannot go, stays.
    """
    os.fchown(fd, like.uid, like.gid)
    os.fchmod(fd, like.mode)
    wanted = dict(like.xattrs)
    for name in _list_xattrs(fd):
        if name not in wanted:
            with contextlib.suppress(OSError):
                os.removexattr(fd, name)
    for name, value in wanted.items():
        os.setxattr(fd, name, value)


def _list_xattrs(fd: int) -> list[str]:
    try:
        return os.listxattr(fd)
    except OSError:  # a file system that has none
        return []


def read_xattrs(directory_fd: int, name: str, mode: int) -> tuple[tuple[str, bytes], ...]:
    """Extended attributes, SELinux labels and ACLs among them (xattr(7)); () where there can be none."""
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return ()
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError as error:  # not readable for us; its attributes may be
        if error.errno in (errno.ENOENT, errno.ELOOP) or not os.path.exists("/proc/self/fd"):
            raise
        return _read_xattrs(f"/proc/self/fd/{directory_fd}/{name}")
    try:
        return _read_xattrs(fd)
    finally:
        os.close(fd)


def _read_xattrs(place: int | str) -> tuple[tuple[str, bytes], ...]:
    follow = isinstance(place, int)  # a descriptor is no link, and listxattr(2) has no flag for one
    found = []
    try:
        for name in sorted(os.listxattr(place, follow_symlinks=follow)):
            try:
                found.append((name, os.getxattr(place, name, follow_symlinks=follow)))
            except OSError as error:
                if error.errno not in _NO_XATTR:
                    raise
    except OSError as error:
        if error.errno not in _NO_XATTR:
            raise
    return tuple(found)


def read_all(stream: BinaryIO, limit_bytes: int) -> bytes:
    """Up to `limit_bytes` to the end: one read(2) of /proc or /sys gives a page at most.

    /proc/sys refuses to be read by 4 MiB and more at once (fs/proc/proc_sysctl.c, KMALLOC_MAX_SIZE: ENOMEM).
    """
    blocks = []
    while limit_bytes > 0 and (block := stream.read(min(limit_bytes, _COPY_BYTES))):
        blocks.append(block)
        limit_bytes -= len(block)
    return b"".join(blocks)
