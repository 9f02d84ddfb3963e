"""check by every requirement, on a real Debian with all that an image for Azure has on it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.guest import Guest, environment, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

#: A check is done often, and on small machines.
PROCESSES = 10


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        yield Guest(guest.root, is_whole=True)


def started(argv: List[str], trace: Path) -> List[str]:
    """The programs that a command starts, itself left out."""
    strace = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", str(trace)]
    subprocess.run([*strace, *argv], capture_output=True, check=False, env=environment())
    done = [line for line in trace.read_text().splitlines() if line.endswith(" = 0")]
    assert done, "strace saw the command itself"
    return done[1:]


@pytest.mark.parametrize("only", ["", "generalised"])
def test_it_starts_few_processes(guest: Guest, tmp_path: Path, only: str) -> None:
    options = ["--only", only] if only else []
    programs = started(guest.hvprep_argv("check", *options), tmp_path / "trace")
    assert len(programs) <= PROCESSES, programs


def test_it_writes_nothing(guest: Guest) -> None:
    before = take_snapshot(guest.root, left_out=())
    assert guest.hvprep("check").status == 3
    assert guest.hvprep("check", "--only", "generalised").status in (0, 3)
    assert diff_snapshots(before, take_snapshot(guest.root, left_out=())) == []
