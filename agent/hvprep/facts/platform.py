"""What kind of machine hvprep runs on: Azure, Hyper-V, another hypervisor, a container, none of these.

Only what the running kernel shows counts (/proc, /sys, /run); a value that is absent, unreadable or
filler is unknown, and the answer says what it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hvprep.errors import HvprepError
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: The chassis asset tag of every Azure machine (cloud-init, DataSourceAzure.py; WALinuxAgent).
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"

#: The inode number of the initial pid namespace (Linux, include/linux/proc_ns.h, PROC_PID_INIT_INO).
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"

#: What DMI values of hypervisors start with (after systemd, src/basic/virt.c, detect_vm_dmi_vendor).
_HYPERVISORS = (
    ("KVM", "KVM"),
    ("OpenStack", "KVM"),
    ("KubeVirt", "KVM"),
    ("Amazon EC2", "Amazon EC2"),
    ("Google Compute Engine", "Google Compute Engine"),
    ("QEMU", "QEMU"),
    ("VMware", "VMware"),
    ("VMW", "VMware"),
    ("innotek GmbH", "VirtualBox"),
    ("VirtualBox", "VirtualBox"),
    ("Xen", "Xen"),
    ("Bochs", "Bochs"),
    ("Parallels", "Parallels"),
    ("BHYVE", "bhyve"),
    ("Apple Virtualization", "Apple Virtualization"),
)

_DMI = GuestPath("/sys/class/dmi/id")
_IDENTITY = ("sys_vendor", "product_name", "board_vendor", "bios_vendor")
_FILLER = frozenset(
    ("to be filled by o.e.m.", "default string", "not specified", "unknown", "none", "n/a", "o.e.m.")
)


class PlatformKind(str, Enum):
    """The answers to "where are we?"."""

    AZURE = "azure"
    HYPER_V = "hyper-v"
    OTHER_HYPERVISOR = "other-hypervisor"
    CONTAINER = "container"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Platform:
    """Where the machine runs, and from what that was seen.

    hypervisor  its name, also "Hyper-V" on Azure; None where it is not known or there is none
    generation  1 (BIOS) or 2 (UEFI) on Hyper-V and Azure, otherwise None
    vm_id       the machine's id as DMI shows it to root, in lower case; compare it with `same_vm_id`
    """

    kind: PlatformKind
    because: str
    hypervisor: str | None = None
    generation: int | None = None
    vm_id: str | None = None


def probe_platform(view: View) -> Platform:
    """The platform of the running machine whose /proc, /sys and /run `view` shows. Raises nothing."""
    container = _find_container(view)
    if container is not None:
        return Platform(PlatformKind.CONTAINER, container)
    dmi = {name: _dmi_value(view, name) for name in (*_IDENTITY, "chassis_asset_tag")}
    vm_id = _vm_id(view)
    hyper_v = _find_hyper_v(view, dmi)
    if hyper_v is not None:
        kind, because = hyper_v
        generation = _generation(view)
        firmware = {1: "; no UEFI: generation 1", 2: "; UEFI: generation 2"}.get(generation or 0, "")
        return Platform(kind, because + firmware, "Hyper-V", generation, vm_id)
    kind, because, hypervisor = _elsewhere(view, dmi)
    return Platform(kind, because, hypervisor, None, vm_id)


def same_vm_id(one: str, other: str) -> bool:
    """Whether two ids are of the same machine, in either byte order and any case.

    Generation 1 shows the first three fields byte-swapped against the platform's id, and kernels before
    4.15 show upper case, so a kernel update must not look like a new machine.

    >>> same_vm_id("527C2691-029F-FE4C-B1F4-A4DA7EBAC2CF", "91267c52-9f02-4cfe-b1f4-a4da7ebac2cf")
    True
    """
    first, second = one.strip().lower(), other.strip().lower()
    return first in (second, swapped_vm_id(second))


def swapped_vm_id(vm_id: str) -> str:
    """The id in the other byte order (three fields swapped); what is no UUID comes back as it is."""
    if _UUID.fullmatch(vm_id) is None:
        return vm_id
    first, second, third, rest = vm_id.split("-", 3)
    return "-".join((*(bytes.fromhex(field)[::-1].hex() for field in (first, second, third)), rest))


_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _find_hyper_v(view: View, dmi: Mapping[str, str | None]) -> tuple[PlatformKind, str] | None:
    if dmi["chassis_asset_tag"] == AZURE_ASSET_TAG:
        return PlatformKind.AZURE, f"{_said(dmi)}, chassis asset tag of Azure"
    if (dmi["sys_vendor"], dmi["product_name"]) == ("Microsoft Corporation", "Virtual Machine"):
        tag = dmi["chassis_asset_tag"]
        return PlatformKind.HYPER_V, f"{_said(dmi)}, " + (
            "no chassis asset tag to be read" if tag is None else "chassis asset tag not that of Azure"
        )
    if _named_hypervisor(dmi) is None:
        devices = _glob(view, "/sys/bus/vmbus/devices/*")
        if devices:
            return PlatformKind.HYPER_V, f"{len(devices)} devices on the VMBus; {_said(dmi)}"
    return None


def _elsewhere(view: View, dmi: Mapping[str, str | None]) -> tuple[PlatformKind, str, str | None]:
    """Kind, because and the hypervisor's name where it is not Hyper-V."""
    flagged = _has_hypervisor_flag(view)
    name = _named_hypervisor(dmi)
    # A bare-metal EC2 machine says Amazon too; the processor tells.
    if name is not None and not (name == "Amazon EC2" and flagged is False):
        return PlatformKind.OTHER_HYPERVISOR, _said(dmi), name
    if _text(view, "/sys/hypervisor/type") == "xen":
        return PlatformKind.OTHER_HYPERVISOR, "/sys/hypervisor/type is xen", "Xen"
    known = any(dmi[field] for field in _IDENTITY)
    if flagged:
        because = f"the processor has the flag of a hypervisor; {_said(dmi)}"
        return (PlatformKind.OTHER_HYPERVISOR if known else PlatformKind.UNKNOWN), because, None
    if known or flagged is False:
        processor = "; the processor has no flag of a hypervisor" if flagged is False else ""
        return PlatformKind.NONE, _said(dmi) + processor, None
    return PlatformKind.UNKNOWN, f"{_said(dmi)}; /proc/cpuinfo says nothing of a hypervisor", None


def _named_hypervisor(dmi: Mapping[str, str | None]) -> str | None:
    values = [dmi[field] or "" for field in _IDENTITY]
    return next(
        (name for start, name in _HYPERVISORS if any(value.startswith(start) for value in values)), None
    )


def _said(dmi: Mapping[str, str | None]) -> str:
    words = [f"{field} {dmi[field]!r}" for field in _IDENTITY[:2] if dmi[field]]
    words = words or [f"{field} {dmi[field]!r}" for field in _IDENTITY[2:] if dmi[field]]
    return "DMI " + ", ".join(words) if words else "DMI names no maker"


def _generation(view: View) -> int | None:
    if _exists(view, "/sys/firmware/efi"):
        return 2
    return 1 if _exists(view, "/sys/firmware") else None


def _has_hypervisor_flag(view: View) -> bool | None:
    """The x86 flag "hypervisor" (CPUID leaf 1, ECX bit 31); None where /proc/cpuinfo has no line of flags."""
    content = _read(view, GuestPath("/proc/cpuinfo")) or b""
    flags = re.search(rb"^flags[ \t]*:(.*)$", content, re.MULTILINE)
    return None if flags is None else b"hypervisor" in flags[1].split()


def _find_container(view: View) -> str | None:
    """Why this is a container, in the order of systemd-detect-virt(1), or None."""
    named = _text(view, "/run/systemd/container")
    if named:
        return f"/run/systemd/container says {named!r}"
    environment = (_read(view, GuestPath("/proc/1/environ")) or b"").split(b"\0")
    words = [word[10:].decode("utf-8", "replace") for word in environment if word.startswith(b"container=")]
    if words and words[0]:
        return f"the environment of process 1 says container={words[0]!r}"
    if _exists(view, "/run/.containerenv"):
        return "podman has left /run/.containerenv"
    if _exists(view, "/.dockerenv") and not _is_leftover(view):
        return "docker has left /.dockerenv"
    release = _text(view, "/proc/sys/kernel/osrelease") or ""
    if "WSL" in release or release.endswith("-Microsoft"):
        return f"the kernel {release} is the Windows Subsystem for Linux"
    return None


def _is_leftover(view: View) -> bool:
    """Whether /.dockerenv only tells that the image was once made from a container's.

    So it is where we are in the first pid namespace and / is a file system of its own. (`docker run
    --pid=host` shares the namespace, but its / is an overlay.)
    """
    try:
        namespace = view.node(GuestPath("/proc/self/ns/pid"))
    except OSError:
        return False
    mounts = [line.split() for line in (_text(view, "/proc/self/mounts") or "").splitlines()]
    types = [words[2] for words in mounts if len(words) > 2 and words[1] == "/"]
    return (
        namespace is not None
        and namespace.target == _INITIAL_PID_NAMESPACE
        and bool(types)
        and types[-1] not in ("overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs")
    )


def _dmi_value(view: View, name: str) -> str | None:
    value = _text(view, str(_DMI / name)) or ""
    # Firmware fills what it does not know with 0xff (which is no UTF-8), dots, zeros or blanks.
    if value.lower() in _FILLER or not value.strip(". 0-\xff") or not value.isprintable():
        return None
    return value


def _vm_id(view: View) -> str | None:
    value = (_dmi_value(view, "product_uuid") or "").lower()
    return value if _UUID.fullmatch(value) and set(value) != {"f", "-"} else None


def _text(view: View, path: str) -> str | None:
    """The content without blanks around it; None where it is absent, unreadable or not UTF-8."""
    try:
        content = _read(view, GuestPath(path))
        return None if content is None else content.decode("utf-8").strip("\0 \t\r\n")
    except UnicodeDecodeError:
        return None


def _read(view: View, path: GuestPath) -> bytes | None:
    try:
        return view.read(path)
    except (OSError, HvprepError):
        return None


def _exists(view: View, path: str) -> bool:
    try:
        return view.node(view.resolve(GuestPath(path))) is not None
    except OSError:
        return False


def _glob(view: View, pattern: str) -> tuple[GuestPath, ...]:
    try:
        return view.glob(pattern)
    except OSError:
        return ()
