"""File systems of their own for a system's /boot."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

from tests.chroot.guest import Guest, mounted

MIB = 1024 * 1024
BOOT_UUID = "0b3e6a1c-77d2-4c55-9d0e-5a1c3c1f2b90"
FSTAB_LINE = f"UUID={BOOT_UUID} /boot ext4 defaults 0 2\n"
FILLER = "filler"
#: The kernel does not go on with making the file system when it is mounted.
NOT_LAZY = "lazy_itable_init=0,lazy_journal_init=0"


@contextlib.contextmanager
def tmpfs_boot(guest: Guest, free_bytes: int) -> Iterator[None]:
    """The system's /boot on a small volume, with what it held and so much room beside it."""
    boot = guest.root / "boot"
    kept = guest.root.parent / "kept-boot"
    shutil.copytree(boot, kept)
    with mounted("tmpfs", boot, "-t", "tmpfs", "-o", "size=512m,mode=0755"):
        subprocess.run(["cp", "--archive", f"{kept}/.", str(boot)], check=True)
        status = os.statvfs(boot)
        with (boot / FILLER).open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, status.f_bavail * status.f_frsize - free_bytes)
        yield


@contextlib.contextmanager
def ext4_boot(guest: Guest, disk: Path, size_bytes: int = 192 * MIB) -> Iterator[None]:
    """The system's /boot moved to an ext4 volume in the file `disk`, with its line in fstab, and mounted."""
    boot = guest.root / "boot"
    with (boot / "grub/grub.cfg").open("r+") as stream:  # its paths begin at the volume's own root
        text = stream.read().replace("/boot/", "/")
        stream.seek(0)
        stream.truncate()
        stream.write(text)
    with disk.open("wb") as stream:
        stream.truncate(size_bytes)
    make = ["mkfs.ext4", "-q", "-F", "-U", BOOT_UUID, "-E", NOT_LAZY, "-d", str(boot), str(disk)]
    subprocess.run(make, check=True)
    for path in boot.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with (guest.root / "etc/fstab").open("a") as stream:
        stream.write(FSTAB_LINE)
    with mounted_boot(guest, disk):
        yield


def mounted_boot(guest: Guest, disk: Path) -> contextlib.AbstractContextManager[None]:
    # Without access times: reading must not fill the journal that a test wants to find empty.
    return mounted(str(disk), guest.root / "boot", "-o", "loop,noatime")
