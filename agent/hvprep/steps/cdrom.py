"""cdrom: the drive of the provisioning DVD has its drivers."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.modprobe.loadable import PACKAGE, Remedies, driver, plan_loadable

#: The second is that of the old IDE drivers, which Linux 5.14 lost.
_DRIVE = driver("sr_mod", "ide_cd_mod")
#: In a virtual machine of generation 1 the drive is an IDE one. Disks there are hv_storvsc's all the same.
_IDE = driver("ata_piix", "pata_acpi", "piix")
_REMEDIES = Remedies(
    f"{PACKAGE}; for machines of generation 2 alone set Image.Generation=2 in /etc/hvprep.conf: these have"
    " no IDE"
)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    # Not by the firmware of the machine that runs now: its image may be started on another one.
    has_ide = facts.image.architecture.is_x86 and settings.image_generation != "2"
    return plan_loadable(view, facts, settings, (_DRIVE, _IDE) if has_ide else (_DRIVE,), _REMEDIES)


CDROM: Step[Facts, Settings] = Step(
    id="cdrom",
    title="the drive of the provisioning DVD has its drivers",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft's documents for Azure (UDF, ISO 9660 and CD-ROM)",
    remedy="run hvprep prepare --allow-hardening-change",
    plan=_plan,
    rows=("K08",),
)
