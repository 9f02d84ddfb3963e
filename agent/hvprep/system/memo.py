"""What a run has left, so that the next one sees in a moment that it is still so. Imports nothing but os.

A memo lies in /run. It names its inputs (files, with inode, time and size) and its effects (the directory
that is seen at a mount point; a line of /proc). Where anything is different it counts for nothing.
"""

from __future__ import annotations

import os

_LIMIT_BYTES = 64 * 1024


def record_file(path: str) -> str:
    """The file, directory or nothing that stands at `path`, as it is now."""
    try:
        status = os.stat(path)
    except OSError:
        return f"file - {path}"
    return f"file {status.st_dev},{status.st_ino},{status.st_mtime_ns},{status.st_size} {path}"


def record_directory(path: str) -> str:
    """Which directory is seen at `path`, whatever is in it."""
    try:
        status = os.stat(path)
    except OSError:
        return f"seen - {path}"
    return f"seen {status.st_dev},{status.st_ino} {path}"


def record_line(path: str, start: str) -> str:
    """That a file has a line that starts so (or has none)."""
    content = _read(path) or ""
    has = any(line.startswith(start) for line in content.splitlines())
    return f"{'line' if has else 'none'} {path} {start}"


def render_memo(version: str, records: list[str], words: str) -> str:
    """The memo: `words` is what is to be said where all is still so."""
    return "\n".join((f"hvprep {version}", *records, "", words))


def find_unchanged(path: str, version: str) -> str | None:
    """The words of the memo at `path`, where everything in it still holds; else None. Raises nothing."""
    head, _, words = (_read(path) or "").partition("\n\n")
    first, *records = head.split("\n")
    if first != f"hvprep {version}" or not records:
        return None
    try:
        return words if all(map(_holds, records)) else None
    except ValueError:  # no path: a NUL in it
        return None


def _holds(record: str) -> bool:
    kind, _, rest = record.partition(" ")
    first, _, second = rest.partition(" ")
    if kind == "file":
        return record_file(second) == record
    if kind == "seen":
        return record_directory(second) == record
    return record_line(first, second) == record


def _read(path: str) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        content = b""
        while block := os.read(fd, _LIMIT_BYTES):
            content += block
            if len(content) > _LIMIT_BYTES:
                return None
        return content.decode("utf-8", "surrogateescape")
    except OSError:
        return None
    finally:
        os.close(fd)
