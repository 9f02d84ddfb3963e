"""What would resume a hibernated system from swap: the kernel's command line, the initrds, their generator.

A device that is named there and is gone is waited for at every boot: with rootdelay=300, initramfs-tools does
so for 300 seconds (its scripts/local, local_device_setup).
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.facts.udev import node_of
from hvprep.formats.initrd_resume import resume_devices
from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.boot.rules import RESUME_PARAMETERS
from hvprep.steps.initrd.judge import NO_RESUME
from hvprep.steps.initrd.maker import Swap
from hvprep.steps.initrd.makers import MAKERS
from hvprep.steps.initrd_drivers import renew_image
from hvprep.steps.swap.areas import read_fstab

_REMEDY = "run hvprep prepare: kernel-parameters takes it out"


def plan_no_resume(view: View, facts: Facts, settings: Settings, had_swap: bool) -> Iterator[Outcome]:
    """The changes after which nothing resumes. `had_swap`: swap is taken away."""
    tool = facts.image.initrd_tool
    waiting = list(_waiting_images(view, facts))
    if tool is not None:
        swap = Swap(was=had_swap or bool(waiting), stays=_keeps_partition(view))
        yield from MAKERS[tool.generator].plan_no_resume(view, tool, swap)
    for kernel, initrd, device in waiting:
        why = (
            f"{initrd.path} waits for {device} at every boot, to resume from it{_state(view, facts, device)}"
        )
        yield renew_image(view, facts, settings, kernel, initrd, NO_RESUME, why)
    for initrd in facts.image.initrds:
        if initrd.unreadable is not None:
            why = f"whether {initrd.path} waits for a device to resume from: {initrd.unreadable}"
            yield Note(Verdict.NOT_ASSESSED, why)
    for title, word in _resuming_entries(view, facts):
        state = _state(view, facts, value_of(word) or "")
        yield Note(Verdict.UNMET, f'entry "{title}" carries {word}{state}', _REMEDY)


def find_stale(view: View, facts: Facts) -> Iterator[Note]:
    """Devices to resume from that are not there, for a system that keeps its swap."""
    named = [(f'entry "{title}"', value_of(word) or "") for title, word in _resuming_entries(view, facts)]
    named += [(str(initrd.path), device) for _, initrd, device in _waiting_images(view, facts)]
    for where, device in named:
        if state := _state(view, facts, device):
            yield Note(
                Verdict.UNMET,
                f"{where} resumes from {device}{state}",
                "name the swap that there is, or take resume= and RESUME= out and make the initrds anew",
            )


def _waiting_images(view: View, facts: Facts) -> Iterator[tuple[Kernel, Initrd, str]]:
    """Each initrd that names a device, with its kernel."""
    for kernel in facts.image.kernels:
        for initrd in map(facts.image.initrd_at, kernel.initrds):
            if initrd is None or initrd.contents is None:
                continue
            for device in resume_devices(initrd.contents)[:1]:
                yield kernel, initrd, device


def _resuming_entries(view: View, facts: Facts) -> Iterator[tuple[str, str]]:
    """(title, word) of boot entries."""
    for boot in read_every_boot(view, facts)[0]:
        yield from ((boot.title, word) for word in boot.words if parameter_name(word) in RESUME_PARAMETERS)


def _keeps_partition(view: View) -> bool:
    """Whether fstab swaps to a block device that is right: generators would have images resume from it."""
    return any(
        entry.type == "swap" and entry.is_automatic and entry.spec.startswith("/dev/disk/")
        for entry in read_fstab(view).entries
    )


def _state(view: View, facts: Facts, device: str) -> str:
    """ ", which is not there", where the running system's udev would know it."""
    if facts.live is None or view.node(GuestPath("/dev/disk/by-uuid")) is None:
        return ""
    is_name = device.startswith("/dev/") or device.partition("=")[0] in ("UUID", "LABEL", "PARTUUID")
    return ", which is not there" if is_name and view.node(node_of(view, device)) is None else ""
