"""Which disks are the machine's temporary ones, by where they hang on it.

Sources: ../shared/reference/resource-disk.md; WALinuxAgent, 66-azure-storage.rules; cloud-init,
66-azure-ephemeral.rules; azure-vm-utils, 80-azure-disk.rules; Linux, drivers/scsi/storvsc_drv.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hvprep.facts.block_devices import BlockDevice, Storage

#: Generation 1: the slave of the first IDE channel. The disk of the system is 00000000-0000.
GENERATION_1_PREFIX = "00000000-0001"
#: Generation 2: the SCSI controller of the system's disk (LUN 0), this one (LUN 1) and the DVD (LUN 2).
GENERATION_2_CONTROLLER = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
GENERATION_2_LUN = 1


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
    raise NotImplementedError
