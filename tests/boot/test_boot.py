"""A prepared system boots on Azure's firmware: GRUB with our grub.cfg, kernel, new initrd, systemd, a login.

Twice: one that was prepared as an image, from outside, and one that prepared itself by its unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

import pytest

from tests.boot.conftest import BOOT_TIMEOUT_S, WORDS, Prepared, add_agent
from tests.boot.disk import make_disk, make_layer
from tests.boot.machine import Machine, running
from tests.built import DEPENDENCIES
from tests.chroot.guest import CONSOLE, UNWANTED_WORDS, overlaid_guest
from tests.roots import ROOT_UUID, extended_root

DRIVERS = ("hv_vmbus", "hv_storvsc", "hv_netvsc")
#: What is asked of the machine: a name, and the words of a program.
QUESTIONS: Dict[str, List[str]] = {
    "cmdline": ["cat", "/proc/cmdline"],
    "consoles": ["cat", "/sys/class/tty/console/active"],
    "getty": ["systemctl", "is-active", "serial-getty@ttyS0.service"],
    "root": ["findmnt", "-n", "-o", "UUID", "/"],
    "failed": ["systemctl", "--failed", "--plain", "--no-legend"],
    "initrd": ["sh", "-c", "lsinitramfs /boot/initrd.img-$(uname -r)"],
    "swap": ["swapon", "--show=UUID", "--noheadings"],
    "jobs": ["systemctl", "list-jobs", "--no-legend"],
    **{module: ["sh", "-c", f"modprobe {module} 2>&1"] for module in DRIVERS},
    "modules": ["sh", "-c", "lsmod | cut -d' ' -f1 | tr '\\n' ' '"],
}


@dataclass(frozen=True)
class Booted:
    """What a machine showed on its console, and what it told of itself."""

    state: str
    console: str
    report: Dict[str, str]


@pytest.fixture(scope="module", params=["image", "unit"])
def booted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Booted:
    directory = tmp_path_factory.mktemp(request.param)
    layer = directory / f"{request.param}.qcow2"
    if request.param == "image":
        make_layer(prepared_image(directory), layer)
    else:
        prepared: Prepared = request.getfixturevalue("prepared")
        make_layer(prepared.disk, layer)
    with running(layer, directory, BOOT_TIMEOUT_S) as machine:
        return look(machine)


def prepared_image(directory: Path) -> Path:
    disk = directory / "image.raw"
    with overlaid_guest(extended_root("bookworm-initramfs-tools", DEPENDENCIES), one_disk=True) as guest:
        done = guest.hvprep("prepare", "--yes")
        assert done.status == 0, done
        add_agent(guest)
        make_disk(guest, disk)
    return disk


def look(machine: Machine) -> Booted:
    prompt = machine.wait_for(r"hvtest login: ")
    machine.type("root\r")
    machine.wait_for(r"Password: ", prompt)
    state = machine.wait_until_booted()
    return Booted(
        state,
        machine.console,
        {name: machine.run(*words).output.strip() for name, words in QUESTIONS.items()},
    )


def words(booted: Booted) -> List[str]:
    return booted.report["cmdline"].split()


def test_the_kernel_has_the_words(booted: Booted) -> None:
    assert set(WORDS) <= set(words(booted))
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
    assert booted.state == "running"
    assert booted.report["jobs"] == ""
    assert "Kernel panic" not in booted.console
    assert "Gave up waiting for" not in booted.console


def test_no_swap_is_on_the_disk_of_the_system(booted: Booted) -> None:
    """The image never had any; the machine had a partition."""
    assert booted.report["swap"] == ""


def test_the_drivers_are_in_the_initrd_that_it_booted_with(booted: Booted) -> None:
    names = {Path(line).name.partition(".ko")[0] for line in booted.report["initrd"].splitlines()}
    assert {"hv_vmbus", "hv_storvsc", "hv_netvsc", "sd_mod"} <= names


def test_the_drivers_are_known_to_the_kernel(booted: Booted) -> None:
    """There is no VMBus here: No such device is what loading them says, not that they are not there."""
    for driver in DRIVERS:
        assert "not found" not in booted.report[driver], booted.report[driver]
    assert "virtio_blk" in booted.report["modules"].split()
