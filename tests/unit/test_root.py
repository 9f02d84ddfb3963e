"""Root: reading as a guest sees it, writing so that the old file or the new one stands there."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import List

import pytest
from hvprep.errors import FormatError
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.system.machine import digest_of, take_snapshot
from hvprep.system.root import Root

PLAIN = Node(Kind.FILE, 0o640, 12, 34, xattrs=(("trusted.label", b"x"),))


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A small tree."""
    top = tmp_path / "root"
    (top / "etc/d").mkdir(parents=True)
    (top / "etc/file").write_bytes(b"content\n")
    (top / "etc/.hidden").write_bytes(b"")
    (top / "etc/link").symlink_to("file")
    (top / "etc/out").symlink_to("/etc/hostname-of-nobody")
    (top / "etc/loop").symlink_to("loop")
    os.mkfifo(top / "etc/fifo")
    return top


def test_node_tells_what_stands_there(host: Path) -> None:
    os.chown(host / "etc/file", 1, 2)
    (host / "etc/file").chmod(0o4750)
    os.setxattr(host / "etc/file", "trusted.label", b"v")
    root = Root(host)
    node = root.node(GuestPath("/etc/file"))
    assert node is not None
    assert (node.kind, node.mode, node.uid, node.gid, node.size) == (Kind.FILE, 0o4750, 1, 2, 8)
    assert node.xattrs == (("trusted.label", b"v"),)
    link = root.node(GuestPath("/etc/link"))
    assert link is not None
    assert (link.kind, link.target) == (Kind.LINK, "file")
    kinds = [root.node(GuestPath(path)) for path in ("/", "/etc", "/etc/fifo")]
    assert [node and node.kind for node in kinds] == [Kind.DIRECTORY, Kind.DIRECTORY, Kind.OTHER]
    for missing in ("/etc/none", "/etc/file/below", "/etc/loop/below", "/none/x"):
        assert root.node(GuestPath(missing)) is None


def test_read_follows_links_inside_and_touches_regular_files_only(host: Path) -> None:
    root = Root(host)
    assert root.read(GuestPath("/etc/link")) == b"content\n"
    for nothing in ("/etc/out", "/etc/loop", "/etc/fifo", "/etc", "/etc/none", "/etc/file/x"):
        assert root.read(GuestPath(nothing)) is None
    with pytest.raises(FormatError, match="larger than 3 bytes"):
        root.read(GuestPath("/etc/file"), limit_bytes=3)
    assert root.read(GuestPath("/etc/file"), limit_bytes=8) == b"content\n"


def test_a_file_that_the_kernel_makes_up_is_read_to_its_end() -> None:
    """/proc gives a page a read(2) and says that the size is 0."""
    content = Root(Path("/")).read(GuestPath("/proc/self/smaps"), 1 << 30)
    assert content is not None
    assert len(content) > 16_384
    boot_id = Root(Path("/")).read(GuestPath("/proc/sys/kernel/random/boot_id"))
    assert len(boot_id or b"") == 37, "/proc/sys fails for a buffer of 4 MiB"


def test_glob(host: Path) -> None:
    root = Root(host)
    assert root.glob("/etc/*") == tuple(
        GuestPath("/etc") / name for name in ("d", "fifo", "file", "link", "loop", "out")
    )
    assert root.glob("/etc/.h*") == (GuestPath("/etc/.hidden"),)
    assert root.glob("/*/f[i]le") == (GuestPath("/etc/file"),)
    assert root.glob("/etc/none") == root.glob("/none/*") == root.glob("/etc/file/*") == ()


def test_put_dresses_before_it_names(host: Path) -> None:
    seen: List[str] = []

    def observe(operation: str, path: GuestPath) -> None:
        seen.append(f"{operation} {path.name}")
        if operation == "rename":
            info = (host / "etc/.new.hvprep-tmp").stat()
            assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o640, 12, 34)

    root = Root(host, observe)
    root.put(GuestPath("/etc/new"), b"x", PLAIN)
    assert seen == ["create .new.hvprep-tmp", "fsync .new.hvprep-tmp", "rename new", "fsync-directory etc"]
    snapshot = take_snapshot(root, GuestPath("/etc/new"))
    assert snapshot is not None
    assert snapshot.as_node() == PLAIN
    assert snapshot.digest == digest_of(root, GuestPath("/etc/new"))


def test_put_replaces_a_link_and_a_stale_temporary_file(host: Path) -> None:
    (host / "etc/.link.hvprep-tmp").write_text("stale")
    Root(host).put(GuestPath("/etc/link"), b"x", PLAIN)
    assert not (host / "etc/link").is_symlink()
    assert (host / "etc/file").read_bytes() == b"content\n"
    assert not (host / "etc/.link.hvprep-tmp").exists()


def test_a_failed_put_leaves_nothing(host: Path) -> None:
    root = Root(host)
    with pytest.raises(IsADirectoryError):
        root.put(GuestPath("/etc/d"), b"x", PLAIN)
    with pytest.raises(OSError, match="too long"):
        root.put(GuestPath("/etc") / ("n" * 250), b"x", PLAIN)
    assert [path.name for path in (host / "etc").iterdir() if "hvprep" in path.name] == []


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL as the kernel stores it (posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_what_a_directory_gives_its_children_is_taken_off_again(host: Path) -> None:
    """A default ACL and a set-group-id bit: what is made must be what the journal says."""
    undefined = 0xFFFFFFFF
    default = acl((1, 7, undefined), (2, 7, 1234), (4, 5, undefined), (16, 7, undefined), (32, 5, undefined))
    os.chown(host / "etc/d", 0, 77)
    (host / "etc/d").chmod(0o2775)
    os.setxattr(host / "etc/d", "system.posix_acl_default", default)
    root = Root(host)
    root.put(GuestPath("/etc/d/file"), b"", Node(Kind.FILE, 0o644, 0, 0))
    root.make_directory(GuestPath("/etc/d/sub"), Node(Kind.DIRECTORY, 0o755, 0, 0))
    root.make_link(GuestPath("/etc/d/link"), "x", Node(Kind.LINK, 0o777, 0, 0))
    for name, mode in (("file", 0o644), ("sub", 0o755), ("link", 0o777)):
        node = root.node(GuestPath("/etc/d") / name)
        assert node is not None
        assert (node.mode, node.uid, node.gid, node.xattrs) == (mode, 0, 0, ())


def test_append_and_truncate(host: Path) -> None:
    root, log = Root(host), GuestPath("/etc/log")
    root.append(log, b"one\n")
    root.append(log, b"two\n")
    assert (host / "etc/log").read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE((host / "etc/log").stat().st_mode) == 0o600
    root.truncate(log, 4)
    assert (host / "etc/log").read_bytes() == b"one\n"
    (host / "etc/trap").symlink_to("file")
    with pytest.raises(OSError, match="symbolic links"):
        root.append(GuestPath("/etc/trap"), b"x")


def test_remove(host: Path) -> None:
    root = Root(host)
    for path in ("/etc/link", "/etc/d", "/etc/fifo", "/etc/none", "/none/none"):
        root.remove(GuestPath(path))
        assert root.node(GuestPath(path)) is None
    assert (host / "etc/file").exists()
    with pytest.raises(OSError, match="not empty"):
        root.remove(GuestPath("/etc"))


def test_hard_link_and_rename(host: Path) -> None:
    root = Root(host)
    root.hard_link(GuestPath("/etc/file"), GuestPath("/etc/d/second"))
    assert (host / "etc/d/second").stat().st_ino == (host / "etc/file").stat().st_ino
    root.put(GuestPath("/etc/new"), b"new", PLAIN)
    root.rename(GuestPath("/etc/new"), GuestPath("/etc/file"))
    assert (host / "etc/file").read_bytes() == b"new"
    assert (host / "etc/d/second").read_bytes() == b"content\n"


def test_a_root_that_moves_is_still_the_same_root(host: Path) -> None:
    root = Root(host)
    host.rename(host.with_name("moved"))
    assert root.read(GuestPath("/etc/file")) == b"content\n"
    with pytest.raises(FileNotFoundError):
        Root(host)


@pytest.mark.parametrize("name", ["a\0b", "x" * 256, "\ud800", "\u00e4" * 128])
def test_what_cannot_be_a_name_is_not_there(tmp_path: Path, name: str) -> None:
    """Nor is it an error: what a guest's file says may become part of a path."""
    (tmp_path / "etc").mkdir()
    root = Root(tmp_path)
    for path in (GuestPath("/etc") / name, GuestPath("/etc") / name / "below"):
        assert root.node(path) is None
        assert root.read(path) is None
        assert root.resolve(path) == path
        assert root.glob(str(path)) == ()
    with pytest.raises(FileNotFoundError):
        root.open(GuestPath("/etc") / name)
    assert root.node(GuestPath("/etc") / ("x" * 255)) is None
