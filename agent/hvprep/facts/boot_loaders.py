"""Which boot loaders this system has, found by their files and programs, not by the distribution's name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hvprep.facts.tools import GrubTool
from hvprep.model.node import GuestPath
from hvprep.model.view import View


class LoaderKind(str, Enum):
    """Boot loaders that differ in where the kernel command line stands."""

    GRUB2 = "GRUB 2"
    GRUB2_BLS = "GRUB 2 with Boot Loader Specification entries"
    GRUB_LEGACY = "GRUB legacy"
    SYSTEMD_BOOT = "systemd-boot"
    EXTLINUX = "extlinux"
    UNIFIED_KERNEL_IMAGE = "unified kernel image"


@dataclass(frozen=True)
class BootLoader:
    """A boot loader. `config` is its main file, or the directory of its entries."""

    kind: LoaderKind
    config: GuestPath
    because: str


def probe_boot_loaders(view: View, grub: GrubTool | None) -> tuple[BootLoader, ...]:
    """Every boot loader that is set up on this system; several are several answers."""
    found = []
    if grub is not None and view.node(grub.config) is not None:
        found.append(BootLoader(LoaderKind.GRUB2, grub.config, grub.because))
    return tuple(found)
