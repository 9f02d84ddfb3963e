"""kernel-version: a kernel that can run on Hyper-V at all."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.kernels import Kernel, version_key
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.kernel.configuration import read_configuration
from hvprep.steps.modprobe.loadable import NO_KERNEL, no_modules

_DRIVERS = ("hv_vmbus", "hv_storvsc")
_PROCESSORS = ("x86_64", "aarch64")
#: Seed: the drivers are in the kernel from Enterprise Linux 6.4 on, which is this build.
EL_WITH_DRIVERS = "2.6.32-358"


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from _judge_processor(facts, Profile(settings.image_profile))
    if not facts.image.all_kernels:
        yield NO_KERNEL
    for kernel in facts.image.all_kernels:
        yield _judge_drivers(view, kernel)


def _judge_processor(facts: Facts, profile: Profile) -> Iterator[Note]:
    architecture = facts.image.architecture
    if not architecture.name:
        yield Note(Verdict.NOT_ASSESSED, f"which processor it is for: {architecture.because}")
    elif architecture.name in _PROCESSORS:
        yield Note(Verdict.MET, f"64 bits: {architecture.because}")
    elif architecture.name != "i686" or profile is Profile.AZURE:
        where = "Azure has" if architecture.name == "i686" else "Hyper-V has"
        because = f"{where} no such machines: {architecture.because}"
        yield Note(Verdict.UNMET, because, "install a system for x86_64 or aarch64")


def _judge_drivers(view: View, kernel: Kernel) -> Note:
    if kernel.modules is None:
        return no_modules(kernel)
    index = kernel.modules
    missing = [name for name in _DRIVERS if index.resolve(name) is None]
    if not missing:
        return Note(Verdict.MET, f"kernel {kernel.name} has {' and '.join(_DRIVERS)}")
    because = f"kernel {kernel.name} cannot run on Hyper-V: it has no {' and no '.join(missing)}"
    return Note(Verdict.UNMET, because, _remedy(view, kernel))


def _remedy(view: View, kernel: Kernel) -> str:
    if ".el6" in kernel.version and version_key(kernel.version) < version_key(EL_WITH_DRIVERS):
        return (
            "update to Enterprise Linux 6.4 or newer, or install Microsoft's Linux Integration Services: 6.0"
            " to 6.3 come without Hyper-V drivers"
        )
    options = read_configuration(view, kernel)
    if options.get("HYPERV") and "HYPERV_VMBUS" in options and not options["HYPERV_VMBUS"]:
        return "build it with CONFIG_HYPERV_VMBUS, which CONFIG_HYPERV does not bring since Linux 6.18"
    return "install a kernel that has the Hyper-V drivers (the distribution's generic or cloud kernel)"


KERNEL_VERSION: Step[Facts, Settings] = Step(
    id="kernel-version",
    title="every kernel is for 64 bits and has the drivers to run on Hyper-V",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (LIS on Enterprise Linux 6.0 to 6.3)",
    remedy="install a kernel of the distribution that has the Hyper-V drivers",
    plan=_plan,
    rows=("K11", "K12"),
)
