"""All that deprovisioning does, in order: programs and users end first, logs and our own state go last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Optional

from hvprep.deprovision.accounts import plan_copies, plan_root_password, plan_users
from hvprep.deprovision.action import Action
from hvprep.deprovision.boot_entries import plan_boot_entries
from hvprep.deprovision.files import plan_files, plan_fstab, plan_own_state
from hvprep.deprovision.identity import plan_host_name, plan_machine_id
from hvprep.deprovision.name_servers import plan_resolv_conf
from hvprep.deprovision.request import Moment, Request
from hvprep.facts.gather import Facts
from hvprep.facts.services import find_service
from hvprep.facts.tools import find_program
from hvprep.model.change import Link, Purge, Run, Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.overlay import Overlay

#: Agents that would write their state anew while it is removed.
_AGENTS = ("walinuxagent", "waagent", "azure-init")


def plan_deprovisioning(view: View, facts: Facts, request: Request) -> tuple[Action, ...]:
    """Every action, each with its reason. Never writes.

    Raises Refusal where a user is unfit, FormatError where a file that has to be edited does not read: then
    nothing is begun.
    """
    overlay = Overlay(view)
    actions: list[Action] = []

    def take(planned: Iterator[Action]) -> None:
        for action in list(planned):
            actions.append(action)
            if isinstance(action, (Write, Link, Purge)):
                overlay.apply(action)

    if request.moment is Moment.RUNNING:
        take(_plan_programs(view, facts, request))
    take(plan_users(overlay, request.users, request.moment is not Moment.IMAGE))
    if request.settings.deprovision_lock_root_password:
        take(plan_root_password(overlay))
    for plan in _EDITS:
        take(plan(overlay))
    take(plan_files(overlay, request))
    if request.moment is not Moment.IMAGE:
        take(_plan_journal(view))
    take(plan_own_state(overlay))
    return _each_once(actions)


_EDITS: tuple[Callable[[View], Iterator[Action]], ...] = (
    plan_copies,
    plan_host_name,
    plan_resolv_conf,
    plan_fstab,
    plan_boot_entries,
    plan_machine_id,
)


def _plan_programs(view: View, facts: Facts, request: Request) -> Iterator[Action]:
    systemctl = find_program(view, "systemctl")
    for name in _AGENTS if systemctl is not None else ():
        service = find_service(view, name)
        if service is not None and service.is_unit:
            why = "it would write what is removed here anew"
            yield Run((str(systemctl), "stop", service.name), (), why)
    swapoff = find_program(view, "swapoff")
    mount_point = request.settings.resource_disk_mount_point
    swaps = facts.live.swaps if facts.live is not None else None
    for swap in swaps or ():
        if swapoff is not None and mount_point in swap.path.parents:
            yield Run(
                (str(swapoff), str(swap.path)), (), "the swap file on the temporary disk is of this machine"
            )


def _plan_journal(view: View) -> Iterator[Action]:
    """Have journald let go of its files, where it can (journalctl(1), since systemd 243)."""
    program = find_program(view, "journalctl")
    if program is None or not view.glob("/var/log/journal/*"):
        return
    if b"relinquish-var" in (view.read(program, 1 << 24) or b""):
        yield Run((str(program), "--relinquish-var"), (), "the journal goes on in memory, and its files go")


def _path_of(action: Action) -> Optional[GuestPath]:
    return action.path if isinstance(action, Purge) else None


def _each_once(actions: list[Action]) -> tuple[Action, ...]:
    """Without a Purge of what is purged before, or of what is below it."""
    gone: set[GuestPath] = set()
    kept: list[Action] = []
    for action in actions:
        path = _path_of(action)
        if path is not None:
            if path in gone or gone.intersection(path.parents):
                continue
            gone.add(path)
        kept.append(action)
    return tuple(kept)
