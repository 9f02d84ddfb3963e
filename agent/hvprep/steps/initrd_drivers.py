"""initrd-drivers: the drivers of Hyper-V's disk and network, and of the root volume, in every initrd."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.formats.initrd_image import modules_in
from hvprep.formats.kernel_modules import Closure
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.initrd_config import plan_configuration
from hvprep.steps.initrd_image import new_image

#: Required: the seed's two, the disk driver that makes /dev/sda of them, and the network.
REQUIRED = ("hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    image = facts.image
    if not image.kernels:
        yield Note(Verdict.UNMET, "there is no kernel in /boot", "install the distribution's kernel package")
        return
    names = _wanted_names(facts, settings)
    if image.root_volume.type is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            f"the root volume's driver: {image.root_volume.because}",
            "give / its file system type in /etc/fstab",
        )
    if image.initrd_tool is not None:
        yield from plan_configuration(view, image.initrd_tool, image.kernels, names)
    for kernel in image.kernels:
        yield from _plan_kernel(facts, settings, kernel, names)


def _wanted_names(facts: Facts, settings: Settings) -> tuple[str, ...]:
    volume = facts.image.root_volume.type
    root = (f"fs-{volume}",) if volume is not None else ()
    return tuple(dict.fromkeys((*REQUIRED, *root, *settings.initrd_extra_modules)))


def _plan_kernel(
    facts: Facts, settings: Settings, kernel: Kernel, names: tuple[str, ...]
) -> Iterator[Outcome]:
    if kernel.modules is None:
        yield Note(
            Verdict.UNMET,
            f"kernel {kernel.version} has no usable modules: {kernel.problem}",
            f"install its modules (or run depmod {kernel.version}), or remove {kernel.image}",
        )
        return
    closure = kernel.modules.closure(names)
    if closure.unknown:
        yield Note(
            Verdict.UNMET,
            f"kernel {kernel.version} has no {' and no '.join(closure.unknown)}, as a module or built in",
            "install a kernel that has the Hyper-V drivers (the distribution's generic or cloud kernel)",
        )
        return
    initrd = facts.image.initrd_at(kernel.initrd)
    state, why = _assess(kernel, closure, initrd)
    if state is Verdict.UNMET:
        yield _rebuild(facts, settings, kernel, names, closure, initrd, why)
    else:
        yield Note(state, why, _remedy_for(initrd))


def _assess(kernel: Kernel, closure: Closure, initrd: Initrd | None) -> tuple[Verdict, str]:
    """Whether the drivers are there, and why we think so."""
    if not closure.modules and not closure.groups:
        return Verdict.MET, f"kernel {kernel.version} has all drivers built in"
    if initrd is None:
        return Verdict.UNMET, f"kernel {kernel.version} has no initrd, and its drivers are modules"
    if initrd.contents is None:
        return Verdict.UNMET, f"{initrd.path} is damaged: {initrd.problem}"
    if initrd.contents.unreadable is not None:
        return Verdict.NOT_ASSESSED, f"{initrd.path} cannot be read: {initrd.contents.unreadable}"
    missing = closure.missing_from(modules_in(initrd.contents.names).get(kernel.version, frozenset()))
    if missing:
        return Verdict.UNMET, f"{initrd.path} lacks {', '.join(missing)}"
    held = len(closure.modules) + len(closure.groups)
    return Verdict.MET, f"{initrd.path} holds all {held} drivers that are needed"


def _rebuild(
    facts: Facts,
    settings: Settings,
    kernel: Kernel,
    names: tuple[str, ...],
    closure: Closure,
    initrd: Initrd | None,
    why: str,
) -> Outcome:
    tool, architecture = facts.image.initrd_tool, facts.image.architecture
    if tool is None:
        return Note(Verdict.UNMET, why, "install initramfs-tools or dracut, then run hvprep prepare again")
    if not architecture.runs_here:
        return Note(
            Verdict.UNMET,
            f"{why}; the image cannot be rebuilt here: {architecture.because}",
            "run hvprep prepare inside that machine",
        )
    wants = (*sorted(closure.modules), *("|".join(group.candidates) for group in closure.groups))
    live, timeout_s = facts.live is not None, settings.initrd_build_timeout_s
    return new_image(tool, kernel, initrd, names, wants, live, timeout_s, why)


def _remedy_for(initrd: Initrd | None) -> str | None:
    if initrd is None or initrd.contents is None or initrd.contents.unreadable is None:
        return None
    return "install the program that is named, then check again"


INITRD_DRIVERS: Step[Facts, Settings] = Step(
    id="initrd-drivers",
    title="every initrd holds the drivers of Hyper-V and of the root volume",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (hv_vmbus, hv_storvsc); K01, K02, K04",
    remedy="run hvprep prepare",
    plan=_plan,
)
