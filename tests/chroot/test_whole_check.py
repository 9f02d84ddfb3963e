"""check by every requirement, on a real Debian with all that an image for Azure has on it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.guest import Guest, environment, overlaid_guest
from tests.chroot.test_live import Running, judged
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

#: A check is done often, and on small machines.
PROCESSES = 10
#: What an image cannot tell: its disk, and who waits for which device now.
ONLY_LIVE = frozenset(("partition-layout",))
#: chronyd does not start without the host's clock: a running system that has none is not given the line.
BY_DEVICE = frozenset(("time-sync",))


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


def test_a_running_system_and_its_image_are_judged_alike() -> None:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        # The firmware is the builder's, and no image knows it.
        (guest.root / "etc/hvprep.conf.d").mkdir()
        (guest.root / "etc/hvprep.conf.d/a.conf").write_text("Image.Generation=1\n")
        for options in ((), ("--only", "generalised")):
            offline = Guest(guest.root, is_whole=True).hvprep("check", "--json", *options)
            live = Running(guest.root, is_whole=True).hvprep("check", "--json", *options)
            assert (offline.status, live.status) == (3, 3), (offline, live)
            found = {finding["id"]: finding for finding in judged(offline)}
            for finding in judged(live):
                other = found[finding["id"]]
                if finding["id"] in BY_DEVICE:
                    assert finding["verdict"] == other["verdict"]
                elif finding["id"] not in ONLY_LIVE:
                    assert finding == other


def test_prepared_all_that_is_required_is_met(prepared_cloud: Guest) -> None:
    assert prepared_cloud.hvprep("check").status == 0
    assert prepared_cloud.hvprep("prepare", "--yes").output.startswith("Nothing to change.")


@pytest.fixture
def prepared_cloud() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        whole = Guest(guest.root, is_whole=True)
        before = take_snapshot(guest.root)
        done = whole.hvprep("prepare", "--yes")
        assert done.status == 0, done
        yield whole
        assert whole.hvprep("rollback", "--yes").status == 0
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
