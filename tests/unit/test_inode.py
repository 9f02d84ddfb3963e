"""Attributes and names of errors, through descriptors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.system.inode import read_xattrs
from hvprep.system.root import Root


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_attributes_are_read_through_a_descriptor(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_bytes(b"")
    else:
        path.mkdir()
    os.setxattr(path, "trusted.b", b"2")
    os.setxattr(path, "trusted.a", b"1")
    fd = os.open(tmp_path, os.O_PATH)
    try:
        found = read_xattrs(fd, "x", path.stat().st_mode)
    finally:
        os.close(fd)
    assert [pair for pair in found if pair[0].startswith("trusted.")] == [
        ("trusted.a", b"1"),
        ("trusted.b", b"2"),
    ]


FILE = Node(Kind.FILE, 0o644, 0, 0)


@pytest.mark.parametrize(
    "act",
    [
        lambda root, path: root.put(path, b"", FILE),
        lambda root, path: root.make_link(path, "x"),
        lambda root, path: root.append(path, b""),
        lambda root, path: root.make_directory(path),
        lambda root, path: root.remove(path),
        lambda root, path: root.rename(GuestPath("/file"), path),
    ],
    ids=["put", "make_link", "append", "make_directory", "remove", "rename"],
)
def test_an_error_names_the_guest_path(tmp_path: Path, act: Callable[[Root, GuestPath], None]) -> None:
    (tmp_path / "boot/grub.cfg/full").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="/boot/") as raised:
        act(Root(tmp_path), GuestPath("/boot/grub.cfg"))
    assert raised.value.filename in ("/boot/grub.cfg", "/boot/.grub.cfg.hvprep-tmp")
    assert raised.value.filename2 is None
