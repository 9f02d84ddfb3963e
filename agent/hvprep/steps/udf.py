"""udf: the file system of the provisioning DVD can be mounted."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.modprobe.loadable import ALLOW, PACKAGE, Remedies, file_system, plan_loadable

_NEEDLESS = (
    "; only where cloud-init is 21.2 or newer, people log in with SSH keys alone and no custom data is given,"
    " an image does without UDF"
)
_REMEDIES = Remedies(PACKAGE + _NEEDLESS, ALLOW + _NEEDLESS)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    return plan_loadable(view, facts, settings, (file_system("udf"),), _REMEDIES)


UDF: Step[Facts, Settings] = Step(
    id="udf",
    title="UDF, the file system of the provisioning DVD, can be mounted",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (UDF file system support)",
    remedy="run hvprep prepare --allow-hardening-change",
    plan=_plan,
    rows=("K05", "K08"),
)
