"""Real block devices of the kernel's loop driver, and what others leave on a disk.

Here the kernel looks for no partitions on a loop device, so a partition is a second loop device over the same
file, or one that partx(8) has told the kernel of. Whatever no program here can make (md has no driver, ZFS no
tools) is written by hand.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator

from hvprep.facts.block_devices import BlockDevice, probe_storage
from hvprep.resourcedisk.evidence import Evidence, gather_evidence
from hvprep.resourcedisk.locate import Candidate, Found
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live

from tests.loop_device import loop

MIB = 1 << 20
#: XFS takes 300 MiB.
DISK_BYTES = 512 * MIB
PROGRAMS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def tool(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, env=PROGRAMS)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


@dataclass(frozen=True)
class Disk:
    """A disk: the file behind it and its block device."""

    image: Path
    node: Path

    def device(self) -> BlockDevice:
        """As the real /sys shows it."""
        storage = probe_storage(Root(Path("/")))
        (found,) = (device for device in storage.devices if device.name == self.node.name)
        return found

    def evidence(self, found: Found = Found.GENERATION_2, device: BlockDevice | None = None) -> Evidence:
        root = Root(Path("/"))
        candidate = Candidate(device or self.device(), found, "the test says so")
        return gather_evidence(
            candidate, probe_storage(root), root, Runner(enter_live, {"LC_ALL": "C.UTF-8"})
        )

    def partition(self, script: str) -> None:
        tool("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(self.node), stdin=script)

    def tell_kernel(self) -> None:
        """Make nodes for the partitions, as a kernel does that looks for them itself."""
        tool("partx", "--add", str(self.node))

    def write(self, offset: int, content: bytes) -> None:
        """To the device itself."""
        with self.node.open("r+b") as stream:
            stream.seek(offset)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())


@contextlib.contextmanager
def disk(directory: Path, size_bytes: int = DISK_BYTES, sector_bytes: int = 512) -> Iterator[Disk]:
    """A disk that has never been written."""
    image = directory / "disk"
    with image.open("wb") as stream:
        stream.truncate(size_bytes)
    with loop(image, sector_bytes=sector_bytes) as node:
        yield Disk(image, node)


def make_ntfs(node: Path, *options: str, label: str = "Temporary Storage") -> None:
    tool("mkntfs", "--quick", "--force", "--quiet", "--label", label, *options, str(node))


def make_xfs(node: Path) -> None:
    tool("mkfs.xfs", "-q", "-f", str(node))


def _luks(version: str) -> Callable[[Path], None]:
    def make(node: Path) -> None:
        quick = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--batch-mode"]
        tool("cryptsetup", "luksFormat", "--type", version, *quick, str(node), "-", stdin="secret")

    return make


def _md(version: str) -> Callable[[Path], None]:
    """A member of a RAID of Linux: its superblock (Linux, include/uapi/linux/raid/md_p.h)."""

    def make(node: Path) -> None:
        size = _size(node)
        if version == "0.90":
            at = (size // 65536 - 1) * 65536
            block = struct.pack("<IIII", 0xA92B4EFC, 0, 90, 0).ljust(4096, b"\0")
        else:
            at = {"1.0": (size // 512 - 16) // 8 * 8 * 512, "1.1": 0, "1.2": 4096}[version]
            head = struct.pack("<IIII16s32s", 0xA92B4EFC, 1, 0, 0, b"u" * 16, b"host:0")
            body = head.ljust(128, b"\0") + struct.pack("<QQQ", 2048, size // 512 - 2048, at // 512)
            body = body.ljust(256, b"\0")
            summed = sum(struct.unpack("<64I", body))
            checksum = (summed & 0xFFFFFFFF) + (summed >> 32)
            block = body[:216] + struct.pack("<I", checksum) + body[220:]
        _write(node, at, block)

    return make


def _zfs(node: Path) -> None:
    """A member of a pool: the uberblocks of its first two labels (OpenZFS, uberblock_impl.h)."""
    for label in (0, 262144):
        for number in range(8):
            block = struct.pack("<QQQ", 0x00BAB10C, 5000, number + 4)
            _write(node, label + 131072 + 1024 * number, block)


def _database(node: Path) -> None:
    """A raw disk of a database: pages here and there, and no signature of any kind."""
    for offset in range(0, _size(node), 8 * MIB):
        _write(node, offset, bytes(range(1, 129)) * 128)


def _write(node: Path, offset: int, content: bytes) -> None:
    fd = os.open(node, os.O_WRONLY)
    try:
        os.pwrite(fd, content, offset)
        os.fsync(fd)
    finally:
        os.close(fd)


def _size(node: Path) -> int:
    fd = os.open(node, os.O_RDONLY)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


#: What blkid calls it -> how it is made.
FILE_SYSTEMS: Dict[str, Callable[[Path], None]] = {
    "ext2": lambda node: _mke2fs(node, "ext2"),
    "ext3": lambda node: _mke2fs(node, "ext3"),
    "ext4": lambda node: _mke2fs(node, "ext4"),
    "xfs": make_xfs,
    "btrfs": lambda node: _quiet("mkfs.btrfs", "-q", "-f", str(node)),
}
OTHERS: Dict[str, Callable[[Path], None]] = {
    "vfat": lambda node: _quiet("mkfs.vfat", "-F", "32", str(node)),
    "exfat": lambda node: _quiet("mkfs.exfat", str(node)),
    "crypto_LUKS 1": _luks("luks1"),
    "crypto_LUKS 2": _luks("luks2"),
    "LVM2_member": lambda node: _quiet("pvcreate", "--yes", "--devices", str(node), str(node)),
    "linux_raid_member 0.90": _md("0.90"),
    "linux_raid_member 1.0": _md("1.0"),
    "linux_raid_member 1.1": _md("1.1"),
    "linux_raid_member 1.2": _md("1.2"),
    "zfs_member": _zfs,
    "bcache": lambda node: _quiet("make-bcache", "-B", str(node)),
    "bcache cache": lambda node: _quiet("make-bcache", "-C", str(node)),
    "swap": lambda node: _quiet("mkswap", str(node)),
}
RAW_DATABASE = _database


def _mke2fs(node: Path, kind: str) -> None:
    tool(f"mkfs.{kind}", "-q", "-F", str(node))


def _quiet(*argv: str) -> None:
    tool(*argv)
