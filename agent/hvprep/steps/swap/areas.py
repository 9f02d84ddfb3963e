"""Which swap areas are right where they are: in memory, or on the temporary disk of the platform.

Any other counts as one on the system's disk. An image is one disk: on a machine made from it, no other is
there, and each boot would wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from hvprep.formats import fstab
from hvprep.formats.fstab import Fstab
from hvprep.model.finding import Profile
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

FSTAB = GuestPath("/etc/fstab")
TAG = "hvprep: no swap on the system's disk"
#: Compressed memory.
_MEMORY = "/dev/zram"
#: That, and what udev's rules of waagent, azure-vm-utils and cloud-init call temporary disks.
_NODES = (_MEMORY, "/dev/disk/azure/resource", "/dev/disk/azure/local/", "/dev/disk/cloud/azure_resource")


def keeps_swap(settings: Settings) -> bool:
    """Whether swap on the system's disk is wanted. Only Azure asks for none, and only there is another disk
    for it."""
    return settings.swap_keep or settings.image_profile == Profile.HYPERV.value


def read_fstab(view: View) -> Fstab:
    """The table; an empty one where there is none."""
    return fstab.parse((view.read(FSTAB) or b"").decode("utf-8", "surrogateescape"))


def is_temporary(spec: str, places: Iterable[GuestPath]) -> bool:
    """Whether a swap area is none of the system's disk: by its node, or as a file below one of `places`."""
    path = GuestPath(spec)
    return ".." not in path.parts and (
        spec.startswith(_NODES) or any(place in path.parents for place in places)
    )


def is_on_temporary_disk(spec: str, places: Iterable[GuestPath]) -> bool:
    """The same without what is in memory."""
    return is_temporary(spec, places) and not spec.startswith(_MEMORY)
