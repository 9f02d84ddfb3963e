"""A prepared system boots: GRUB with our grub.cfg, kernel, the new initrd, systemd, a login on ttyS0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.boot.disk import make_disk
from tests.boot.machine import running
from tests.chroot.guest import CONSOLE, UNWANTED_WORDS, WANTED_WORDS, Guest, enter_own_mounts, overlaid_guest
from tests.roots import ROOT_UUID, pristine_root

TIMEOUT_S = 600.0
#: The guest tells of itself on its second serial port; the kernel and systemd have the first one.
REPORT = """#!/bin/sh
exec >/dev/ttyS1 2>&1
echo "cmdline: $(cat /proc/cmdline)"
echo "consoles: $(cat /sys/class/tty/console/active)"
echo "getty: $(systemctl is-active serial-getty@ttyS0.service)"
echo "root: $(findmnt -n -o UUID /)"
echo "failed: $(systemctl --failed --plain --no-legend)"
for module in hv_vmbus hv_storvsc hv_netvsc; do
    echo "$module: $(modprobe $module 2>&1)"
done
echo "modules: $(lsmod | cut -d' ' -f1 | tr '\\n' ' ')"
echo end
"""
UNIT = """[Unit]
After=serial-getty@ttyS0.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/report
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Booted:
    """What a machine showed on its console, and what it told of itself."""

    console: str
    report: Dict[str, str]


def add_report(guest: Guest) -> None:
    script = guest.root / "usr/local/sbin/report"
    script.write_text(REPORT)
    script.chmod(0o755)
    (guest.root / "etc/systemd/system/report.service").write_text(UNIT)
    guest.tool("systemctl", "enable", "report.service")


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    enter_own_mounts()
    directory = tmp_path_factory.mktemp("boot")
    disk = directory / "disk.raw"
    with overlaid_guest(pristine_root("bookworm-initramfs-tools"), one_disk=True) as guest:
        done = guest.hvprep("prepare", "--yes")
        assert done.status == 0, done
        add_report(guest)
        make_disk(guest, disk)
    yield boot(disk, directory)
    disk.unlink()


def boot(disk: Path, directory: Path) -> Booted:
    with running(disk, directory, TIMEOUT_S) as machine:
        prompt = machine.wait_for(r"hvtest login: ")
        machine.type("root\r")
        machine.wait_for(r"Password: ", prompt)
        lines = machine.wait_for_report("end").splitlines()
        return Booted(machine.console, dict(line.partition(": ")[::2] for line in lines))


def words(booted: Booted) -> List[str]:
    return booted.report["cmdline"].split()


def test_the_kernel_has_the_words(booted: Booted) -> None:
    assert set(WANTED_WORDS) <= set(words(booted))
    assert not set(UNWANTED_WORDS) & set(words(booted))
    assert [word for word in words(booted) if word.startswith("console=")][-1] == CONSOLE


def test_grub_loaded_it_by_our_configuration(booted: Booted) -> None:
    assert words(booted)[0].startswith("BOOT_IMAGE=/boot/vmlinuz-")
    assert f"root=UUID={ROOT_UUID}" in words(booted)
    assert booted.report["root"] == ROOT_UUID


def test_the_kernels_messages_are_on_the_serial_port(booted: Booted) -> None:
    assert "Linux version " in booted.console
    assert "Command line: BOOT_IMAGE=/boot/vmlinuz-" in booted.console
    assert booted.report["consoles"].split()[-1] == "ttyS0"


def test_early_messages_come_before_the_console_is_there(booted: Booted) -> None:
    assert booted.console.index("Linux version ") < booted.console.index("console [ttyS0] enabled")
    assert "bootconsole [earlyser0] enabled" in booted.console


def test_a_login_is_on_the_serial_port_and_listens(booted: Booted) -> None:
    """It asked for a password after a name was typed."""
    assert booted.report["getty"] == "active"
    assert booted.console.index("hvtest login: ") < booted.console.index("Password: ")


def test_nothing_failed_on_the_way(booted: Booted) -> None:
    assert booted.report["failed"] == ""
    assert "Kernel panic" not in booted.console
    assert "Gave up waiting for" not in booted.console


def test_the_drivers_are_known_to_the_kernel(booted: Booted) -> None:
    """There is no VMBus here: No such device is what loading them says, not that they are not there."""
    for driver in ("hv_vmbus", "hv_storvsc", "hv_netvsc"):
        assert "not found" not in booted.report[driver], booted.report[driver]
    assert "virtio_blk" in booted.report["modules"].split()
