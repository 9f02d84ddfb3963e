"""A system with swap on its GPT disk, prepared: nothing swaps there any more, and the boot waits for nothing.

Its fstab named the partition, and its initrd one that is gone, for which it waited 300 seconds at every boot.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.boot.conftest import BOOT_TIMEOUT_S, add_agent
from tests.boot.gpt import make_gpt_disk
from tests.boot.machine import Machine, running
from tests.built import DEPENDENCIES
from tests.chroot.guest import overlaid_guest
from tests.requirements import BOOT
from tests.roots import ROOT_UUID, extended_root

SWAP_UUID, GONE = "0c5e1a2b-1111-4222-8333-444455556666", "UUID=99999999-1111-4222-8333-444455556666"


@dataclass(frozen=True)
class Booted:
    """What the machine told of itself, and what it showed on its console."""

    root: str
    table: str
    partition: str
    swaps: str
    active: str
    generated: str
    state: str
    console: str


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Booted:
    directory = tmp_path_factory.mktemp("swap")
    disk = directory / "gpt-swap.raw"
    with overlaid_guest(extended_root("bookworm-initramfs-tools", DEPENDENCIES), one_disk=True) as guest:
        add_agent(guest)
        with (guest.root / "etc/fstab").open("a") as stream:
            stream.write(f"UUID={SWAP_UUID} none swap sw 0 0\n")
        (guest.root / "etc/initramfs-tools/conf.d/resume").write_text(f"RESUME={GONE}\n")
        guest.tool("update-initramfs", "-u")
        only = ",".join((*BOOT, "no-os-disk-swap"))
        done = guest.hvprep("prepare", "--yes", "--only", only)
        assert done.status == 0, done
        make_gpt_disk(guest, disk, SWAP_UUID)
    with running(disk, directory, BOOT_TIMEOUT_S) as machine:
        return look(machine)


def look(machine: Machine) -> Booted:
    state = machine.wait_until_booted()
    machine.tool("udevadm", "settle")

    def told(*argv: str) -> str:
        return machine.run(*argv).output.strip()

    return Booted(
        root=told("findmnt", "-n", "-o", "UUID", "/"),
        table=told(
            "udevadm", "info", "--query=property", "--property=ID_PART_TABLE_TYPE", "--value", "/dev/vda"
        ),
        partition=told("blkid", "-s", "TYPE", "-o", "value", "-t", f"UUID={SWAP_UUID}"),
        swaps=told("swapon", "--show", "--noheadings"),
        active=told("systemctl", "list-units", "--type=swap", "--state=active", "--plain", "--no-legend"),
        generated=told("find", "/run/systemd", "-name", "*.swap", "-path", "*swap.target*"),
        state=state,
        console=machine.console,
    )


def test_it_boots_from_the_gpt(booted: Booted) -> None:
    assert booted.root == ROOT_UUID
    assert booted.table == "gpt"


def test_nothing_swaps_there(booted: Booted) -> None:
    """The partition is there, and systemd's generator has looked at its disk."""
    assert booted.partition == "swap"
    assert booted.swaps == ""
    assert booted.generated == ""
    assert booted.active == ""
    assert booted.state == "running"


def test_the_boot_waits_for_no_swap(booted: Booted) -> None:
    assert "suspend/resume" not in booted.console
    assert "Gave up waiting" not in booted.console
