"""Paths are walked inside the root, link by link, as chroot(2) would."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path
from typing import Iterator

import pytest
from hvprep.model.node import GuestPath
from hvprep.system.walk import canonical, walk


@pytest.fixture
def root_fd(tmp_path: Path) -> Iterator[int]:
    """A tree of directories, files and links of every kind."""
    root = tmp_path / "root"
    (root / "etc/deep").mkdir(parents=True)
    (root / "usr/etc").mkdir(parents=True)
    (root / "etc/file").write_text("x")
    for name, target in {
        "etc/absolute": "/usr/etc",
        "etc/relative": "../usr/etc",
        "etc/up": "../../../../usr",
        "etc/here": ".",
        "etc/top": "/",
        "etc/dangling": "/missing/place/file",
        "etc/dangling-up": "nowhere/../deep/new",
        "etc/loop": "loop",
        "etc/growing": "growing/x",
        "etc/chain": "relative",
    }.items():
        (root / name).symlink_to(target)
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/", "/"),
        ("/etc/file", "/etc/file"),
        ("/etc/absolute/new", "/usr/etc/new"),
        ("/etc/relative", "/usr/etc"),
        ("/etc/chain/a/b/c", "/usr/etc/a/b/c"),
        ("/etc/up/x", "/usr/x"),
        ("/etc/here/here/file", "/etc/file"),
        ("/etc/top/etc/top/usr", "/usr"),
        ("/etc/dangling", "/missing/place/file"),
        ("/etc/dangling/below", "/missing/place/file/below"),
        ("/etc/dangling-up", "/etc/deep/new"),
        ("/etc/file/below", "/etc/file/below"),
        ("/etc/../../..", "/"),
        ("/etc/missing/../file", "/etc/file"),
        ("/etc/loop", "/etc/loop"),
        ("/etc/loop/x", "/etc/loop/x"),
        ("/etc/growing/x", "/etc/growing/x"),
    ],
)
def test_canonical(root_fd: int, path: str, real: str) -> None:
    assert canonical(root_fd, GuestPath(path)) == GuestPath(real)


def test_the_last_link_is_followed_only_on_demand(root_fd: int) -> None:
    with walk(root_fd, GuestPath("/etc/chain"), follow_last=False) as place:
        assert (place.name, place.path) == ("chain", GuestPath("/etc/chain"))
    with walk(root_fd, GuestPath("/etc/chain"), follow_last=True) as place:
        assert (place.name, place.path) == ("etc", GuestPath("/usr/etc"))
    with walk(root_fd, GuestPath("/etc/top"), follow_last=True) as place:
        assert (place.name, place.path) == (".", GuestPath("/"))


def test_a_walk_ends_where_there_is_no_way(root_fd: int) -> None:
    for path, error in (
        ("/etc/missing/x", FileNotFoundError),
        ("/etc/file/x", NotADirectoryError),
        ("/etc/loop/x", OSError),
    ):
        with pytest.raises(error), walk(root_fd, GuestPath(path), follow_last=False):
            pass
    circle = pytest.raises(OSError, match=os.strerror(errno.ELOOP))
    with circle, walk(root_fd, GuestPath("/etc/loop"), follow_last=True):
        pass


def test_a_relative_path_is_a_mistake_of_ours(root_fd: int) -> None:
    with pytest.raises(ValueError, match="absolute"):
        canonical(root_fd, GuestPath("etc"))
    with pytest.raises(ValueError, match="absolute"), walk(root_fd, GuestPath("etc"), follow_last=True):
        pass


def test_no_descriptor_stays_open(root_fd: int) -> None:
    gc.collect()  # roots of other tests close theirs when they go
    before = len(os.listdir("/proc/self/fd"))
    for path in ("/etc/chain/a/b", "/etc/loop", "/etc/deep/x"):
        canonical(root_fd, GuestPath(path))
        with walk(root_fd, GuestPath("/etc/deep/x"), follow_last=False):
            pass
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
