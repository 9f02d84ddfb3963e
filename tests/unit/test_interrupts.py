"""Signals: what they end, and what they must not end."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import List

import pytest
from hvprep.engine.journal import State, read_transactions
from hvprep.engine.planner import states_of
from hvprep.engine.preflight import Room
from hvprep.engine.transaction import Progress, apply
from hvprep.errors import Interrupted
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, PlannedChange
from hvprep.system.interrupts import shielded
from hvprep.system.lock import make_state_directory
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live

A = GuestPath("/etc/a")


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_waits_for_the_end_of_the_shield() -> None:
    said: List[str] = []

    def stretch() -> None:
        with shielded():
            interrupt()
            said.append("went on")

    with pytest.raises(KeyboardInterrupt):
        stretch()
    assert said == ["went on"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_program_started_inside_a_shield_can_be_ended() -> None:
    with shielded():
        status = Runner(enter_live, {}).run(["/bin/sh", "-c", "kill -TERM $$; exit 7"], 20).status
    assert status == -signal.SIGTERM


def transact(host: Path, when: str) -> str:
    """Change /etc/a; a signal comes before each mutation that `when` names (an operation and a name)."""
    (host / "etc").mkdir()
    (host / "etc/a").write_bytes(b"old")
    make_state_directory(Root(host))

    def observe(operation: str, path: GuestPath) -> None:
        log = host / "var/lib/hvprep/journal/0001/log.jsonl"
        committed = log.exists() and b'"commit"' in log.read_bytes()
        if when == f"{operation} {path}" or (when == "commit" and operation == "fsync" and committed):
            interrupt()

    machine = Machine(Root(host, observe), Runner(enter_live, {}), live=False)
    planned = (PlannedChange(Write(A, b"new", "w"), ("test",)),)
    plan = Plan(planned, states_of(machine.root, planned))
    quiet = Progress(lambda number, count, change: None, lambda words: None)
    return apply(machine, plan, Room((), True), {}, lambda: (), quiet)


@pytest.mark.parametrize(
    "when",
    [
        "mkdir /var/lib/hvprep/journal",
        "mkdir /var/lib/hvprep/journal/0001",
        "mkdir /var/lib/hvprep/journal/0001/scratch",
        "append /var/lib/hvprep/journal/0001/log.jsonl",  # again and again: while it is taken back too
        "rename /etc/a",
    ],
)
def test_whatever_was_begun_is_taken_back(tmp_path: Path, when: str) -> None:
    with pytest.raises(Interrupted, match="everything that was begun has been taken back"):
        transact(tmp_path, when)
    assert (tmp_path / "etc/a").read_bytes() == b"old"
    assert all(each.state is State.ROLLED_BACK for each in read_transactions(Root(tmp_path)))


def test_a_signal_during_the_commit_comes_too_late(tmp_path: Path) -> None:
    assert transact(tmp_path, "commit") == "0001"
    assert (tmp_path / "etc/a").read_bytes() == b"new"
    assert [each.state for each in read_transactions(Root(tmp_path))] == [State.COMMITTED]
