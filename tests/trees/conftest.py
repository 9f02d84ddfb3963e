"""Where trees are made: in memory. A whole prepare asks a disk fifty times to write everything down, and the
crash laws see to it that it does. Tests of this floor run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.trees.command import make_runnable_tree

#: The source of the tmpfs, as /proc/mounts shows it: this, and the id of the process.
MOUNTED_BY = "hvprep-trees-"


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A tmpfs, with the room that a plan asks for."""
    for source, directory in _mounted():  # what a killed run left
        if not Path("/proc", source[len(MOUNTED_BY) :]).exists():
            _unmount(directory)
    directory = tempfile.mkdtemp(prefix=MOUNTED_BY)  # not below pytest's own, which it cleans up
    source = f"{MOUNTED_BY}{os.getpid()}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", source, directory], check=True)
    try:
        yield Path(directory)
    finally:
        _unmount(directory)


def _unmount(directory: str) -> None:
    subprocess.run(["umount", "--lazy", directory], check=True)
    os.rmdir(directory)


@pytest.fixture(scope="session")
def runnable(memory: Path) -> Path:
    """A tree whose programs run in a chroot, to copy from."""
    (memory / "runnable").mkdir()
    return make_runnable_tree(memory / "runnable" / "root")


@pytest.fixture
def runnable_root(runnable: Path, tmp_path: Path) -> Path:
    """A tree whose programs run in a chroot: see command.py."""
    root = tmp_path / "root"
    subprocess.run(["cp", "--archive", str(runnable), str(root)], check=True)
    return root


@pytest.fixture
def tmp_path(memory: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory for one test, gone at its end."""
    directory = memory / "test"
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _mounted() -> List[List[str]]:
    """(source, directory) of every tmpfs of this floor, of other runs too."""
    lines = Path("/proc/mounts").read_text().splitlines()
    return [line.split()[:2] for line in lines if line.startswith(MOUNTED_BY)]
