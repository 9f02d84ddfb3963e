"""What boots a system in ways that hvprep does not know: named where it is found, and never changed."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.efi_partition import readable_paths
from hvprep.model.node import GuestPath
from hvprep.model.view import View


@dataclass(frozen=True)
class OtherLoader:
    """A sign of one. `remedy` says where its kernel parameters stand, with {words} for these."""

    name: str
    because: GuestPath
    remedy: str


_FLATCAR = "add {words} to linux_append in grub.cfg of the OEM partition"
_SIGNS = (
    ("/oem/grub.cfg", "Flatcar's GRUB, made for all its machines", _FLATCAR),
    ("/usr/share/oem/grub.cfg", "Flatcar's GRUB, made for all its machines", _FLATCAR),
    ("/etc/lilo.conf", "LILO", "add {words} to append= in /etc/lilo.conf, then run lilo"),
    ("/etc/elilo.conf", "ELILO", "add {words} to append= in /etc/elilo.conf"),
    ("/etc/zipl.conf", "zipl", "add {words} to its entries, then run zipl"),
    ("/boot/boot.scr", "a script of U-Boot's", "add {words} to bootargs in its source, then run mkimage"),
    ("/boot/uEnv.txt", "a script of U-Boot's", "add {words} to bootargs in /boot/uEnv.txt"),
    ("/boot/armbianEnv.txt", "a script of U-Boot's", "add {words} to extraargs in /boot/armbianEnv.txt"),
    ("/boot/limine.conf", "Limine", "add {words} to cmdline in /boot/limine.conf"),
    ("/boot/limine/limine.conf", "Limine", "add {words} to cmdline in /boot/limine/limine.conf"),
    ("/efi/EFI/refind/refind.conf", "rEFInd", "add {words} to /boot/refind_linux.conf"),
    ("/boot/EFI/refind/refind.conf", "rEFInd", "add {words} to /boot/refind_linux.conf"),
    ("/boot/efi/EFI/refind/refind.conf", "rEFInd", "add {words} to /boot/refind_linux.conf"),
)
#: ostree(1): the repository of a system that is deployed from it, running or seen from outside.
_OSTREE = (GuestPath("/ostree/repo"), GuestPath("/sysroot/ostree/repo"))


def probe_other_loaders(view: View) -> tuple[OtherLoader, ...]:
    """Those that left a sign."""
    found = [
        OtherLoader(name, path, remedy)
        for pattern, name, remedy in _SIGNS
        for path in readable_paths(view, pattern)
    ]
    return tuple({each.name: each for each in reversed(found)}.values())[::-1]


def find_deployment(view: View) -> GuestPath | None:
    """The sign that another program owns /boot and /usr, and makes them anew with each of its updates."""
    return next((path for path in _OSTREE if view.node(view.resolve(path)) is not None), None)
