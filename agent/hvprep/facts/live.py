"""What only the running machine can tell. An image that is merely mounted has none of it.

psutil is imported here alone, when it is first needed. What /proc does not show is None: not known.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import ModuleType

from hvprep.errors import HvprepError
from hvprep.facts.platform import Platform, probe_platform
from hvprep.formats.fstab import decode_field
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.hostfile import probe_chroot


@dataclass(frozen=True)
class Mount:
    """A mounted file system, in the words of mount(8). `device` is a mere word or "" where there is none."""

    device: str
    mountpoint: GuestPath
    fstype: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Swap:
    """An area that the kernel swaps to. `type` is "partition" or "file", as in proc_swaps(5)."""

    path: GuestPath
    type: str
    size_kib: int
    used_kib: int


@dataclass(frozen=True)
class LiveFacts:
    """The running machine, read once.

    kernel_release   of the running kernel, as `uname -r` (uname(2))
    machine          its architecture, as `uname -m`
    command_line     what the boot loader gave the kernel (/proc/cmdline), without the line's end
    memory_bytes     all memory that the kernel manages
    mounts           as they were mounted, one after the other; the last one on a mount point is seen there
    swaps            what is in use now
    in_chroot        whether / is another directory than that of process 1
    available_bytes  what programs can still get without swapping (MemAvailable in /proc/meminfo)
    """

    platform: Platform
    kernel_release: str
    machine: str
    command_line: str | None
    memory_bytes: int | None
    mounts: tuple[Mount, ...] | None
    swaps: tuple[Swap, ...] | None
    in_chroot: bool | None
    available_bytes: int | None = None


def probe_live(view: View) -> LiveFacts:
    """The facts of the machine that runs this process; `view` is its root.

    Raises HvprepError without psutil.
    """
    running = os.uname()
    return LiveFacts(
        platform=probe_platform(view),
        kernel_release=running.release,
        machine=running.machine,
        command_line=_command_line(view),
        memory_bytes=probe_memory(),
        available_bytes=probe_memory("available"),
        mounts=_probe_mounts(),
        swaps=_probe_swaps(view),
        in_chroot=probe_chroot(),
    )


def probe_pids_of(uid: int) -> tuple[int, ...]:
    """The processes that run now as the user `uid` (real, effective or saved), in the order of their ids.

    Raises HvprepError without psutil.
    """
    psutil = _psutil()
    # A process that has ended since, or that may not be looked at, has None there.
    processes = ((process.pid, process.info["uids"]) for process in psutil.process_iter(["uids"]))
    return tuple(sorted(pid for pid, uids in processes if uids is not None and uid in uids))


def parse_swaps(content: bytes) -> tuple[Swap, ...]:
    """/proc/swaps. Lines that are no swap area, the head among them, are passed over.

    >>> parse_swaps(b"Filename Type Size Used Priority\\n/swap\\\\040file file 2097148 12 -2\\n")
    (Swap(path=PurePosixPath('/swap file'), type='file', size_kib=2097148, used_kib=12),)
    """
    swaps = []
    for line in content.decode("utf-8", "surrogateescape").splitlines():
        words = line.split()
        if len(words) == 5 and words[0].startswith("/") and words[2].isdecimal() and words[3].isdecimal():
            swaps.append(Swap(GuestPath(decode_field(words[0])), words[1], int(words[2]), int(words[3])))
    return tuple(swaps)


def _command_line(view: View) -> str | None:
    content = _read(view, "/proc/cmdline")
    return None if content is None else content.decode("utf-8", "surrogateescape").rstrip("\n")


def _probe_swaps(view: View) -> tuple[Swap, ...] | None:
    content = _read(view, "/proc/swaps")
    return None if content is None else parse_swaps(content)


def probe_memory(which: str = "total") -> int | None:
    """All memory that the kernel manages, or another figure of psutil's, in bytes. Raises HvprepError without
    psutil."""
    try:
        return int(getattr(_psutil().virtual_memory(), which))
    except OSError:
        return None


def _probe_mounts() -> tuple[Mount, ...] | None:
    try:
        partitions = _psutil().disk_partitions(all=True)
    except OSError:
        return None
    return tuple(
        Mount(each.device, GuestPath(each.mountpoint), each.fstype, tuple(each.opts.split(",")))
        for each in partitions
    )


def _read(view: View, path: str) -> bytes | None:
    try:
        return view.read(GuestPath(path))
    except OSError:
        return None


def _psutil() -> ModuleType:
    try:
        import psutil
    except ImportError as error:
        raise HvprepError(
            "the Python module psutil is not installed",
            "install the package python3-psutil, or psutil with pip",
        ) from error
    return psutil
