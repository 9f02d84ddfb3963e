"""initramfs-tools' traps, on the real ones of Debian 12 and 13."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.chroot.guest import DRIVERS, Guest, overlaid_guest
from tests.chroot.volumes import MIB, tmpfs_boot
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

TRIXIE = pytest.mark.parametrize("system", ["trixie-initramfs-tools"])


@pytest.fixture
def system() -> str:
    return "bookworm-initramfs-tools"


@pytest.fixture
def guest(system: str) -> Iterator[Guest]:
    with overlaid_guest(pristine_root(system)) as guest:
        yield guest


def add_hook(guest: Guest, command: str) -> None:
    """Something that mkinitramfs runs when it has put the drivers together."""
    hook = guest.root / "etc/initramfs-tools/hooks/administrator"
    hook.write_text(f'#!/bin/sh\n[ "$1" != prereqs ] || exit 0\n{command}\n')
    hook.chmod(0o755)


def prepare_initrd(guest: Guest) -> None:
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert done.status == 0, done
    assert set(DRIVERS) <= guest.drivers()


def test_update_initramfs_switched_off_is_no_obstacle(guest: Guest) -> None:
    switch = guest.root / "etc/initramfs-tools/update-initramfs.conf"
    switch.write_text("update_initramfs=no\n")
    old = guest.initrd().stat().st_ino
    guest.tool("update-initramfs", "-u")
    assert guest.initrd().stat().st_ino == old, "the trap: nothing is made, with status 0"
    prepare_initrd(guest)
    assert switch.read_text() == "update_initramfs=no\n"


@TRIXIE
def test_drivers_by_device_become_all_drivers_offline(guest: Guest) -> None:
    """MODULES=dep asks for the devices of the machine that it runs on; the system's own file stays so."""
    config = guest.root / "etc/initramfs-tools/initramfs.conf"
    config.write_text(config.read_text().replace("MODULES=list", "MODULES=dep"))
    before = take_snapshot(guest.root)
    prepare_initrd(guest)
    assert {"ahci", "nvme", "virtio_blk", "mpt3sas"} <= guest.drivers()
    changed = {line.split()[1] for line in diff_snapshots(before, take_snapshot(guest.root))}
    image = f"/boot/{guest.initrd().name}"
    assert changed == {"/etc/initramfs-tools/modules", image, image + ".hvprep-old"}


def test_drivers_by_device_fail_here_without_that(guest: Guest) -> None:
    """The trap is real: in a chroot mkinitramfs cannot tell the device of /."""
    (guest.root / "etc/initramfs-tools/conf.d/dep").write_text("MODULES=dep\n")
    done = guest.inside("mkinitramfs", "-o", "/boot/trap", guest.kernel)
    assert done.status != 0
    assert "failed to determine device for /" in done.errors


def test_a_generator_that_ends_well_and_leaves_a_driver_out_is_not_believed(guest: Guest) -> None:
    add_hook(guest, 'rm $(find "$DESTDIR" -name "hv_storvsc*")')
    before = take_snapshot(guest.root)
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert done.status == 1
    assert "it lacks the drivers hv_storvsc" in done.errors
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_a_volume_that_fills_up_meanwhile_loses_nothing(guest: Guest) -> None:
    """What was free when it was looked at is gone when the image is written."""
    boot = guest.root / "boot"
    with tmpfs_boot(guest, free_bytes=40 * MIB):
        add_hook(guest, "head -c 100M /dev/zero >/boot/other || true")
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
        assert done.status == 1
        (boot / "other").unlink()
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
