"""What stands at a path of the guest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

#: A path as the guest sees it: absolute, with forward slashes, never a path of the host.
GuestPath = PurePosixPath


class Kind(str, Enum):
    """The file types that hvprep tells apart (inode(7))."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"  # device, socket, fifo


@dataclass(frozen=True)
class Node:
    """One inode's metadata, without its content (content is read when it is wanted: initrds are big).

    `mode` holds the permission bits only. `target` is the text of a symbolic link, `size` is in bytes.
    """

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int = 0
    mtime_ns: int = 0
    target: str | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()
