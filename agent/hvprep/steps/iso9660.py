"""iso9660: a provisioning DVD that is no UDF can be mounted."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.modprobe.loadable import PACKAGE, Remedies, file_system, plan_loadable


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    return plan_loadable(view, facts, settings, (file_system("iso9660", "isofs"),), Remedies(PACKAGE))


ISO9660: Step[Facts, Settings] = Step(
    id="iso9660",
    title="ISO 9660, the other file system of DVDs, can be mounted",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft's documents for Azure (UDF, ISO 9660 and CD-ROM)",
    remedy="run hvprep prepare --allow-hardening-change",
    plan=_plan,
    rows=("K08",),
)
