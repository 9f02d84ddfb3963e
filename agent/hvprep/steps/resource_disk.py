"""resource-disk: exactly one program sets the temporary disk up, with swap on it.

Where waagent alone does it, its file says how; hvprep then leaves the disk to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.resource_disk_owner import (
    RESOURCE_DISK_SERVICE,
    OwnerKind,
    find_owner,
    is_waagents_to_take,
)
from hvprep.facts.services import find_service
from hvprep.facts.waagent import WAAGENT_CONF, read_waagent_conf
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.swap import cloud_init, units
from hvprep.steps.swap.areas import FSTAB, is_on_temporary_disk, read_fstab
from hvprep.steps.swap.places import find_places


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if not settings.resource_disk_format:
        yield Note(Verdict.NOT_APPLICABLE, "ResourceDisk.Format=n in /etc/hvprep.conf")
        return
    command_line = facts.live.command_line if facts.live is not None else None
    owner = find_owner(view, command_line, settings)
    if owner.kind in (OwnerKind.HVPREP, OwnerKind.WAAGENT) and is_waagents_to_take(view, command_line):
        yield from _plan_waagent(view, settings)
    elif owner.kind is OwnerKind.HVPREP:
        yield _judge_service(view)
    else:
        yield Note(Verdict.MET, f"it is {owner.kind.value}'s: {owner.because}")
        if settings.resource_disk_enable_swap and settings.resource_disk_swap_size.mib != 0:
            yield _judge_swap(view, facts, settings, owner.kind)


def _plan_waagent(view: View, settings: Settings) -> Iterator[Outcome]:
    conf = read_waagent_conf(view)
    if conf is None:
        yield Note(
            Verdict.UNMET, f"waagent is the only agent, and has no {WAAGENT_CONF}", "install its package anew"
        )
        return
    if settings.resource_disk_enable_swap and settings.resource_disk_swap_size.mib is None:
        yield Note(
            Verdict.UNMET,
            f"waagent, which sets the disk up here, knows no SwapSizeMB={settings.resource_disk_swap_size}",
            "set ResourceDisk.SwapSizeMB in /etc/hvprep.conf to a number of MiB",
        )
        return
    wanted = _wanted(settings)
    edited = conf.with_values({key: value for key, value in wanted.items() if conf.value(key) != value})
    if edited == conf:
        yield Note(Verdict.MET, f"waagent sets it up, as {WAAGENT_CONF} says")
        return
    content = edited.render().encode("utf-8", "surrogateescape")
    words = " ".join(f"{key}={value}" for key, value in wanted.items() if conf.value(key) != value)
    yield Write(WAAGENT_CONF, content, f"waagent is the only agent, and gets {words}")


def _wanted(settings: Settings) -> dict[str, str]:
    """waagent's lines. It takes an empty MountOptions for an option, so that stays as it is."""
    size = settings.resource_disk_swap_size.mib or 0
    swaps = settings.resource_disk_enable_swap and size > 0
    wanted = {
        "ResourceDisk.Format": "y",
        "ResourceDisk.Filesystem": settings.resource_disk_filesystem,
        "ResourceDisk.MountPoint": str(settings.resource_disk_mount_point),
        "ResourceDisk.EnableSwap": "y" if swaps else "n",
        "ResourceDisk.SwapSizeMB": str(size),
    }
    if settings.resource_disk_mount_options:
        wanted["ResourceDisk.MountOptions"] = ",".join(settings.resource_disk_mount_options)
    return wanted


def _judge_swap(view: View, facts: Facts, settings: Settings, kind: OwnerKind) -> Note:
    """hvprep's service puts swap on what others have mounted; they may do so themselves."""
    service = find_service(view, RESOURCE_DISK_SERVICE)
    if service is not None and service.is_enabled:
        return Note(Verdict.MET, f"{RESOURCE_DISK_SERVICE} puts swap on it at boot")
    table = read_fstab(view)
    places = find_places(view, facts, table, settings)
    lines = [
        each for each in table.entries if each.type == "swap" and is_on_temporary_disk(each.spec, places)
    ]
    own = (
        (f"line {lines[0].line} of {FSTAB} has swap on it" if lines else None)
        or units.find_swap_elsewhere(view, places)
        or (cloud_init.find_swap_elsewhere(view, places) if kind is OwnerKind.CLOUD_INIT else None)
    )
    if own:
        return Note(Verdict.MET, own)
    remedy = "install hvprep in it" if service is None else f"systemctl enable {RESOURCE_DISK_SERVICE}"
    return Note(
        Verdict.UNMET,
        "nothing puts swap on it, and the disk of the system is to have none",
        f"{remedy}, or set ResourceDisk.EnableSwap=n in /etc/hvprep.conf",
    )


def _judge_service(view: View) -> Note:
    service = find_service(view, RESOURCE_DISK_SERVICE)
    if service is None:
        return Note(
            Verdict.UNMET,
            "no program in this system would set the disk up",
            "install hvprep in it, or cloud-init or waagent",
        )
    if service.is_enabled:
        return Note(Verdict.MET, f"{RESOURCE_DISK_SERVICE} sets it up at boot")
    because = f"{RESOURCE_DISK_SERVICE} is not enabled"
    return Note(Verdict.UNMET, because, f"systemctl enable {RESOURCE_DISK_SERVICE}")


RESOURCE_DISK: Step[Facts, Settings] = Step(
    id="resource-disk",
    title="one program sets up the temporary disk, with swap on it",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="seed (ResourceDisk.Format=y and four more)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("S02", "S03", "S04", "S05", "S08"),
    profiles=(Profile.AZURE,),
)
