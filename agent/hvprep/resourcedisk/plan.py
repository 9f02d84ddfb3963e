"""What is to be done with the temporary disk. Pure: what there is and what is wanted in, one plan out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hvprep.facts.block_devices import BlockDevice
from hvprep.facts.resource_disk_owner import OwnerKind
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.survey import Survey
from hvprep.resourcedisk.swapping import find_other_swap
from hvprep.resourcedisk.verdict import Action, Decision
from hvprep.settings import Settings


@dataclass(frozen=True)
class Plan:
    """The parts in their order; False and None for one that is not to be done.

    formats     the disk gets a new partition table and this file system
    finishes    the disk was formatted, and its partition gets its final name
    mounts_on   where it is mounted by us
    warns_on    where a readme says that it is a temporary disk
    swaps_on    where the disk is mounted then, and a swap file of ours lies
    ends_swap_on  where a swap file of ours, if there is one, goes
    refusal     why a person has to look, "" otherwise
    reasons     why not more is done, in sentences
    """

    decision: Decision
    formats: str | None = None
    finishes: bool = False
    mounts_on: GuestPath | None = None
    warns_on: GuestPath | None = None
    swaps_on: GuestPath | None = None
    ends_swap_on: GuestPath | None = None
    refusal: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def device(self) -> BlockDevice:
        """The disk that the parts are about."""
        assert self.decision.device is not None, "a plan with parts has a disk"
        return self.decision.device


def make_plan(survey: Survey, decision: Decision, settings: Settings) -> Plan:
    """The plan for the disk that was chosen."""
    kind = survey.owner.kind
    others = kind not in (OwnerKind.HVPREP, OwnerKind.NOBODY)
    left = (f"the temporary disk is {kind.value}'s: {survey.owner.because}",) if others else ()
    if decision.action is Action.USE_MOUNTED:
        assert decision.mountpoint is not None, "the verdict says where"
        if kind is OwnerKind.HVPREP and decision.mountpoint != survey.where:
            stays = f"it is mounted on {decision.mountpoint}, and stays there until the next boot"
            left = (_about(decision, stays),)
        warns_on = survey.where if kind is OwnerKind.HVPREP and not left else None
        plan = Plan(decision, warns_on=warns_on, reasons=left)
        return _with_swap(survey, settings, plan, decision.mountpoint)
    if others:
        return Plan(decision, reasons=(*left, "it is not mounted now, so no swap is put on it"))
    if decision.action is Action.REFUSE:
        return Plan(decision, refusal=_about(decision, decision.because))
    if decision.action is Action.NOTHING:
        nobody = (survey.owner.because,) if kind is OwnerKind.NOBODY else ()
        return Plan(decision, reasons=(_about(decision, decision.because), *nobody))
    plan = Plan(
        decision,
        formats=settings.resource_disk_filesystem if decision.action is Action.FORMAT else None,
        finishes=decision.is_unfinished,
        mounts_on=survey.where,
        warns_on=survey.where,
    )
    return _with_swap(survey, settings, plan, survey.where)


def _with_swap(survey: Survey, settings: Settings, plan: Plan, where: GuestPath) -> Plan:
    """With what is to be done about swap on the disk, which is mounted on `where` then."""
    mount = survey.mount_of(plan.device, where)
    other = find_other_swap(survey.storage, mount) if mount is not None else None
    if not settings.resource_disk_enable_swap or settings.resource_disk_swap_size.mib == 0:
        return replace(plan, ends_swap_on=where)
    if other is not None:
        because = f"another program swaps to {other.path} there already"
    elif survey.owner.makes_swap:
        because = f"{survey.owner.kind.value} puts swap on it itself"
    else:
        return replace(plan, swaps_on=where)
    return replace(plan, ends_swap_on=where, reasons=(*plan.reasons, because))


def _about(decision: Decision, clause: str) -> str:
    """`because` is a clause about a disk, or a sentence where it is about none."""
    return clause if decision.device is None else f"{decision.device.path}: {clause}"
