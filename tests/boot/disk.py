"""A disk that boots with BIOS, made of a system in a directory: nothing is mounted for it, no device made.

The host's kernel reads no partition table (test-machine.md), and none of this needs it to.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from tests.chroot.guest import Guest
from tests.roots import ROOT_UUID

MIB = 1024 * 1024
SECTOR_BYTES = 512
PARTITION_BYTES = 1 * MIB  # where it begins
CODE_BYTES = 440  # of the boot sector; the disk's id and the table of partitions follow
TABLE_BYTES, LINUX, ACTIVE = 446, 0x83, 0x80
#: What GRUB of Debian 12 reads; later mke2fs would add more.
FEATURES = "^metadata_csum_seed,^orphan_file"


def make_disk(guest: Guest, disk: Path, size_bytes: int = 2048 * MIB) -> None:
    """Writes the system to the one partition of a new disk, and GRUB as grub-install would before it."""
    grub = guest.root / "boot/grub/i386-pc"
    shutil.copytree(guest.root / "usr/lib/grub/i386-pc", grub, ignore=shutil.ignore_patterns("*.img"))
    guest.tool(
        *("grub-mkimage", "-O", "i386-pc", "-o", "/boot/grub/i386-pc/core.img"),
        *("-p", "(hd0,msdos1)/boot/grub", "biosdisk", "part_msdos", "ext2"),
    )
    core = (grub / "core.img").read_bytes()
    assert SECTOR_BYTES + len(core) <= PARTITION_BYTES
    boot = (guest.root / "usr/lib/grub/i386-pc/boot.img").read_bytes()
    with disk.open("wb") as stream:
        stream.truncate(size_bytes)
        stream.write(boot[:CODE_BYTES])
        stream.seek(TABLE_BYTES)
        stream.write(partition(PARTITION_BYTES, size_bytes - PARTITION_BYTES))
        stream.seek(SECTOR_BYTES - 2)
        stream.write(b"\x55\xaa")
        stream.write(core)
    offset, blocks = f"offset={PARTITION_BYTES}", f"{(size_bytes - PARTITION_BYTES) // 1024}k"
    make = ["mkfs.ext4", "-q", "-F", "-O", FEATURES, "-U", ROOT_UUID, "-E", offset, "-d", str(guest.root)]
    subprocess.run([*make, str(disk), blocks], check=True)


def partition(begin_bytes: int, size_bytes: int) -> bytes:
    """One line of a DOS partition table, with the numbers of blocks that alone count today."""
    no_geometry = b"\xfe\xff\xff"
    sectors = struct.pack("<II", begin_bytes // SECTOR_BYTES, size_bytes // SECTOR_BYTES)
    return bytes([ACTIVE]) + no_geometry + bytes([LINUX]) + no_geometry + sectors
