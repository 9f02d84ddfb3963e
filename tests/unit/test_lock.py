"""The state directory and the lock in it; that two processes meet there is a law (test_two_at_once)."""

from __future__ import annotations

import os
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from hvprep.errors import Refusal
from hvprep.system.lock import lock, lock_for_boot, make_state_directory
from hvprep.system.root import Root


def test_the_state_directory_is_for_root_only(tmp_path: Path) -> None:
    for _ in range(2):
        make_state_directory(Root(tmp_path))
        directory = tmp_path / "var/lib/hvprep"
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        directory.chmod(0o755)


def test_the_lock_tells_its_holder_and_is_let_go(tmp_path: Path) -> None:
    root = Root(tmp_path)
    for verb in ("prepare", "roll"):
        with lock(root, verb):
            held = (tmp_path / "var/lib/hvprep/lock").read_text()
            assert held == f"{verb}, process {os.getpid()}\n"
            with pytest.raises(Refusal, match=f"{verb}, process {os.getpid()}"), lock(root, "other"):
                pass


def test_an_error_lets_it_go_too(tmp_path: Path) -> None:
    root = Root(tmp_path)
    with pytest.raises(KeyError), lock(root, "prepare"):
        raise KeyError
    with lock(root, "prepare"):
        pass


def unmount(place: Path) -> None:
    subprocess.run(["umount", place], check=True)


def test_a_volume_that_is_read_only_or_full_is_a_refusal(tmp_path: Path) -> None:
    place = tmp_path / "var/lib"
    place.mkdir(parents=True)
    with ExitStack() as stack:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "tmpfs", place], check=True)
        stack.callback(unmount, place)
        with pytest.raises(Refusal, match="/var/lib/hvprep.* cannot be written: No space left"):
            stack.enter_context(lock(Root(tmp_path), "prepare"))
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises(Refusal, match="/var/lib/hvprep.* cannot be written: Read-only") as refused:
            stack.enter_context(lock(Root(tmp_path), "prepare"))
        assert "read-only or full" in str(refused.value.hint)


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    make_state_directory(Root(tmp_path))
    (tmp_path / "var/lib/hvprep/lock").symlink_to(tmp_path / "victim")
    with pytest.raises(Refusal), lock(Root(tmp_path), "prepare"):
        pass
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("place", ["var/lib/hvprep", "var/lib/hvprep/journal"])
def test_a_state_directory_of_another_user_becomes_ours(tmp_path: Path, place: str) -> None:
    make_state_directory(Root(tmp_path))
    (tmp_path / "var/lib/hvprep/journal").mkdir(exist_ok=True)
    os.chown(tmp_path / place, 1234, 1234)
    (tmp_path / place).chmod(0o777)
    with lock(Root(tmp_path), "prepare"):
        info = (tmp_path / place).stat()
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (0, 0, 0o700)


def test_a_link_to_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 1234, 1234)
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / "var/lib/hvprep").symlink_to("/home")
    with (
        pytest.raises(Refusal, match="/var/lib/hvprep leads to what belongs to user 1234"),
        lock(Root(tmp_path), "prepare"),
    ):
        pass
    assert (tmp_path / "home").stat().st_uid == 1234


def test_a_lock_for_the_boot_lies_in_run_and_is_the_verbs_own(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    root = Root(tmp_path)
    with lock_for_boot(root, "resource-disk"):
        directory = tmp_path / "run/hvprep"
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        held = (directory / "resource-disk.lock").read_text()
        assert held == f"resource-disk, process {os.getpid()}\n"
        with pytest.raises(Refusal, match=held.strip()), lock_for_boot(root, "resource-disk"):
            pass
        with lock_for_boot(root, "another"), lock(root, "prepare"):
            pass
    with lock_for_boot(root, "resource-disk"):
        pass


def test_a_lock_for_the_boot_where_run_is_read_only(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    with ExitStack() as stack:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place], check=True)
        stack.callback(unmount, place)
        with pytest.raises(Refusal, match="/run/hvprep cannot be written: Read-only"):
            stack.enter_context(lock_for_boot(Root(tmp_path), "resource-disk"))


def test_a_directory_of_the_boot_that_is_a_link_to_anothers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "trap").mkdir()
    os.chown(tmp_path / "trap", 65534, 65534)
    (tmp_path / "run/hvprep").symlink_to("/trap")
    with (
        pytest.raises(Refusal, match="leads to what belongs to user 65534"),
        lock_for_boot(Root(tmp_path), "x"),
    ):
        pass
