"""Whose the temporary disk is: exactly one program formats and mounts it, and the others leave it alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.block_devices import BlockDevice, Transport
from hvprep.facts.provisioning_agents import AgentName, ProvisioningAgent, find_agent, probe_agents
from hvprep.facts.services import find_service, find_unit_file
from hvprep.facts.waagent import WAAGENT_CONF, leaves_disk, probe_waagent, read_waagent_conf
from hvprep.formats import fstab
from hvprep.formats.unit_name import unit_name
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

FSTAB = GuestPath("/etc/fstab")
#: What sets it up at boot where it is hvprep's.
RESOURCE_DISK_SERVICE = "hvprep-resource-disk.service"
#: The option by which a line of fstab is known to be hvprep's; mount(8) passes over it.
FSTAB_TAG = "comment=hvprep"
#: azure-vm-utils (ephemeral-disk-setup). SCSI disks are its business only where this is said.
_VM_UTILS_SERVICE = "azure-ephemeral-disk-setup"
_VM_UTILS_CONF = GuestPath("/etc/azure-ephemeral-disk-setup.conf")
_VM_UTILS_SCSI = b"AZURE_EPHEMERAL_DISK_SETUP_SCSI_RESOURCE=true"
#: What the platform's udev rules call the disk, with -part1 and so on behind it.
_PLATFORM_LINKS = ("/dev/disk/cloud/azure_resource", "/dev/disk/azure/resource", "/dev/disk/azure/local/")
#: fstab's names of a device, and where udev keeps them.
_TAGS = {"LABEL": "by-label", "UUID": "by-uuid", "PARTLABEL": "by-partlabel", "PARTUUID": "by-partuuid"}


class OwnerKind(str, Enum):
    """Who formats and mounts the disk."""

    HVPREP = "hvprep"
    CLOUD_INIT = "cloud-init"
    WAAGENT = "waagent"
    AZURE_VM_UTILS = "azure-vm-utils"
    ADMINISTRATOR = "the administrator"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Owner:
    """The owner, and from what that was seen. `makes_swap`: it is told to put swap on the disk itself."""

    kind: OwnerKind
    because: str
    makes_swap: bool = False


def find_owner(
    view: View, command_line: str | None, settings: Settings, disks: Collection[BlockDevice] = ()
) -> Owner:
    """The owner of the temporary disks `disks`; without any, of one that another size may have.

    `command_line` is that of the running kernel, None for a system that does not run.
    """
    agents = probe_agents(view, command_line)
    owner = (
        _by_fstab(view, settings, disks)
        or _by_unit(view, settings)
        or _cloud_init(agents)
        or _waagent(view, agents)
        or _azure_vm_utils(view, disks)
    )
    if owner is not None:
        return owner
    if not settings.resource_disk_format:
        return Owner(OwnerKind.NOBODY, "ResourceDisk.Format=n in /etc/hvprep.conf")
    return Owner(OwnerKind.HVPREP, "no other program is set up to format it")


def is_waagents_to_take(view: View, command_line: str | None) -> bool:
    """Whether waagent is the only agent that boot starts, so that the disk is its once it is told so."""
    agent = _find_waagent(view, probe_agents(view, command_line))
    return agent is not None and agent.starts is True


def _by_fstab(view: View, settings: Settings, disks: Iterable[BlockDevice]) -> Owner | None:
    content = view.read(FSTAB)
    nodes = {path for disk in disks for path in (disk.path, *(each.path for each in disk.partitions))}
    where = view.resolve(settings.resource_disk_mount_point)
    for entry in fstab.parse((content or b"").decode("utf-8", "surrogateescape")).entries:
        if FSTAB_TAG in entry.options:
            continue
        is_there = entry.type != "swap" and entry.mountpoint.startswith("/")
        is_there = is_there and view.resolve(GuestPath(entry.mountpoint)) == where
        if is_there or entry.spec.startswith(_PLATFORM_LINKS) or _device_of(view, entry.spec) in nodes:
            is_cloud = "comment=cloudconfig" in entry.options
            kind = OwnerKind.CLOUD_INIT if is_cloud else OwnerKind.ADMINISTRATOR
            return Owner(kind, f"line {entry.line} of {FSTAB} mounts {entry.spec} on {entry.mountpoint}")
    return None


def _device_of(view: View, spec: str) -> GuestPath:
    tag, sign, value = spec.partition("=")
    if sign and tag in _TAGS:
        return view.resolve(GuestPath("/dev/disk") / _TAGS[tag] / value.strip('"').replace("/", "\\x2f"))
    return view.resolve(GuestPath("/") / spec)


def _by_unit(view: View, settings: Settings) -> Owner | None:
    """A mount unit of somebody else for the same directory; ours lies in /run."""
    unit = find_unit_file(view, unit_name(view.resolve(settings.resource_disk_mount_point), "mount"))
    return None if unit is None else Owner(OwnerKind.ADMINISTRATOR, f"{unit} mounts there")


def _cloud_init(agents: tuple[ProvisioningAgent, ...]) -> Owner | None:
    agent = find_agent(agents, AgentName.CLOUD_INIT)
    if agent is None or not agent.may_serve_azure:
        return None
    return Owner(OwnerKind.CLOUD_INIT, agent.because)


def _find_waagent(view: View, agents: tuple[ProvisioningAgent, ...]) -> ProvisioningAgent | None:
    """waagent, where it may start and does not leave the disk to cloud-init."""
    agent, waagent = find_agent(agents, AgentName.WAAGENT), probe_waagent(view)
    if agent is None or waagent is None or agent.starts is False or leaves_disk(view, waagent):
        return None
    return agent


def _waagent(view: View, agents: tuple[ProvisioningAgent, ...]) -> Owner | None:
    agent, conf = _find_waagent(view, agents), read_waagent_conf(view)
    if agent is None or conf is None or not conf.is_on("ResourceDisk.Format", otherwise=False):
        return None
    size = conf.value("ResourceDisk.SwapSizeMB") or "0"
    makes_swap = conf.is_on("ResourceDisk.EnableSwap", otherwise=False) and size.strip("0") != ""
    return Owner(OwnerKind.WAAGENT, f"ResourceDisk.Format=y in {WAAGENT_CONF}; {agent.because}", makes_swap)


def _azure_vm_utils(view: View, disks: Collection[BlockDevice]) -> Owner | None:
    service = find_service(view, _VM_UTILS_SERVICE)
    if service is None or not service.is_enabled:
        return None
    content = view.read(_VM_UTILS_CONF) or b""
    takes_scsi = any(line.strip().replace(b'"', b"") == _VM_UTILS_SCSI for line in content.splitlines())
    if not takes_scsi and not any(disk.transport is Transport.NVME for disk in disks):
        return None
    return Owner(OwnerKind.AZURE_VM_UTILS, f"{service.started_by[0]} starts it")
