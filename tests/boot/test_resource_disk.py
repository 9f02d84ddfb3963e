"""A machine of Azure's firmware and its temporary disk, boot after boot: new, known, replaced, gone.

The disk is a SCSI disk of QEMU that calls itself what Hyper-V's do; a rule of the guest stands for the
platform's own, which give it its name below /dev/disk/azure. There is no VMBus.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Sequence

import pytest

from tests.boot.conftest import BOOT_TIMEOUT_S, add_agent
from tests.boot.disk import MIB, make_disk, make_layer
from tests.boot.machine import AZURE, Machine, running
from tests.built import DEPENDENCIES
from tests.chroot.guest import overlaid_guest
from tests.loop_device import loop
from tests.roots import extended_root

DISK_BYTES = 1024 * MIB
WHERE, SWAP = "/mnt/re source", "/mnt/re source/hvprep-swapfile"
UNIT = "mnt-re\\x20source.mount"
DEVICE = "dev-disk-by\\x2dlabel-hvprep\\x2dtemp.device"
SERVICE = "hvprep-resource-disk.service"
SETTINGS = (
    f'ResourceDisk.MountPoint="{WHERE}"\nResourceDisk.SwapSizeMB=128\nResourceDisk.MountOptions=noatime\n'
)
RULE = (
    'ACTION!="remove", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL=="sd*", ATTRS{vendor}=="Msft*",'
    ' SYMLINK+="disk/azure/resource"\n'
)
#: A program that needs the disk, as the man page says how. It keeps what it was started with.
CONSUMER = f"""[Unit]
DefaultDependencies=no
After={SERVICE}
ConditionPathIsMountPoint={WHERE}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'findmnt -n -o TARGET,FSTYPE "{WHERE}" >/run/consumer'
[Install]
WantedBy=multi-user.target
"""
#: What systemd still has to do when the service has ended.
WATCHER = f"""[Unit]
DefaultDependencies=no
After={SERVICE}
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'systemctl list-jobs --no-legend >/run/jobs'
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Seen:
    """One boot. `mount` is findmnt's line, `swap` that of /proc/swaps."""

    state: str
    jobs: str
    chain: str
    mount: str
    swap: str
    uuid: str
    files: str
    status: str
    journal: str
    service: Dict[str, str]
    unit: Dict[str, str]
    device: Dict[str, str]
    again: str
    consumer: str
    console: str


@pytest.fixture(scope="module")
def system(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian 12 with hvprep's deb, which enables the service."""
    disk = tmp_path_factory.mktemp("azure") / "azure.raw"
    root = extended_root("bookworm-initramfs-tools", DEPENDENCIES)
    with overlaid_guest(root, one_disk=True) as guest:
        add_agent(guest)
        (guest.root / "root/hvprep.deb").write_bytes(deb.read_bytes())
        guest.tool("dpkg", "--install", "/root/hvprep.deb")
        (guest.root / "etc/hvprep.conf.d").mkdir(exist_ok=True)
        (guest.root / "etc/hvprep.conf.d/50-test.conf").write_text(SETTINGS)
        (guest.root / "etc/udev/rules.d/70-azure.rules").write_text(RULE)
        for unit, text in {"consumer.service": CONSUMER, "watcher.service": WATCHER}.items():
            (guest.root / "etc/systemd/system" / unit).write_text(text)
            guest.tool("systemctl", "enable", unit)
        menu = guest.root / "boot/grub/grub.cfg"
        menu.write_text(menu.read_text().replace(" quiet", " console=ttyS0"))
        make_disk(guest, disk, 2560 * MIB)
    return make_layer(disk, disk.with_suffix(".qcow2"))


def make_temporary_disk(path: Path) -> None:
    """As the platform gives it: one partition of type 7 with an empty NTFS."""
    with path.open("wb") as stream:
        stream.truncate(DISK_BYTES)
    subprocess.run(["sfdisk", "--quiet", str(path)], input="label: dos\n2048,,7\n", text=True, check=True)
    with loop(path, MIB, DISK_BYTES - MIB) as node:
        make = ["mkntfs", "-Q", "-F", "-q", "-L", "Temporary Storage", str(node)]
        subprocess.run(make, check=True, capture_output=True)


def with_disk(path: Path) -> Sequence[str]:
    """QEMU's options for it."""
    return (
        *("-device", "virtio-scsi-pci,id=scsi"),
        *("-drive", f"file={path},if=none,id=temporary,format=raw"),
        *("-device", "scsi-hd,bus=scsi.0,drive=temporary,vendor=Msft,product=Virtual Disk"),
    )


def properties(machine: Machine, unit: str, *names: str) -> Dict[str, str]:
    text = machine.tool("systemctl", "show", f"--property={','.join(names)}", unit)
    return dict(line.partition("=")[::2] for line in text.splitlines())


def booted(machine: Machine) -> str:
    """What systemd says of the boot, when our service and what waits for it have ended too."""
    state = machine.wait_until_booted()
    machine.tool("systemctl", "start", SERVICE, "consumer.service")
    machine.tool("sh", "-c", "until [ -s /run/jobs ]; do sleep 1; done")
    return state


def look(system: Path, directory: Path, name: str, *options: str) -> Seen:
    """One boot of that system, and what is there when no job of it is left."""
    with running(
        system, directory, BOOT_TIMEOUT_S, (*AZURE, *options), log=f"resource-disk-{name}"
    ) as machine:
        seen = Seen(
            state=booted(machine),
            jobs=machine.tool("cat", "/run/jobs"),
            chain=machine.tool("systemd-analyze", "critical-chain", "--no-pager"),
            mount=machine.run("findmnt", "-n", "-o", "SOURCE,FSTYPE,OPTIONS", WHERE).output.strip(),
            swap=machine.tool("cat", "/proc/swaps").partition("\n")[2].strip(),
            uuid=machine.run("findmnt", "-n", "-o", "UUID", WHERE).output.strip(),
            files=machine.run(
                "stat", "-c", "%n %a %i %Y %s", SWAP, f"{WHERE}/DATALOSS_WARNING_README.txt"
            ).output,
            status=machine.tool("hvprep", "status"),
            journal=machine.tool("journalctl", "--no-pager", "--boot", "--output=cat", f"--unit={SERVICE}"),
            service=properties(
                machine, SERVICE, "ActiveState", "Result", "ExecMainStatus", "ConditionResult"
            ),
            unit=properties(machine, UNIT, "ActiveState", "FragmentPath", "NeedDaemonReload", "Options"),
            device=properties(machine, DEVICE, "ActiveState", "JobRunningTimeoutUSec"),
            again=machine.run("hvprep", "resource-disk").output,
            consumer=machine.run("cat", "/run/consumer").output.strip(),
            console=machine.console,
        )
        machine.power_off()
        return seen


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def first(system: Path, directory: Path) -> Seen:
    """The disk is new, and the clock is years behind."""
    make_temporary_disk(directory / "disk.raw")
    return look(system, directory, "first", *with_disk(directory / "disk.raw"), "-rtc", "base=2004-02-29")


@pytest.fixture(scope="module")
def second(system: Path, directory: Path, first: Seen) -> Seen:
    return look(system, directory, "second", *with_disk(directory / "disk.raw"))


@pytest.fixture(scope="module")
def redeployed(system: Path, directory: Path, second: Seen) -> Seen:
    """Another disk, as it comes from the platform."""
    make_temporary_disk(directory / "disk.raw")
    return look(system, directory, "redeployed", *with_disk(directory / "disk.raw"))


@pytest.fixture(scope="module")
def without(system: Path, directory: Path, redeployed: Seen) -> Seen:
    """Resized to a size that has none."""
    return look(system, directory, "without")


def assert_in_use(seen: Seen) -> None:
    assert seen.state == "running"
    source, kind, options = seen.mount.split()
    assert (source, kind) == ("/dev/sda1", "ext4")
    assert "noatime" in options.split(",")
    path, swap_kind, size, _, priority = seen.swap.split()
    assert (path, swap_kind, size, priority) == ("/mnt/re\\040source/hvprep-swapfile", "file", "131068", "10")
    assert seen.service == {
        "ActiveState": "active",
        "Result": "success",
        "ExecMainStatus": "0",
        "ConditionResult": "yes",
    }
    assert seen.unit["ActiveState"] == "active"
    assert seen.unit["FragmentPath"] == f"/run/systemd/system/{UNIT}"
    assert seen.unit["NeedDaemonReload"] == "no"
    assert seen.consumer == "/mnt/re source ext4"
    assert seen.again.startswith(f"nothing to do: /dev/sda1 is mounted on {WHERE}, 128 MiB of swap in {SWAP}")
    assert f"mounted on    {WHERE} (ext4)" in seen.status
    assert f"swap          {SWAP}, 127 MiB" in seen.status
    assert "owner         hvprep: no other program is set up to format it" in seen.status


def test_a_new_disk_is_in_use_when_the_machine_has_booted(first: Seen) -> None:
    assert_in_use(first)
    assert "/dev/sda is formatted with ext4: its NTFS 'Temporary Storage' holds nothing but" in first.journal
    swap, readme = first.files.splitlines()
    assert swap.startswith(f"{SWAP} 600 ")
    assert readme.startswith(f"{WHERE}/DATALOSS_WARNING_README.txt 644 ")


def test_a_clock_in_the_past_does_not_matter(first: Seen, system: Path) -> None:
    """systemd sets a clock that is before its own time to that, which is before the disk was made."""
    made = int(first.files.splitlines()[0].split()[-2])
    assert made < system.stat().st_mtime - 7 * 24 * 3600


def test_the_device_is_not_waited_for_longer_than_two_seconds(first: Seen) -> None:
    assert first.device == {"ActiveState": "active", "JobRunningTimeoutUSec": "2s"}


def test_it_ends_in_order(first: Seen) -> None:
    """Swap first, then the mount."""
    assert "Failed unmounting" not in first.console
    assert "Failed to deactivate swap" not in first.console


def test_the_second_boot_touches_nothing(first: Seen, second: Seen) -> None:
    assert_in_use(second)
    assert (second.uuid, second.files) == (first.uuid, first.files)
    assert "formatted" not in second.journal


def test_after_redeploying_the_new_disk_is_formatted(first: Seen, redeployed: Seen) -> None:
    assert_in_use(redeployed)
    assert redeployed.uuid != first.uuid
    assert "/dev/sda is formatted with ext4" in redeployed.journal


def test_without_the_disk_nothing_waits_and_nothing_fails(without: Seen) -> None:
    assert without.state == "running"
    assert (without.mount, without.swap) == ("", "")
    assert without.service["Result"] == "success"
    assert without.service["ConditionResult"] == "yes"
    assert without.jobs, "it was asked while the machine still booted"
    assert [line for line in without.jobs.splitlines() if "hvprep" in line or ".mount" in line] == []
    assert without.device["ActiveState"] == without.unit["ActiveState"] == "inactive"
    assert without.consumer == "", "the program that needs it was not started"
    assert "hvprep-resource-disk" not in without.chain
    assert "temporary     this size of machine has no temporary disk" in without.status


@pytest.mark.parametrize("name", ["first", "second", "redeployed", "without"])
def test_nobody_waits_for_the_service(name: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(name)
    assert "hvprep-resource-disk" not in seen.chain
    assert UNIT not in seen.chain
