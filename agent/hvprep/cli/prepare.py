"""hvprep prepare: plans, shows the plan, asks, applies it, verifies; takes everything back on a failure."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import replace
from pathlib import Path

from hvprep.cli.render import Screen, can_ask
from hvprep.cli.session import (
    Session,
    add_root_argument,
    choose_steps,
    open_machine,
    plan_steps,
    read_machine,
    refuse_others_than_root,
)
from hvprep.engine.preflight import Room, find_room, refuse_unmounted
from hvprep.engine.transaction import Progress, apply, recover
from hvprep.engine.verifier import find_failures
from hvprep.errors import UsageError
from hvprep.model.finding import Phase, Verdict
from hvprep.model.plan import Plan, plan_from_text, plan_to_json
from hvprep.steps.registry import JUDGES
from hvprep.system.hostfile import read_host_file, write_host_file
from hvprep.system.lock import lock
from hvprep.system.machine import Machine

_EXIT_DONE, _EXIT_REBOOT = 0, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    add_root_argument(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--only", metavar="ID", help="prepare for this requirement only, or these with commas between them"
    )
    parser.add_argument(
        "--allow-hardening-change",
        action="store_true",
        help="take out rules of a hardening guide that keep the platform's modules from being loaded",
    )
    plans = parser.add_mutually_exclusive_group()
    plans.add_argument(
        "--save-plan", metavar="FILE", type=Path, help="write the plan to FILE and change nothing"
    )
    plans.add_argument("--plan", metavar="FILE", type=Path, help="apply the plan that was saved in FILE")


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Exit status 0: done, or nothing to do; 4: done, and a reboot is needed (running system only)."""
    _refuse_contradictions(options)
    machine = open_machine(options.root, screen.on_wait)
    if options.dry_run or options.save_plan is not None:
        refuse_unmounted(machine)
        return _show(options, screen, _read(options, machine))
    refuse_others_than_root()
    if not options.yes and not can_ask():
        raise UsageError("there is no terminal to ask on", "add --yes to apply the plan without a question")
    refuse_unmounted(machine)
    with lock(machine.root, "prepare"):
        for transaction in recover(machine, JUDGES, screen.progress):
            screen.progress(f"transaction {transaction}, which had been cut off, was taken back first")
        return _prepare(options, screen, _read(options, machine))


def _refuse_contradictions(options: argparse.Namespace) -> None:
    later = [step.id for step in choose_steps(options.only) if step.phase is not Phase.PREPARE]
    if later:
        raise UsageError(
            f"--only {options.only}: {later[0]} is seen to when an image is generalised, not by prepare",
            f"see what is to be done: hvprep check --only {later[0]}",
        )
    if options.plan is not None:
        for option, given in (
            ("--only", options.only is not None),
            ("--allow-hardening-change", options.allow_hardening_change),
        ):
            if given:
                raise UsageError(
                    f"{option} does not go with --plan", f"make a plan with {option} and --save-plan FILE"
                )


def _read(options: argparse.Namespace, machine: Machine) -> Session:
    session = read_machine(machine)
    allowed = session.settings.hardening_allow_change or options.allow_hardening_change
    return replace(session, settings=replace(session.settings, hardening_allow_change=allowed))


def _make_plan(options: argparse.Namespace, session: Session) -> Plan:
    if getattr(options, "plan", None) is not None:
        try:
            return plan_from_text(read_host_file(options.plan))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(
                f"--plan {options.plan}: {reason}", "save a plan with --save-plan FILE"
            ) from error
    return plan_steps(session, choose_steps(options.only))


def _show(options: argparse.Namespace, screen: Screen, session: Session) -> int:
    plan = _make_plan(options, session)
    room = find_room(session.machine, plan)
    if options.save_plan is not None:
        write_host_file(options.save_plan, json.dumps(plan_to_json(plan), indent=1) + "\n")
        screen.line(f"{_counted(plan)} saved in {options.save_plan}; nothing was changed")
        return _EXIT_DONE
    _show_plan(screen, session, plan, room)
    _show_open_findings(screen, plan)
    return _EXIT_DONE


def _prepare(options: argparse.Namespace, screen: Screen, session: Session) -> int:
    plan = _make_plan(options, session)
    if not plan.changes:
        screen.line("Nothing to change.")
        _show_open_findings(screen, plan)
        return _EXIT_DONE
    room = find_room(session.machine, plan)
    _show_plan(screen, session, plan, room)
    if not options.yes and not screen.ask(
        f"Make {'this' if len(plan.changes) == 1 else 'these'} {_counted(plan)}?"
    ):
        screen.line("Nothing was changed.")
        return _EXIT_DONE
    machine, verified = session.machine, []

    def verify() -> tuple[str, ...]:
        screen.progress("verifying: reading the changed system anew")
        verified.append(_plan_again(options, session))
        return find_failures(plan, verified[-1])

    progress = Progress(screen.on_change, screen.progress)
    screen.flush()
    transaction = apply(machine, plan, room, JUDGES, verify, progress)
    screen.ignore_output_errors()
    screen.line(f"Done, as transaction {transaction}: {_counted(plan)} made and verified.")
    screen.line(f"To take them back: hvprep rollback{_root_option(options)}")
    _show_open_findings(screen, verified[-1])
    if machine.live:
        screen.line("Reboot to use it.")
        return _EXIT_REBOOT
    return _EXIT_DONE


def _counted(plan: Plan) -> str:
    count = len(plan.changes)
    return f"{count} change{'' if count == 1 else 's'}"


def _plan_again(options: argparse.Namespace, session: Session) -> Plan:
    return plan_steps(_read(options, session.machine), choose_steps(options.only))


def _show_plan(screen: Screen, session: Session, plan: Plan, room: Room) -> None:
    if not plan.changes:
        screen.line("Nothing to change.")
        return
    screen.plan(plan, session.machine.root, room)


def _show_open_findings(screen: Screen, plan: Plan) -> None:
    """What no change of ours can mend, and what could not be judged, stays a finding."""
    open_verdicts = (Verdict.UNMET, Verdict.NOT_ASSESSED)
    found = [each for each in plan.findings if each.verdict in open_verdicts and not each.changes]
    if found:
        screen.line()
        screen.line("What this plan does not change by itself:" if plan.changes else "What is left to do:")
        screen.findings(found)
    elif plan.findings and not plan.changes:
        screen.line("This system is prepared.")


def _root_option(options: argparse.Namespace) -> str:
    return "" if str(options.root) == "/" else f" --root {shlex.quote(str(options.root))}"
