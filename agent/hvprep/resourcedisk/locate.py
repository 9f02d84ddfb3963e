"""Which disks are the machine's temporary ones, by where they hang on it.

Sources: ../shared/reference/resource-disk.md; WALinuxAgent, 66-azure-storage.rules; cloud-init,
66-azure-ephemeral.rules; azure-vm-utils, 80-azure-disk.rules; Linux, drivers/scsi/storvsc_drv.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.block_devices import BlockDevice, Storage, Transport
from hvprep.facts.storage_use import find_use
from hvprep.model.node import GuestPath

#: Generation 1: the slave of the first IDE channel. The disk of the system is 00000000-0000.
GENERATION_1_PREFIX = "00000000-0001"
#: Generation 2: the SCSI controller of the system's disk (LUN 0), this one (LUN 1) and the DVD (LUN 2).
GENERATION_2_CONTROLLER = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
GENERATION_2_LUN = 1
#: By what rules of others a disk gets these names: WALinuxAgent and azure-vm-utils, cloud-init.
UDEV_LINKS = (GuestPath("/dev/disk/azure/resource"), GuestPath("/dev/disk/cloud/azure_resource"))

_SCSI_MAKER = ("Msft", "Virtual Disk")
#: azure-vm-utils, azure-nvme-id: "v2" is that of newer hosts. "MSFT NVMe Accelerator" is a remote disk.
_NVME_MODEL = re.compile("Microsoft NVMe Direct Disk( v[0-9]+)?")
#: Where a system keeps what it cannot do without; below the second kind too.
_SYSTEM = frozenset(("/", "/home", "/root", "/var", "/var/lib", "/var/log"))
_SYSTEM_TREES = tuple(map(GuestPath, ("/boot", "/efi", "/etc", "/usr")))


class Found(str, Enum):
    """By what a disk was found."""

    GENERATION_1 = "generation-1"
    GENERATION_2 = "generation-2"
    UDEV_LINK = "udev-link"
    NVME = "nvme"


@dataclass(frozen=True)
class Candidate:
    """A disk that is a temporary disk by its place, and holds nothing that the system runs on."""

    device: BlockDevice
    found: Found
    because: str


@dataclass(frozen=True)
class Excluded:
    """A disk that looks like one and must not be touched."""

    device: BlockDevice
    because: str


@dataclass(frozen=True)
class Located:
    """The answer. SCSI disks come before NVMe ones, those in the order of their numbers.

    Neither candidates nor excluded: this size of machine has no temporary disk, which is no fault.
    """

    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]


def find_resource_disks(storage: Storage) -> Located:
    """The temporary disks among `storage.devices`. Pure."""
    claims = tuple(claim for claim in map(_find_claim, storage.devices) if claim is not None)
    excluded = {claim: against for claim in claims if (against := _contradiction(claim.device, claim.found))}
    scsi = [claim.device.name for claim in claims if claim not in excluded and claim.found is not Found.NVME]
    for claim in claims:
        if claim.found is not Found.NVME and len(scsi) > 1:
            excluded.setdefault(claim, f"{' and '.join(scsi)} all look like the one temporary disk")
        against = next(_uses(storage, claim.device), None)
        if against is not None:
            excluded.setdefault(claim, against)
    candidates = [claim for claim in claims if claim not in excluded]
    candidates.sort(key=lambda claim: (claim.found is Found.NVME, _numbers_in(claim.device.name)))
    return Located(
        tuple(candidates), tuple(Excluded(claim.device, against) for claim, against in excluded.items())
    )


def is_system_place(mountpoint: GuestPath) -> bool:
    """Whether a disk that is mounted there can be no temporary one: the system cannot do without it."""
    above = (mountpoint, *mountpoint.parents)
    return str(mountpoint) in _SYSTEM or any(tree in above for tree in _SYSTEM_TREES)


def _find_claim(device: BlockDevice) -> Candidate | None:
    """Why a disk may be a temporary one: where it hangs, or that somebody's rule for udev calls it so."""
    vmbus_id = device.vmbus_id or ""
    if device.transport is Transport.SCSI:
        if vmbus_id.startswith(GENERATION_1_PREFIX) and device.lun == 0:
            because = f"it is the VMBus device {vmbus_id}, generation 1's temporary disk"
            return Candidate(device, Found.GENERATION_1, because)
        if vmbus_id == GENERATION_2_CONTROLLER and device.lun == GENERATION_2_LUN:
            because = f"it is LUN 1 of the controller {vmbus_id}, generation 2's temporary disk"
            return Candidate(device, Found.GENERATION_2, because)
    if device.transport is Transport.NVME and _NVME_MODEL.fullmatch(device.model):
        return Candidate(device, Found.NVME, f"its model is {device.model!r}")
    link = next((link for link in UDEV_LINKS if link in device.links), None)
    return None if link is None else Candidate(device, Found.UDEV_LINK, f"udev calls it {link}")


def _contradiction(device: BlockDevice, found: Found) -> str | None:
    """What of /sys speaks against it. Its word is worth more than a link's."""
    if found is Found.UDEV_LINK and device.transport is not Transport.SCSI:
        return f"{device.links[0]} leads to {device.path}, which is no SCSI disk"
    if found is Found.UDEV_LINK and device.vmbus_id is not None:
        return (
            f"{device.links[0]} leads to LUN {device.lun} of the VMBus device {device.vmbus_id}, where no"
            " temporary disk is"
        )
    if device.transport is Transport.SCSI and (device.vendor, device.model) != _SCSI_MAKER:
        return f"it says that it is {device.vendor!r} {device.model!r}, not a virtual disk of Hyper-V"
    return "its medium can be removed" if device.is_removable else None


def _uses(storage: Storage, device: BlockDevice) -> Iterator[str]:
    """What the machine needs it for."""
    if storage.mounts is None or storage.swaps is None:
        yield "/proc does not show what is mounted and swapped to"
    use = find_use(storage, device)
    yield from (
        f"{mount.mountpoint} is mounted from it" for mount in use.mounts if is_system_place(mount.mountpoint)
    )
    if use.stacked:
        yield f"{', '.join(use.stacked)} stands on it (LVM, LUKS, md or bcache)"
    if use.swaps:
        yield f"the kernel swaps to {use.swaps[0].path}, which is on it"
    if len({mount.device_number for mount in use.mounts}) > 1:
        yield f"several file systems are mounted from it, {use.mounts[0].mountpoint} among them"


def _numbers_in(name: str) -> tuple[int, ...]:
    """nvme10n1 comes after nvme2n1."""
    return tuple(int(digits) for digits in re.findall("[0-9]+", name))
