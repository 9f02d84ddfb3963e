"""systemd-boot: which entries it reads, and what tells that it is what boots."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.efi_partition import FALLBACK, existing_places, peek, readable_paths
from hvprep.model.node import GuestPath
from hvprep.model.view import View

ENTRIES, UNIFIED = "loader/entries", "EFI/Linux"
#: A mark in the program itself, for bootctl (src/boot/efi/boot.c); systemd's stub has another one.
_MARK = b"#### LoaderInfo: systemd-boot"
_PROGRAMS = ("EFI/systemd/*.efi", f"{FALLBACK}/*.EFI", f"{FALLBACK}/*.efi")


def find_systemd_boot(view: View, is_alone: bool) -> tuple[tuple[GuestPath, ...], str] | None:
    """Its directories of entries and of unified kernel images, and why; None where it boots nothing.

    Where no other boot loader is there (`is_alone`), its loader.conf is enough: the partition that its
    program is on may not be mounted.
    """
    places = list(existing_places(view))
    configs = [
        place / directory
        for directory, pattern in ((ENTRIES, "*.conf"), (UNIFIED, "*.efi"))
        for place in places
        if readable_paths(view, f"{place}/{directory}/{pattern}")
    ]
    signs = list(_programs(view, places))
    if not signs and is_alone:
        signs = [path for place in places for path in readable_paths(view, f"{place}/loader/loader.conf")]
    if not configs or not signs:
        return None
    names = " and ".join(str(path) for path in configs)
    return tuple(configs), f"{signs[0]} with {names}"


def _programs(view: View, places: list[GuestPath]) -> Iterator[GuestPath]:
    for place in places:
        for pattern in _PROGRAMS:
            for path in readable_paths(view, f"{place}/{pattern}"):
                if _MARK in peek(view, path):
                    yield path
