"""Debian's own systemd reads the unit of the service, and the units that it makes for a mount."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Iterator

import pytest
from hvprep.formats.unit_name import unit_name
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.mount_unit import render_device_timeout, render_mount

from tests.chroot.guest import CHECKOUT, Guest, overlaid_guest
from tests.roots import pristine_root

SERVICE = "hvprep-resource-disk.service"
PATHS = (
    "/mnt/resource",
    "/mnt/re source",
    "/mnt/.hidden",
    "/.hidden",
    "/mnt/100%h",
    "/mnt/a-b_c.d",
    "/mnt/\N{LATIN SMALL LETTER E WITH ACUTE}",
    "/mnt/'quoted'\"",
)


@pytest.fixture(scope="module", params=["bookworm-initramfs-tools", "trixie-initramfs-tools"])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with overlaid_guest(pristine_root(request.param)) as guest:
        program = guest.root / "usr/bin/hvprep"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        yield guest


def verify(guest: Guest, path: Path) -> None:
    done = guest.inside("systemd-analyze", "verify", "--man=no", f"/{path.relative_to(guest.root)}")
    assert (done.status, done.output, done.errors) == (0, "", "")


def test_the_service(guest: Guest) -> None:
    path = guest.root / "usr/lib/systemd/system" / SERVICE
    shutil.copy(CHECKOUT / "units" / SERVICE, path)
    verify(guest, path)
    guest.tool("systemctl", "enable", SERVICE)
    assert (guest.root / "etc/systemd/system/multi-user.target.wants" / SERVICE).is_symlink()


def test_a_mistake_would_be_seen(guest: Guest) -> None:
    path = guest.root / "usr/lib/systemd/system/wrong.service"
    path.write_text((CHECKOUT / "units" / SERVICE).read_text().replace("ProtectHostname", "ProtectHostnames"))
    done = guest.inside("systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/wrong.service")
    assert "ProtectHostnames" in done.output + done.errors


def test_no_process_is_started_without_a_sign_of_hyper_v(guest: Guest) -> None:
    """systemd-analyze asks this host, which has neither the bus nor the tag."""
    text = (CHECKOUT / "units" / SERVICE).read_text()
    conditions = [line for line in text.splitlines() if line.startswith("Condition") and "=|" in line]
    assert len(conditions) == 2
    done = guest.inside("systemd-analyze", "condition", *conditions)
    assert done.status == 1, done
    assert "Conditions failed" in done.output + done.errors


@pytest.mark.parametrize("path", PATHS)
def test_units_of_mounts(guest: Guest, path: str) -> None:
    name = guest.tool("systemd-escape", "--path", "--suffix=mount", path).strip()
    assert unit_name(GuestPath(path), "mount") == name
    unit = guest.root / "etc/systemd/system" / name
    unit.write_text(render_mount("/dev/disk/by-label/hvprep-temp", GuestPath(path), "ext4", ("noatime",)))
    verify(guest, unit)
    unit.unlink()


def test_the_drop_in_of_the_device(guest: Guest) -> None:
    label = GuestPath("/dev/disk/by-label/hvprep-temp")
    device = unit_name(label, "device")
    assert guest.tool("systemd-escape", "--path", "--suffix=device", str(label)).strip() == device
    directory = guest.root / f"etc/systemd/system/{device}.d"
    directory.mkdir()
    (directory / "hvprep.conf").write_text(render_device_timeout())
    unit = guest.root / "etc/systemd/system/mnt-resource.mount"
    unit.write_text(render_mount(str(label), GuestPath("/mnt/resource"), "ext4", ()))
    verify(guest, unit)
