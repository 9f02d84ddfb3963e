"""The EFI system partition at its usual mount points, and the programs that start from it."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: bootctl(1), in its order; all are looked at: a boot partition (XBOOTLDR) may be beside it, at /boot.
PLACES = (GuestPath("/efi"), GuestPath("/boot"), GuestPath("/boot/efi"))
#: What firmware starts where nothing else is registered: a new virtual machine knows nothing else.
FALLBACK = "EFI/BOOT"


def existing_places(view: View) -> Iterator[GuestPath]:
    """Each place once, without those that lead to one before."""
    known = set()
    for place in PLACES:
        real = view.resolve(place)
        if view.node(real) is not None and real not in known:
            known.add(real)
            yield place


def readable_paths(view: View, pattern: str) -> tuple[GuestPath, ...]:
    """The paths that match, without those in directories that this user may not look into."""
    try:
        return view.glob(pattern)
    except PermissionError:
        return ()


def peek(view: View, path: GuestPath) -> bytes:
    """The content, nothing where it cannot be read: a step will say why when it tries."""
    try:
        return view.read(path) or b""
    except (FormatError, PermissionError):
        return b""
