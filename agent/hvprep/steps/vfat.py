"""vfat: the EFI system partition can be mounted."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.modprobe.loadable import PACKAGE, Remedies, file_system, plan_loadable


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    return plan_loadable(view, facts, settings, (file_system("vfat"),), Remedies(PACKAGE))


VFAT: Step[Facts, Settings] = Step(
    id="vfat",
    title="VFAT, the file system of /boot/efi and of disk encryption's volume, can be mounted",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft's article on boot failures where VFAT is disabled",
    remedy="run hvprep prepare --allow-hardening-change",
    plan=_plan,
    rows=("K05", "K09"),
)
