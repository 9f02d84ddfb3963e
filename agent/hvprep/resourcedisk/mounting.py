"""Mount the disk by what it is called, and prove that what is mounted then is the disk."""

from __future__ import annotations

import time

from hvprep.errors import ChangeFailed, Refusal
from hvprep.facts.block_devices import DeviceMount, Storage, probe_storage
from hvprep.facts.resource_disk_owner import FSTAB, FSTAB_TAG
from hvprep.facts.storage_use import find_use
from hvprep.facts.tools import find_program
from hvprep.formats import fstab
from hvprep.formats.unit_name import unit_name
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.resourcedisk import mount_unit
from hvprep.resourcedisk.locate import is_system_place
from hvprep.resourcedisk.verdict import DATALOSS_README, FILE_SYSTEM_LABEL, Decision
from hvprep.system.machine import Machine

_FILE = Node(Kind.FILE, 0o644, 0, 0)
_TOOL_TIMEOUT_S = 30.0
_MOUNT_TIMEOUT_S = 180.0
_UDEV_TIMEOUT_S = 10.0
_POLL_S = 0.1
#: Names in a mount point that are shown, and those that hide nothing: a readme that says so itself.
_NAMES_SHOWN = 5
_HARMLESS = frozenset((DATALOSS_README,))


def refuse_bad_mount_point(machine: Machine, where: GuestPath) -> None:
    """Raise Refusal where the canonical path `where` is no directory that may be covered over."""
    node = machine.root.node(where)
    setting = "set ResourceDisk.MountPoint in /etc/hvprep.conf to another directory"
    if is_system_place(where):
        raise Refusal(f"{where} belongs to the system, no disk is mounted over it", setting)
    if node is None:
        return
    if node.kind is not Kind.DIRECTORY:
        raise Refusal(
            f"{where} is not a directory, so no disk can be mounted there", f"move it, or {setting}"
        )
    parent = machine.root.device(where.parent)
    if machine.root.device(where) != parent:
        raise Refusal(f"another file system is mounted on {where}", f"see findmnt {where}; {setting}")
    names = sorted(set(machine.root.names(where)) - _HARMLESS)
    if names:
        more = len(names) - _NAMES_SHOWN
        shown = ", ".join(map(repr, names[:_NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")
        raise Refusal(
            f"{where} holds files, which the disk would hide: {shown}", f"move them elsewhere, or {setting}"
        )


def mount_disk(
    machine: Machine, decision: Decision, where: GuestPath, options: tuple[str, ...]
) -> DeviceMount:
    """Mount what `decision` names on the canonical path `where`. Raises ChangeFailed unless it is there then.

    `where` has pleased `refuse_bad_mount_point`. A mount that fails changes nothing on the disk: it is told,
    and that is all.
    """
    _make_directories(machine, where)
    what, spec = _names_of(machine, decision)
    if is_systemd(machine):
        _start_unit(machine, what, where, decision.fstype, options)
    else:
        write_fstab_line(machine, mount_unit.render_fstab_line(spec, where, decision.fstype, options))
        words = ("-t", decision.fstype, "-o", ",".join(options or ("defaults",)))
        machine.runner.check(("mount", *words, str(decision.path), str(where)), _MOUNT_TIMEOUT_S)
    mount = find_mount(probe_storage(machine.root), decision, where)
    if mount is None:
        raise ChangeFailed(
            f"{decision.path} is not mounted on {where}, although it was asked for", f"see findmnt {where}"
        )
    _restore_label(machine, where)
    return mount


def find_mount(storage: Storage, decision: Decision, where: GuestPath) -> DeviceMount | None:
    """The mount on `where`, if the disk of `decision` is what is seen there."""
    disk = decision.device.path if decision.device is not None else None
    device = next((each for each in storage.devices if each.path == disk), None)
    there = [mount for mount in storage.mounts or () if mount.mountpoint == where]
    if device is None or not there or there[-1] not in find_use(storage, device).mounts:
        return None
    return there[-1]


def is_systemd(machine: Machine) -> bool:
    """Whether systemd runs (sd_booted(3))."""
    return machine.root.node(mount_unit.UNIT_DIRECTORY) is not None


def settle(machine: Machine) -> None:
    """Wait until udev has dealt with what it was told."""
    if find_program(machine.root, "udevadm") is not None:
        machine.runner.run(("udevadm", "settle", f"--timeout={_UDEV_TIMEOUT_S:.0f}"), _TOOL_TIMEOUT_S)


def _names_of(machine: Machine, decision: Decision) -> tuple[str, str]:
    """The device's link in /dev and its name for fstab: by label for ours, else by UUID.

    Waits until udev has made the link. Where it makes none the node itself is named; ours is proven by label.
    """
    by, value = ("label", FILE_SYSTEM_LABEL) if decision.is_ours else ("uuid", decision.uuid)
    link = GuestPath(f"/dev/disk/by-{by}") / (value or "none")
    deadline = time.monotonic() + _UDEV_TIMEOUT_S
    while value and machine.root.node(GuestPath("/run/udev/control")) is not None:
        if machine.root.resolve(link) == decision.path:
            return str(link), f"{by.upper()}={value}"
        if time.monotonic() > deadline:
            break
        _tell_udev(machine, decision)
        time.sleep(_POLL_S)
    return str(decision.path), f"{by.upper()}={value}" if value else str(decision.path)


def _tell_udev(machine: Machine, decision: Decision) -> None:
    argv = ("udevadm", "trigger", "--action=change", f"--name-match={decision.path}")
    machine.runner.run(argv, _TOOL_TIMEOUT_S)
    settle(machine)


def _make_directories(machine: Machine, where: GuestPath) -> None:
    for path in (*reversed(where.parents), where):
        if machine.root.node(path) is None:
            machine.root.make_directory(path)


def _start_unit(machine: Machine, what: str, where: GuestPath, fstype: str, options: tuple[str, ...]) -> None:
    name = unit_name(where, "mount")
    device = unit_name(GuestPath(what), "device")
    _write(
        machine, mount_unit.UNIT_DIRECTORY / f"{device}.d" / "hvprep.conf", mount_unit.render_device_timeout()
    )
    _write(machine, mount_unit.UNIT_DIRECTORY / name, mount_unit.render_mount(what, where, fstype, options))
    # udev had systemd load the device's unit before there was our drop-in.
    show = ("systemctl", "show", "--property=LoadState,NeedDaemonReload", name, device)
    shown = machine.runner.check(show, _TOOL_TIMEOUT_S).output.splitlines()
    if {"NeedDaemonReload=yes", "LoadState=not-found"} & set(shown):
        machine.runner.check(("systemctl", "daemon-reload"), _MOUNT_TIMEOUT_S)
    machine.runner.check(("systemctl", "start", name), _MOUNT_TIMEOUT_S)


def _write(machine: Machine, path: GuestPath, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    if machine.root.read(path) != content:
        _make_directories(machine, path.parent)
        machine.root.put(path, content, _FILE)


def write_fstab_line(machine: Machine, line: str = "") -> None:
    """In place of ours that are there, at the end; "" for none any more."""
    old = (machine.root.read(FSTAB) or b"").decode("utf-8", "surrogateescape")
    table = fstab.parse(old)
    ours = {entry.line for entry in table.entries if FSTAB_TAG in entry.options}
    kept = [text for number, text in enumerate(table.lines, 1) if number not in ours]
    if line and kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    new = "".join((*kept, line))
    if new != old:
        node = machine.root.node(machine.root.resolve(FSTAB)) or _FILE
        machine.root.put(machine.root.resolve(FSTAB), new.encode("utf-8", "surrogateescape"), node)


def _restore_label(machine: Machine, where: GuestPath) -> None:
    """A new file system has no SELinux labels; without one on its root no confined service may enter it."""
    if machine.root.node(GuestPath("/sys/fs/selinux/enforce")) is None:
        return
    if find_program(machine.root, "restorecon") is not None:
        machine.runner.run(("restorecon", str(where)), _TOOL_TIMEOUT_S)
