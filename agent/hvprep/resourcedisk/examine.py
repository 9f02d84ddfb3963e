"""From what there is to one decision, by reading the disks where that is needed at all."""

from __future__ import annotations

from hvprep.facts.resource_disk_owner import OwnerKind
from hvprep.resourcedisk.survey import Survey
from hvprep.resourcedisk.verdict import Action, Decision, Policy, choose, decide
from hvprep.settings import Settings
from hvprep.system.machine import Machine


def decide_by_mounts(survey: Survey) -> Decision | None:
    """The decision that needs no look at a disk; None where one has to be read.

    So it is on Azure where the disk is mounted already, and for the disk of another owner, which is only ever
    used where it is mounted.
    """
    if not survey.is_azure:
        return None
    is_ours = survey.owner.kind is OwnerKind.HVPREP
    for candidate in survey.located.candidates:
        for mount in survey.mounts_from(candidate.device):
            if mount.mountpoint == survey.where or not is_ours:
                return Decision(
                    Action.USE_MOUNTED,
                    f"it is mounted on {mount.mountpoint} as {mount.fstype}",
                    device=candidate.device,
                    fstype=mount.fstype,
                    mountpoint=mount.mountpoint,
                )
    if is_ours or not survey.located.candidates:
        return None
    device = survey.located.candidates[0].device
    return Decision(Action.NOTHING, "it is not mounted", device=device)


def examine(survey: Survey, settings: Settings, machine: Machine) -> Decision:
    """Read what is on the disks and decide. Raises CommandFailed without blkid."""
    from hvprep.resourcedisk.evidence import gather_evidence

    policy = Policy(survey.is_azure, settings.resource_disk_format, settings.resource_disk_nvme)
    found = [
        decide(gather_evidence(candidate, survey.storage, machine.root, machine.runner), policy)
        for candidate in survey.located.candidates
    ]
    return choose(survey.located, found)
