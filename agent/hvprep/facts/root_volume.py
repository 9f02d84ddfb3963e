"""Which file system the root volume has, and what is below it: the modules must be in every initrd."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.facts.efi_partition import peek
from hvprep.facts.live import LiveFacts
from hvprep.formats import fstab
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: Types that stand for no driver of a disk: nothing to be learnt from them.
_NO_DISK = frozenset(("overlay", "tmpfs", "rootfs", "ramfs", "auto", "none", "9p", "virtiofs", ""))


#: /dev/mapper/NAME, and LVM's /dev/GROUP/VOLUME; other directories of /dev hold no volumes of LVM.
_MAPPED = re.compile(r"/dev/(?:mapper|(?!(?:block|cciss|disk|ida|md|rd|zvol)/)[\w.+-]+)/([^/]+)")
_CRYPTTAB = GuestPath("/etc/crypttab")


@dataclass(frozen=True)
class RootVolume:
    """`type` is the file system's name as mount(8) has it; None where it is not known. `below` are modules of
    what the file system lies on, as far as the name of its device tells."""

    type: str | None
    because: str
    below: tuple[str, ...] = ()


def probe_root_volume(view: View, live: LiveFacts | None) -> RootVolume:
    """From the running system's mounts, else from fstab(5)."""
    for mount in reversed((live.mounts if live is not None else None) or ()):
        if mount.mountpoint == GuestPath("/") and mount.fstype not in _NO_DISK:
            because = f"{mount.device} is mounted on / as {mount.fstype}"
            return RootVolume(mount.fstype, because, _below(view, mount.device))
    content = view.read(GuestPath("/etc/fstab"))
    entry = fstab.parse(content.decode("utf-8", "surrogateescape")).entry_for("/") if content else None
    if entry is None:
        return RootVolume(None, "/etc/fstab has no line for /")
    types = [name for name in entry.type.split(",") if name not in _NO_DISK]
    if not types:
        return RootVolume(None, f"/etc/fstab gives / the type {entry.type!r}")
    return RootVolume(types[0], f"/etc/fstab mounts / as {types[0]}", _below(view, entry.spec))


def _below(view: View, device: str) -> tuple[str, ...]:
    match = _MAPPED.fullmatch(device)
    if match is None:
        return ()
    text = peek(view, _CRYPTTAB).decode("utf-8", "surrogateescape")  # only root may read it
    is_encrypted = any(line.split()[:1] == [match[1]] for line in text.splitlines())
    return ("dm_mod", "dm_crypt") if is_encrypted else ("dm_mod",)
