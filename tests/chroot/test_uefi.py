"""uefi-fallback with Debian's own shim and GRUB, as grub-install --removable lays them out."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Iterator, Tuple

import pytest

from tests.chroot.guest import Guest, overlaid_guest
from tests.chroot.packages import fetch
from tests.roots import pristine_root

SYSTEM = "bookworm-initramfs-tools"
PACKAGES = ("shim-signed", "shim-unsigned", "grub-efi-amd64-signed", "grub-efi-amd64-bin")


@pytest.fixture
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root(SYSTEM)) as guest:
        (guest.root / "etc/hvprep.conf").write_text("Image.Generation=2\n")
        (guest.root / "boot/efi/EFI/BOOT").mkdir(parents=True)
        yield guest


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    for package in fetch(SYSTEM, PACKAGES):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(tmp_path / "x")], check=True)
    return tmp_path / "x/usr/lib"


def judged(guest: Guest) -> Tuple[str, str]:
    done = guest.hvprep("check", "--json", "--only", "uefi-fallback")
    (finding,) = json.loads(done.output)["findings"]
    return finding["verdict"], " ".join(finding["because"])


def test_shim_and_grub(guest: Guest, programs: Path) -> None:
    efi = guest.root / "boot/efi/EFI"
    assert judged(guest)[0] == "not met"
    shutil.copy(programs / "shim/shimx64.efi.signed", efi / "BOOT/BOOTX64.EFI")
    assert judged(guest) == (
        "not met",
        "/boot/efi/EFI/BOOT/BOOTX64.EFI is shim, and neither grubx64.efi nor fbx64.efi is beside it",
    )
    shutil.copy(programs / "grub/x86_64-efi-signed/grubx64.efi.signed", efi / "BOOT/grubx64.efi")
    assert "for which there is no" in judged(guest)[1]
    (efi / "debian").mkdir()
    (efi / "debian/grub.cfg").write_text("search.fs_uuid 1-2 root\n")
    assert judged(guest)[0] == "met"
    shutil.copy(programs / "shim/fbx64.efi", efi / "BOOT/fbx64.efi")
    assert "finds no /boot/efi/EFI/*/BOOT*.CSV" in judged(guest)[1]
    shutil.copy(programs / "shim/BOOTX64.CSV", efi / "debian/BOOTX64.CSV")
    assert judged(guest)[0] == "met"


def test_grub_alone(guest: Guest, programs: Path) -> None:
    """What grub-install makes of its modules, with the place of its configuration in it."""
    shutil.copytree(programs / "grub/x86_64-efi", guest.root / "usr/lib/grub/x86_64-efi")
    make = ("grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-o", "/boot/efi/EFI/BOOT/BOOTX64.EFI")
    guest.tool(*make, "part_gpt", "ext2", "normal")
    assert judged(guest) == ("met", "/boot/efi/EFI/BOOT/BOOTX64.EFI is there")
    guest.tool("truncate", "-s", "300", "/boot/efi/EFI/BOOT/BOOTX64.EFI")
    assert judged(guest)[0] == "not met"
