"""What there is: the temporary disks, whose they are, what is mounted from them. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.block_devices import BlockDevice, DeviceMount, Storage, probe_storage
from hvprep.facts.platform import Platform, PlatformKind, probe_platform
from hvprep.facts.resource_disk_owner import Owner, find_owner
from hvprep.facts.storage_use import find_use
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.locate import Located, find_resource_disks
from hvprep.settings import Settings
from hvprep.system.root import Root


@dataclass(frozen=True)
class Survey:
    """`where` is the mount point that is wanted, with all links in it followed."""

    platform: Platform
    storage: Storage
    located: Located
    owner: Owner
    where: GuestPath

    @property
    def is_azure(self) -> bool:
        """Whether a disk may be formatted here at all."""
        return self.platform.kind is PlatformKind.AZURE

    def mount_of(self, device: BlockDevice, where: GuestPath) -> DeviceMount | None:
        """What is seen on `where`, if it is that disk."""
        there = [mount for mount in self.storage.mounts or () if mount.mountpoint == where]
        return there[-1] if there and there[-1] in find_use(self.storage, device).mounts else None

    def mounts_from(self, device: BlockDevice) -> tuple[DeviceMount, ...]:
        """What is mounted from that disk and can be seen: nothing is mounted over it."""
        mounts = (self.mount_of(device, each.mountpoint) for each in find_use(self.storage, device).mounts)
        return tuple(dict.fromkeys(mount for mount in mounts if mount is not None))


def make_survey(root: Root, settings: Settings) -> Survey:
    """Look at the running machine. No disk is opened and no program is run."""
    storage = probe_storage(root)
    located = find_resource_disks(storage)
    disks = [candidate.device for candidate in located.candidates]
    command_line = (root.read(GuestPath("/proc/cmdline")) or b"").decode("utf-8", "surrogateescape")
    return Survey(
        probe_platform(root),
        storage,
        located,
        find_owner(root, command_line, settings, disks),
        root.resolve(settings.resource_disk_mount_point),
    )
