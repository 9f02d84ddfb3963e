"""Where trees are made: in memory. A whole prepare asks a disk fifty times to write everything down, and the
crash laws see to it that it does. Tests of this floor run as root."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.trees.command import make_runnable_tree


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tmpfs, with the room that a plan asks for."""
    directory = tmp_path_factory.mktemp("trees")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", "trees", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


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
