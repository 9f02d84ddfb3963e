"""/boot on a volume of its own: too small, just large enough, read-only, not mounted, safe on the disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.guest import BACKUP, DRIVERS, Guest, assert_entries_prepared, overlaid_guest
from tests.chroot.volumes import FILLER, MIB, ext4_boot, mounted_boot, tmpfs_boot
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

MARGIN_BYTES = 4 * MIB  # engine/preflight.py


@pytest.fixture
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        yield guest


def build_sizes(guest: Guest, plan: Path) -> List[int]:
    """How large the plan takes each generated file to become."""
    assert guest.hvprep("prepare", "--save-plan", str(plan)).status == 0
    changes = [item["change"] for item in json.loads(plan.read_text())["changes"]]
    return [change["size_bytes"] for change in changes if change["kind"] == "build"]


def test_too_small_is_refused_before_the_first_write(guest: Guest) -> None:
    with tmpfs_boot(guest, free_bytes=3 * MIB):
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", "--yes")
        assert done.status == 1
        assert "the volume of /boot has " in done.errors
        assert "MiB free" in done.errors
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
        assert not guest.journal().exists(), "no transaction was begun"


def test_room_for_one_at_a_time_keeps_the_old_files_in_the_journal(guest: Guest, tmp_path: Path) -> None:
    least = max(build_sizes(guest, tmp_path / "plan.json")) + MARGIN_BYTES
    with tmpfs_boot(guest, free_bytes=least + MIB // 2):
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", "--yes")
        assert done.status == 0, done
        assert not list((guest.root / "boot").rglob(f"*{BACKUP}"))
        blobs = {path.name for path in guest.journal().glob("*/blobs/*")}
        assert before[f"/boot/{guest.initrd().name}"].data in blobs
        assert before["/boot/grub/grub.cfg"].data in blobs
        assert set(DRIVERS) <= guest.drivers()
        assert guest.hvprep("rollback", "--yes").status == 0
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
        assert (guest.root / "boot" / FILLER).exists()


def on_the_disk(disk: Path, path: str, into: Path) -> str:
    """The digest of a file of the volume as a reader sees it that, as GRUB, replays no journal."""
    copy = into / "copy.raw"
    subprocess.run(["cp", "--sparse=always", str(disk), str(copy)], check=True)
    dumped = into / "dumped"
    dumped.unlink(missing_ok=True)
    subprocess.run(["debugfs", "-R", f"dump {path} {dumped}", str(copy)], check=True, capture_output=True)
    return digest(dumped) if dumped.exists() else ""


def is_journal_empty(directory: Path) -> bool:
    """Of the copy that `on_the_disk` has made."""
    head = subprocess.run(
        ["dumpe2fs", "-h", str(directory / "copy.raw")], check=True, capture_output=True, text=True
    )
    return re.search(r"^Journal start: +0$", head.stdout, re.MULTILINE) is not None


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_boot_loader_that_replays_no_journal_sees_the_new_files_at_once(
    guest: Guest, tmp_path: Path
) -> None:
    disk = tmp_path / "boot.raw"
    with ext4_boot(guest, disk):
        before = take_snapshot(guest.root)
        names = (guest.initrd().name, "grub/grub.cfg")
        old = {name: on_the_disk(disk, f"/{name}", tmp_path) for name in names}
        done = guest.hvprep("prepare", "--yes")
        assert done.status == 0, done
        for name in names:
            # First the disk: nothing here may flush what hvprep left in the journal.
            found = on_the_disk(disk, f"/{name}", tmp_path)
            assert is_journal_empty(tmp_path), "a journal that is not replayed must have nothing to say"
            assert found == digest(guest.root / "boot" / name)
            assert on_the_disk(disk, f"/{name}{BACKUP}", tmp_path) == old[name]
            assert found != old[name]
        assert_entries_prepared(guest)
        assert {words[0] for words in guest.linux_lines()} == {f"/vmlinuz-{guest.kernel}"}
        assert guest.hvprep("check").status == 0
        assert guest.hvprep("rollback", "--yes").status == 0
        for name in names:
            assert on_the_disk(disk, f"/{name}", tmp_path) == old[name], "after rollback too"
            assert is_journal_empty(tmp_path)
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_not_mounted_is_refused(guest: Guest, tmp_path: Path) -> None:
    disk = tmp_path / "boot.raw"
    with ext4_boot(guest, disk):
        pass
    before = take_snapshot(guest.root)
    for verb in (["check"], ["prepare", "--yes"], ["rollback", "--yes"]):
        done = guest.hvprep(*verb)
        assert done.status == 1, done
        assert "/etc/fstab mounts UUID=" in done.errors
        assert f" of the image on {guest.root}/boot first" in done.errors
    assert diff_snapshots(before, take_snapshot(guest.root)) == []
    with mounted_boot(guest, disk):
        assert guest.hvprep("check").status == 3


def test_read_only_is_refused_before_the_first_write(guest: Guest, tmp_path: Path) -> None:
    with ext4_boot(guest, tmp_path / "boot.raw"):
        subprocess.run(["mount", "-o", "remount,ro", str(guest.root / "boot")], check=True)
        assert os.statvfs(guest.root / "boot").f_flag & os.ST_RDONLY
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", "--yes")
        assert done.status == 1
        assert "/boot is mounted read-only" in done.errors
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
        assert guest.hvprep("check").status == 3, "looking needs no writing"
