"""hvprep resource-disk: formats and mounts the temporary disk of this machine, and puts swap on it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from hvprep.cli.render import Screen
from hvprep.errors import Refusal
from hvprep.resourcedisk.plan import Plan
from hvprep.resourcedisk.set_up import plan_disk, set_up_disk
from hvprep.resourcedisk.survey import Survey
from hvprep.settings import Settings, load
from hvprep.settings.resource_disk import SwapSize
from hvprep.system.hostfile import probe_chroot
from hvprep.system.lock import is_root
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live, host_locale

_MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    parser.add_argument(
        "--dry-run", action="store_true", help="show the verdict and the plan, change nothing"
    )


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Exit status 0: done, or nothing to do, as on a size without such a disk."""
    if not is_root():
        raise Refusal("only root can do this", "run it with sudo, or as root")
    if probe_chroot():
        raise Refusal("this is a chroot: the disks are another system's", "run it on that system itself")
    root = Root(Path("/"))
    machine = Machine(root, Runner(enter_live, host_locale(), screen.on_wait), live=True)
    settings = load(root)
    if options.dry_run:
        for name, text in _rows(*plan_disk(machine, settings), settings):
            screen.line(f"  {name:<10} {text}")
    else:
        set_up_disk(machine, settings, screen.line, screen.progress)
    return 0


def _rows(survey: Survey, plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    yield "platform", f"{survey.platform.kind.value}: {survey.platform.because}"
    for candidate in survey.located.candidates:
        device = candidate.device
        yield "disk", f"{device.path}, {device.size_bytes // _MIB} MiB: {candidate.because}"
    for excluded in survey.located.excluded:
        yield "not a disk", f"{excluded.device.path}: {excluded.because}"
    yield "owner", f"{survey.owner.kind.value}: {survey.owner.because}"
    yield "verdict", f"{plan.decision.action.value}: {plan.decision.because}"
    for reason in plan.reasons:
        yield "note", reason
    if plan.refusal:
        yield "hint", plan.decision.hint
    steps = tuple(_steps(plan, settings.resource_disk_swap_size))
    for step in steps or ("nothing to do",):
        yield "plan", step


def _steps(plan: Plan, size: SwapSize) -> Iterator[str]:
    if plan.formats is not None:
        yield f"make one partition on {plan.device.path}, with {plan.formats}: what is on the disk is lost"
    if plan.finishes:
        yield f"name the partition on {plan.device.path}, which was formatted and left so"
    if plan.mounts_on is not None:
        yield f"mount it on {plan.mounts_on}"
    if plan.swaps_on is not None:
        yield f"have a swap file ({size.words}) on {plan.swaps_on}"
    if plan.ends_swap_on is not None:
        yield f"have no swap file of hvprep on {plan.ends_swap_on}"
