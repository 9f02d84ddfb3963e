"""A system with swap on its GPT disk, prepared: nothing swaps there any more, and the boot waits for nothing.

Its fstab named the partition, and its initrd one that is gone, for which it waited 300 seconds at every boot.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.boot.gpt import make_gpt_disk
from tests.boot.test_boot import UNIT, Booted, boot
from tests.chroot.guest import enter_own_mounts, overlaid_guest
from tests.requirements import BOOT
from tests.roots import ROOT_UUID, pristine_root

SWAP_UUID, GONE = "0c5e1a2b-1111-4222-8333-444455556666", "UUID=99999999-1111-4222-8333-444455556666"
REPORT = """#!/bin/sh
exec >/dev/ttyS1 2>&1
udevadm settle
echo "root: $(findmnt -n -o UUID /)"
echo "swaps: $(tail -n +2 /proc/swaps)"
echo "units: $(systemctl list-units --type=swap --all --plain --no-legend)"
echo "partition: $(blkid -s TYPE -o value -t UUID=0c5e1a2b-1111-4222-8333-444455556666)"
echo "table: $(udevadm info --query=property --property=ID_PART_TABLE_TYPE --value /dev/vda)"
echo "generated: $(find /run/systemd/generator* -name '*.swap' -path '*swap.target*')"
echo "failed: $(systemctl --failed --plain --no-legend)"
echo end
"""


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
    yield boot(disk, directory)
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
