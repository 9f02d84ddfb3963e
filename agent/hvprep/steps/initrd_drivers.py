"""initrd-drivers: the drivers of Hyper-V's disk and network, and of the root volume, in every initrd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hvprep.facts.boot_loaders import LoaderKind
from hvprep.facts.gather import Facts, ImageFacts
from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.facts.unified_images import UnifiedImage
from hvprep.formats.initrd_modules import loaded_modules
from hvprep.formats.kernel_modules import Closure, ModuleIndex
from hvprep.model.change import Build, Run
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.doubts import hold_back
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.initrd.backups import plan_stale_backups
from hvprep.steps.initrd.bans import find_requests, find_stale, plan_bans
from hvprep.steps.initrd.configuration import left_out, loadable_modules, names_in
from hvprep.steps.initrd.depmod import Modules, inspect_modules, plan_depmod
from hvprep.steps.initrd.images import command_by_hand, first_path, new_image
from hvprep.steps.initrd.judge import NO_BAN, tool_wants
from hvprep.steps.initrd.maker import Order
from hvprep.steps.initrd.makers import MAKERS
from hvprep.steps.modprobe.requests import Request
from hvprep.steps.modprobe.rules import Placed, read_rules

#: Required: the seed's two, the disk driver that makes /dev/sda of them, and the network.
REQUIRED = ("hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc")
#: For Azure's sizes whose disks are on NVMe; their controllers come over Hyper-V's PCI bus.
NVME = ("nvme", "pci_hyperv")


@dataclass(frozen=True)
class _Job:
    """What the images of all kernels have in common. `names` is what is asked for, without dependencies."""

    view: View
    image: ImageFacts
    names: tuple[str, ...]
    boots: tuple[Boot, ...]
    rules: tuple[Placed, ...]
    generic: bool
    timeout_s: int


def renew_image(
    view: View, facts: Facts, settings: Settings, kernel: Kernel, initrd: Initrd, want: str, why: str
) -> Outcome:
    """The Build of an initrd for another requirement's `want`: of the drivers it may lose none."""
    job = _read_job(view, facts, settings)
    modules = inspect_modules(view, kernel, job.names)
    index = modules.kernel.modules
    closure = None if index is None else _closure(job, index)
    if closure is None or closure.unknown or modules.wrong:
        return Note(
            Verdict.UNMET, why, f"the image of kernel {kernel.name} cannot be made: see initrd-drivers"
        )
    outcome = _rebuild(job, modules, closure, initrd, why, ())
    if not isinstance(outcome, Build):
        return outcome
    held = loaded_modules(initrd.contents, kernel.version) if initrd.contents is not None else frozenset()
    kept = (each for each in outcome.wants if held.intersection(each.split("|")))
    return replace(outcome, wants=(*kept, want))


def _read_job(view: View, facts: Facts, settings: Settings) -> _Job:
    image, tool = facts.image, facts.image.initrd_tool
    generic = facts.live is None and tool is not None and MAKERS[tool.generator].looks_at_devices(view)
    boots, _ = read_every_boot(view, facts)  # what does not read is a finding of kernel-parameters
    rules, names = read_rules(view, boots), _wanted_names(image, settings)
    return _Job(view, image, names, tuple(boots), rules, generic, settings.initrd_build_timeout_s)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    is_changing = False
    for outcome in hold_back(view, facts, settings, _plan_boldly(view, facts, settings)):
        is_changing = is_changing or not isinstance(outcome, Note)
        yield outcome
    if is_changing:
        yield from plan_stale_backups(view, facts.image.kernels)


def _plan_boldly(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    image, tool = facts.image, facts.image.initrd_tool
    if not image.kernels and not image.unified_images:
        yield Note(Verdict.UNMET, "there is no kernel in /boot", "install the distribution's kernel package")
        return
    if image.root_volume.type is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            f"the root volume's driver: {image.root_volume.because}",
            "give / its file system type in /etc/fstab",
        )
    if len(image.initrd_tools) > 1:
        names = " and ".join(f"{each.generator.value} ({each.because})" for each in image.initrd_tools)
        yield Note(
            Verdict.UNMET,
            f"several generators of initrds are there, and nothing tells which one makes them: {names}",
            "remove the packages of those that are not used, then try again",
        )
    wanted = _wanted_names(image, settings)
    kernels = [inspect_modules(view, kernel, wanted) for kernel in image.kernels]
    if tool is not None:
        within = [each.kernel for each in image.unified_images if each.kernel is not None]
        yield from _plan_configuration(view, tool, [*(each.kernel for each in kernels), *within], wanted)
    job = _read_job(view, facts, settings)
    for modules in kernels:
        yield from _plan_kernel(job, modules)
    for unified in image.unified_images:
        yield _judge_unified(job, unified)


def _plan_configuration(
    view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: tuple[str, ...]
) -> Iterator[Outcome]:
    maker = MAKERS[tool.generator]
    yield from maker.plan_configuration(view, tool, kernels, names)
    if not maker.passes_over and (kept_out := left_out(kernels, names)):
        yield Note(
            Verdict.MET,
            f"{tool.generator.value} is not configured for {'; '.join(kept_out)}: such a name makes it"
            " fail, or leave out others",
        )


def _wanted_names(image: ImageFacts, settings: Settings) -> tuple[str, ...]:
    nvme = NVME if settings.initrd_nvme else ()
    root = (f"fs-{image.root_volume.type}",) if image.root_volume.type is not None else ()
    below = image.root_volume.below
    return tuple(dict.fromkeys((*REQUIRED, *nvme, *root, *below, *settings.initrd_extra_modules)))


def _plan_kernel(job: _Job, modules: Modules) -> Iterator[Outcome]:
    kernel = modules.kernel
    if kernel.modules is None:
        yield Note(
            Verdict.UNMET,
            f"kernel {kernel.name} has no usable modules: {kernel.problem}",
            f"install its modules (or run depmod -a {kernel.version or 'VERSION'}), or remove {kernel.image}",
        )
        return
    closure = _closure(job, kernel.modules)
    if closure.unknown:
        why = f" ({modules.stale})" if modules.wrong else ""
        yield Note(
            Verdict.UNMET,
            f"kernel {kernel.name} has no {' and no '.join(closure.unknown)}, as a module or built in{why}",
            "install a kernel that has the Hyper-V drivers (the distribution's generic or cloud kernel)",
        )
        return
    initrds = [initrd for initrd in map(job.image.initrd_at, kernel.initrds) if initrd is not None]
    requests = find_requests(kernel, job.names)
    yield from plan_bans(job.view, job.rules, kernel, requests, initrds)
    found: list[Initrd | None] = [*initrds] or [None]
    outcomes = [_plan_image(job, modules, closure, requests, initrd) for initrd in found]
    if modules.wrong or any(isinstance(outcome, Build) for outcome in outcomes):
        first = list(plan_depmod(job.view, modules, job.image.architecture.runs_here))
        yield from first
        if modules.wrong and not any(isinstance(outcome, Run) for outcome in first):
            # An image made by an index that misleads would lack what it does not name.
            outcomes = [
                Note(Verdict.UNMET, each.why) if isinstance(each, Build) else each for each in outcomes
            ]
    yield from outcomes


def _closure(job: _Job, index: ModuleIndex) -> Closure:
    """What an image of this kernel has to hold. What the root volume lies on may be a part of an old kernel
    that does not say so."""
    below = job.image.root_volume.below
    return index.closure(
        names_in(index, [name for name in job.names if name not in below or index.resolve(name) is not None])
    )


def _plan_image(
    job: _Job, modules: Modules, closure: Closure, requests: Sequence[Request], initrd: Initrd | None
) -> Outcome:
    verdict, why = _assess(modules, closure, initrd)
    stale = {
        request.module: find_stale(job.view, job.rules, modules.kernel, request, initrd)
        for request in requests
        if initrd is not None
    }
    freed = tuple(name for name, found in stale.items() if found)
    if verdict is Verdict.MET and freed:
        verdict = Verdict.UNMET
        why = f"{stale[freed[0]][0].where} keeps {' and '.join(freed)} out, and the system does no longer"
    if verdict is Verdict.UNMET:
        return _rebuild(job, modules, closure, initrd, why, freed)
    remedy = "if a program is named there, install it; as a user, try again as root"
    return Note(verdict, why, remedy if verdict is Verdict.NOT_ASSESSED else None)


def _assess(modules: Modules, closure: Closure, initrd: Initrd | None) -> tuple[Verdict, str]:
    """Whether the drivers are there, and why we think so."""
    kernel = modules.kernel
    if not closure.modules and not closure.groups:
        return Verdict.MET, f"kernel {kernel.name} has all drivers built in"
    if initrd is None:
        return Verdict.UNMET, f"kernel {kernel.name} has no initrd, and its drivers are modules"
    if initrd.contents is None:
        if initrd.unreadable is not None:
            return Verdict.NOT_ASSESSED, f"{initrd.path} cannot be read: {initrd.unreadable}"
        return Verdict.UNMET, f"{initrd.path} is damaged: {initrd.damage}"
    held = loaded_modules(initrd.contents, kernel.version)
    choices = [" or ".join(group.candidates) for group in closure.unsettled_by(held)]
    missing = (*closure.missing_from(held), *choices)
    if missing:
        return Verdict.UNMET, f"{initrd.path} lacks {', '.join(missing)}"
    count = len(closure.modules) + len(closure.groups)
    return Verdict.MET, f"{initrd.path} holds all {count} drivers that are needed"


def _judge_unified(job: _Job, image: UnifiedImage) -> Note:
    """On a unified kernel image, of which nothing can be changed."""
    kernel = image.kernel
    if image.problem is not None or kernel is None:
        why = image.problem or "it does not say which kernel it holds"
        return Note(Verdict.NOT_ASSESSED, f"the initrd of {image.path}: {why}", "make that image anew")
    if kernel.modules is None:
        return Note(
            Verdict.UNMET, f"{image.path}: {kernel.problem}", f"install the modules of {kernel.version}"
        )
    closure = _closure(job, kernel.modules)
    if closure.unknown:
        names = " and no ".join(closure.unknown)
        return Note(Verdict.UNMET, f"{image.path} has a kernel with no {names}", "install another kernel")
    verdict, why = _assess(inspect_modules(job.view, kernel, job.names), closure, image.initrd)
    remedy = "make that image anew, with the generator's configuration as hvprep prepare leaves it"
    return Note(verdict, why, None if verdict is Verdict.MET else remedy)


def _rebuild(
    job: _Job,
    modules: Modules,
    closure: Closure,
    initrd: Initrd | None,
    why: str,
    freed: Sequence[str],
) -> Outcome:
    tool, architecture, kernel = job.image.initrd_tool, job.image.architecture, modules.kernel
    if tool is None:
        remedy = "install the distribution's own generator of initrds, then run hvprep prepare again"
        return Note(Verdict.UNMET, why, None if job.image.initrd_tools else remedy)
    if not architecture.runs_here:
        return Note(
            Verdict.UNMET,
            f"{why}; the image cannot be rebuilt here: {architecture.because}",
            "run hvprep prepare inside that machine",
        )
    wants = (
        *sorted(closure.modules),
        *("|".join(group.candidates) for group in closure.groups),
        *tool_wants(initrd, job.image.root_volume.below),
        *(f"{NO_BAN}{name}" for name in freed),
    )
    target = initrd.path if initrd is not None else first_path(tool, kernel, job.image.kernels)
    order = Order(tool, kernel, target, loadable_modules([kernel], job.names, everywhere=True), job.generic)
    build = new_image(job.view, order, initrd, wants, job.timeout_s, why)
    if initrd is None and _takes_no_initrd(job, kernel):
        return Note(
            Verdict.UNMET,
            f"{why}; its boot entries load none",
            f"run {command_by_hand(build, target)}, then name {target} as the initrd of its boot entries",
        )
    return build


def _takes_no_initrd(job: _Job, kernel: Kernel) -> bool:
    """Whether a first initrd would not be loaded: grub-mkconfig looks for it, other entries name theirs."""
    if any(loader.kind is LoaderKind.GRUB2 for loader in job.image.boot_loaders):
        return False
    return any(boot.kernel == kernel.image.name and not boot.has_initrd for boot in job.boots)


INITRD_DRIVERS: Step[Facts, Settings] = Step(
    id="initrd-drivers",
    title="every initrd holds the drivers of Hyper-V and of the root volume",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (hv_vmbus, hv_storvsc)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("K01", "K02", "K03", "K04"),
)
