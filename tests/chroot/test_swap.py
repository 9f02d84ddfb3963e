"""no-os-disk-swap on real systems: their own initrds, their systemd's generators, the kernel's own swap."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator, Tuple

import pytest
from hvprep.facts.initrds import probe_initrd
from hvprep.formats.initrd_resume import resume_devices
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.chroot.gpt import generated, gpt_disk
from tests.chroot.guest import QUICK_DRACUT, Guest, overlaid_guest
from tests.chroot.test_live import EXIT_REBOOT, Running
from tests.loop_device import loop
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

SWAP_UUID = "0c5e1a2b-1111-4222-8333-444455556666"
LINE = f"UUID={SWAP_UUID} none swap sw 0 0"
UNIT = f"dev-disk-by\\x2duuid-{SWAP_UUID.replace('-', chr(92) + 'x2d')}.swap"
STEP = ("--only", "no-os-disk-swap")
BOTH = pytest.mark.parametrize("system", ["bookworm-initramfs-tools", "trixie-initramfs-tools"])


def add_to_fstab(guest: Guest, *lines: str) -> None:
    with (guest.root / "etc/fstab").open("a") as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def resuming(guest: Guest) -> Tuple[str, ...]:
    """From which device the initrd resumes, read by hvprep's own reader."""
    initrd = probe_initrd(Root(guest.root), GuestPath(f"/boot/{guest.initrd().name}"))
    assert initrd.contents is not None, initrd
    return resume_devices(initrd.contents)


@BOTH
def test_an_initrd_that_waits_for_swap(system: str) -> None:
    """As Debian's installer leaves it. The word of the image is what its own init sources."""
    with overlaid_guest(pristine_root(system)) as guest:
        add_to_fstab(guest, LINE)
        conf = guest.root / "etc/initramfs-tools/conf.d/resume"
        conf.write_text(f"RESUME=UUID={SWAP_UUID}\n")
        guest.tool("update-initramfs", "-u")
        assert resuming(guest) == (f"UUID={SWAP_UUID}",)
        before = take_snapshot(guest.root)

        assert guest.hvprep("check", *STEP).status == 3
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
        done = guest.hvprep("prepare", "--yes", *STEP)
        assert done.status == 0, done
        assert guest.hvprep("check", *STEP).status == 0
        assert resuming(guest) == ()
        assert {"ext4", "virtio_blk"} <= guest.drivers(), "what it had"
        assert conf.read_text() == "RESUME=none\n"
        unpack = (
            f"unmkinitramfs /boot/{guest.initrd().name} /root/x && cat $(find /root/x -path '*conf/conf.d/*')"
        )
        assert guest.tool("sh", "-c", unpack) == "RESUME=none\n"
        guest.tool("rm", "-r", "/root/x")

        guest.tool("update-initramfs", "-u")
        assert resuming(guest) == (), "the next kernel's"
        assert guest.hvprep("rollback", "--yes").status == 0
        assert (guest.root / "etc/fstab").read_text().splitlines()[-1] == LINE
        assert conf.read_text() == f"RESUME=UUID={SWAP_UUID}\n"
        assert resuming(guest) == (f"UUID={SWAP_UUID}",), "made anew from what it was made from"


def test_rollback_brings_every_byte_back() -> None:
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        add_to_fstab(guest, LINE, "/swap\\040file none swap sw")
        before = take_snapshot(guest.root)
        assert guest.hvprep("prepare", "--yes", *STEP).status == 0
        assert guest.hvprep("rollback", "--yes").status == 0
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_dracut() -> None:
    """Its images get words by an option of a moment, and by its configuration."""
    with overlaid_guest(pristine_root("bookworm-dracut")) as guest:
        add_to_fstab(guest, LINE)
        config = guest.root / "etc/dracut.conf.d"
        config.mkdir(exist_ok=True)
        (config / "quick.conf").write_text(QUICK_DRACUT)
        (config / "mine.conf").write_text(f'kernel_cmdline="resume=UUID={SWAP_UUID} quiet"\n')
        guest.tool("dracut", "--force", f"/boot/{guest.initrd().name}", guest.kernel)
        assert resuming(guest) == (f"UUID={SWAP_UUID}",)
        done = guest.hvprep("prepare", "--yes", *STEP)
        assert done.status == 0, done
        assert guest.hvprep("check", *STEP).status == 0
        assert resuming(guest) == ()
        assert {"hv_vmbus", "hv_storvsc"} <= guest.drivers()
        listing = guest.tool(
            "lsinitrd", "-f", "etc/cmdline.d/01-default.conf", f"/boot/{guest.initrd().name}"
        )
        assert listing.split() == ["quiet"]


@BOTH
def test_what_systemd_makes_of_fstab(system: str) -> None:
    """The generator itself, before and after: nothing is pulled in by swap.target any more."""
    with overlaid_guest(pristine_root(system)) as guest:
        disk = "/dev/disk/azure/resource-part1 /mnt/resource auto nofail 0 2"
        there = "/mnt/resource/swapfile none swap sw 0 0"
        add_to_fstab(guest, LINE, "/swapfile none swap sw 0 0", disk, there)
        units = generated(guest)
        started = {path for path in units if path.startswith("swap.target.")}
        assert started == {
            f"swap.target.requires/{name}" for name in (UNIT, "swapfile.swap", "mnt-resource-swapfile.swap")
        }
        assert guest.hvprep("prepare", "--yes", *STEP).status == 0
        after = {path for path in generated(guest) if path.endswith(".swap")}
        assert after == {"mnt-resource-swapfile.swap", "swap.target.requires/mnt-resource-swapfile.swap"}


@BOTH
def test_systemd_finds_no_swap_partition_by_itself(system: str, tmp_path: Path) -> None:
    """A line that merely goes from fstab brings the partition back: systemd's other generator swaps to all of
    that type on the disk of /, under a name that nobody can know before (with 257 it holds a number of the
    kernel's). The line that stays keeps it from that."""
    with gpt_disk(pristine_root(system), tmp_path) as disk:
        table = disk.guest.root / "etc/fstab"
        table.write_text("")
        alone = [path for path in generated(disk.guest) if path.startswith("swap.target.")]
        assert len(alone) == 1, "the trap"
        table.write_text(f"{disk.swap} none swap sw 0 0\n")
        own = f"{disk.swap[1:].replace('/', '-')}.swap"
        assert {path for path in generated(disk.guest) if "swap" in path} == {
            own,
            f"swap.target.requires/{own}",
        }
        done = disk.guest.hvprep("prepare", "--yes", *STEP)
        assert done.status == 0, done
        assert {path for path in generated(disk.guest) if "swap" in path} == {own}, "made, and never started"
        verified = disk.guest.inside("findmnt", "--verify", "--tab-file", "/etc/fstab")
        assert verified.status == 0, verified


@pytest.fixture
def swap_device(tmp_path: Path) -> Iterator[str]:
    """A loop device that the kernel swaps to."""
    area = tmp_path / "swap"
    area.write_bytes(bytes(8 << 20))
    with loop(area) as node:
        subprocess.run(["mkswap", node], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["swapon", "--priority", "0", node], check=True)
        try:
            yield str(node)
        finally:
            subprocess.run(["swapoff", node], check=False, stderr=subprocess.DEVNULL)


def test_the_running_system_swaps_no_more(swap_device: str) -> None:
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        add_to_fstab(guest, f"{swap_device} none swap sw 0 0")
        running = Running(guest.root, one_disk=False)
        assert Guest(guest.root).hvprep("check", *STEP).status == 3, "offline all the same"
        done = running.hvprep("prepare", "--yes", *STEP)
        assert done.status == EXIT_REBOOT, done
        assert f"run /usr/sbin/swapoff {swap_device}" in done.output
        assert swap_device not in Path("/proc/swaps").read_text()
        assert running.hvprep("check", *STEP).status == 0
        assert running.hvprep("rollback", "--yes").status == EXIT_REBOOT
        assert swap_device not in Path("/proc/swaps").read_text(), "as the plan said"
        assert f"{swap_device} none swap sw 0 0" in (guest.root / "etc/fstab").read_text().splitlines()


def test_swap_of_the_running_system_that_nothing_explains(swap_device: str) -> None:
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        done = Running(guest.root, one_disk=False).hvprep("check", *STEP)
        assert done.status == 3
        assert f"swapoff {swap_device}" in done.output
        assert swap_device in Path("/proc/swaps").read_text()
