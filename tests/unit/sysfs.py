"""Trees of /sys, /dev and /proc as the kernel and udev show them on machines of Hyper-V and Azure.

The paths are those of Linux 6.1 on Azure (drivers/scsi/storvsc_drv.c, drivers/hv/vmbus_drv.c); `old=True`
lays a disk out as kernels with CONFIG_SYSFS_DEPRECATED do, with its directory in /sys/block and block:NAME in
the SCSI device's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Tuple

from hvprep.facts.block_devices import BlockDevice, Storage, probe_storage
from hvprep.system.root import Root

GIB = 1 << 30
ACPI = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
#: Generation 1: each disk on the emulated IDE channels is a device of the VMBus. Generation 2: controllers.
OS_1, RESOURCE_1 = "00000000-0000-8899-0000-000000000000", "00000000-0001-8899-0000-000000000000"
CONTROLLER, DATA_CONTROLLER = "f8b3781a-1e82-4818-a1c3-63d806ec15bb", "f8b3781b-1e82-4818-a1c3-63d806ec15bb"
#: Number, start and size in bytes of a partition.
Part = Tuple[int, int, int]
WHOLE: Part = (1, 1 << 20, 16 * GIB - (2 << 20))


@dataclass(frozen=True)
class Machine:
    """A tree at `path`."""

    path: Path

    def storage(self) -> Storage:
        return probe_storage(Root(self.path))

    def device(self, name: str) -> BlockDevice:
        (found,) = (device for device in self.storage().devices if device.name == name)
        return found

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def link(self, name: str, target: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def scsi(
        self,
        name: str,
        number: str,
        vmbus_id: str,
        address: str,
        parts: Sequence[Part] = (WHOLE,),
        vendor: str = "Msft    ",
        model: str = "Virtual Disk    ",
        braces: bool = True,
        old: bool = False,
    ) -> None:
        """A disk of storvsc. `address` is that of SCSI, "1:0:0:1"."""
        bus = f"{ACPI}/{vmbus_id}"
        self.write(f"{bus}/device_id", f"{{{vmbus_id}}}\n" if braces else f"{vmbus_id}\n")
        host, channel, target, _ = address.split(":")
        scsi = f"{bus}/host{host}/target{host}:{channel}:{target}/{address}"
        self.write(f"{scsi}/vendor", f"{vendor}\n")
        self.write(f"{scsi}/model", f"{model}\n")
        if old:
            self.write(f"{scsi}/block:{name}/uevent", "")
            self.disk(f"sys/block/{name}", name, number, parts, device=f"../../{scsi[4:]}", sixteen=False)
        else:
            self.disk(f"{scsi}/block/{name}", name, number, parts, device=f"../../../{address}")

    def nvme(self, name: str, number: str, model: str = "Microsoft NVMe Direct Disk") -> None:
        """A namespace of a controller that is passed through: it hangs on the VMBus too."""
        bus = f"{ACPI}/aaaaaaaa-0000-0000-0000-00000000000{name[4]}"
        self.write(f"{bus}/device_id", f"{{{bus.rpartition('/')[2]}}}\n")
        controller = f"{bus}/pci0001:00/0001:00:00.0/nvme/{name[:5]}"
        self.write(f"{controller}/model", f"{model:40}\n")
        self.disk(f"{controller}/{name}", name, number, (), device=f"../../{name[:5]}")

    def plain(self, name: str, number: str, parts: Sequence[Part] = (), size_bytes: int = 16 * GIB) -> None:
        """A device that hangs on nothing: dm, md, loop."""
        self.disk(f"sys/devices/virtual/block/{name}", name, number, parts, None, size_bytes)

    def disk(
        self,
        directory: str,
        name: str,
        number: str,
        parts: Sequence[Part],
        device: Optional[str] = None,
        size_bytes: int = 16 * GIB,
        sixteen: bool = True,
    ) -> None:
        """`sixteen`: of a kernel as old as the deprecated layout, uevent and dev alone tell."""
        major, _, minor = number.partition(":")
        self.write(f"{directory}/size", f"{size_bytes // 512}\n")
        self.write(f"{directory}/removable", "0\n")
        self.write(f"{directory}/ro", "0\n")
        self.write(f"{directory}/dev", f"{number}\n")
        (self.path / directory / "holders").mkdir()
        if sixteen:
            self.write(f"{directory}/uevent", f"MAJOR={major}\nMINOR={minor}\nDEVNAME={name}\nDEVTYPE=disk\n")
            self.write(f"{directory}/diskseq", "7\n")
            self.write(f"{directory}/queue/logical_block_size", "512\n")
            self.link(f"sys/block/{name}", os.path.relpath(directory, "sys/block"))
        if device is not None:
            self.link(f"{directory}/device", device)
        for index, start, size in parts:
            part = f"{name}p{index}" if name[-1].isdecimal() else f"{name}{index}"
            self.write(f"{directory}/{part}/start", f"{start // 512}\n")
            self.write(f"{directory}/{part}/size", f"{size // 512}\n")
            self.write(f"{directory}/{part}/dev", f"{major}:{int(minor) + index}\n")
            (self.path / directory / part / "holders").mkdir()
            if sixteen:
                self.write(f"{directory}/{part}/partition", f"{index}\n")

    def hold(self, name: str, holder: str) -> None:
        """`holder` stands on the disk or partition `name`."""
        (self.directory(name) / "holders" / holder).symlink_to("../../../../../block/" + holder)

    def directory(self, name: str) -> Path:
        """Of a disk or a partition, in the layout of today."""
        paths = (path.parent for path in (self.path / "sys/devices").glob(f"**/{name}/holders"))
        (found,) = (path for path in paths if path.parent.name != "holders")
        return found

    def udev_link(self, name: str, node: str) -> None:
        self.write(node[1:], "")
        self.link(f"dev/disk/{name}", node)

    def mounts(self, *lines: str, process: str = "self") -> None:
        """Each line: the number, the mount point, the type, the source, and the root ("/" where left out)."""
        rows = []
        for at, line in enumerate(lines):
            number, mountpoint, kind, source, *root = line.split()
            rows.append(
                f"{30 + at} 1 {number} {(root or ['/'])[0]} {mountpoint} rw shared:1 - {kind} {source} rw"
            )
        self.write(f"proc/{process}/mountinfo", "".join(f"{row}\n" for row in rows))

    def swaps(self, *paths: str) -> None:
        lines = [f"{path} {'file' if '/dev/' not in path else 'partition'} 2097148 0 -2" for path in paths]
        self.write("proc/swaps", "\n".join(["Filename Type Size Used Priority", *lines, ""]))


def generation_1(path: Path, old: bool = False) -> Machine:
    """sda with the system, sdb the temporary disk, sdaa a data disk; only / and /boot are mounted."""
    machine = Machine(path)
    machine.scsi("sda", "8:0", OS_1, "0:0:0:0", ((1, 1 << 20, GIB), (2, 2 * GIB, 8 * GIB)), old=old)
    machine.scsi("sdb", "8:16", RESOURCE_1, "1:0:1:0", old=old)
    machine.scsi("sdaa", "65:160", DATA_CONTROLLER, "3:0:0:1", old=old)
    machine.mounts("8:2 / ext4 /dev/sda2", "8:1 /boot ext4 /dev/sda1", "0:21 /proc proc proc")
    machine.swaps()
    return machine


def generation_2(path: Path) -> Machine:
    """The temporary disk is sda, the system's is sdb: names mean nothing. sr0 has no medium."""
    machine = Machine(path)
    machine.scsi("sda", "8:0", CONTROLLER, "0:0:0:1")
    machine.scsi("sdb", "8:16", CONTROLLER, "0:0:0:0", ((1, 1 << 20, GIB), (2, 2 * GIB, 8 * GIB)))
    machine.scsi("sdc", "8:32", DATA_CONTROLLER, "1:0:0:1")
    machine.mounts("8:18 / ext4 /dev/sdb2", "8:17 /boot/efi vfat /dev/sdb1")
    machine.swaps()
    return machine
