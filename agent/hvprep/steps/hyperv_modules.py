"""hyperv-modules: nothing keeps out the drivers without which there is no disk and no network."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.initrd_drivers import NVME, REQUIRED
from hvprep.steps.modprobe.loadable import Remedies, driver, plan_loadable

_REMEDIES = Remedies(
    "install a kernel that has the Hyper-V drivers (the distribution's generic or cloud kernel)"
)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    names = (*REQUIRED, *(NVME if settings.initrd_nvme else ()))
    wanted = [driver(name, is_early=True) for name in names]
    return plan_loadable(view, facts, settings, wanted, _REMEDIES)


HYPERV_MODULES: Step[Facts, Settings] = Step(
    id="hyperv-modules",
    title="nothing keeps out the drivers of Hyper-V's disk and network",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft's article on VMs that do not boot for want of Hyper-V drivers",
    remedy="run hvprep prepare --allow-hardening-change",
    plan=_plan,
    rows=("K05",),
)
