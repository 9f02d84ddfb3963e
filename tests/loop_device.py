"""Block devices of the kernel's loop driver (loop(4)), over files or parts of them.

A kernel that looks for no partitions on them keeps those that parted(8) or partx(8) told it of, also when
another file stands behind the device: the next to use it would have them.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Iterator


@contextlib.contextmanager
def loop(image: Path, offset: int = 0, size_bytes: int = 0, sector_bytes: int = 512) -> Iterator[Path]:
    """A block device over a file, or over a part of it."""
    node = attach(image, offset, size_bytes, sector_bytes)
    try:
        yield node
    finally:
        detach(node)


def attach(image: Path, offset: int = 0, size_bytes: int = 0, sector_bytes: int = 512) -> Path:
    options = ["--offset", str(offset), "--sector-size", str(sector_bytes)]
    options += ["--sizelimit", str(size_bytes)] if size_bytes else []
    argv = ["losetup", "--find", "--show", *options, str(image)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    node = Path(done.stdout.strip())
    _forget_partitions(node)  # of a test that was ended
    return node


def detach(node: Path) -> None:
    _forget_partitions(node)
    subprocess.run(["losetup", "--detach", str(node)], check=True)


def _forget_partitions(node: Path) -> None:
    """The kernel's idea of them; the disk keeps its table."""
    if list(Path("/sys/class/block").glob(f"{node.name}p*")):
        subprocess.run(["partx", "--delete", str(node)], check=True)
