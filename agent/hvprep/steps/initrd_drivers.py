"""initrd-drivers: the drivers of Hyper-V's disk and network, and of the root volume, in every initrd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.facts.gather import Facts, ImageFacts
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.formats.initrd_modules import modules_in
from hvprep.formats.kernel_modules import Closure
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.initrd.configuration import looks_at_devices, plan_configuration
from hvprep.steps.initrd.images import new_image

#: Required: the seed's two, the disk driver that makes /dev/sda of them, and the network.
REQUIRED = ("hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc")


@dataclass(frozen=True)
class _Job:
    """What the images of all kernels have in common. `names` is what is asked for, without dependencies."""

    image: ImageFacts
    names: tuple[str, ...]
    generic: bool
    timeout_s: int


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    image, tool = facts.image, facts.image.initrd_tool
    if not image.kernels:
        yield Note(Verdict.UNMET, "there is no kernel in /boot", "install the distribution's kernel package")
        return
    if image.root_volume.type is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            f"the root volume's driver: {image.root_volume.because}",
            "give / its file system type in /etc/fstab",
        )
    names = _wanted_names(image, settings)
    if tool is not None:
        yield from plan_configuration(view, tool, image.kernels, names)
    generic = facts.live is None and tool is not None and looks_at_devices(view, tool)
    job = _Job(image, names, generic, settings.initrd_build_timeout_s)
    for kernel in image.kernels:
        yield _plan_kernel(job, kernel)


def _wanted_names(image: ImageFacts, settings: Settings) -> tuple[str, ...]:
    root = (f"fs-{image.root_volume.type}",) if image.root_volume.type is not None else ()
    return tuple(dict.fromkeys((*REQUIRED, *root, *settings.initrd_extra_modules)))


def _plan_kernel(job: _Job, kernel: Kernel) -> Outcome:
    if kernel.modules is None:
        return Note(
            Verdict.UNMET,
            f"kernel {kernel.version} has no usable modules: {kernel.problem}",
            f"install its modules (or run depmod {kernel.version}), or remove {kernel.image}",
        )
    closure = kernel.modules.closure(job.names)
    if closure.unknown:
        return Note(
            Verdict.UNMET,
            f"kernel {kernel.version} has no {' and no '.join(closure.unknown)}, as a module or built in",
            "install a kernel that has the Hyper-V drivers (the distribution's generic or cloud kernel)",
        )
    initrd = job.image.initrd_at(kernel.initrd)
    verdict, why = _assess(kernel, closure, initrd)
    if verdict is Verdict.UNMET:
        return _rebuild(job, kernel, closure, why)
    remedy = "if a program is named there, install it; as a user, try again as root"
    return Note(verdict, why, remedy if verdict is Verdict.NOT_ASSESSED else None)


def _assess(kernel: Kernel, closure: Closure, initrd: Initrd | None) -> tuple[Verdict, str]:
    """Whether the drivers are there, and why we think so."""
    if not closure.modules and not closure.groups:
        return Verdict.MET, f"kernel {kernel.version} has all drivers built in"
    if initrd is None:
        return Verdict.UNMET, f"kernel {kernel.version} has no initrd, and its drivers are modules"
    if initrd.contents is None:
        if initrd.unreadable is not None:
            return Verdict.NOT_ASSESSED, f"{initrd.path} cannot be read: {initrd.unreadable}"
        return Verdict.UNMET, f"{initrd.path} is damaged: {initrd.damage}"
    held = modules_in(initrd.contents.names).get(kernel.version, frozenset())
    choices = [" or ".join(group.candidates) for group in closure.unsettled_by(held)]
    missing = (*closure.missing_from(held), *choices)
    if missing:
        return Verdict.UNMET, f"{initrd.path} lacks {', '.join(missing)}"
    count = len(closure.modules) + len(closure.groups)
    return Verdict.MET, f"{initrd.path} holds all {count} drivers that are needed"


def _rebuild(job: _Job, kernel: Kernel, closure: Closure, why: str) -> Outcome:
    tool, architecture = job.image.initrd_tool, job.image.architecture
    if tool is None:
        return Note(Verdict.UNMET, why, "install initramfs-tools or dracut, then run hvprep prepare again")
    if not architecture.runs_here:
        return Note(
            Verdict.UNMET,
            f"{why}; the image cannot be rebuilt here: {architecture.because}",
            "run hvprep prepare inside that machine",
        )
    wants = (*sorted(closure.modules), *("|".join(group.candidates) for group in closure.groups))
    initrd = job.image.initrd_at(kernel.initrd)
    return new_image(tool, kernel, initrd, job.names, wants, job.generic, job.timeout_s, why)


INITRD_DRIVERS: Step[Facts, Settings] = Step(
    id="initrd-drivers",
    title="every initrd holds the drivers of Hyper-V and of the root volume",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (hv_vmbus, hv_storvsc); K01, K02, K04",
    remedy="run hvprep prepare",
    plan=_plan,
)
