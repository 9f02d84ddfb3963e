"""What must hold before the first write: everything mounted, nothing read-only, room for it all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from hvprep.errors import Refusal
from hvprep.formats import fstab
from hvprep.model.change import Build, Run, Write
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan
from hvprep.model.snapshot import Snapshot
from hvprep.system.lock import STATE_DIRECTORY
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.volumes import Volume, volume_of

_MIB = 1024 * 1024
#: Kept free on every volume that we write to.
_MARGIN_BYTES = 4 * _MIB
#: Where boot loaders and kernels may live on file systems of their own.
_BOOT_MOUNTS = ("/boot", "/boot/efi", "/efi", "/boot/firmware")


@dataclass(frozen=True)
class Need:
    """Room that a plan takes on one volume: what stays, and the most that is needed at one time."""

    directory: GuestPath
    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Room:
    """`backups`: whether /boot can hold each old file beside its new one; else the journal holds them."""

    needs: tuple[Need, ...]
    backups: bool


def refuse_unmounted(machine: Machine) -> None:
    """Raise Refusal where fstab names a /boot or an ESP that is not mounted.

    What we wrote below it would be hidden by the next mount, and the system would boot the old files. An
    image's /boot that was copied into the root's own file system (it holds kernels) is accepted offline.
    """
    root = machine.root
    content = root.read(GuestPath("/etc/fstab"))
    if content is None:
        return
    table = fstab.parse(content.decode("utf-8", "surrogateescape"))
    for mount in _BOOT_MOUNTS:
        entry = table.entry_for(mount)
        path = GuestPath(mount)
        if entry is None or "bind" in entry.options or root.device(path) != root.device(path.parent):
            continue
        if not machine.live and root.glob(f"{mount}/vmlinu*") + root.glob(f"{mount}/EFI/*"):
            continue
        raise Refusal(
            f"/etc/fstab mounts {entry.spec} on {mount}, and it is not mounted",
            f"mount it first: mount {root.host_path / mount[1:]}",
        )


def find_room(machine: Machine, plan: Plan) -> Room:
    """The room that `plan` needs. Raises Refusal where a volume is read-only or too small."""
    before = dict(plan.before)
    lasting, peak = _sizes(machine.root, plan, before)
    volumes = {volume_of(machine.root, directory).device: directory for directory in reversed(list(lasting))}
    needs, backups = [], True
    for directory in reversed(list(volumes.values())):
        volume = volume_of(machine.root, directory)
        _refuse_read_only(volume, directory)
        device = volume.device
        same = [path for path in lasting if volume_of(machine.root, path).device == device]
        full = sum(lasting[path] for path in same) + max(peak[path] for path in same) + _MARGIN_BYTES
        least = max(peak[path] for path in same) + _MARGIN_BYTES
        if volume.free_bytes < least:
            raise Refusal(
                f"the volume of {directory} has {volume.free_bytes // _MIB} MiB free, "
                f"and the plan needs {least // _MIB} MiB there",
                "remove what is no longer used there (old kernels, caches), then try again",
            )
        backups = backups and volume.free_bytes >= full
        needs.append(Need(directory, full if volume.free_bytes >= full else least, volume.free_bytes))
    return Room(tuple(needs), backups)


def _sizes(
    root: Root, plan: Plan, before: Mapping[GuestPath, Snapshot | None]
) -> tuple[dict[GuestPath, int], dict[GuestPath, int]]:
    """By directory: bytes that stay when all is done, and the most that one change takes meanwhile."""
    lasting: dict[GuestPath, int] = defaultdict(int)
    peak: dict[GuestPath, int] = defaultdict(int)

    def add(directory: GuestPath, stays: int, meanwhile: int) -> None:
        lasting[directory] += stays
        peak[directory] = max(peak[directory], meanwhile)

    add(STATE_DIRECTORY, _MIB, 0)
    for planned in plan.changes:
        change = planned.change
        if isinstance(change, Build):
            add(root.resolve(change.target).parent, change.size_bytes, change.size_bytes)
            add(STATE_DIRECTORY, 0, change.scratch_bytes)
        elif isinstance(change, Write):
            add(root.resolve(change.path).parent, len(change.content), len(change.content))
        elif not isinstance(change, Run):
            add(change.path.parent, 0, 4096)
    for path in before:
        node = root.node(path)
        built = any(isinstance(item.change, Build) and item.change.target == path for item in plan.changes)
        add(STATE_DIRECTORY, 0 if node is None or built else node.size, 0)
    return lasting, peak


def _refuse_read_only(volume: Volume, directory: GuestPath) -> None:
    if volume.read_only:
        raise Refusal(
            f"the volume of {directory} is mounted read-only",
            f"mount it writable first: mount -o remount,rw on the volume that holds {directory}",
        )
