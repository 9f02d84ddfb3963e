"""A system with swap on its GPT disk, prepared: nothing swaps there any more, and the boot waits for nothing.

Its fstab named the partition, and its initrd one that is gone, for which it waited 300 seconds at every boot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator

import pytest

from tests.boot.gpt import make_gpt_disk
from tests.boot.machine import running
from tests.chroot.guest import enter_own_mounts, overlaid_guest
from tests.requirements import BOOT
from tests.roots import ROOT_UUID, pristine_root

SWAP_UUID, GONE = "0c5e1a2b-1111-4222-8333-444455556666", "UUID=99999999-1111-4222-8333-444455556666"
TIMEOUT_S = 1200.0  # many times what it takes: who waits that long waits for nothing
#: The guest tells of itself on its console.
REPORT = """#!/bin/sh
exec >/dev/ttyS0 2>&1
udevadm settle
echo begin-of-report
echo "root: $(findmnt -n -o UUID /)"
echo "swaps: $(tail -n +2 /proc/swaps | tr '\\n' ';')"
echo "units: $(systemctl list-units --type=swap --all --plain --no-legend | tr '\\n' ';')"
echo "partition: $(blkid -s TYPE -o value -t UUID=0c5e1a2b-1111-4222-8333-444455556666)"
echo "table: $(udevadm info --query=property --property=ID_PART_TABLE_TYPE --value /dev/vda)"
echo "generated: $(find /run/systemd/generator* -name '*.swap' -path '*swap.target*' | tr '\\n' ';')"
echo "failed: $(systemctl --failed --plain --no-legend | tr '\\n' ';')"
echo end-of-report
"""
UNIT = """[Unit]
After=multi-user.target serial-getty@ttyS0.service
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


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    enter_own_mounts()
    directory = tmp_path_factory.mktemp("swap")
    disk = directory / "disk.raw"
    with overlaid_guest(pristine_root("bookworm-initramfs-tools"), one_disk=True) as guest:
        with (guest.root / "etc/fstab").open("a") as stream:
            stream.write(f"UUID={SWAP_UUID} none swap sw 0 0\n")
        (guest.root / "etc/initramfs-tools/conf.d/resume").write_text(f"RESUME={GONE}\n")
        guest.tool("update-initramfs", "-u")
        only = ",".join((*BOOT, "no-os-disk-swap"))
        done = guest.hvprep("prepare", "--yes", "--only", only)
        assert done.status == 0, done
        script = guest.root / "usr/local/sbin/report"
        script.write_text(REPORT)
        script.chmod(0o755)
        (guest.root / "etc/systemd/system/report.service").write_text(UNIT)
        guest.tool("systemctl", "enable", "report.service")
        make_gpt_disk(guest, disk, SWAP_UUID)
    with running(disk, directory, TIMEOUT_S) as machine:
        begin = machine.wait_for("begin-of-report\r?\n")
        end = machine.wait_for("end-of-report\r?\n", begin)
        lines = machine.console[begin:end].replace("\r", "").splitlines()
        yield Booted(machine.console, dict(line.partition(": ")[::2] for line in lines))
    disk.unlink()


def test_it_boots_from_the_gpt(booted: Booted) -> None:
    assert booted.report["root"] == ROOT_UUID
    assert booted.report["table"] == "gpt"


def test_nothing_swaps_there(booted: Booted) -> None:
    """The partition is there, and systemd's generator has looked at its disk."""
    assert booted.report["partition"] == "swap"
    assert booted.report["swaps"] == ""
    assert booted.report["generated"] == ""
    assert " active " not in booted.report["units"]
    assert booted.report["failed"] == ""


def test_the_boot_waits_for_no_swap(booted: Booted) -> None:
    assert "suspend/resume" not in booted.console
    assert "Gave up waiting" not in booted.console
