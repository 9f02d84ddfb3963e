"""Packages that the cached systems lack: fetched once by their own apt, and installed by their dpkg."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Sequence

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import cache_directory, pristine_root

#: GRUB's packages, whose place another boot loader takes.
_GRUB = ("grub-pc", "grub-pc-bin", "grub-common", "grub2-common")


def fetch(system: str, names: Sequence[str]) -> Sequence[Path]:
    """The packages of these names, as files in the cache."""
    pristine = pristine_root(system)
    directory = cache_directory().parent / "packages" / pristine.name
    found = {name: sorted(directory.glob(f"{name}_*.deb")) for name in names}
    missing = [name for name, files in found.items() if not files]
    if missing:
        directory.mkdir(parents=True, exist_ok=True)
        with overlaid_guest(pristine) as guest:
            (guest.root / "etc/resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
            guest.tool("apt-get", "-q", "update")
            script = 'cd /var/cache/apt/archives && exec apt-get -q -o APT::Sandbox::User=root download "$@"'
            guest.tool("sh", "-c", script, "sh", *missing)
            for path in (guest.root / "var/cache/apt/archives").glob("*.deb"):
                shutil.copyfile(path, directory / f"{path.name}.new")
                (directory / f"{path.name}.new").rename(directory / path.name)
    return [sorted(directory.glob(f"{name}_*.deb"))[-1] for name in names]


def install(guest: Guest, system: str, names: Sequence[str]) -> None:
    """Install them with their maintainer scripts; what they recommend or depend on beyond is not there."""
    files = fetch(system, names)
    for path in files:
        shutil.copyfile(path, guest.root / "root" / path.name)
    guest.tool("dpkg", "--force-depends", "--install", *(f"/root/{path.name}" for path in files))
    for path in files:
        (guest.root / "root" / path.name).unlink()


def remove_grub(guest: Guest) -> None:
    """The packages with their settings and grub.cfg, as an administrator does who wants another loader."""
    guest.tool("dpkg", "--force-depends", "--purge", *_GRUB)
    shutil.rmtree(guest.root / "boot/grub", ignore_errors=True)
