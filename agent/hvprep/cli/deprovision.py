"""hvprep deprovision: makes this machine general, so that an image can be made of it; cannot be undone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from hvprep.cli.render import Screen, can_ask
from hvprep.cli.session import (
    LIVE_ROOT,
    Session,
    add_root_argument,
    choose_steps,
    open_machine,
    plan_steps,
    read_machine,
    refuse_others_than_root,
)
from hvprep.deprovision.accounts import find_provisioned, refuse_unfit
from hvprep.deprovision.action import Action, describe
from hvprep.deprovision.arming import Arming, arm, disarm, probe_arming, read_marker
from hvprep.deprovision.plan import plan_deprovisioning
from hvprep.deprovision.request import Moment, Request
from hvprep.deprovision.result import result_to_json, write_result
from hvprep.deprovision.runner import Result, failures_of, run_actions
from hvprep.deprovision.shutdown import Ending, read_ending
from hvprep.engine.preflight import refuse_unmounted
from hvprep.errors import Refusal, UsageError
from hvprep.facts.session_user import find_session_users
from hvprep.facts.tools import find_program
from hvprep.model.finding import Finding, Phase, Verdict
from hvprep.model.node import GuestPath
from hvprep.system.interrupts import shielded
from hvprep.system.lock import lock
from hvprep.system.machine import Machine

_EXIT_DONE, _EXIT_FAILED = 0, 1
_UNIT = "hvprep-deprovision.service"
_PROVISIONED = "\0"  # no user has this name
_JOBS_TIMEOUT_S = 20

_WARNING = """WARNING! This cannot be undone, and nothing of it can be rolled back. The machine is then good
for one thing: to be shut down, and to have an image made of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    add_root_argument(parser)
    parser.add_argument(
        "--user",
        metavar="NAME",
        nargs="?",
        const=_PROVISIONED,
        action="append",
        default=[],
        help="remove this user too, with the home and all that is the user's; without NAME, those that"
        " provisioning made",
    )
    parser.add_argument("--force", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done and change nothing")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at-shutdown",
        action="store_true",
        help="do it when this boot ends: when the machine is powered off",
    )
    when.add_argument("--disarm", action="store_true", help="take --at-shutdown back")
    when.add_argument(
        "--armed",
        action="store_true",
        help="what hvprep-deprovision.service runs as the system goes down; does nothing unless it is armed",
    )


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Exit status 0: done, or armed; 1: something is left, and was named."""
    refuse_others_than_root()
    machine = open_machine(options.root, screen.on_wait)
    if options.disarm or options.armed:
        _refuse_words(options)
        return _disarm(machine, screen) if options.disarm else _run_armed(machine, screen)
    if not options.dry_run and not options.force and not can_ask():
        raise UsageError("there is no terminal to ask on", "add --force to do it without a question")
    refuse_unmounted(machine)
    session = read_machine(machine)
    request = Request(_users(options, session), session.settings, _moment(machine, options))
    if options.at_shutdown:
        return _arm(options, session, request, screen)
    _refuse_own_session(session, request)
    if options.dry_run:
        return _show(options, session, request, screen)
    with lock(machine.root, "deprovision"):
        actions = plan_deprovisioning(session.machine.root, session.facts, request)
        if not options.force and not _agreed(screen, actions):
            screen.line("Nothing was changed.")
            return _EXIT_DONE
        results = _make(session.machine, actions, screen, lambda: False)
    return _tell(options, session, results, screen)


def _moment(machine: Machine, options: argparse.Namespace) -> Moment:
    """sd_booted(3): systemd runs where there is this directory. A container counts, a chroot does not."""
    is_booted = machine.root.node(GuestPath("/run/systemd/system")) is not None
    if machine.root.host_path != LIVE_ROOT or not is_booted:
        return Moment.IMAGE
    return Moment.ENDING if options.at_shutdown else Moment.RUNNING


def _refuse_words(options: argparse.Namespace) -> None:
    if options.user or options.force or options.dry_run or options.json:
        raise UsageError("--disarm goes alone", "hvprep deprovision --disarm")


def _users(options: argparse.Namespace, session: Session) -> tuple[str, ...]:
    view = session.machine.root
    found: list[str] = []
    for name in options.user:
        if name != _PROVISIONED:
            found.append(name)
            continue
        provisioned = find_provisioned(view)
        if not provisioned:
            raise Refusal("nothing tells which users provisioning made", "name them: --user NAME")
        found += provisioned
    refuse_unfit(view, found)
    return tuple(dict.fromkeys(found))


def _refuse_own_session(session: Session, request: Request) -> None:
    mine = () if request.moment is Moment.IMAGE else find_session_users(session.machine.root)
    for name in request.users:
        if name in mine:
            raise Refusal(
                f"this runs in a session of {name}, who is to be removed",
                "add --at-shutdown: it is done when the machine is powered off",
            )


def _agreed(screen: Screen, actions: tuple[Action, ...]) -> bool:
    _print(screen, actions)
    for line in _WARNING.splitlines():
        screen.line(line, colour="31")
    return screen.ask("Do you want to proceed?")


def _print(screen: Screen, actions: tuple[Action, ...]) -> None:
    for number, action in enumerate(actions, start=1):
        screen.line(f"  ({action.why})", head=f"{number}. {describe(action)}")
    if not actions:
        screen.line("Nothing of a machine is to be found here.")


def _show(options: argparse.Namespace, session: Session, request: Request, screen: Screen) -> int:
    actions = plan_deprovisioning(session.machine.root, session.facts, request)
    if options.json:
        screen.document([{"action": describe(each), "because": each.why} for each in actions])
    else:
        _print(screen, actions)
    return _EXIT_DONE


def _make(
    machine: Machine, actions: tuple[Action, ...], screen: Screen, is_late: Callable[[], bool]
) -> tuple[Result, ...]:
    """Half of it would be a machine that is neither: once begun, no signal ends it."""

    def tell(number: int, total: int, action: Action) -> None:
        screen.progress(f"[{number}/{total}] {describe(action)}")

    results: tuple[Result, ...] | None = None
    try:
        with shielded():
            results = run_actions(machine, actions, tell, is_late)
            write_result(machine.root, results)
    except KeyboardInterrupt:
        if results is None:
            raise
        screen.progress("the signal came too late: deprovisioning had begun, and went on to its end")
    return results


def _tell(options: argparse.Namespace, session: Session, results: tuple[Result, ...], screen: Screen) -> int:
    failures = failures_of(results)
    if options.json:
        screen.document(result_to_json(results))
        return _EXIT_FAILED if failures else _EXIT_DONE
    for failure in failures:
        screen.line(f": {failure.why}", head=f"FAILED {describe(failure.action)}", colour="31")
    left = _left(session)
    if left:
        screen.line("What is left of this machine:")
        screen.findings(left)
    if failures:
        screen.line(
            f"{len(failures)} of {len(results)} actions failed. Mend what they say, then do it again."
        )
        return _EXIT_FAILED
    then = "What is left is yours to judge, then the image can be made." if left else "The image can be made."
    screen.line(f"Done: {len(results)} actions. {then}")
    if _moment(session.machine, options) is Moment.RUNNING:
        screen.line("Shut down now, and type nothing more than: unset HISTFILE; systemctl poweroff")
    return _EXIT_DONE


def _left(session: Session) -> list[Finding]:
    again = read_machine(session.machine)
    findings = plan_steps(again, choose_steps(Phase.GENERALISED.value)).findings
    return [finding for finding in findings if finding.verdict is Verdict.UNMET]


# At the end of a boot.


def _arm(options: argparse.Namespace, session: Session, request: Request, screen: Screen) -> int:
    machine = session.machine
    systemctl = find_program(machine.root, "systemctl")
    if request.moment is Moment.IMAGE or systemctl is None:
        raise Refusal(
            "only a running system with systemd can be armed",
            "deprovision an image with: hvprep deprovision --root DIR",
        )
    actions = plan_deprovisioning(machine.root, session.facts, request)
    if options.dry_run:
        return _show(options, session, request, screen)
    if not options.force and not _agreed(screen, actions):
        screen.line("Nothing was changed.")
        return _EXIT_DONE
    with lock(machine.root, "deprovision"):
        arm(machine.root, request.users)
        try:
            machine.runner.check((str(systemctl), "start", _UNIT), _JOBS_TIMEOUT_S)
        except BaseException:
            disarm(machine.root)
            raise
    screen.line("Armed: this machine is deprovisioned when it is powered off or halted.")
    screen.line("To take that back: hvprep deprovision --disarm")
    return _EXIT_DONE


def _disarm(machine: Machine, screen: Screen) -> int:
    with lock(machine.root, "deprovision"):
        was_armed = disarm(machine.root)
    systemctl = find_program(machine.root, "systemctl")
    if was_armed and systemctl is not None and machine.live:
        machine.runner.run((str(systemctl), "stop", _UNIT), _JOBS_TIMEOUT_S)
    screen.line("Disarmed." if was_armed else "It was not armed.")
    return _EXIT_DONE


def _run_armed(machine: Machine, screen: Screen) -> int:
    """What hvprep-deprovision.service does when it is stopped; nothing unless this boot is armed and ends."""
    deadline = time.monotonic()
    arming = probe_arming(machine.root)
    if arming is not Arming.ARMED:
        screen.progress(arming.value)
        return _EXIT_DONE
    ending = _probe_ending(machine)
    session = read_machine(machine)
    if ending is Ending.NONE:
        disarm(machine.root)
        screen.progress("the unit was stopped, and the system goes on: disarmed, nothing was changed")
        return _EXIT_DONE
    if ending is Ending.REBOOT and not session.settings.deprovision_on_reboot:
        disarm(machine.root)
        screen.progress("the system reboots: disarmed, nothing was changed (Deprovision.OnReboot=n)")
        return _EXIT_DONE
    marker = read_marker(machine.root)
    deadline += session.settings.deprovision_timeout_s
    request = Request(() if marker is None else marker.users, session.settings, Moment.ENDING)
    with lock(machine.root, "deprovision"):
        actions = plan_deprovisioning(machine.root, session.facts, request)
        results = _make(session.machine, actions, screen, lambda: time.monotonic() > deadline)
    failures = failures_of(results)
    for failure in failures:
        screen.progress(f"FAILED {describe(failure.action)}: {failure.why}")
    screen.progress(f"deprovisioned: {len(results) - len(failures)} of {len(results)} actions done")
    return _EXIT_FAILED if failures else _EXIT_DONE


def _probe_ending(machine: Machine) -> Ending:
    systemctl = find_program(machine.root, "systemctl")
    if systemctl is None:
        return Ending.NONE
    jobs = machine.runner.run(
        (str(systemctl), "list-jobs", "--no-legend", "--no-pager", "--plain"), _JOBS_TIMEOUT_S
    )
    return read_ending(jobs.output)
