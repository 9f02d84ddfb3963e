"""The Overlay shows what would be, and is told of by the same questions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.errors import FormatError
from hvprep.model.change import Build, Link, Purge, Remove, Run, Write
from hvprep.model.node import GuestPath, Kind
from hvprep.system.overlay import Overlay
from hvprep.system.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A file, a link to it, a directory with two drop-ins that is reached through a link too."""
    (tmp_path / "etc/real.d").mkdir(parents=True)
    (tmp_path / "etc/file").write_bytes(b"old")
    (tmp_path / "etc/file").chmod(0o600)
    (tmp_path / "etc/link").symlink_to("file")
    (tmp_path / "etc/link.d").symlink_to("real.d")
    for name in ("10-a.cfg", "20-b.cfg"):
        (tmp_path / "etc/real.d" / name).write_bytes(name.encode())
    return Root(tmp_path)


def path(text: str) -> GuestPath:
    return GuestPath(text)


def test_nothing_planned_is_what_is_there(root: Root) -> None:
    overlay = Overlay(root)
    for each in ("/etc/file", "/etc/link", "/etc/none", "/"):
        assert overlay.node(path(each)) == root.node(path(each))
        assert overlay.resolve(path(each)) == root.resolve(path(each))
        assert overlay.read(path(each)) == root.read(path(each))


def test_a_write_is_read_back_by_every_name(root: Root) -> None:
    overlay = Overlay(root)
    overlay.apply(Write(path("/etc/link"), b"new", "w"))
    for name in ("/etc/file", "/etc/link"):
        assert overlay.read(path(name)) == b"new"
        assert overlay.open(path(name)).read() == b"new"
    node = overlay.node(path("/etc/file"))
    assert node is not None
    assert (node.kind, node.mode, node.size) == (Kind.FILE, 0o600, 3)
    assert root.read(path("/etc/file")) == b"old"
    with pytest.raises(FormatError):
        overlay.read(path("/etc/file"), limit_bytes=2)


def test_what_was_removed_is_gone(root: Root) -> None:
    overlay = Overlay(root)
    overlay.apply(Remove(path("/etc/link"), "w"))
    overlay.apply(Purge(path("/etc/real.d/10-a.cfg"), "w"))
    assert overlay.node(path("/etc/link")) is None
    assert overlay.read(path("/etc/link")) is None
    assert overlay.read(path("/etc/file")) == b"old"
    assert overlay.glob("/etc/real.d/*.cfg") == (path("/etc/real.d/20-b.cfg"),)
    with pytest.raises(FileNotFoundError):
        overlay.open(path("/etc/link.d/10-a.cfg"))


def test_a_write_after_a_remove_replaces_the_link(root: Root) -> None:
    overlay = Overlay(root)
    overlay.apply(Remove(path("/etc/link"), "w"))
    overlay.apply(Write(path("/etc/link"), b"own", "w"))
    assert overlay.read(path("/etc/link")) == b"own"
    assert overlay.read(path("/etc/file")) == b"old"


def test_a_planned_link_is_followed_at_the_end_of_a_path(root: Root) -> None:
    overlay = Overlay(root)
    overlay.apply(Link(path("/etc/new"), "link", "w"))
    assert overlay.read(path("/etc/new")) == b"old"
    overlay.apply(Write(path("/etc/new"), b"through", "w"))
    assert overlay.read(path("/etc/file")) == b"through"
    node = overlay.node(path("/etc/new"))
    assert node is not None
    assert node.target == "link"
    overlay.apply(Link(path("/etc/circle"), "circle", "w"))
    assert overlay.read(path("/etc/circle")) is None


def test_glob_sees_what_is_planned(root: Root) -> None:
    overlay = Overlay(root)
    overlay.apply(Write(path("/etc/link.d/15-c.cfg"), b"", "w"))
    overlay.apply(Write(path("/etc/link.d/.hidden.cfg"), b"", "w"))
    for directory in ("/etc/real.d", "/etc/link.d"):
        names = [each.name for each in overlay.glob(f"{directory}/*.cfg")]
        assert names == ["10-a.cfg", "15-c.cfg", "20-b.cfg"]
    assert path("/etc/real.d/15-c.cfg") in overlay.glob("/*/*/1?-c.cfg")


def test_a_pending_build_is_seen_by_the_overlays_on_top(root: Root) -> None:
    overlay = Overlay(root)
    overlay.apply(Build(path("/etc/link"), ("x",), "j", "w"))
    overlay.apply(Run(("x",), (path("/etc/ran"),), "w"))
    on_top = Overlay(overlay)
    for view in (overlay, on_top):
        assert view.is_pending(path("/etc/file"))
        assert view.is_pending(path("/etc/link"))
        assert not view.is_pending(path("/etc/ran"))
        assert view.is_changed(path("/etc/file"))
        assert view.is_changed(path("/etc"))
        assert not view.is_changed(path("/etc/x"))
    on_top.apply(Write(path("/etc/x"), b"x", "w"))
    assert overlay.node(path("/etc/x")) is None
    assert on_top.is_changed(path("/etc/x"))
    assert not overlay.is_changed(path("/etc/x"))
    assert not root.is_changed(path("/etc"))
