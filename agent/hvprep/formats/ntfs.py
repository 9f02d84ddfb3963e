"""NTFS, read only, without mounting: its label and the names in its root directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True)
class NtfsVolume:
    """`names` are all entries of the root directory but NTFS's own ($MFT ... $Extend) and ".", sorted."""

    label: str
    names: tuple[str, ...]


def read_ntfs(read_at: ReadAt, size_bytes: int) -> NtfsVolume:
    """The volume. Raises FormatError for what this does not understand whole, and what `read_at` raises."""
    raise NotImplementedError
