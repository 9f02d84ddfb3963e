"""What must hold before the first write: everything mounted, nothing read-only, room for it all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hvprep.engine.building import backup_of
from hvprep.engine.execution import touched_by
from hvprep.errors import Refusal
from hvprep.formats import fstab
from hvprep.model.change import Build, Purge, Run, Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.plan import Plan
from hvprep.system.lock import STATE_DIRECTORY
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.volumes import Volume, mount_point, volume_of

_MIB = 1024 * 1024
#: Kept free on every volume that we write to.
_MARGIN_BYTES = 4 * _MIB
#: Stands for all that is kept below the state directory.
_KEPT = STATE_DIRECTORY / "journal"
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
        if entry is None or "bind" in entry.options or _is_mounted(root, path):
            continue
        if not machine.live and root.glob(f"{mount}/vmlinu*") + root.glob(f"{mount}/EFI/*"):
            continue
        raise Refusal(
            f"/etc/fstab mounts {entry.spec} on {mount}, and it is not mounted",
            f"mount it first: mount {mount}"
            if machine.live
            else f"mount {entry.spec} of the image on {root.host_path / mount[1:]} first",
        )


def _is_mounted(root: Root, path: GuestPath) -> bool:
    device = root.device(path)
    return device is not None and device != root.device(path.parent)


def find_room(machine: Machine, plan: Plan) -> Room:
    """The room that `plan` needs. Raises Refusal where a volume is read-only or too small."""
    volumes = _volumes(machine.root, plan)
    for directory, volume in volumes.values():
        _refuse_read_only(machine.root, volume, directory)
    lacking = []
    for backups in (True, False):
        needed = _needed_bytes(machine.root, plan, backups)
        needs = tuple(
            Need(directory, needed[device] + _MARGIN_BYTES, volume.free_bytes)
            for device, (directory, volume) in volumes.items()
        )
        if all(need.needed_bytes <= need.free_bytes for need in needs):
            return Room(needs, backups)
        lacking.append([need for need in needs if need.needed_bytes > need.free_bytes])
    raise _too_small(min(lacking, key=_missing_bytes))


def _missing_bytes(lacking: Iterable[Need]) -> int:
    return sum(need.needed_bytes - need.free_bytes for need in lacking)


def _too_small(lacking: Iterable[Need]) -> Refusal:
    return Refusal(
        " and ".join(
            f"the volume of {need.directory} has {need.free_bytes // _MIB} MiB free, "
            f"and the plan needs {-(-need.needed_bytes // _MIB)} MiB there"
            for need in lacking
        ),
        "remove what is no longer used there (old kernels, caches), then try again",
    )


def _volumes(root: Root, plan: Plan) -> dict[int, tuple[GuestPath, Volume]]:
    """Every volume that the plan writes to, by device, with the place where it is mounted."""
    volumes: dict[int, tuple[GuestPath, Volume]] = {}
    for directory in (*(path.parent for path, _ in plan.before), STATE_DIRECTORY):
        volume = volume_of(root, directory)
        volumes.setdefault(volume.device, (mount_point(root, directory), volume))
    return volumes


class _Use:
    """Bytes taken by volume while the plan is made in thought: now, and the most there ever were."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._now: dict[int, int] = defaultdict(int)
        self.most: dict[int, int] = defaultdict(int)

    def take(self, path: GuestPath, size: int) -> None:
        device = volume_of(self._root, path.parent).device
        self._now[device] += size
        self.most[device] = max(self.most[device], self._now[device])


def _needed_bytes(root: Root, plan: Plan, backups: bool) -> Mapping[int, int]:
    """By device, the most that the plan takes at one time. What has a copy in the journal is given up only
    after its copy was taken, and a new file stands beside the old one until it is renamed over it."""
    use = _Use(root)
    use.take(_KEPT, _MIB)  # the journal itself
    sizes = {path: _size(root, path) for path, _ in plan.before}
    for planned in plan.changes:
        change = planned.change
        for path in touched_by(root, change):
            old = sizes.get(path, 0)
            if isinstance(change, Build):
                use.take(_KEPT, change.scratch_bytes)
                sizes[path] = change.size_bytes or old
                use.take(path, sizes[path])
                use.take(_KEPT, -change.scratch_bytes)
                if backups:  # the old file gets another name; the backup that had it moves to the journal
                    old = _size(root, backup_of(path))
            elif not isinstance(change, Run):
                sizes[path] = len(change.content) if isinstance(change, Write) else 0
                use.take(path, sizes[path])
            if not isinstance(change, Purge):
                use.take(_KEPT, old)
            if not isinstance(change, Run):
                use.take(path, -old)
    return use.most


def _size(root: Root, path: GuestPath) -> int:
    node = root.node(path)
    return node.size if node is not None and node.kind is Kind.FILE else 0


def _refuse_read_only(root: Root, volume: Volume, directory: GuestPath) -> None:
    if volume.read_only:
        raise Refusal(
            f"the volume of {directory} is mounted read-only",
            f"mount it writable first: mount -o remount,rw {root.host_path / str(directory)[1:]}",
        )
