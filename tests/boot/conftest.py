"""The machine of this floor, set up once a run; every scenario begins with a layer of its own over its disk.

    kvm_disk    Debian 12 as it was installed under KVM, with the packages that hvprep depends on and the
                deb as /root/hvprep.deb: never booted
    prepared    that machine after apt install of the deb, `systemctl start hvprep-prepare` and a shutdown

    def test_something(prepared: Prepared, tmp_path: Path) -> None:
        layer = make_layer(prepared.disk, tmp_path / "something.qcow2")
        with running(layer, tmp_path, BOOT_TIMEOUT_S, (*AZURE, "-drive", "file=...")) as machine:
            assert machine.wait_until_booted() == "running"
            machine.tool("hvprep", "resource-disk")
            machine.power_off()
        with running(layer, ...) as machine:  # its second boot

A boot takes one to two minutes: ask everything that you want to know of one.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet

import pytest

from tests.boot.disk import MIB, SWAP_UUID, make_disk, make_layer
from tests.boot.machine import running
from tests.built import DEPENDENCIES
from tests.chroot.guest import ROOT_WAIT, WANTED_WORDS, Done, Guest, enter_own_mounts, overlaid_guest
from tests.listed_units import list_units
from tests.roots import extended_root

BOOT_TIMEOUT_S = 1800.0  # many times what it takes: who waits that long waits for nothing
DISK_BYTES, SWAP_BYTES = 3072 * MIB, 256 * MIB
DEB = "/root/hvprep.deb"
#: What every boot entry has to carry.
WORDS = (*WANTED_WORDS, ROOT_WAIT["initramfs-tools"])
AGENT = Path(__file__).with_name("agent.py")
AGENT_UNIT = """[Unit]
After=multi-user.target
[Service]
ExecStart=/usr/bin/python3 /usr/local/sbin/hvtest-agent
StandardOutput=null
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Prepared:
    """What was seen while the machine was prepared. Never boot `disk` itself: make a layer over it."""

    disk: Path
    command_line_before: str
    units_before: FrozenSet[str]
    units_after_install: FrozenSet[str]
    unit_states: str
    started: Done
    journal: str
    result: str
    seconds: float
    console: str


@pytest.fixture(scope="session", autouse=True)
def own_mounts() -> None:
    """What this process mounts is seen by it and its children alone, and ends with them."""
    enter_own_mounts()


def add_agent(guest: Guest) -> None:
    """The program that tests talk to, started by every boot."""
    shutil.copy(AGENT, guest.root / "usr/local/sbin/hvtest-agent")
    (guest.root / "etc/systemd/system/hvtest-agent.service").write_text(AGENT_UNIT)
    guest.tool("systemctl", "enable", "hvtest-agent.service")


@pytest.fixture(scope="session")
def kvm_disk(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    disk = tmp_path_factory.mktemp("machine") / "kvm.raw"
    with overlaid_guest(extended_root("bookworm-initramfs-tools", DEPENDENCIES), one_disk=True) as guest:
        add_agent(guest)
        shutil.copy(deb, guest.root / DEB[1:])
        with (guest.root / "etc/fstab").open("a") as fstab:
            fstab.write(f"UUID={SWAP_UUID} none swap sw 0 0\n")
        (guest.root / "etc/initramfs-tools/conf.d/resume").write_text(f"RESUME=UUID={SWAP_UUID}\n")
        # The initrd that is there has the drivers of KVM; the next one is to be made for the machine alone.
        configuration = guest.root / "etc/initramfs-tools/initramfs.conf"
        configuration.write_text(configuration.read_text().replace("MODULES=list", "MODULES=dep"))
        make_disk(guest, disk, DISK_BYTES, SWAP_BYTES)
    return disk


@pytest.fixture(scope="session")
def prepared(kvm_disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    disk = make_layer(kvm_disk, directory / "prepared.qcow2")
    with running(disk, directory, BOOT_TIMEOUT_S, options=(), log="preparing") as machine:
        state = machine.wait_until_booted()
        assert state == "running", machine.run("systemctl", "--failed")
        command_line = machine.tool("cat", "/proc/cmdline")
        units_before = list_units(machine)
        machine.tool("apt-get", "install", "-y", DEB)
        units_after = list_units(machine)
        states = machine.tool("systemctl", "list-unit-files", "--no-legend", "hvprep-*")
        began = time.monotonic()
        started = machine.run("systemctl", "start", "hvprep-prepare")
        seconds = time.monotonic() - began
        journal = machine.tool("journalctl", "--no-pager", "--output=cat", "--unit=hvprep-prepare")
        result = machine.tool("systemctl", "show", "--property=Result,ExecMainStatus", "hvprep-prepare")
        machine.power_off()
        return Prepared(
            *(disk, command_line, units_before, units_after, states, started, journal, result, seconds),
            machine.console,
        )
