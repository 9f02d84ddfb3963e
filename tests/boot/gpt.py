"""A disk with a GPT that boots with BIOS, with a partition for swap beside the system's."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from tests.boot.disk import CODE_BYTES, FEATURES, MIB, SECTOR_BYTES
from tests.chroot.guest import Guest
from tests.roots import ROOT_UUID

#: One for GRUB's core, the system's, and one for swap, by the types that systemd knows them by.
TABLE = f"""label: gpt
start={MIB // SECTOR_BYTES}, size=1M, type=21686148-6449-6E6F-744E-656564454649
start={2 * MIB // SECTOR_BYTES}, size=2000M, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
start={2002 * MIB // SECTOR_BYTES}, size=64M, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
"""
DISK_BYTES = 2068 * MIB
#: Where boot.img has the sector of the core (GRUB_BOOT_MACHINE_KERNEL_SECTOR), and where the core's own first
#: sector has that of the rest (include/grub/i386/pc/boot.h, diskboot.S).
_CORE_SECTOR, _REST_SECTOR = 0x5C, 500


def make_gpt_disk(guest: Guest, disk: Path, swap_uuid: str) -> None:
    """Writes the system to it, as grub-install and mkswap leave one."""
    grub = guest.root / "boot/grub/i386-pc"
    shutil.copytree(guest.root / "usr/lib/grub/i386-pc", grub, ignore=shutil.ignore_patterns("*.img"))
    guest.tool(
        *("grub-mkimage", "-O", "i386-pc", "-o", "/boot/grub/i386-pc/core.img"),
        *("-p", "(hd0,gpt2)/boot/grub", "biosdisk", "part_gpt", "ext2"),
    )
    core = bytearray((grub / "core.img").read_bytes())
    assert len(core) <= MIB
    boot = bytearray((guest.root / "usr/lib/grub/i386-pc/boot.img").read_bytes())
    struct.pack_into("<Q", boot, _CORE_SECTOR, MIB // SECTOR_BYTES)
    struct.pack_into("<Q", core, _REST_SECTOR, MIB // SECTOR_BYTES + 1)
    with disk.open("wb") as stream:
        stream.truncate(DISK_BYTES)
    subprocess.run(["sfdisk", "--quiet", str(disk)], input=TABLE, text=True, check=True)
    swap = disk.with_name("swap")
    swap.write_bytes(bytes(64 * MIB))
    subprocess.run(["mkswap", "--uuid", swap_uuid, str(swap)], check=True, stdout=subprocess.DEVNULL)
    with disk.open("r+b") as stream:
        stream.write(boot[:CODE_BYTES])
        stream.seek(MIB)
        stream.write(core)
        stream.seek(2002 * MIB)
        stream.write(swap.read_bytes())
    swap.unlink()
    make = ["mkfs.ext4", "-q", "-F", "-O", FEATURES, "-U", ROOT_UUID, "-E", f"offset={2 * MIB}"]
    subprocess.run([*make, "-d", str(guest.root), str(disk), f"{2000 * 1024}k"], check=True)
