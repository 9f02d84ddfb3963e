"""hyperv-services: the drivers of what Hyper-V offers besides disk and network."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.modprobe.loadable import Remedies, driver, plan_loadable

#: Shutdown, time and key-value pairs; memory; keyboard; display. What comes over Hyper-V's PCI bus, virtual
#: functions and NVMe disks, has drivers since Linux 4.6, and not every size has such devices.
_WANTED = (
    driver("hv_utils"),
    driver("hv_balloon"),
    driver("hyperv_keyboard"),
    driver("hyperv_drm", "hyperv_fb"),
    driver("pci_hyperv", is_optional=True),
    driver("nvme", is_optional=True),
)
_REMEDIES = Remedies("install the package with the other modules of that kernel, or a newer kernel")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    return plan_loadable(view, facts, settings, _WANTED, _REMEDIES)


HYPERV_SERVICES: Step[Facts, Settings] = Step(
    id="hyperv-services",
    title="the drivers of Hyper-V's services, memory, keyboard and display can be loaded",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="LISA (verify_hyperv_modules)",
    remedy="run hvprep prepare --allow-hardening-change",
    plan=_plan,
    rows=("K05", "K06"),
)
