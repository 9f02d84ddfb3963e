"""kernel-config: options of the kernel that Azure's tests ask for."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.kernels import Kernel
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.kernel.configuration import read_configuration
from hvprep.steps.modprobe.loadable import NO_KERNEL

#: Option to a module that there is with it, and with no other one.
_OPTIONS = {"WATCHDOG": "softdog", "CIFS": "cifs"}


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if not facts.image.all_kernels:
        yield NO_KERNEL
    for kernel in facts.image.all_kernels:
        yield from _judge(view, kernel)


def _judge(view: View, kernel: Kernel) -> Iterator[Note]:
    options = read_configuration(view, kernel)
    for option, module in _OPTIONS.items():
        if options.get(option) in ("y", "m"):
            yield Note(Verdict.MET, f"kernel {kernel.name} has CONFIG_{option}={options[option]}")
        elif options:
            because = f"kernel {kernel.name} was built without CONFIG_{option}"
            yield Note(Verdict.UNMET, because, "install another kernel of the distribution")
        elif kernel.modules is not None and kernel.modules.resolve(module) is not None:
            yield Note(Verdict.MET, f"kernel {kernel.name} has the module {module}")
        else:
            because = (
                f"kernel {kernel.name} has no {module}, and no configuration that tells of CONFIG_{option}"
            )
            yield Note(Verdict.NOT_ASSESSED, because, f"look for it in /boot/config-{kernel.version}")


KERNEL_CONFIG: Step[Facts, Settings] = Step(
    id="kernel-config",
    title="every kernel has watchdogs and CIFS, the protocol of Azure Files",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="LISA (verify_essential_kernel_modules)",
    remedy="install another kernel of the distribution",
    plan=_plan,
    rows=("K07",),
    profiles=(Profile.AZURE,),
)
