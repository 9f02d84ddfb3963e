"""Which generations of virtual machines a system can be started on: 1 has a BIOS, 2 has UEFI."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.boot_loaders import BootLoader, LoaderKind
from hvprep.facts.efi_partition import existing_places, readable_paths
from hvprep.facts.live import LiveFacts
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.settings.forms import AUTO

#: What grub-install(8) leaves for a PC with a BIOS, and the boot loaders that know nothing else.
_BIOS_SIGNS = ("/boot/grub/i386-pc/core.img", "/boot/grub2/i386-pc/core.img", "/boot/extlinux/ldlinux.sys")
_BIOS_LOADERS = (LoaderKind.GRUB_LEGACY,)


@dataclass(frozen=True)
class Generations:
    """`numbers` holds 1, 2 or both; it is empty where nothing tells."""

    numbers: frozenset[int]
    because: str


def probe_generations(
    view: View, live: LiveFacts | None, loaders: tuple[BootLoader, ...], settings: Settings
) -> Generations:
    """What the settings say, else the firmware of the running machine, else the boot loaders there are."""
    if settings.image_generation != AUTO:
        number = int(settings.image_generation)
        return Generations(frozenset((number,)), f"Image.Generation={number} in /etc/hvprep.conf")
    if live is not None:
        if view.node(view.resolve(GuestPath("/sys/firmware/efi"))) is not None:
            return Generations(frozenset((2,)), "it runs on UEFI: /sys/firmware/efi")
        if live.machine == "x86_64":
            return Generations(frozenset((1,)), "it runs without UEFI: there is no /sys/firmware/efi")
    signs: dict[int, str] = {}
    for path in _BIOS_SIGNS:
        if view.node(view.resolve(GuestPath(path))) is not None:
            signs.setdefault(1, path)
    for loader in loaders:
        if loader.kind in _BIOS_LOADERS and "/efi" not in str(loader.config):
            signs.setdefault(1, f"{loader.kind.value} in {loader.config}")
    for place in existing_places(view):
        programs = [
            path for name in ("*.efi", "*.EFI") for path in readable_paths(view, f"{place}/EFI/*/{name}")
        ]
        if programs:
            signs.setdefault(2, str(programs[0]))
    if not signs:
        return Generations(frozenset(), "no boot loader of a BIOS or of UEFI is to be seen")
    return Generations(
        frozenset(signs),
        " and ".join(f"generation {number}: {sign}" for number, sign in sorted(signs.items())),
    )
