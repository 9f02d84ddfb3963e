"""Where boot mounts the temporary disk: a swap file there is none of the system's disk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.resource_disk_owner import RESOURCE_DISK_SERVICE, OwnerKind, find_owner
from hvprep.facts.services import is_started
from hvprep.facts.waagent import read_waagent_conf
from hvprep.formats.fstab import Fstab
from hvprep.formats.unit_name import unit_name
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.swap import cloud_init
from hvprep.steps.swap.areas import is_temporary
from hvprep.steps.swap.units import read_what

#: Where waagent (common/conf.py, get_resourcedisk_mountpoint) and azure-vm-utils mount it by themselves.
_WAAGENT_DEFAULT, _VM_UTILS_DEFAULT = "/mnt/resource", "/mnt"
_VM_UTILS_CONF = GuestPath("/etc/azure-ephemeral-disk-setup.conf")
_VM_UTILS_MOUNT = re.compile(r"^AZURE_EPHEMERAL_DISK_SETUP_MOUNT_POINT=[\"']?(/[^\"'\n]*)", re.MULTILINE)


def find_places(view: View, facts: Facts, table: Fstab, settings: Settings) -> tuple[GuestPath, ...]:
    """The mount points: by /etc/fstab, else by the one program that mounts it; none where nothing does."""
    disks = (entry for entry in table.entries if entry.spec.startswith("/dev/disk/"))
    mounts = (entry for entry in disks if entry.is_automatic and is_temporary(entry.spec, ()))
    found = tuple(GuestPath(entry.mountpoint) for entry in mounts if entry.mountpoint.startswith("/"))
    return tuple(path for path in found if path != GuestPath("/")) or tuple(_by_owner(view, facts, settings))


def _by_owner(view: View, facts: Facts, settings: Settings) -> Iterator[GuestPath]:
    command_line = facts.live.command_line if facts.live is not None else None
    kind = find_owner(view, command_line, settings).kind
    if kind is OwnerKind.HVPREP:
        if is_started(view, RESOURCE_DISK_SERVICE):
            yield settings.resource_disk_mount_point
    elif kind is OwnerKind.WAAGENT:
        conf = read_waagent_conf(view)
        told = conf.value("ResourceDisk.MountPoint") if conf is not None else None
        yield GuestPath(told or _WAAGENT_DEFAULT)
    elif kind is OwnerKind.CLOUD_INIT:
        yield from cloud_init.find_mount_points(view)
    elif kind is OwnerKind.AZURE_VM_UTILS:
        text = (view.read(_VM_UTILS_CONF) or b"").decode("utf-8", "replace")
        yield GuestPath((_VM_UTILS_MOUNT.findall(text) or [_VM_UTILS_DEFAULT])[-1])
    elif kind is OwnerKind.ADMINISTRATOR:
        unit = unit_name(view.resolve(settings.resource_disk_mount_point), "mount")
        if is_started(view, unit) and is_temporary(read_what(view, unit), ()):
            yield settings.resource_disk_mount_point
