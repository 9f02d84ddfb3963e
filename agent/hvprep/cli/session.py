"""What every verb starts with: the root, its settings, its facts, and the machine to work on."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

from hvprep.engine.planner import make_plan
from hvprep.errors import Refusal, UsageError
from hvprep.facts.gather import Facts, gather
from hvprep.model.finding import Phase, Step
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan
from hvprep.settings import Settings, load
from hvprep.steps.registry import STEPS, for_profile
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import OnWait, Runner, enter_chroot, enter_live, guest_locale, host_locale

LIVE_ROOT = Path("/")


@dataclass(frozen=True)
class Session:
    """One root with what was read of it."""

    machine: Machine
    settings: Settings
    facts: Facts


def add_root_argument(parser: argparse.ArgumentParser) -> None:
    """The option that every verb shares."""
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=_root_directory,
        default=LIVE_ROOT,
        help="work on the system whose root file system is mounted on DIR, instead of on the running one",
    )


def _root_directory(text: str) -> Path:
    """An empty DIR comes from a shell variable that is not set; it must not mean the current directory."""
    if not text:
        raise argparse.ArgumentTypeError("DIR is empty: is the shell variable set that it comes from?")
    return Path(text)


def open_machine(host_path: Path, on_wait: OnWait = lambda seconds: None) -> Machine:
    """The machine below `host_path`. Raises UsageError where that is no directory."""
    if not host_path.is_dir():
        raise UsageError(f"--root {host_path}: there is no such directory", "mount the image first")
    root = Root(host_path.resolve())
    if root.node(GuestPath("/etc")) is None:
        raise UsageError(f"--root {host_path}: no system is mounted there", "mount the image first")
    if root.host_path == LIVE_ROOT:
        return Machine(root, Runner(enter_live, host_locale(), on_wait), live=True)
    return Machine(root, Runner(enter_chroot(root.host_path), guest_locale(root), on_wait), live=False)


def read_machine(machine: Machine) -> Session:
    """Settings and facts. In a chroot or a container the machine turns out not to be live."""
    settings = load(machine.root)
    facts = gather(machine.root, machine.live, settings)
    return Session(replace(machine, live=facts.live is not None), settings, facts)


def plan_steps(session: Session, steps: tuple[Step[Facts, Settings], ...]) -> Plan:
    """What these steps want of the machine."""
    return make_plan(
        for_profile(steps, session.settings), session.machine.root, session.facts, session.settings
    )


def choose_steps(only: str | None) -> tuple[Step[Facts, Settings], ...]:
    """All steps of the phase prepare, those of the other phase, or those that --only names, with commas
    between them. Raises UsageError."""
    if only is None or only == Phase.GENERALISED.value:
        phase = Phase(only) if only is not None else Phase.PREPARE
        return tuple(step for step in STEPS if step.phase is phase)
    names = only.split(",")
    known = [step.id for step in STEPS]
    for name in names:
        if name not in known:
            raise UsageError(
                f"--only {name}: there is no such requirement",
                f"the requirements are: {', '.join(known)}; or generalised",
            )
    return tuple(step for step in STEPS if step.id in names)


def is_root() -> bool:
    """Whether we may read and change everything."""
    return os.geteuid() == 0


def refuse_others_than_root() -> None:
    """Raise Refusal unless we are root: no change could be made, and half of the facts would be missing."""
    if not is_root():
        raise Refusal("only root can do this", "run it with sudo, or as root")
