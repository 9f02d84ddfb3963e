"""What the initrds hold, read by our own code: no exit status and no tool's listing is proof."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from hvprep.errors import FormatError
from hvprep.formats.initrd_image import InitrdContents, read_initrd
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.decompressor import decompress


@dataclass(frozen=True)
class Initrd:
    """An initrd as it was read.

    contents    None where it is damaged or unreadable
    damage      how it is broken: it cannot boot
    unreadable  why its content is not known, which is neither "missing" nor "met"
    """

    path: GuestPath
    size_bytes: int
    contents: InitrdContents | None = None
    damage: str | None = None
    unreadable: str | None = None


def probe_initrds(view: View, paths: Iterable[GuestPath]) -> tuple[Initrd, ...]:
    """Read each of `paths`, which exist."""
    return tuple(probe_initrd(view, path) for path in paths)


def probe_initrd(view: View, path: GuestPath) -> Initrd:
    """Read one initrd to its end."""
    node = view.node(view.resolve(path))
    size = node.size if node else 0
    try:
        with view.open(path) as stream:
            return read_initrd_from(stream, path, size)
    except OSError as error:
        return Initrd(path, size, unreadable=error.strerror or str(error))


def read_initrd_from(stream: BinaryIO, path: GuestPath, size: int) -> Initrd:
    """Read the initrd that `stream` is, to its end; `path` is the file that it is, or is in."""
    try:
        contents = read_initrd(stream, decompress)
    except FormatError as error:
        return Initrd(path, size, damage=error.sentence)
    except (FileNotFoundError, IsADirectoryError):
        return Initrd(path, size, damage="it is no file, or a link to none")
    except OSError as error:
        return Initrd(path, size, unreadable=error.strerror or str(error))
    if contents.unreadable is not None:
        return Initrd(path, size, unreadable=contents.unreadable)
    return Initrd(path, size, contents)
