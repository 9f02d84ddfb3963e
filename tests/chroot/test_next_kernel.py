"""The initrd of the next kernel has the drivers too: its package's own hooks are run, as dpkg would."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from tests.chroot.conftest import Prepared
from tests.chroot.guest import BACKUP, DRIVERS, QUICK_DRACUT, Guest, assert_entries_prepared, overlaid_guest
from tests.snapshot import take_snapshot

LATER = "6.99.0-1-amd64"


def install_kernel(guest: Guest, version: str) -> None:
    """What unpacking a kernel package does: here it has the files of the one that is there."""
    old = guest.kernel
    modules = guest.root / "usr/lib/modules"
    subprocess.run(["cp", "--archive", str(modules / old), str(modules / version)], check=True)
    for name in ("vmlinuz", "config"):
        shutil.copy2(guest.root / f"boot/{name}-{old}", guest.root / f"boot/{name}-{version}")
    guest.tool("depmod", version)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("bookworm-initramfs-tools", "initramfs-tools"),
        ("trixie-initramfs-tools", "initramfs-tools"),
        ("bookworm-dracut", "dracut"),
    ],
)
def test_the_kernel_packages_hook_makes_an_initrd_with_the_drivers(
    name: str, hook: str, prepare_once: Callable[[str], Prepared]
) -> None:
    prepared = prepare_once(name)
    with overlaid_guest(prepared.guest.root, one_disk=True) as guest:
        first = guest.kernel
        install_kernel(guest, LATER)
        if hook == "dracut":
            (guest.root / "etc/dracut.conf.d/00-quick.conf").write_text(QUICK_DRACUT)
        image = f"/boot/vmlinuz-{LATER}"
        assert (guest.root / f"etc/kernel/postinst.d/{hook}").exists()
        guest.tool("run-parts", f"--arg={LATER}", f"--arg={image}", "/etc/kernel/postinst.d")
        assert set(DRIVERS) <= guest.drivers(LATER)
        assert_entries_prepared(guest)
        assert f"/boot/vmlinuz-{LATER}" in {words[0] for words in guest.linux_lines()}
        done = guest.hvprep("check")
        assert done.status == 0, done
        assert f"initrd.img-{LATER} holds all" in done.output
        assert digest(guest.initrd(first)) == prepared.after[f"/boot/initrd.img-{first}"].data


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools", "trixie-initramfs-tools"], indirect=True)
def test_update_initramfs_for_all_kernels_keeps_the_drivers(prepared: Prepared) -> None:
    with overlaid_guest(prepared.guest.root, one_disk=True) as guest:
        old = guest.initrd().stat().st_ino
        guest.tool("update-initramfs", "-u", "-k", "all")
        assert guest.initrd().stat().st_ino != old, "it was made anew"
        assert set(DRIVERS) <= guest.drivers()
        backup = f"/boot/{guest.initrd().name}{BACKUP}"
        assert take_snapshot(guest.root)[backup] == prepared.after[backup]
        names = sorted(path.name for path in (guest.root / "boot").glob("initrd*"))
        assert names == [guest.initrd().name, guest.initrd().name + BACKUP], "no initrd of a backup"


@pytest.mark.parametrize("prepared", ["bookworm-dracut"], indirect=True)
def test_dracut_that_rewrites_in_place_cannot_reach_the_backup(prepared: Prepared) -> None:
    """Before 107 it truncates and fills the inode that it finds, so every hard link to that one is lost."""
    with overlaid_guest(prepared.guest.root) as guest:
        (guest.root / "etc/dracut.conf.d/00-quick.conf").write_text(QUICK_DRACUT)
        image = guest.initrd()
        second = image.with_name("second-name")
        os.link(image, second)
        before = digest(image)
        guest.tool("dracut", "--force", f"/boot/{image.name}", guest.kernel)
        assert digest(image) != before
        assert digest(second) != before, "the trap is there: a hard link did not survive"
        backup = f"/boot/{image.name}{BACKUP}"
        assert digest(guest.root / backup[1:]) == prepared.before[f"/boot/{image.name}"].data
        assert set(DRIVERS) <= guest.drivers(), "the drop-in alone is enough"
