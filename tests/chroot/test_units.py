"""The units, installed by the deb and run by a real systemd in a container."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Dict, Iterator, Set

import pytest

from tests.built import DEPENDENCIES
from tests.chroot.container import Container, booted
from tests.chroot.guest import DRIVERS, QUICK_DRACUT, Guest, overlaid_guest
from tests.listed_units import list_units
from tests.roots import extended_root
from tests.shipped import shipped_units, unit_states
from tests.snapshot import diff_snapshots, take_snapshot

SYSTEMS = ("bookworm-initramfs-tools", "trixie-initramfs-tools", "bookworm-dracut")
PREPARE = "hvprep-prepare.service"
UNITS = pytest.mark.parametrize("unit", [path.name for path in shipped_units()])


@pytest.fixture(scope="module")
def guest_with_deb(deb: Path) -> Iterator[Guest]:
    """A system on which hvprep can be installed; never write to it."""
    with overlaid_guest(extended_root(SYSTEMS[0], DEPENDENCIES)) as guest:
        shutil.copy(deb, guest.root / "root/hvprep.deb")
        yield guest


def install(container: Container) -> None:
    container.tool("apt-get", "install", "--quiet", "--yes", "/root/hvprep.deb")


@pytest.fixture(scope="module")
def running(guest_with_deb: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A running system on which hvprep is installed; nobody prepares it."""
    with (
        overlaid_guest(guest_with_deb.root) as guest,
        booted(guest, tmp_path_factory.mktemp("running") / "console.log") as container,
    ):
        install(container)
        yield container


def list_processes(container: Container) -> Set[str]:
    """systemd puts the name into brackets until the program is executed."""
    processes = container.leader.children(recursive=True)
    return {f"{process.pid} {process.name().strip('()')}" for process in processes}


def test_installing_on_a_running_system_changes_nothing_else(guest_with_deb: Guest, tmp_path: Path) -> None:
    with overlaid_guest(guest_with_deb.root) as guest, booted(guest, tmp_path / "console.log") as container:
        units, processes = list_units(container), list_processes(container)
        files = take_snapshot(guest.root / "etc")
        install(container)
        for unit, state in unit_states().items():
            assert container.run("systemctl", "is-enabled", unit).output == f"{state}\n"
        assert list_units(container) == units
        assert list_processes(container) == processes
        assert container.failed() == ""
        lines = diff_snapshots(files, take_snapshot(guest.root / "etc"))
        others = {line.split()[1] for line in lines if not line.split()[1].startswith("/systemd/system/")}
        assert others == {"/hvprep.conf", "/hvprep.conf.d"}
        journal = container.run("journalctl", "--boot", "--no-pager", "--output=cat", "--unit=hvprep-*")
        assert journal.output == "", "no unit of ours has said anything"


@UNITS
def test_systemd_has_nothing_against_a_unit(running: Container, unit: str) -> None:
    # It looks for the manual page that Documentation= names; this system keeps none.
    done = running.run("systemd-analyze", "verify", "--man=no", unit)
    assert (done.status, done.output + done.errors) == (0, ""), done


@UNITS
def test_the_exposure_of_a_unit(running: Container, unit: str) -> None:
    """The figure is printed: 10 is a unit without any hardening."""
    last = running.tool("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
    sys.stdout.write(f"{last}\n")
    figure = re.search(r"level for \S+: (\d+\.\d)", last)
    assert figure is not None
    assert float(figure[1]) <= 9.0


def test_a_boot_has_no_ordering_cycle_and_no_failed_unit(running: Container) -> None:
    journal = running.tool("journalctl", "--boot", "--no-pager", "--output=cat", "_PID=1")
    assert "ordering cycle" not in journal
    assert running.failed() == ""


@pytest.mark.parametrize("system", SYSTEMS)
def test_starting_it_prepares_the_system(system: str, deb: Path, tmp_path: Path) -> None:
    with overlaid_guest(extended_root(system, DEPENDENCIES)) as guest:
        shutil.copy(deb, guest.root / "root/hvprep.deb")
        if system.endswith("dracut"):
            (guest.root / "etc/dracut.conf.d/00-quick.conf").write_text(QUICK_DRACUT)
        with booted(guest, tmp_path / "console.log") as container:
            install(container)
            container.tool("systemctl", "start", PREPARE)
            said = container.journal(PREPARE)
            assert "changes made and verified." in said
            assert "Finished " in said
            assert show(container)["Result"] == "success"
            assert container.failed() == ""
            assert "changes made and verified." in container.console
            container.tool("systemctl", "start", PREPARE)
            assert "Nothing to change." in container.journal(PREPARE)[len(said) :]
            container.power_off()
        assert set(DRIVERS) <= guest.drivers()
        assert guest.hvprep("check").status == 0


@pytest.mark.parametrize(("status", "good"), [(0, True), (1, False), (2, False), (4, True)])
def test_done_and_to_be_rebooted_is_success(running: Container, status: int, good: bool) -> None:
    drop_in = f"/run/systemd/system/{PREPARE}.d"
    command = f"[Service]\\nExecStart=\\nExecStart=/bin/sh -c 'exit {status}'\\n"
    running.tool("sh", "-c", f'mkdir -p {drop_in}; printf "{command}" >{drop_in}/test.conf')
    running.tool("systemctl", "daemon-reload")
    try:
        assert (running.run("systemctl", "start", PREPARE).status == 0) == good
    finally:
        running.tool("sh", "-c", f"rm -r {drop_in}; systemctl daemon-reload; systemctl reset-failed")


def show(container: Container) -> Dict[str, str]:
    lines = container.tool("systemctl", "show", PREPARE).splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_enabled_it_prepares_at_the_next_boot_and_never_again(guest_with_deb: Guest, tmp_path: Path) -> None:
    with overlaid_guest(guest_with_deb.root) as guest:
        guest.tool("apt-get", "install", "--quiet", "--yes", "/root/hvprep.deb")
        guest.tool("systemctl", "enable", PREPARE)
        with booted(guest, tmp_path / "first.log") as container:
            assert "changes made and verified." in container.journal(PREPARE)
            assert "changes made and verified." in container.console
            assert container.run("systemctl", "is-enabled", PREPARE).output == "disabled\n"
            assert container.failed() == ""
            container.tool("hvprep", "rollback", "--yes")
            container.power_off()
        with booted(guest, tmp_path / "second.log") as container:
            assert container.journal(PREPARE) == "", "who has rolled back is left alone"
            container.tool("systemctl", "start", PREPARE)
            assert "changes made and verified." in container.journal(PREPARE)


def test_what_failed_is_seen_and_tried_again_at_the_next_boot(guest_with_deb: Guest, tmp_path: Path) -> None:
    with overlaid_guest(guest_with_deb.root) as guest:
        guest.tool("apt-get", "install", "--quiet", "--yes", "/root/hvprep.deb")
        guest.tool("systemctl", "enable", PREPARE)
        settings = guest.root / "etc/hvprep.conf.d/50-site.conf"
        settings.write_text("Kernel.Consle=ttyS1\n")
        with booted(guest, tmp_path / "first.log") as container:
            assert container.failed().startswith(PREPARE)
            assert "/etc/hvprep.conf.d/50-site.conf" in container.journal(PREPARE)
            assert "/etc/hvprep.conf.d/50-site.conf" in container.console
            assert container.run("systemctl", "is-enabled", PREPARE).output == "enabled\n"
            container.power_off()
        settings.unlink()
        with booted(guest, tmp_path / "second.log") as container:
            assert "changes made and verified." in container.journal(PREPARE)
            assert container.failed() == ""


def test_stopping_it_takes_back_what_it_began(guest_with_deb: Guest, tmp_path: Path) -> None:
    with overlaid_guest(guest_with_deb.root) as guest, booted(guest, tmp_path / "console.log") as container:
        install(container)
        before = take_snapshot(guest.root / "etc"), take_snapshot(guest.root / "boot")
        hook = guest.root / "etc/initramfs-tools/hooks/slow"
        hook.write_text('#!/bin/sh\n[ "$1" = prereqs ] || { touch /run/in-hook; sleep 600; }\n')
        hook.chmod(0o755)
        container.tool("systemctl", "start", "--no-block", PREPARE)
        container.tool("sh", "-c", "until [ -e /run/in-hook ]; do sleep 0.1; done")
        container.tool("systemctl", "stop", PREPARE)
        hook.unlink()
        assert (take_snapshot(guest.root / "etc"), take_snapshot(guest.root / "boot")) == before
        assert "interrupted" in container.journal(PREPARE)
        assert "sleep" not in {line.split()[1] for line in list_processes(container)}
