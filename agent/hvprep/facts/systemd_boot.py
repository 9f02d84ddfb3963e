"""Entries and unified kernel images on the EFI system partition: who reads them, and what tells so.

That is systemd-boot, or a GRUB that was built for it and needs no grub.cfg (grub2-bls of openSUSE).
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.efi_partition import FALLBACK, existing_places, peek, readable_paths
from hvprep.model.node import GuestPath
from hvprep.model.view import View

ENTRIES, UNIFIED = "loader/entries", "EFI/Linux"
#: A mark in the program itself, for bootctl (src/boot/efi/boot.c); systemd's stub has another one.
_MARK = b"#### LoaderInfo: systemd-boot"
_PROGRAMS = ("EFI/systemd/*.efi", f"{FALLBACK}/*.EFI", f"{FALLBACK}/*.efi")
#: GRUB's, and the name of the module in it that reads entries.
_GRUB_PROGRAMS, _GRUB_MODULE = "EFI/*/grub*.efi", b"blscfg"

#: (its directories of entries and of unified kernel images, why)
Found = tuple[tuple[GuestPath, ...], str]


def find_systemd_boot(view: View, is_alone: bool) -> Found | None:
    """Where systemd-boot is, and why; None where it boots nothing.

    Where no other boot loader is there (`is_alone`), its loader.conf is enough: the partition that its
    program is on may not be mounted.
    """
    signs = list(_programs(view))
    if not signs and is_alone and not any(_grub_programs(view)):
        signs = _signs(view, "loader/loader.conf")
    return _found(view, signs)


def find_grub_with_entries(view: View, is_alone: bool) -> Found | None:
    """The same for GRUB: one with a grub.cfg reads that (`is_alone` is false then)."""
    signs = list(_grub_programs(view)) if is_alone and not any(_programs(view)) else []
    return _found(view, signs)


def _found(view: View, signs: list[GuestPath]) -> Found | None:
    configs = [
        place / directory
        for directory, pattern in ((ENTRIES, "*.conf"), (UNIFIED, "*.efi"))
        for place in existing_places(view)
        if readable_paths(view, f"{place}/{directory}/{pattern}")
    ]
    if not configs or not signs:
        return None
    return tuple(configs), f"{signs[0]} with {' and '.join(str(path) for path in configs)}"


def _programs(view: View) -> Iterator[GuestPath]:
    for pattern in _PROGRAMS:
        yield from (path for path in _signs(view, pattern) if _MARK in peek(view, path))


def _grub_programs(view: View) -> Iterator[GuestPath]:
    yield from (path for path in _signs(view, _GRUB_PROGRAMS) if _GRUB_MODULE in peek(view, path))


def _signs(view: View, pattern: str) -> list[GuestPath]:
    return [path for place in existing_places(view) for path in readable_paths(view, f"{place}/{pattern}")]
