"""GRUB legacy (0.9x): which menus it reads, and what tells that it is what boots.

A menu alone tells nothing: Ubuntu's package grub-legacy-ec2 keeps a menu.lst for EC2's old pv-grub beside a
GRUB 2 that boots everywhere else.
"""

from __future__ import annotations

from hvprep.facts.efi_partition import readable_paths
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: Its second stage, as grub-install puts it there.
_INSTALLED = GuestPath("/boot/grub/stage2")
#: The same in its package (SUSE; Debian; EL): enough where there is no GRUB 2, on images that are not yet
#: installed to a disk.
_PACKAGED = ("/usr/lib/grub/stage2", "/usr/lib/grub/*/stage2", "/usr/share/grub/*/stage2")
#: Red Hat's build reads grub.conf, all others menu.lst; mostly one is a link to the other.
_MENUS = (GuestPath("/boot/grub/grub.conf"), GuestPath("/boot/grub/menu.lst"))
#: Red Hat's build for UEFI (EL 6) reads the file beside itself.
_EFI_MENUS, _EFI_PROGRAM = "/boot/efi/EFI/*/grub.conf", "grub*.efi"


def find_grub_legacy(view: View, has_grub2: bool) -> tuple[tuple[GuestPath, ...], str] | None:
    """Every menu that it may read, each once by its first name, and why; None where it boots nothing.

    Beside GRUB 2 only an installed one counts: a package that lies there boots nothing.
    """
    packaged = [] if has_grub2 else [path for pattern in _PACKAGED for path in view.glob(pattern)]
    stages = [path for path in (_INSTALLED, *packaged) if view.node(view.resolve(path)) is not None]
    on_esp = [path for path in readable_paths(view, _EFI_MENUS) if efi_program(view, path) is not None]
    menus: dict[GuestPath, GuestPath] = {}
    for path in (*(_MENUS if stages else ()), *on_esp):
        resolved = view.resolve(path)
        if view.node(resolved) is not None:
            menus.setdefault(resolved, path)
    if not menus:
        return None
    programs = [efi_program(view, path) for path in menus.values() if path in on_esp]
    told_by = [str(path) for path in (*stages[:1], *programs) if path is not None]
    names = " and ".join(str(path) for path in menus.values())
    return tuple(menus.values()), f"{' and '.join(told_by)} with {names}"


def efi_program(view: View, menu: GuestPath) -> GuestPath | None:
    """The build for UEFI that reads `menu`; None where it is the BIOS that boots with it."""
    if not menu.is_relative_to("/boot/efi"):
        return None
    return next(iter(view.glob(str(menu.parent / _EFI_PROGRAM))), None)
