"""All or nothing: what ends a transaction early, and what is refused before it begins."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

import pytest
from hvprep.engine.execution import hint_for
from hvprep.engine.journal import State, read_transactions, reopen
from hvprep.engine.planner import states_of
from hvprep.engine.preflight import Room
from hvprep.engine.rollback import to_roll_back
from hvprep.engine.transaction import Progress, apply, find_open, recover
from hvprep.errors import ChangeFailed, CommandFailed, Interrupted, Refusal, UsageError
from hvprep.model.change import Build, Change, Link, Remove, Run, Write
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, PlannedChange
from hvprep.system.lock import make_state_directory
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live

A = GuestPath("/etc/a")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """/etc/a, and programs of the host."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/a").write_bytes(b"old")
    root = Root(tmp_path)
    make_state_directory(root)
    return Machine(root, Runner(enter_live, {}), live=False)


def plan_of(machine: Machine, *changes: Change) -> Plan:
    planned = tuple(PlannedChange(change, ("test",)) for change in changes)
    return Plan(planned, states_of(machine.root, planned))


def make(
    machine: Machine,
    *changes: Change,
    find_failures: Callable[[], Sequence[str]] = lambda: (),
    told: Callable[[int, int, Change], None] = lambda number, count, change: None,
) -> str:
    progress = Progress(told, lambda words: None)
    return apply(machine, plan_of(machine, *changes), Room((), True), {}, find_failures, progress)


def states(machine: Machine) -> List[State]:
    return [transaction.state for transaction in read_transactions(machine.root)]


def test_each_change_is_told_before_it_is_made(machine: Machine) -> None:
    told: List[Tuple[int, int, bytes]] = []
    first, second = Write(A, b"1", "w"), Write(A, b"2", "w")
    make(
        machine,
        first,
        second,
        told=lambda number, count, change: told.append((number, count, machine.root.read(A) or b"")),
    )
    assert told == [(1, 2, b"old"), (2, 2, b"1")]
    assert machine.root.read(A) == b"2"
    assert states(machine) == [State.COMMITTED]


def interrupt() -> Sequence[str]:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("find_failures", "error"),
    [(lambda: ("one: title: why", "two"), ChangeFailed), (interrupt, Interrupted)],
)
def test_a_verification_that_fails_or_is_interrupted_takes_everything_back(
    machine: Machine, find_failures: Callable[[], Sequence[str]], error: type[BaseException]
) -> None:
    with pytest.raises(error):
        make(machine, Write(A, b"new", "w"), Link(GuestPath("/etc/l"), "x", "w"), find_failures=find_failures)
    assert machine.root.read(A) == b"old"
    assert machine.root.names(GuestPath("/etc")) == ["a"]
    assert states(machine) == [State.ROLLED_BACK]


def test_a_judge_that_nobody_knows_is_refused_before_the_first_write(machine: Machine) -> None:
    change = Build(A, ("/bin/true",), "from-the-future", "w")
    with pytest.raises(Refusal, match="/etc/a to be judged by 'from-the-future'"):
        make(machine, Write(GuestPath("/etc/b"), b"", "w"), change)
    assert states(machine) == []


@pytest.mark.parametrize("kind", ["directory", "other"])
@pytest.mark.parametrize("change", [Write(A, b"", "w"), Link(A, "x", "w"), Remove(A, "w")])
def test_what_is_no_file_is_not_replaced(machine: Machine, kind: str, change: Change) -> None:
    path = machine.root.host_path / "etc/a"
    path.unlink()
    if kind == "directory":
        path.mkdir()
    else:
        machine.runner.check(["/usr/bin/mkfifo", str(path)], 20)
    with pytest.raises(Refusal, match=rf"/etc/a is not a file \({kind}\)"):
        make(machine, change)
    assert machine.root.node(A) is not None


def test_a_program_that_fails_is_taken_back_with_what_it_did(machine: Machine) -> None:
    script = f"echo new > {machine.root.host_path}/etc/a; exit 4"
    with pytest.raises(CommandFailed, match="exit status 4"):
        make(machine, Run(("/bin/sh", "-c", script), (A,), "w"))
    assert machine.root.read(A) == b"old"


def test_a_file_keeps_its_mode_unless_told_otherwise(machine: Machine) -> None:
    host = machine.root.host_path / "etc"
    (host / "a").chmod(0o4711)
    new = GuestPath("/etc/new")
    make(machine, Write(A, b"x", "w"), Write(new, b"", "w"), Write(GuestPath("/etc/n2"), b"", "w", 0o600))
    assert [(host / name).stat().st_mode & 0o7777 for name in ("a", "new", "n2")] == [0o4711, 0o644, 0o600]
    make(machine, Write(A, b"x", "w", 0o640))
    assert (host / "a").stat().st_mode & 0o7777 == 0o640


def test_to_roll_back_chooses_the_newest_or_one_and_all_after_it(machine: Machine) -> None:
    for number in range(3):
        make(machine, Write(A, b"%d" % number, "w"))
    transactions = read_transactions(machine.root)
    assert [each.id for each in to_roll_back(transactions)] == ["0003"]
    assert [each.id for each in to_roll_back(transactions, "0002")] == ["0003", "0002"]
    assert to_roll_back(()) == ()
    assert find_open(machine.root) == ()
    assert recover(machine, {}, lambda words: None) == ()


def test_to_roll_back_takes_no_transaction_twice(machine: Machine) -> None:
    for content in (b"1", b"2"):
        make(machine, Write(A, content, "w"))
    first, second = read_transactions(machine.root)
    reopen(machine.root, first).add("rolled-back")
    with pytest.raises(Refusal, match="0001 was rolled back already") as raised:
        to_roll_back(read_transactions(machine.root), "0001")
    assert "0002" in str(raised.value.hint)
    assert to_roll_back((first, second), "1") == (second, first)
    for unknown in ("3", "x", "", "0", "9" * 5000):
        with pytest.raises(UsageError, match="there is no transaction"):
            to_roll_back((first, second), unknown)


def test_directories_as_deep_as_a_path_can_be(machine: Machine) -> None:
    path = GuestPath("/" + "d/" * 240 + "file")
    make(machine, Write(path, b"x", "w"))
    assert machine.root.read(path) == b"x"


def test_a_file_that_chattr_made_immutable_is_named_with_what_to_do(machine: Machine) -> None:
    host = machine.root.host_path / "etc/a"
    if subprocess.run(["chattr", "+i", host], check=False, capture_output=True).returncode != 0:
        return  # this file system has no such attribute
    try:
        with pytest.raises(ChangeFailed, match="^/etc/a: Operation not permitted$") as raised:
            make(machine, Write(A, b"new", "w"))
    finally:
        subprocess.run(["chattr", "-i", host], check=True)
    assert raised.value.hint == "lsattr -d /etc/a; chattr -i /etc/a"
    assert states(machine) == [State.ROLLED_BACK]


def test_only_what_root_itself_may_not_do_has_the_hint() -> None:
    assert hint_for(OSError(errno.EPERM, "x"), "/etc/a") == "lsattr -d /etc/a; chattr -i /etc/a"
    assert hint_for(OSError(errno.ENOSPC, "x"), "/etc/a") is None
