"""Carry out a plan: format, mount, warn, swap. Each part is proven before the next one begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hvprep.errors import ChangeFailed, Refusal
from hvprep.facts.block_devices import DeviceMount, Partition, probe_storage
from hvprep.facts.live import probe_memory
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.resourcedisk.formatting import finish_format, format_disk
from hvprep.resourcedisk.mounting import find_mount, mount_disk, refuse_bad_mount_point
from hvprep.resourcedisk.plan import Plan
from hvprep.resourcedisk.swapping import end_swap, keep_swap, swap_line
from hvprep.resourcedisk.verdict import DATALOSS_README, FILE_SYSTEM_LABEL, Action, Decision
from hvprep.settings import Settings
from hvprep.system.machine import Machine
from hvprep.system.shipped import read_shipped

#: Told what has been done, in words.
Report = Callable[[str], None]

_FILE = Node(Kind.FILE, 0o644, 0, 0)


@dataclass(frozen=True)
class Outcome:
    """The disk is in use: where, with the line of /proc/swaps up to the size ("" without swap), in words."""

    mountpoint: GuestPath
    swap_line: str
    words: tuple[str, ...]


def carry_out(machine: Machine, plan: Plan, settings: Settings, report: Report) -> Outcome | None:
    """Do what the plan says, and tell what there is then; None where the disk is not used.

    Raises HvprepError at the first part that cannot be done; the rest is left.
    """
    if plan.refusal:
        raise Refusal(plan.refusal, plan.decision.hint or None)
    decision = plan.decision
    if plan.mounts_on is not None:
        refuse_bad_mount_point(machine, plan.mounts_on)
        decision = _make_ready(machine, plan, report)
        made = mount_disk(machine, decision, plan.mounts_on, settings.resource_disk_mount_options)
        report(f"{decision.path} is mounted on {made.mountpoint} ({made.fstype})")
    where = plan.swaps_on or plan.ends_swap_on
    if where is None:
        return None
    storage = probe_storage(machine.root)
    mount = find_mount(storage, decision, where)
    if mount is None:
        raise ChangeFailed(f"the disk is not mounted on {where} any more", f"see findmnt {where}")
    if plan.warns_on is not None:
        _leave_warning(machine, mount)
    is_mounted = f"{mount.source} is mounted on {where}"
    if plan.swaps_on is None:
        if end_swap(machine, storage, mount):
            report(f"the swap file of hvprep on {where} is gone")
        return Outcome(where, "", (is_mounted, "without swap of hvprep"))
    size = settings.resource_disk_swap_size
    memory = probe_memory() if size.mib is None and size.percent is None else None
    words = keep_swap(machine, storage, mount, size, memory)
    report(words)
    return Outcome(where, swap_line(machine.root, mount), (is_mounted, words))


def _make_ready(machine: Machine, plan: Plan, report: Report) -> Decision:
    """The decision to mount what is there after formatting."""
    decision, device = plan.decision, plan.device
    if plan.formats is not None:
        partition = format_disk(machine, device, plan.formats)
        report(f"{device.path} is formatted with {plan.formats}: {decision.because}")
        return _mountable(decision, partition, plan.formats)
    if plan.finishes:
        return _mountable(decision, finish_format(machine, device), decision.fstype)
    if decision.path is None:
        raise ChangeFailed(
            f"the partition of {device.path} has no node in /dev", "run hvprep resource-disk again"
        )
    return decision


def _mountable(decision: Decision, partition: Partition, fstype: str) -> Decision:
    return replace(
        decision,
        action=Action.MOUNT,
        path=partition.path,
        fstype=fstype,
        label=FILE_SYSTEM_LABEL,
        is_ours=True,
    )


def _leave_warning(machine: Machine, mount: DeviceMount) -> None:
    """What everybody should read who finds the directory; a readme that is there stays."""
    path = mount.mountpoint / DATALOSS_README
    if "ro" not in mount.options and machine.root.node(path) is None:
        machine.root.put(path, read_shipped(DATALOSS_README), _FILE)
