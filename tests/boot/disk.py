"""A disk that boots with BIOS, made of a system in a directory: nothing is mounted for it, no device made.

The host's kernel reads no partition table (test-machine.md), and none of this needs it to.
"""

from __future__ import annotations

import resource
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
TABLE_BYTES, LINUX, SWAP, ACTIVE = 446, 0x83, 0x82, 0x80
LINE_BYTES = 16  # of one partition in the table
#: Of the swap area, for fstab.
SWAP_UUID = "0b7e5a1c-3d52-4c0e-8f6b-91a4d20c7e35"
#: What GRUB of Debian 12 reads; later mke2fs would add more.
FEATURES = "^metadata_csum_seed,^orphan_file"


def make_disk(guest: Guest, disk: Path, size_bytes: int = 2048 * MIB, swap_bytes: int = 0) -> None:
    """Writes the system to a partition of a new disk, and GRUB as grub-install would before it.

    With `swap_bytes` there is a second partition, a swap area, behind it.
    """
    grub = guest.root / "boot/grub/i386-pc"
    shutil.copytree(guest.root / "usr/lib/grub/i386-pc", grub, ignore=shutil.ignore_patterns("*.img"))
    guest.tool(
        *("grub-mkimage", "-O", "i386-pc", "-o", "/boot/grub/i386-pc/core.img"),
        *("-p", "(hd0,msdos1)/boot/grub", "biosdisk", "part_msdos", "ext2"),
    )
    core = (grub / "core.img").read_bytes()
    assert SECTOR_BYTES + len(core) <= PARTITION_BYTES
    boot = (guest.root / "usr/lib/grub/i386-pc/boot.img").read_bytes()
    system_bytes = size_bytes - PARTITION_BYTES - swap_bytes
    with disk.open("wb") as stream:
        stream.truncate(size_bytes)
        stream.write(boot[:CODE_BYTES])
        stream.seek(TABLE_BYTES)
        stream.write(partition(PARTITION_BYTES, system_bytes, LINUX, ACTIVE))
        if swap_bytes:
            stream.write(partition(PARTITION_BYTES + system_bytes, swap_bytes, SWAP))
        stream.seek(SECTOR_BYTES - 2)
        stream.write(b"\x55\xaa")
        stream.write(core)
        if swap_bytes:
            stream.seek(PARTITION_BYTES + system_bytes)
            stream.write(swap_header(disk.with_suffix(".swap"), swap_bytes))
    offset, blocks = f"offset={PARTITION_BYTES}", f"{system_bytes // 1024}k"
    make = ["mkfs.ext4", "-q", "-F", "-O", FEATURES, "-U", ROOT_UUID, "-E", offset, "-d", str(guest.root)]
    subprocess.run([*make, str(disk), blocks], check=True)


def partition(begin_bytes: int, size_bytes: int, kind: int, flags: int = 0) -> bytes:
    """One line of a DOS partition table, with the numbers of blocks that alone count today."""
    no_geometry = b"\xfe\xff\xff"
    sectors = struct.pack("<II", begin_bytes // SECTOR_BYTES, size_bytes // SECTOR_BYTES)
    return bytes([flags]) + no_geometry + bytes([kind]) + no_geometry + sectors


def swap_header(scratch: Path, size_bytes: int) -> bytes:
    """What mkswap writes to an area of that size: its first page."""
    with scratch.open("wb") as stream:
        stream.truncate(size_bytes)
    subprocess.run(["mkswap", "--quiet", "--uuid", SWAP_UUID, str(scratch)], check=True, capture_output=True)
    with scratch.open("rb") as stream:
        header = stream.read(resource.getpagesize())
    scratch.unlink()
    return header


def delete_partition(layer: Path, number: int) -> None:
    """Takes the line of a partition (1 is the first) out of the table of a disk that is switched off."""
    line = f"{TABLE_BYTES + (number - 1) * LINE_BYTES}"
    subprocess.run(
        ["qemu-io", "-f", "qcow2", "-c", f"write -q -P 0 {line} {LINE_BYTES}", str(layer)], check=True
    )


def make_layer(backing: Path, layer: Path) -> Path:
    """A disk that begins as the other one is, which stays as it is. `layer` ends in .qcow2."""
    kind = "qcow2" if backing.suffix == ".qcow2" else "raw"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", kind, str(layer)], check=True
    )
    return layer
