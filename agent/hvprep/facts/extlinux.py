"""extlinux, syslinux and U-Boot, which read the same configuration: where it is, and why it boots."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.efi_partition import peek, readable_paths
from hvprep.formats import extlinux
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: extlinux(1) reads the directory it was installed to; U-Boot (doc/develop/distro.rst) looks for
#: extlinux/extlinux.conf on the boot partition, Alpine installs to /boot, Arch to /boot/syslinux.
_CONFIGS = (
    "/boot/extlinux.conf",
    "/boot/extlinux/extlinux.conf",
    "/boot/syslinux/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux.cfg",
    "/extlinux.conf",
    "/extlinux/extlinux.conf",
    "/efi/EFI/*/syslinux.cfg",
    "/boot/EFI/*/syslinux.cfg",
    "/boot/efi/EFI/*/syslinux.cfg",
)
#: What its installer puts beside the configuration: for BIOS, and for UEFI.
_INSTALLED = ("ldlinux.sys", "ldlinux.e64")
#: Files that are included by files that are included.
_DEPTH = 4


def find_extlinux(view: View, is_alone: bool) -> tuple[tuple[GuestPath, ...], str] | None:
    """Its configuration, with the files that this one includes, and why; None where it boots nothing.

    Beside another boot loader only an installed one counts; alone the configuration does, for U-Boot.
    """
    found = [path for pattern in _CONFIGS for path in readable_paths(view, pattern)]
    installed = [(path, sign) for path in found for sign in _installed(view, path.parent)]
    if not installed and not (found and is_alone):
        return None
    path, because = found[0], f"{found[0]}, which U-Boot reads too"
    if installed:
        path, sign = installed[0]
        because = f"{sign} with {path}"
    return tuple(dict.fromkeys((path, *_included(view, path, path.parent, _DEPTH)))), because


def _installed(view: View, directory: GuestPath) -> list[GuestPath]:
    signs = (directory / name for name in _INSTALLED)
    return [sign for sign in signs if view.node(view.resolve(sign)) is not None]


def find_named(view: View, file: str, directory: GuestPath) -> GuestPath | None:
    """The file that a configuration in `directory` names, existing: names begin there, and those with a slash
    at the root of the file system, which /boot may be."""
    places = [directory / file]
    if file.startswith("/"):
        places = [GuestPath("/boot") / file.lstrip("/"), GuestPath(file)]
    return next((place for place in places if view.node(view.resolve(place)) is not None), None)


def _included(view: View, path: GuestPath, directory: GuestPath, depth: int) -> Iterator[GuestPath]:
    try:
        config = extlinux.parse(peek(view, path).decode("utf-8", "surrogateescape"))
    except FormatError:
        return  # the step says so when it reads it
    for name in config.includes if depth else ():
        found = find_named(view, name, directory)
        if found is not None:
            yield found
            yield from _included(view, found, directory, depth - 1)
