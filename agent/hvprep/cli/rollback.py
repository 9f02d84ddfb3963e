"""hvprep rollback: takes back what prepare did: the last transaction, or one and all after it."""

from __future__ import annotations

import argparse

from hvprep.cli.render import Screen, can_ask
from hvprep.cli.session import add_root_argument, open_machine, read_machine, refuse_others_than_root
from hvprep.engine.journal import State, is_meant, read_transactions
from hvprep.engine.preflight import refuse_unmounted
from hvprep.engine.restoring import roll_back
from hvprep.engine.rollback import RollbackPlan, plan_rollback, to_roll_back
from hvprep.engine.transaction import recover
from hvprep.errors import UsageError
from hvprep.steps.registry import JUDGES
from hvprep.system.lock import lock
from hvprep.system.machine import Machine

_EXIT_DONE, _EXIT_FAILED, _EXIT_REBOOT = 0, 1, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    add_root_argument(parser)
    parser.add_argument("id", metavar="ID", nargs="?", help="take back this transaction and all after it")
    parser.add_argument("--force", action="store_true", help="overwrite files that were changed since")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Exit status 0: done, or nothing to do; 4: done, and a reboot is needed (running system only)."""
    machine = open_machine(options.root, screen.on_wait)
    refuse_unmounted(machine)
    if options.dry_run:
        screen.rollback_plan(_plan(options, machine))
        return _EXIT_DONE
    refuse_others_than_root()
    if not options.yes and not can_ask():
        raise UsageError("there is no terminal to ask on", "add --yes to roll back without a question")
    with lock(machine.root, "rollback"):
        recovered = recover(machine, JUDGES, screen.progress, options.force)
        for transaction in recovered:
            screen.line(f"Transaction {transaction}, which had been cut off, was taken back.")
        if recovered and (options.id is None or any(is_meant(each, options.id) for each in recovered)):
            return _EXIT_DONE
        return _roll_back(options, screen, machine)


def _plan(options: argparse.Namespace, machine: Machine) -> RollbackPlan:
    transactions = read_transactions(machine.root)
    return plan_rollback(machine.root, to_roll_back(transactions, options.id), options.force)


def _roll_back(options: argparse.Namespace, screen: Screen, machine: Machine) -> int:
    plan = _plan(options, machine)
    if not plan.transactions:
        screen.line("Nothing to roll back.")
        return _EXIT_DONE
    screen.rollback_plan(plan)
    if not plan.conflicts and not options.yes and not screen.ask("Take this back?"):
        screen.line("Nothing was changed.")
        return _EXIT_DONE
    left = roll_back(machine, plan, JUDGES, screen.progress)
    for leave in left:
        screen.line(f"left: {leave.path} {leave.why}")
    screen.line(f"Rolled back: {', '.join(each.id for each in plan.transactions)}.")
    if any(leave.failed for leave in left):
        return _EXIT_FAILED
    committed = any(each.state is State.COMMITTED for each in plan.transactions)
    if committed and read_machine(machine).machine.live:
        screen.line("Reboot to use it.")
        return _EXIT_REBOOT
    return _EXIT_DONE
