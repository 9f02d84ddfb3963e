"""hvprep at work on a tree: what the verbs do, with programs of the tree in place of a chroot.

The Runner is the real one; its Enter maps a guest's program to the tree's executable. Judges and the facts of
a running machine may be given, everything else is as cli/session.py and cli/prepare.py have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from hvprep.cli.report import report_to_json
from hvprep.cli.session import Session, choose_steps, plan_steps, read_machine
from hvprep.engine.execution import Judge
from hvprep.engine.journal import read_transactions
from hvprep.engine.preflight import find_room, refuse_unmounted
from hvprep.engine.restoring import roll_back
from hvprep.engine.rollback import plan_rollback, to_roll_back
from hvprep.engine.transaction import Progress, apply, recover
from hvprep.engine.verifier import find_failures
from hvprep.facts.block_devices import probe_storage
from hvprep.facts.live import LiveFacts
from hvprep.facts.platform import Platform, PlatformKind
from hvprep.model.change import Change
from hvprep.model.finding import Finding
from hvprep.model.plan import Plan
from hvprep.steps.registry import JUDGES
from hvprep.system.lock import lock
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Enter, Runner

from tests.requirements import BOOT

#: A running machine on Hyper-V, of which psutil said nothing.
RUNNING = LiveFacts(
    platform=Platform(PlatformKind.HYPER_V, "a test says so", "Hyper-V", 1),
    kernel_release="6.1.0-56-amd64",
    machine="x86_64",
    command_line=None,
    memory_bytes=None,
    mounts=None,
    swaps=None,
    in_chroot=False,
)


def enter_tree(root: Path) -> Enter:
    """The tree's own executables, which find their root from their own path."""

    def enter(argv: Sequence[str]) -> List[str]:
        return [f"{root}{argv[0]}", *argv[1:]]

    return enter


def content(view: object, candidate: object, build: object) -> Tuple[str, ...]:
    """A judge that is content with everything."""
    return ()


@dataclass
class Rig:
    """A tree, and what hvprep said while it worked on it.

    only  the requirements that it is judged by, as --only has it; None for all of the phase prepare
    live  the tree is taken for this running machine
    """

    root: Path
    judges: Mapping[str, Judge] = field(default_factory=lambda: dict(JUDGES))
    live: Optional[LiveFacts] = None
    only: Optional[str] = ",".join(BOOT)
    #: Called before each change, with it.
    meanwhile: Callable[[Change], None] = lambda change: None
    said: List[str] = field(default_factory=list)

    def machine(self) -> Machine:
        root = Root(self.root)
        return Machine(root, Runner(enter_tree(self.root), {"LANG": "C.UTF-8"}), live=self.live is not None)

    def session(self) -> Session:
        machine = self.machine()
        session = read_machine(replace(machine, live=False))
        storage = probe_storage(machine.root) if self.live is not None else None
        return replace(session, facts=replace(session.facts, live=self.live, storage=storage))

    def plan(self, only: Optional[str] = None) -> Plan:
        return plan_steps(self.session(), choose_steps(only or self.only))

    def finding(self, step: str) -> Finding:
        """What check says of one requirement, by itself where it is none of `only`."""
        plan = self.plan(None if self.only is None or step in self.only.split(",") else step)
        return next(finding for finding in plan.findings if finding.id == step)

    def report(self) -> Dict[str, Any]:
        """What check --json says."""
        return report_to_json(self.session(), self.plan().findings, strict=False)

    def prepare(self, only: Optional[str] = None, plan: Optional[Plan] = None) -> Plan:
        """Prepare as `hvprep prepare --yes` does; returns the plan. Raises HvprepError."""
        machine = self.machine()
        refuse_unmounted(machine)
        with lock(machine.root, "prepare"):
            recover(machine, self.judges, self.said.append)
            plan = self.plan(only) if plan is None else plan
            if not plan.changes:
                return plan
            made = plan

            def verify() -> Tuple[str, ...]:
                return find_failures(made, self.plan(only))

            progress = Progress(self._on_change, self.said.append)
            apply(machine, plan, find_room(machine, plan), self.judges, verify, progress)
            return plan

    def rollback(self, force: bool = False) -> None:
        """Take the last transaction back as `hvprep rollback --yes` does."""
        machine = self.machine()
        with lock(machine.root, "rollback"):
            chosen = to_roll_back(read_transactions(machine.root))
            roll_back(machine, plan_rollback(machine.root, chosen, force), self.judges, self.said.append)

    def _on_change(self, number: int, total: int, change: Change) -> None:
        self.said.append(f"[{number}/{total}] {change.why}")
        self.meanwhile(change)
