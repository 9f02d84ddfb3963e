"""Which file system type the root volume has: its module must be in every initrd."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.live import LiveFacts
from hvprep.formats import fstab
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: Types that stand for no driver of a disk: nothing to be learnt from them.
_NO_DISK = frozenset(("overlay", "tmpfs", "rootfs", "ramfs", "auto", "none", "9p", "virtiofs", ""))


@dataclass(frozen=True)
class RootVolume:
    """`type` is the file system's name as mount(8) has it; None where it is not known."""

    type: str | None
    because: str


def probe_root_volume(view: View, live: LiveFacts | None) -> RootVolume:
    """From the running system's mounts, else from fstab(5)."""
    for mount in reversed((live.mounts if live is not None else None) or ()):
        if mount.mountpoint == GuestPath("/") and mount.fstype not in _NO_DISK:
            return RootVolume(mount.fstype, f"{mount.device} is mounted on / as {mount.fstype}")
    content = view.read(GuestPath("/etc/fstab"))
    entry = fstab.parse(content.decode("utf-8", "surrogateescape")).entry_for("/") if content else None
    if entry is None:
        return RootVolume(None, "/etc/fstab has no line for /")
    types = [name for name in entry.type.split(",") if name not in _NO_DISK]
    if not types:
        return RootVolume(None, f"/etc/fstab gives / the type {entry.type!r}")
    return RootVolume(types[0], f"/etc/fstab mounts / as {types[0]}")
