"""The running machine with the firmware of Azure and a temporary disk of its own.

The disk is a loop device, its partitions are others (partition_scan.py), and a tree of /sys says that they
hang where Azure's temporary disk does. All else is real: sfdisk, mkfs, mount, swapon and the kernel. /etc,
/run and /mnt are the machine's own for as long as the test runs, and no systemd or udev runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from tests.chroot.guest import HERE, Done, environment, mounted
from tests.loop_device import attach, detach
from tests.roots import cache_directory

MIB = 1024 * 1024
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
RESOURCE_DISK = "00000000-0001-8899-0000-000000000000"
SCSI = f"devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/{RESOURCE_DISK}/host1/target1:0:1/1:0:1:0"
WHERE = Path("/mnt/resource")
SETTINGS = "ResourceDisk.SwapSizeMB=64\n"


@dataclass(frozen=True)
class AzureMachine:
    """`disk` is the temporary disk's node, `raw` the file behind it, `state` what the stand-in keeps."""

    state: Path
    raw: Path
    disk: str

    def hvprep(self, *options: str) -> Done:
        """`hvprep resource-disk`, as a process of its own."""
        argv = [sys.executable, "-m", "hvprep.cli", "resource-disk", *options]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment()
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def settings(self, text: str) -> None:
        Path("/etc/hvprep.conf").write_text(text)

    def scan(self) -> None:
        """What the kernel does when a disk appears."""
        subprocess.run(
            [sys.executable, str(HERE / "partition_scan.py"), str(self.state), self.disk], check=True
        )

    @property
    def partition(self) -> str:
        """The node of the one partition."""
        (node,) = (self.state / "partitions").read_text().split()
        return node

    def replace_disk(self) -> None:
        """What redeploying the machine does: another boot, and the disk is new and empty."""
        self.end_boot()
        size = self.raw.stat().st_size
        os.truncate(self.raw, 0)
        os.truncate(self.raw, size)
        subprocess.run(["blockdev", "--flushbufs", self.disk], check=True)
        self.scan()

    def end_boot(self) -> None:
        """Swap and mounts end, and what is in /run."""
        for path in swaps():
            subprocess.run(["swapoff", path], check=True)
        for source, where in reversed(mounts()):
            if source.startswith("/dev/loop"):
                subprocess.run(["umount", where], check=True)
        subprocess.run(["find", "/run", "-mindepth", "1", "-delete"], check=True)

    def partition_disk(self, script: str) -> str:
        """The real sfdisk's work, seen by the kernel; the node of the first partition."""
        subprocess.run(["sfdisk", "--quiet", self.disk], input=script, text=True, check=True)
        self.scan()
        return (self.state / "partitions").read_text().split()[0]

    def put_ntfs(self, label: str = "Temporary Storage") -> str:
        """The disk as the platform gives it, in the form of Windows; its partition."""
        node = self.partition_disk("label: dos\n2048,,7\n")
        run("mkntfs", "-Q", "-F", "-L", label, node)
        return node

    def put_file_system(self, *make: str) -> str:
        """Somebody else's file system, in a partition of a GPT; its node."""
        node = self.partition_disk("label: gpt\n2048\n")
        run(*make, node)
        return node

    def table(self) -> List[Dict[str, Any]]:
        """The partitions that the real sfdisk lists."""
        done = subprocess.run(["sfdisk", "--json", self.disk], capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout)["partitiontable"]["partitions"])

    def digest(self) -> str:
        """Of every byte of the disk."""
        os.sync()
        return hashlib.sha256(self.raw.read_bytes()).hexdigest()

    def put_shadow(self, name: str, script: str) -> Path:
        """A program of this name before the real one; the real one's directory is not in its way."""
        path = Path("/usr/local/sbin") / name
        path.write_text(script)
        path.chmod(0o755)
        return path


def run(*argv: str) -> str:
    """The output of a program that has to end well."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (argv, done)
    return done.stdout


def mounts() -> List[Tuple[str, str]]:
    """(device, mount point) of all that is mounted here."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [(words[0], words[1].replace("\\040", " ")) for words in (line.split() for line in lines)]


def swaps() -> Dict[str, Tuple[int, int]]:
    """What the kernel swaps to: the path -> size in KiB, priority.

    Without those of other tests on this host: they use devices, or files that are not seen here.
    """
    rows = [line.split() for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    found = {row[0].replace("\\040", " "): (int(row[2]), int(row[4])) for row in rows}
    return {path: row for path, row in found.items() if Path(path).is_file()}


def blkid(node: str) -> Dict[str, str]:
    """What the real blkid finds on a device."""
    argv = ["blkid", "-p", "-o", "export", node]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return dict(line.partition("=")[::2] for line in done.stdout.splitlines())


@contextlib.contextmanager
def azure_machine(directory: Path, size_bytes: int = 768 * MIB) -> Iterator[AzureMachine]:
    """The machine, switched on with a blank disk; off at the end, with nothing of it left."""
    raw, sys_tree, state = directory / "disk.raw", directory / "sys", directory / "state"
    with raw.open("wb") as stream:
        stream.truncate(size_bytes)
    state.mkdir()
    with contextlib.ExitStack() as stack, _alone():
        stack.callback(_detach_all, raw, state)
        disk = str(attach(raw))
        (state / "sysfs").write_text(str(_make_sysfs(sys_tree, disk, size_bytes)))
        machine = AzureMachine(state, raw, disk)
        stack.enter_context(_own_directories(directory))
        stack.callback(machine.end_boot)
        scan = f'#!/bin/sh\nexec {sys.executable} {HERE / "partition_scan.py"} {state} "$@"\n'
        machine.put_shadow("blockdev", scan)
        machine.settings(SETTINGS)
        stack.enter_context(mounted(str(sys_tree), Path("/sys"), "--bind"))
        yield machine


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One such machine on the host: /proc/swaps shows the files of all by the same name."""
    with (cache_directory() / "azure-machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _own_directories(directory: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        upper, work = directory / "etc", directory / "work"
        upper.mkdir()
        work.mkdir()
        layers = f"lowerdir=/etc,upperdir={upper},workdir={work}"
        stack.enter_context(mounted("overlay", Path("/etc"), "-t", "overlay", "-o", layers))
        Path("/etc/fstab").write_text("")
        for where in ("/run", "/mnt", "/usr/local/sbin"):
            stack.enter_context(mounted("tmpfs", Path(where), "-t", "tmpfs", "-o", "mode=0755"))
        yield


def _make_sysfs(tree: Path, disk: str, size_bytes: int) -> Path:
    """The tree, with what facts/ read of it; returns the directory of the disk."""
    minor = disk[len("/dev/loop") :]
    shown = tree / SCSI / "block/sdb"
    files = {
        "class/dmi/id/sys_vendor": "Microsoft Corporation",
        "class/dmi/id/product_name": "Virtual Machine",
        "class/dmi/id/chassis_asset_tag": AZURE_ASSET_TAG,
        f"{SCSI.partition('/host1')[0]}/device_id": f"{{{RESOURCE_DISK}}}",
        f"{SCSI}/vendor": "Msft    ",
        f"{SCSI}/model": "Virtual Disk    ",
        f"{SCSI}/block/sdb/dev": f"7:{minor}",
        f"{SCSI}/block/sdb/uevent": f"MAJOR=7\nMINOR={minor}\nDEVNAME=loop{minor}\nDEVTYPE=disk",
        f"{SCSI}/block/sdb/size": str(size_bytes // 512),
        f"{SCSI}/block/sdb/ro": "0",
        f"{SCSI}/block/sdb/removable": "0",
        f"{SCSI}/block/sdb/diskseq": "3",
        f"{SCSI}/block/sdb/queue/logical_block_size": "512",
    }
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (shown / "holders").mkdir()
    (shown / "device").symlink_to("../..")
    (tree / "block").mkdir()
    (tree / "block/sdb").symlink_to(f"../{SCSI}/block/sdb")
    return shown


def _detach_all(raw: Path, state: Path) -> None:
    nodes = state / "partitions"
    disks = run("losetup", "--noheadings", "--output", "NAME", "--associated", str(raw)).split()
    for node in [*(nodes.read_text().split() if nodes.exists() else ()), *disks]:
        detach(Path(node))
