"""Reading a block device: never written, no link followed, never another one than was meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hvprep.model.node import GuestPath
from hvprep.system.root import Root


class DeviceReader:
    """An open device, or a part of one. `read_at` is what the readers in formats/ take."""

    size_bytes: int
    #: Whether nobody else has it for himself (open(2), O_EXCL): no mount, no swap, no dm or md stands on it.
    is_free: bool

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Exactly those bytes. Raises OSError where the disk gives none (EIO), FormatError beyond its end."""
        raise NotImplementedError


@contextmanager
def open_device(root: Root, path: GuestPath, device_number: str | None) -> Iterator[DeviceReader]:
    """The block device at `path`, read only; `device_number` ("8:16") is what it has to be.

    With None it has to be a regular file, as an image of a disk is. Raises Refusal where it is another
    device or no such thing, OSError.
    """
    raise NotImplementedError
    yield
