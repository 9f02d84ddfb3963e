"""A running system and an image of it are judged and prepared alike; one takes back what the other did."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, List

import pytest

from tests.chroot.conftest import Prepared
from tests.chroot.guest import CHECKOUT, DRIVERS, HERE, Done, Guest, assert_entries_prepared, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

SYSTEMS = pytest.mark.parametrize("system", ["bookworm-initramfs-tools", "trixie-initramfs-tools"])
EXIT_REBOOT = 4


@dataclass(frozen=True)
class Running(Guest):
    """The same system, with hvprep at work in it: its root is /."""

    one_disk: bool = True

    def hvprep_argv(self, verb: str, *options: str) -> List[str]:
        live = [str(HERE / "live.sh"), str(self.root), str(CHECKOUT / "agent")]
        return [*self._builder(), *live, "-m", "hvprep.cli", *self.words(verb, *options)]


def judged(done: Done) -> List[Any]:
    """What check says, without the commands of its plan: offline ones keep off the builder's devices."""
    findings = json.loads(done.output)["findings"]
    keys = ("id", "title", "severity", "verdict", "because", "remedy", "source")
    return [{key: finding[key] for key in keys} for finding in findings]


def assert_same_verdicts(image: Guest, status: int) -> None:
    offline = image.hvprep("check", "--json")
    live = Running(image.root).hvprep("check", "--json")
    assert (offline.status, live.status) == (status, status), (offline, live)
    assert (json.loads(offline.output)["mode"], json.loads(live.output)["mode"]) == ("offline", "live")
    assert judged(offline) == judged(live)


@SYSTEMS
def test_an_unprepared_system_is_judged_alike(system: str) -> None:
    with overlaid_guest(pristine_root(system)) as guest:
        before = take_snapshot(guest.root)
        assert_same_verdicts(guest, status=3)
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_a_prepared_system_is_judged_alike(prepared: Prepared) -> None:
    with overlaid_guest(prepared.guest.root) as guest:
        assert_same_verdicts(guest, status=0)
        assert Running(guest.root).hvprep("prepare", "--yes").output.startswith("Nothing to change.")


def test_the_running_system_is_prepared_and_asks_for_a_reboot() -> None:
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        running = Running(guest.root)
        before = take_snapshot(guest.root)
        done = running.hvprep("prepare", "--yes")
        assert done.status == EXIT_REBOOT, done
        assert done.output.endswith("Reboot to use it.\n")
        assert_entries_prepared(guest)
        assert set(DRIVERS) <= guest.drivers()
        assert_same_verdicts(guest, status=0)
        assert guest.hvprep("rollback", "--yes").status == 0, "offline"
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools"], indirect=True)
def test_an_image_that_was_prepared_is_rolled_back_when_it_runs(prepared: Prepared) -> None:
    with overlaid_guest(prepared.guest.root) as guest:
        done = Running(guest.root).hvprep("rollback", "--yes")
        assert done.status == EXIT_REBOOT, done
        assert diff_snapshots(prepared.before, take_snapshot(guest.root)) == []


def test_a_running_system_whose_generator_describes_another_is_left_alone() -> None:
    """Live there is no editing in place of generating: what update-grub says of it is what will come."""
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        running = Running(guest.root, one_disk=False)
        before = take_snapshot(guest.root)
        done = running.hvprep("prepare", "--yes", "--only", "kernel-parameters")
        assert done.status == 1, done
        assert "grub-mkconfig" in done.errors
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
