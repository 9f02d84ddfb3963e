"""hvprep status: what this system is, and what hvprep has done to it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from hvprep.cli.render import Screen
from hvprep.cli.session import Session, add_root_argument, is_root, open_machine, read_machine
from hvprep.deprovision.arming import Arming, probe_arming
from hvprep.deprovision.result import read_result
from hvprep.engine.journal import State, read_transactions
from hvprep.resourcedisk.survey import make_survey
from hvprep.resourcedisk.swapping import find_swap
from hvprep.system.lock import find_holder
from hvprep.system.root import Root

_MIB = 1024 * 1024

_HINTS = {
    State.OPEN: ": it was cut off; hvprep rollback takes it back",
    State.ROLLING_BACK: ": taking it back was cut off; hvprep rollback goes on with it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    add_root_argument(parser)


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Exit status 0."""
    machine = open_machine(options.root)
    session = read_machine(machine)
    screen.machine(session.facts, str(machine.root.host_path), "live" if session.machine.live else "offline")
    rows = tuple(_resource_disk(session))
    for name, text in rows:
        screen.line(f"  {name:<13} {text}")
    if rows:
        screen.line()
    holder = find_holder(machine.root)
    if holder is not None:
        screen.line(f"hvprep is at work on this system: {holder}")
    _deprovisioning(machine.root, screen)
    transactions = read_transactions(machine.root)
    if not transactions and read_result(machine.root) is None:
        screen.line("hvprep has changed nothing here.")
    for transaction in transactions:
        changed = sum(1 for record in transaction.records if record["op"] in ("change", "run", "purge"))
        hint = "" if holder is not None else _HINTS.get(transaction.state, "")
        screen.line(
            f"{transaction.id}  {transaction.began}  {transaction.state.value}, {changed} paths{hint}"
        )
    return 0


def _resource_disk(session: Session) -> Iterator[tuple[str, str]]:
    """The temporary disks of the running machine, whose they are, where they are mounted, our swap there."""
    if not session.machine.live:
        return
    survey = make_survey(session.machine.root, session.settings)
    for excluded in survey.located.excluded:
        yield "not used", f"{excluded.device.path}: {excluded.because}"
    if not survey.located.candidates:
        if survey.is_azure:
            yield "temporary", "this size of machine has no temporary disk"
        return
    for candidate in survey.located.candidates:
        device = candidate.device
        yield "temporary", f"{device.path}, {device.size_bytes // _MIB} MiB: {candidate.because}"
        mounts = survey.mounts_from(device)
        for mount in mounts:
            yield "mounted on", f"{mount.mountpoint} ({mount.fstype})"
            swap = find_swap(survey.storage, mount)
            if swap is not None:
                yield "swap", f"{swap.path}, {swap.size_kib // 1024} MiB, {swap.used_kib // 1024} MiB used"
        if not mounts:
            yield "mounted on", "nothing"
    yield "owner", f"{survey.owner.kind.value}: {survey.owner.because}"


def _deprovisioning(root: Root, screen: Screen) -> None:
    """What of it was done, and whether it waits for the end of this boot. Only root may know the second."""
    result = read_result(root)
    if result is not None:
        screen.line(result)
    if not is_root():
        return
    arming = probe_arming(root)
    if arming is not Arming.NO:
        screen.line(arming.value)
