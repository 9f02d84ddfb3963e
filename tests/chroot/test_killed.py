"""Killed half-way: the generator, and hvprep itself with its generator at work."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from tests.chroot.guest import DRIVERS, Guest, assert_entries_prepared, environment, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

DEADLINE_S = 120.0


@pytest.fixture
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        yield guest


def start(guest: Guest) -> subprocess.Popen[str]:
    return subprocess.Popen(
        guest.hvprep_argv("prepare", "--yes"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def children(pid: int) -> List[Tuple[int, str]]:
    """The ids and command lines of the children of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            found.append((int(child), command))
    return found


def wait_for_generator(process: subprocess.Popen[str], guest: Guest) -> int:
    """The id of mkinitramfs, when it has begun to put modules together."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        working = list(guest.journal().glob("*/scratch/mkinitramfs_*/usr/lib/modules"))
        for pid, command in children(process.pid):
            if working and "mkinitramfs" in command and "chroot.py" not in command:
                return pid
        time.sleep(0.01)
    raise AssertionError(f"mkinitramfs was not seen at work: {process.communicate()}")


def wait_until_all_ended(group: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"the process group {group} goes on")


def test_a_killed_generator_changes_nothing(guest: Guest) -> None:
    before = take_snapshot(guest.root)
    with start(guest) as process:
        os.killpg(wait_for_generator(process, guest), signal.SIGKILL)
        output, errors = process.communicate()
    assert process.returncode == 1, (output, errors)
    assert "was killed by signal 9" in errors
    assert diff_snapshots(before, take_snapshot(guest.root)) == []
    assert not list(guest.journal().glob("*/scratch/*"))
    assert guest.hvprep("prepare", "--yes").status == 0, "and then it can be done"
    assert_prepared(guest)


@pytest.fixture
def cut_off(guest: Guest) -> Tuple[Guest, Snapshot]:
    """hvprep was killed while mkinitramfs worked: files are written, the image is half made."""
    before = take_snapshot(guest.root)
    with start(guest) as process:
        generator = wait_for_generator(process, guest)
        process.kill()
        process.communicate()
    wait_until_all_ended(generator)
    assert diff_snapshots(before, take_snapshot(guest.root)), "it had begun"
    return guest, before


def test_check_names_what_was_cut_off_and_writes_nothing(cut_off: Tuple[Guest, Snapshot]) -> None:
    guest, _ = cut_off
    left = take_snapshot(guest.root, ("/run",))
    done = guest.hvprep("check")
    assert done.status == 3
    assert "Transaction 0001 was cut off" in done.output
    assert diff_snapshots(left, take_snapshot(guest.root, ("/run",))) == []


def test_rollback_takes_back_what_was_cut_off(cut_off: Tuple[Guest, Snapshot]) -> None:
    guest, before = cut_off
    done = guest.hvprep("rollback", "--yes")
    assert done.status == 0, done
    assert diff_snapshots(before, take_snapshot(guest.root)) == []
    assert not list(guest.journal().glob("*/scratch/*"))


def test_prepare_takes_back_what_was_cut_off_and_begins_anew(cut_off: Tuple[Guest, Snapshot]) -> None:
    guest, before = cut_off
    done = guest.hvprep("prepare", "--yes")
    assert done.status == 0, done
    assert "transaction 0001, which had been cut off, was taken back first" in done.errors
    assert_prepared(guest)
    assert guest.hvprep("rollback", "--yes").status == 0
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_an_interrupt_takes_everything_back(guest: Guest) -> None:
    before = take_snapshot(guest.root)
    with start(guest) as process:
        generator = wait_for_generator(process, guest)
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "interrupted; everything that was begun has been taken back" in errors
    wait_until_all_ended(generator)
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def assert_prepared(guest: Guest) -> None:
    assert guest.hvprep("check").status == 0
    assert set(DRIVERS) <= guest.drivers()
    assert_entries_prepared(guest)
