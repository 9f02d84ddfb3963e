"""Unified kernel images: kernel, command line and initrd in one program, which nothing can be changed in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.facts.efi_partition import existing_places, readable_paths
from hvprep.facts.initrds import Initrd, read_initrd_from
from hvprep.facts.kernels import Kernel, probe_kernel, version_key
from hvprep.facts.systemd_boot import UNIFIED
from hvprep.formats import kernel_cmdline
from hvprep.formats.pe import PeImage, SectionFile, read_pe
from hvprep.model.node import GuestPath
from hvprep.model.view import View

_ADDON = ".addon.efi"


@dataclass(frozen=True)
class UnifiedImage:
    """One image.

    kernel    None where the image does not say which version it holds
    cmdlines  the words of each way to boot it, addons included: (what to add to its title, words)
    initrd    what was read of its initrd; None where it holds none
    problem   why nothing of all that is known
    """

    path: GuestPath
    kernel: Kernel | None = None
    cmdlines: tuple[tuple[str, tuple[str, ...]], ...] = ()
    is_signed: bool = False
    initrd: Initrd | None = None
    problem: str | None = None


def probe_unified_images(view: View) -> tuple[UnifiedImage, ...]:
    """Every one that a boot loader or the firmware finds, the oldest kernel first."""
    found = [
        image
        for place in existing_places(view)
        for path in readable_paths(view, f"{place}/{UNIFIED}/*.efi")
        if not path.name.endswith(_ADDON)
        for image in _probe(view, place, path)
    ]
    return tuple(
        sorted(found, key=lambda each: (version_key(each.kernel.version if each.kernel else ""), each.path))
    )


def _probe(view: View, place: GuestPath, path: GuestPath) -> Iterator[UnifiedImage]:
    """The image at `path`; nothing where it is another kind of program."""
    try:
        with view.open(path) as stream:
            image = read_pe(stream)
            if not image.is_uki:
                return
            section = image.section(".initrd")
            initrd = None
            if section is not None:
                part = io.BufferedReader(SectionFile(stream, section))
                initrd = read_initrd_from(part, path, section.size_bytes)
        cmdlines = tuple(_cmdlines(image, _added(view, place, path)))
    except FormatError as error:
        yield UnifiedImage(path, problem=error.sentence)
        return
    except OSError as error:
        yield UnifiedImage(path, problem=error.strerror or str(error))
        return
    kernel = probe_kernel(view, image.uname, path) if image.uname else None
    yield UnifiedImage(path, kernel, cmdlines, image.is_signed, initrd)


def _cmdlines(image: PeImage, added: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "", (*image.words, *added)
    for number, text in enumerate(image.profile_cmdlines, 1):
        yield f" (profile {number})", (*kernel_cmdline.parse(text).words, *added)


def _added(view: View, place: GuestPath, path: GuestPath) -> tuple[str, ...]:
    """The words of the addons that systemd-stub(7) loads with it: those for all images, then its own."""
    words: list[str] = []
    for pattern in (f"{place}/loader/addons/*{_ADDON}", f"{path}.extra.d/*{_ADDON}"):
        for addon in readable_paths(view, pattern):
            with view.open(addon) as stream:
                found = read_pe(stream)
            words += found.words if found.is_addon else ()
    return tuple(words)
