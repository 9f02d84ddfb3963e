"""What is erased is gone, and nothing else is: not behind links, not on other mounts, not above."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from hvprep.model.node import GuestPath
from hvprep.system.erase import Erased, erase
from hvprep.system.root import Root
from hypothesis import given
from hypothesis import strategies as st

from tests.chroot.guest import mounted
from tests.laws.machines import fresh_directory
from tests.laws.strategies import law
from tests.snapshot import diff_snapshots, take_snapshot

A = GuestPath("/home/a")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A home with two files, a directory and a link out; something outside that must stay."""
    (tmp_path / "home/a/sub/deep").mkdir(parents=True)
    (tmp_path / "home/a/one").write_text("one")
    (tmp_path / "home/a/sub/deep/two").write_text("two")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("kept")
    (tmp_path / "home/a/link").symlink_to("/etc")
    (tmp_path / "home/a/sub/up").symlink_to("../../../etc/passwd")
    os.mkfifo(tmp_path / "home/a/fifo")
    return tmp_path


def left(erased: Erased) -> List[str]:
    return [f"{path}: {why}" for path, why in erased.left]


def test_a_tree_goes_with_all_below_it_and_no_link_is_followed(host: Path) -> None:
    before = take_snapshot(host)
    erased = erase(Root(host), A)
    assert (erased.count, erased.left) == (8, [])
    gone = {line.split()[1] for line in diff_snapshots(before, take_snapshot(host))}
    assert all(path.startswith("/home/a") for path in gone)
    assert not (host / "home/a").exists()
    assert (host / "etc/passwd").read_text() == "kept"


def test_what_is_not_there_is_fine(host: Path) -> None:
    for path in ("/home/no", "/no/where", "/etc/passwd/below"):
        assert erase(Root(host), GuestPath(path)) == Erased()


def test_a_link_itself_goes(host: Path) -> None:
    assert erase(Root(host), A / "link").count == 1
    assert not (host / "home/a/link").is_symlink()
    assert (host / "etc/passwd").read_text() == "kept"


def test_a_parent_that_is_a_link_is_followed_inside_the_root_only(host: Path) -> None:
    (host / "outside").mkdir()
    (host / "outside/victim").write_text("kept")
    guest = host / "home"
    (guest / "way").symlink_to("/../outside")
    assert erase(Root(guest), GuestPath("/way/victim")).count == 0
    assert (host / "outside/victim").read_text() == "kept"


@pytest.fixture
def busy(host: Path) -> Iterator[Path]:
    """A file system, and a bind mount of the same one, are mounted below the home."""
    (host / "elsewhere").mkdir()
    (host / "elsewhere/other").write_text("kept")
    (host / "home/a/sub/bound").mkdir()
    (host / "home/a/memory").mkdir()
    with mounted("tmpfs", host / "home/a/memory", "-t", "tmpfs"):
        (host / "home/a/memory/other").write_text("kept")
        with mounted(str(host / "elsewhere"), host / "home/a/sub/bound", "--bind"):
            yield host


def test_what_is_mounted_below_stays(busy: Path) -> None:
    erased = erase(Root(busy), A)
    assert left(erased) == [
        "/home/a/memory: something is mounted on it, and stays: umount /home/a/memory",
        "/home/a/sub/bound: something is mounted on it, and stays: umount /home/a/sub/bound",
    ]
    assert (busy / "elsewhere/other").read_text() == "kept"
    assert (busy / "home/a/memory/other").read_text() == "kept"
    assert not (busy / "home/a/one").exists()


def test_a_mount_point_that_is_named_is_emptied_and_stays(busy: Path) -> None:
    erased = erase(Root(busy), A / "memory")
    assert (erased.count, erased.left) == (1, [])
    assert list((busy / "home/a/memory").iterdir()) == []


@pytest.fixture
def immutable(host: Path) -> Iterator[Path]:
    path = host / "home/a/sub/deep/two"
    subprocess.run(["chattr", "+i", str(path)], check=True)
    try:
        yield host
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


def test_an_immutable_file_hinders_nothing_else(immutable: Path) -> None:
    erased = erase(Root(immutable), A)
    path = "/home/a/sub/deep/two"
    assert left(erased) == [f"{path}: it is immutable: chattr -i {path}"]
    assert sorted(each.name for each in (immutable / "home/a").rglob("*")) == ["deep", "sub", "two"]


def test_a_read_only_volume_is_told(host: Path) -> None:
    with mounted(str(host / "home"), host / "home", "--bind"):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(host / "home")], check=True)
        erased = erase(Root(host), A)
    assert erased.count == 0
    assert "/home/a/one: its volume is read-only: mount -o remount,rw" in left(erased)


def test_thousands_of_files_and_deep_trees(host: Path) -> None:
    many = host / "home/a/many"
    many.mkdir()
    for number in range(5000):
        (many / f"{number}").touch()
    deep = many
    for _ in range(200):
        deep = deep / "d"
        deep.mkdir()
    assert erase(Root(host), A / "many").count == 5201
    assert not many.exists()


def test_what_is_too_deep_is_told(host: Path) -> None:
    here = os.open(host / "home/a", os.O_PATH)
    for _ in range(300):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_PATH, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    erased = erase(Root(host), A)
    assert len(erased.left) == 1
    assert "nested too deeply" in left(erased)[0]
    subprocess.run(["rm", "-rf", str(host / "home/a")], check=True)


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@law(150)
@given(st.dictionaries(PATHS, st.sampled_from(["file", "dir", "/", "..", "a", "../../b"]), max_size=8), PATHS)
def test_nothing_beside_the_path_changes(tree: Dict[str, str], path: str) -> None:
    with fresh_directory() as host:
        for place in sorted(tree):
            target = host / place
            if any(parent.is_symlink() or parent.is_file() for parent in target.parents) or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink():
                continue
            if tree[place] == "file":
                target.write_text(place)
            elif tree[place] == "dir":
                target.mkdir()
            else:
                target.symlink_to(tree[place])
        root, before = Root(host), take_snapshot(host)
        real = root.resolve(GuestPath("/" + path).parent) / Path(path).name
        erase(root, GuestPath("/" + path))
        after = take_snapshot(host)
        assert str(real) not in after
        gone = [line.split()[1] for line in diff_snapshots(before, after) if line.startswith("removed")]
        assert all(GuestPath(each) == real or real in GuestPath(each).parents for each in gone)
        assert len(before) - len(after) == len(gone)
