"""A disk with a GPT that a system is mounted from, so that systemd's generators find its partitions.

The host's kernel reads no partition table, but takes one from partx (test-machine.md).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, Iterator

from tests.chroot.guest import Guest, mounted
from tests.loop_device import loop

#: An EFI system partition, a root and a swap partition, by the types that systemd knows them by.
TABLE = """label: gpt
size=32M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
size=64M, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
size=16M, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
"""
GENERATORS = "/usr/lib/systemd/system-generators"


@dataclass(frozen=True)
class Disk:
    """`swap` and `root` are the nodes of its partitions, `guest` is what is mounted from it."""

    root: str
    swap: str
    guest: Guest


@contextlib.contextmanager
def gpt_disk(system: Path, directory: Path) -> Iterator[Disk]:
    """A system that has the programs of `system`, and an /etc of its own."""
    image, target = directory / "gpt.img", directory / "root"
    with image.open("wb") as stream:
        stream.truncate(128 << 20)
    subprocess.run(["sfdisk", "--quiet", str(image)], input=TABLE, text=True, check=True)
    target.mkdir()
    with loop(image) as node:
        subprocess.run(["partx", "--add", node], check=True)
        root, swap = f"{node}p2", f"{node}p3"
        subprocess.run(["mkfs.ext4", "-q", "-F", root], check=True)
        subprocess.run(["mkswap", swap], check=True, stdout=subprocess.DEVNULL)
        with mounted(root, target), _programs(system, target):
            yield Disk(root, swap, Guest(target))


@contextlib.contextmanager
def _programs(system: Path, target: Path) -> Iterator[None]:
    for name in ("usr", "etc", "proc", "sys", "dev", "run", "tmp", "root"):
        (target / name).mkdir()
    for name in ("bin", "sbin", "lib", "lib64"):
        (target / name).symlink_to(f"usr/{name}")
    shutil.copy(system / "etc/os-release", target / "etc/os-release")
    with mounted(str(system / "usr"), target / "usr", "--bind", "-o", "ro"):
        yield


def generated(guest: Guest) -> FrozenSet[str]:
    """What systemd's generators for fstab and for partitions make of the system: units, and what is to start
    at boot as TARGET.KIND/UNIT."""
    script = (
        "mkdir /run/normal /run/early /run/late || exit 1\n"
        "for name in fstab gpt-auto; do\n"
        f"{GENERATORS}/systemd-$name-generator /run/normal /run/early /run/late\n"
        "done\ncd /run && find normal early late -type f -o -type l\n"
    )
    # Without the words that the builder was booted with.
    found = guest.tool("env", "SYSTEMD_PROC_CMDLINE=", "sh", "-c", script).splitlines()
    return frozenset(os.path.normpath(path).partition("/")[2] for path in found)
