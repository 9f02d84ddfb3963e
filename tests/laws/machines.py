"""Small real machines for the laws: a tree on a memory file system, real programs in it, real processes.

fsync on a disk takes milliseconds, and the laws make some ten thousand: the trees lie in /dev/shm, where the
order of the calls is the same. What a power cut does to a disk is another matter, and `observe` tells it:
test_order.py reads the trace.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, Sequence, Tuple

from hvprep.engine.execution import Judge
from hvprep.engine.journal import read_transactions
from hvprep.engine.planner import make_plan, states_of
from hvprep.engine.preflight import Room
from hvprep.engine.restoring import roll_back
from hvprep.engine.rollback import Leave, plan_rollback, to_roll_back
from hvprep.engine.transaction import Progress, apply, recover
from hvprep.engine.verifier import find_failures
from hvprep.model.change import CANDIDATE, Build, Change
from hvprep.model.finding import Step
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, PlannedChange
from hvprep.model.view import View
from hvprep.system.lock import lock
from hvprep.system.machine import Machine
from hvprep.system.root import Observer, Root
from hvprep.system.runner import Enter, Runner

from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

MEMORY = Path("/dev/shm")

#: Reads /etc/image.conf of its tree and writes it into the file named last, as an initrd generator does.
GENERATOR = """#!/bin/sh
set -e
for out; do :; done
{ echo image; cat "$TREE/etc/image.conf"; echo end; } > "$out"
"""

#: The whole repertoire of a program of the distribution, on the paths given: OPERATION PATH ...
#: It runs outside of the tree, where an absolute link of the tree leads to the host: it must not follow one.
PROGRAM = """#!/bin/sh
set -e
while [ $# != 0 ]; do
    case $(cd -P "$(dirname "$2")" && pwd -P) in "$TREE"/*) ;; *) exit 9 ;; esac
    case $1 in
    write) rm -f "$2"; echo "from a program" > "$2" ;;
    append) [ ! -L "$2" ]; echo "one more line" >> "$2" ;;
    remove) rm -f "$2" ;;
    link) rm -f "$2"; ln -s somewhere "$2" ;;
    mkdir) rm -f "$2"; mkdir "$2" ;;
    rmdir) rmdir "$2" ;;
    esac
    shift 2
done
"""


def judge_image(view: View, candidate: GuestPath, build: Build) -> Tuple[str, ...]:
    """A whole image that holds all that is wanted."""
    lines = (view.read(candidate) or b"").decode("utf-8", "replace").split("\n")
    if lines[0] != "image" or lines[-2:] != ["end", ""]:
        return ("it is cut off",)
    return tuple(f"it lacks {want}" for want in build.wants if want not in lines)


JUDGES: Mapping[str, Judge] = {"image": judge_image}


@contextmanager
def fresh_directory() -> Iterator[Path]:
    """An empty directory on a memory file system, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hvprep-laws-", dir=MEMORY) as name:
        yield Path(name)


def enter_tree(host_path: Path) -> Enter:
    """Guest programs are real executables of the tree; what looks like a guest path is made a host path."""

    def enter(argv: Sequence[str]) -> List[str]:
        words = [f"{host_path}{word}" if word.startswith("/") else word for word in argv]
        return ["/usr/bin/env", f"TREE={host_path}", *words]

    return enter


def unwatched(operation: str, path: GuestPath) -> None:
    """Nobody watches."""


def open_machine(host_path: Path, observe: Observer = unwatched) -> Machine:
    return Machine(Root(host_path, observe), Runner(enter_tree(host_path), {}), live=False)


def plant_programs(host_path: Path, **programs: str) -> None:
    """/usr/sbin/generator and /usr/sbin/program, or others by their names; /var/lib and /boot too."""
    for directory in ("usr/sbin", "var/lib", "etc", "boot"):
        (host_path / directory).mkdir(parents=True, exist_ok=True)
    (host_path / "etc/image.conf").write_text("wanted\n")
    for name, text in {"generator": GENERATOR, "program": PROGRAM, **programs}.items():
        path = host_path / "usr/sbin" / name
        path.write_text(text)
        path.chmod(0o755)


def image(target: str, program: str = "generator", **fields: object) -> Build:
    """The Build of `target` by a program of /usr/sbin."""
    argv = (f"/usr/sbin/{program}", "-o", CANDIDATE)
    values = {"judge": "image", "why": "an image is wanted", "wants": ("wanted",), "timeout_s": 20}
    return Build(GuestPath(target), argv, **{**values, **fields})  # type: ignore[arg-type]


def quiet() -> Progress:
    return Progress(lambda number, count, change: None, lambda words: None)


def plan_of(view: View, changes: Sequence[Change]) -> Plan:
    planned = tuple(PlannedChange(change, ("test",)) for change in changes)
    return Plan(planned, states_of(view, planned))


def make(
    machine: Machine,
    changes: Sequence[Change],
    judges: Mapping[str, Judge] = JUDGES,
    backups: bool = True,
) -> str:
    """Make these changes, whether or not they are due, as one transaction."""
    with lock(machine.root, "prepare"):
        recover(machine, judges, quiet().on_action)
        plan = plan_of(machine.root, changes)
        return apply(machine, plan, Room((), backups), judges, lambda: (), quiet())


#: A requirement without facts and settings.
Requirement = Step[None, None]


def prepare(machine: Machine, steps: Sequence[Requirement]) -> int:
    """What the verb does: recover, plan, apply, verify. Returns how many changes were due."""
    with lock(machine.root, "prepare"):
        recover(machine, JUDGES, quiet().on_action)
        plan = make_plan(steps, machine.root, None, None)
        if plan.changes:
            apply(
                machine,
                plan,
                Room((), backups=True),
                JUDGES,
                lambda: find_failures(plan, make_plan(steps, machine.root, None, None)),
                quiet(),
            )
        return len(plan.changes)


def take_back(machine: Machine, first: str | None = None, force: bool = False) -> Tuple[Leave, ...]:
    """What the verb `rollback` does."""
    with lock(machine.root, "rollback"):
        recover(machine, JUDGES, quiet().on_action, force)
        chosen = to_roll_back(read_transactions(machine.root), first)
        plan = plan_rollback(machine.root, chosen, force)
        return roll_back(machine, plan, JUDGES, quiet().on_action)


def recover_alone(machine: Machine) -> None:
    """The first thing that prepare and rollback do."""
    with lock(machine.root, "prepare"):
        recover(machine, JUDGES, quiet().on_action)


def assert_identical(host_path: Path, before: Snapshot) -> None:
    differences = diff_snapshots(before, take_snapshot(host_path))
    assert not differences, f"{host_path.name}: {differences}"


def journal_bytes(host_path: Path) -> bytes:
    """Every byte that hvprep keeps for itself."""
    kept = host_path / "var/lib/hvprep"
    return b"".join(path.read_bytes() for path in sorted(kept.rglob("*")) if path.is_file())


def make_node(path: Path, content: bytes, mode: int = 0o644, owner: Tuple[int, int] = (0, 0)) -> None:
    """A file with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.chown(path, *owner)
    path.chmod(mode)


Action = Callable[[Machine], object]
