"""hvprep-deprovision.service under a real systemd: it works when an armed system is powered off."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from tests.chroot.container import STOP_TIMEOUT_S, Container, booted
from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

MARKER, RESULT = "var/lib/hvprep/armed.json", "var/lib/hvprep/deprovisioned.json"
UNIT = "hvprep-deprovision.service"
KEY = "etc/ssh/ssh_host_ed25519_key"
HISTORY = "root/.bash_history"
#: What tells that deprovisioning did its work, or did none.
TRACES = (KEY, HISTORY)

Boot = Callable[[Guest], "contextlib.AbstractContextManager[Container]"]


@pytest.fixture(scope="module")
def installed(deb: Path) -> Iterator[Guest]:
    """Debian with an agent, hvprep, a user and a history; never write to it."""
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        package = guest.root / "root/hvprep.deb"
        package.write_bytes(deb.read_bytes())
        guest.tool("dpkg", "--install", "/root/hvprep.deb")
        package.unlink()
        guest.tool("useradd", "--create-home", "--shell", "/bin/bash", "ann")
        (guest.root / HISTORY).write_text("secret\n")
        # Nothing on the network is waited for, and no agent looks for a cloud that is not there.
        for unit in (
            "cloud-init.service",
            "cloud-init-local.service",
            "waagent.service",
            "networking.service",
        ):
            guest.tool("systemctl", "mask", unit)
        yield guest


@pytest.fixture
def guest(installed: Guest) -> Iterator[Guest]:
    with overlaid_guest(installed.root) as guest:
        assert (guest.root / KEY).exists()
        yield guest


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def arm(container: Container, *options: str) -> None:
    done = container.run("hvprep", "deprovision", "--at-shutdown", "--force", *options)
    assert done.status == 0, done
    assert "Armed: this machine is deprovisioned when it is powered off or halted." in done.output
    assert container.tool("systemctl", "is-active", UNIT).strip() == "active"


def left(guest: Guest) -> List[str]:
    return [path for path in TRACES if (guest.root / path).exists()]


def leave_by(container: Container, *words: str) -> None:
    """End the boot; a container that would start again is not let."""
    with contextlib.suppress(AssertionError):
        container.run("systemctl", *words, "--no-block")
    leader = container.leader
    leader.wait(STOP_TIMEOUT_S)


def test_it_is_done_when_the_machine_is_powered_off(guest: Guest, log: Path) -> None:
    with booted(guest, log) as container:
        machine_id = (guest.root / "etc/machine-id").read_text().strip()
        assert re.fullmatch("[0-9a-f]{32}", machine_id)
        arm(container)
        assert left(guest) == list(TRACES), "it waits"
        container.power_off()
        console = container.console
    assert left(guest) == []
    assert not (guest.root / MARKER).exists(), "it has disarmed itself"
    assert (guest.root / "etc/machine-id").read_text() == ""
    assert not (guest.root / "var/lib/systemd/random-seed").exists()
    assert re.search(r"deprovisioned: (\d+) of \1 actions done", console), console[-3000:]
    result = json.loads((guest.root / RESULT).read_text())
    assert result["outcomes"]["failed"] == 0
    assert result["outcomes"]["ok"] > 5
    holders = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--binary-files=text", machine_id, str(guest.root)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert holders == ""
    assert guest.hvprep("check", "--only", "generalised").status == 0


def test_the_next_boot_is_another_machine(guest: Guest, log: Path) -> None:
    with booted(guest, log) as container:
        first = (guest.root / "etc/machine-id").read_text()
        arm(container)
        container.power_off()
    with booted(guest, log) as container:
        assert re.fullmatch("[0-9a-f]{32}\n", (guest.root / "etc/machine-id").read_text())
        assert (guest.root / "etc/machine-id").read_text() != first
        status = container.tool("hvprep", "status")
        assert "deprovisioned: " in status
        (guest.root / HISTORY).write_text("new\n")
        container.power_off()
    assert (guest.root / HISTORY).exists(), "it does nothing at the end of that boot"


def test_a_reboot_does_nothing_and_disarms(guest: Guest, log: Path) -> None:
    with booted(guest, log) as container:
        arm(container)
        leave_by(container, "reboot")
    assert left(guest) == list(TRACES)
    assert not (guest.root / MARKER).exists()


def test_a_reboot_counts_where_the_settings_say_so(guest: Guest, log: Path) -> None:
    (guest.root / "etc/hvprep.conf.d").mkdir(exist_ok=True)
    (guest.root / "etc/hvprep.conf.d/a.conf").write_text("Deprovision.OnReboot=y\n")
    with booted(guest, log) as container:
        arm(container)
        leave_by(container, "reboot")
    assert left(guest) == []


def test_disarmed(guest: Guest, log: Path) -> None:
    with booted(guest, log) as container:
        arm(container)
        assert container.tool("hvprep", "deprovision", "--disarm") == "Disarmed.\n"
        assert container.run("systemctl", "is-active", UNIT).output.strip() == "inactive"
        assert container.tool("hvprep", "deprovision", "--disarm") == "It was not armed.\n"
        container.power_off()
    assert left(guest) == list(TRACES)


def test_stopping_the_unit_by_hand_only_disarms(guest: Guest, log: Path) -> None:
    with booted(guest, log) as container:
        arm(container)
        container.tool("systemctl", "stop", UNIT)
        assert not (guest.root / MARKER).exists()
        container.power_off()
    assert left(guest) == list(TRACES)


def test_a_marker_of_another_boot_never_fires(guest: Guest, log: Path) -> None:
    """An image that was cut off half-way must not make its clones deprovision themselves."""
    marker = guest.root / MARKER
    with booted(guest, log) as container:
        arm(container)
        content = marker.read_text()
        container.nspawn.kill()
    assert left(guest) == list(TRACES)
    assert marker.read_text() == content
    with booted(guest, log) as container:
        assert "deprovisioning was interrupted, arm it again" in container.tool("hvprep", "status")
        container.tool("systemctl", "start", UNIT)  # by somebody who tries hard
        container.power_off()
    assert left(guest) == list(TRACES)


@pytest.mark.parametrize("how", ["start", "enable", "run"])
def test_nobody_armed_it(guest: Guest, log: Path, how: str) -> None:
    with booted(guest, log) as container:
        if how == "run":
            done = container.run("hvprep", "deprovision", "--armed")
            assert (done.status, done.output) == (0, "")
            assert "not armed" in done.errors
        else:
            container.run("systemctl", how, UNIT)
        container.power_off()
    assert left(guest) == list(TRACES)


def test_a_users_process_holds_the_home(guest: Guest, log: Path) -> None:
    with booted(guest, log) as container:
        holds = "trap '' TERM HUP; cd ~; exec 3>>held; while :; do echo x >&3; sleep 0.1; done"
        container.tool("systemd-run", "--unit=holder", "--uid=ann", "/bin/bash", "-c", holds)
        deadline = time.monotonic() + 30
        while not (guest.root / "home/ann/held").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        refused = container.run("env", "SUDO_USER=ann", "hvprep", "deprovision", "--force", "--user", "ann")
        assert refused.status == 1
        assert "add --at-shutdown" in refused.errors
        arm(container, "--user", "ann")
        container.run("systemctl", "poweroff", "--no-block")
        container.nspawn.wait(STOP_TIMEOUT_S)
    assert not (guest.root / "home/ann").exists()
    assert "ann:" not in (guest.root / "etc/passwd").read_text()
    assert left(guest) == []


def test_a_time_that_is_over_is_told(guest: Guest, log: Path) -> None:
    (guest.root / "etc/hvprep.conf.d").mkdir(exist_ok=True)
    (guest.root / "etc/hvprep.conf.d/a.conf").write_text("Deprovision.TimeoutSeconds=10\n")
    slow = guest.root / "usr/bin/journalctl"
    program = slow.read_bytes()
    slow.write_text("#!/bin/sh\n# relinquish-var\nsleep 15\n")
    (guest.root / "var/log/journal/old").mkdir(parents=True)
    (guest.root / "var/log/journal/old/system.journal").write_text("x")
    with booted(guest, log) as container:
        arm(container)
        container.power_off()
        console = container.console
    slow.write_bytes(program)
    assert "the time for it was over" in console
    assert json.loads((guest.root / RESULT).read_text())["outcomes"]["failed"] >= 1


def test_what_is_not_of_the_inventory_stays(guest: Guest, log: Path) -> None:
    """The difference that deprovisioning makes is that of two boots less what a boot makes by itself."""

    def state() -> Snapshot:
        return take_snapshot(guest.root, left_out=("/run", "/proc", "/sys", "/dev"))

    with booted(guest, log) as container:
        container.power_off()
    before = state()
    done = guest.hvprep("deprovision", "--force", "--user", "ann")
    assert done.status == 0, done
    allowed = re.compile(
        r"/etc/(passwd|shadow|group|gshadow|subuid|subgid)-?$|/etc/(hostname|hosts|machine-id|ssh/ssh_host_.*)$"
        r"|/home/ann(/|$)|/root/\.|/tmp/|/var/(tmp|mail|log|cache/debconf/passwords)|/var/backups/"
        r"|/var/lib/(hvprep|systemd|dhcp|chrony|cloud|waagent|dbus|sudo|logrotate|NetworkManager|hyperv)(/|$)"
    )
    lines = diff_snapshots(before, state())
    assert [line for line in lines if not allowed.match(line.split()[1])] == []
    assert len(lines) > 10
