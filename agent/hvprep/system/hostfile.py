"""Paths of the host, not of the guest: files that a person names, and where this process stands."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TextIO, cast

from hvprep.errors import UsageError

_LIMIT_BYTES = 1 << 28


def hold_standard_streams() -> None:
    """Have all three standard streams, so that no file of the guest becomes standard output by its number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def open_descriptor(fd: int, mode: str) -> TextIO:
    """A text stream on a descriptor that is open already."""
    return cast(TextIO, os.fdopen(fd, mode, encoding="utf-8", closefd=False))


def read_host_file(path: Path) -> str:
    """The text of a file. Raises OSError, UnicodeDecodeError (a ValueError)."""
    with open(path, encoding="utf-8") as stream:
        return stream.read(_LIMIT_BYTES)


def are_different(one: Path, other: Path) -> bool | None:
    """Whether two paths are different directories; None where either can't be looked at."""
    try:
        first, second = os.stat(one), os.stat(other)
    except OSError:
        return None
    return (first.st_dev, first.st_ino) != (second.st_dev, second.st_ino)


def probe_chroot() -> bool | None:
    """Whether / is another directory than that of process 1; None where that cannot be told."""
    return are_different(Path("/"), Path("/proc/1/root"))


def write_host_file(path: Path, text: str) -> None:
    """A new file of mode 0600, beside `path` first and then renamed over it.

    Raises UsageError where `path` is no name for a file in a directory that there is, OSError.
    """
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}", "make it, or name a file elsewhere")
    if not path.name or (path.is_symlink() or path.exists()) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise UsageError(f"{path} is not a regular file", "name a file that does not exist yet")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
