"""Volumes, against real mounts."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from hvprep.model.node import GuestPath
from hvprep.system.root import Root
from hvprep.system.volumes import settle, volume_of


@contextmanager
def mounted(place: Path, *words: str) -> Iterator[None]:
    """Until the end of the block."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *words, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def test_paths_below_a_mount_are_on_it(tmp_path: Path) -> None:
    with mounted(tmp_path / "boot", "-t", "tmpfs", "-o", "size=8m", "tmpfs"):
        (tmp_path / "boot/file").write_bytes(bytes(1024 * 1024))
        (tmp_path / "boot/gone").symlink_to("/boot/not/there")
        root = Root(tmp_path)
        boot = volume_of(root, GuestPath("/boot"))
        assert boot.device == os.stat(tmp_path / "boot").st_dev
        assert boot.free_bytes == 7 * 1024 * 1024
        assert not boot.read_only
        for path in ("/boot/file", "/boot/new/er/file", "/boot/file/below"):
            assert volume_of(root, GuestPath(path)) == boot
        for path in ("/", "/etc/missing"):
            assert volume_of(root, GuestPath(path)).device == os.stat(tmp_path).st_dev
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "boot"], check=True)
        assert volume_of(root, GuestPath("/boot/x")).read_only


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small ext4, of which a new file lies in the journal at first."""
    image = tmp_path / "image"
    with open(image, "wb") as stream:
        stream.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    return image


def as_grub_reads(image: Path, name: str) -> str:
    """Without the journal: debugfs(8) does not replay it either."""
    done = subprocess.run(
        ["debugfs", "-R", f"cat {name}", image], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def test_what_was_renamed_is_seen_without_the_journal(tmp_path: Path, image: Path) -> None:
    with mounted(tmp_path / "root/boot", "-o", "loop,commit=300", str(image)):
        root = Root(tmp_path / "root")
        boot = tmp_path / "root/boot"
        for content in ("first\n", "second\n"):
            (boot / "new").write_text(content)
            with open(boot / "new", "rb") as stream:
                os.fsync(stream.fileno())
            os.rename(boot / "new", boot / "grub.cfg")
            assert as_grub_reads(image, "grub.cfg") != content, "the test shows nothing"
            settle(root, GuestPath("/boot"))
            assert as_grub_reads(image, "grub.cfg") == content
        (boot / "after").write_text("it is not frozen any more\n")


def test_settling_the_root_itself_or_a_file_system_without_a_journal_is_fine(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    settle(Root(tmp_path), GuestPath("/boot"))
    with mounted(tmp_path / "boot", "-t", "tmpfs", "tmpfs"):
        settle(Root(tmp_path), GuestPath("/boot"))
        (tmp_path / "boot/x").write_text("x")
