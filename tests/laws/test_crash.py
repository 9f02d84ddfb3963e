"""Ended by SIGKILL at any mutation, the next start gives back the tree, or finishes what was wanted."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Callable, Iterator, Sequence

import pytest
from hvprep.engine.journal import State, read_transactions
from hvprep.model.change import Change, Write
from hvprep.model.node import GuestPath

from tests.laws.crashes import copy_tree, end_of, kill_at, trace_of
from tests.laws.machines import (
    Action,
    assert_identical,
    fresh_directory,
    image,
    make,
    make_node,
    open_machine,
    plant_programs,
    prepare,
    recover_alone,
    take_back,
)
from tests.laws.scenario import first_changes, plant, requirements, second_changes
from tests.snapshot import take_snapshot

LOG = "log.jsonl"


def making(changes: Sequence[Change], backups: bool = True) -> Action:
    return lambda machine: make(machine, changes, backups=backups)


def preparing(changes: Sequence[Change]) -> Action:
    return lambda machine: prepare(machine, requirements(changes))


def roll_back_first(machine: object) -> None:
    take_back(machine, "0001")  # type: ignore[arg-type]


def every_crash(top: Path, pristine: Path, action: Action) -> Iterator[Path]:
    """A copy of `pristine` for each mutation of `action`, crashed right before it."""
    count = len(trace_of(copy_tree(pristine, top / "counted"), action))
    assert count > 20

    for number in range(1, count + 1):
        host = copy_tree(pristine, top / f"crash-{number}")
        kill_at(number, host, action)
        yield host


def undo(host: Path, after: int) -> None:
    """Recover. What was killed with its commit written already, or before a rollback had reached it,
    is not cut off, and is rolled back. All transactions but the first `after` are gone then."""
    recover_alone(open_machine(host))
    for transaction in reversed(read_transactions(open_machine(host).root)[after:]):
        if transaction.state is not State.ROLLED_BACK:
            assert transaction.state is State.COMMITTED
            take_back(open_machine(host))


@pytest.mark.parametrize("backups", [True, False], ids=["backups", "no-backups"])
def test_a_crash_anywhere_then_recovery_gives_the_tree_back(backups: bool) -> None:
    with fresh_directory() as top:
        plant(top / "tree")
        before = take_snapshot(top / "tree")
        for host in every_crash(top, top / "tree", making(first_changes(), backups)):
            undo(host, after=0)
            assert_identical(host, before)


@pytest.mark.parametrize("backups", [True, False], ids=["backups", "no-backups"])
def test_a_crash_in_the_second_preparation_gives_the_first_back(backups: bool) -> None:
    """Its backups displace those of the first; the first can still be taken back afterwards."""
    with fresh_directory() as top:
        plant(top / "tree")
        pristine = take_snapshot(top / "tree")
        make(open_machine(top / "tree"), first_changes())
        before = take_snapshot(top / "tree")
        crashes = every_crash(top, top / "tree", making(second_changes(), backups))
        for number, host in enumerate(crashes):
            undo(host, after=1)
            assert_identical(host, before)
            if number % 8 == 0:
                take_back(open_machine(host), "0001")
                assert_identical(host, pristine)


def test_a_crash_in_a_rollback_of_two_then_another_start_finishes_it() -> None:
    with fresh_directory() as top:
        plant(top / "tree")
        pristine = take_snapshot(top / "tree")
        make(open_machine(top / "tree"), first_changes())
        make(open_machine(top / "tree"), second_changes())
        for host in every_crash(top, top / "tree", roll_back_first):
            undo(host, after=0)
            assert_identical(host, pristine)


def test_a_crash_in_a_recovery_at_every_other_mutation_of_both() -> None:
    """Small, so that so many pairs can be tried: a new directory, a rebuilt image that displaces a backup."""
    changes: Sequence[Change] = (
        Write(GuestPath("/etc/new/file"), b"new\n", "w"),
        Write(GuestPath("/etc/image.conf"), b"wanted\nmore\n", "w"),
        image("/boot/image", wants=("more",)),
    )
    with fresh_directory() as top:
        plant_programs(top / "tree")
        make_node(top / "tree/boot/image", b"image\nthe first\nend\n")
        make(open_machine(top / "tree"), [image("/boot/image")])
        before = take_snapshot(top / "tree")
        for parity, host in enumerate(every_crash(top, top / "tree", making(changes))):
            count = len(trace_of(copy_tree(host, top / f"{host.name}-again"), recover_alone))
            for number in range(1 + parity % 2, count + 1, 2):
                twice = copy_tree(host, top / f"{host.name}-{number}")
                kill_at(number, twice, recover_alone)
                undo(twice, after=1)
                assert_identical(twice, before)


def test_a_crash_in_the_recovery_of_a_large_transaction() -> None:
    """Every seventh crash of the first preparation, and in its recovery every fifth mutation."""
    with fresh_directory() as top:
        plant(top / "tree")
        before = take_snapshot(top / "tree")
        crashes = every_crash(top, top / "tree", making(first_changes()))
        for host in itertools.islice(crashes, 3, None, 7):
            count = len(trace_of(copy_tree(host, top / f"{host.name}-again"), recover_alone))
            for number in range(1, count + 1, 5):
                twice = copy_tree(host, top / f"{host.name}-{number}")
                kill_at(number, twice, recover_alone)
                undo(twice, after=0)
                assert_identical(twice, before)


@pytest.mark.parametrize("changes", [first_changes, second_changes])
def test_a_crash_then_prepare_converges(changes: Callable[[], Sequence[Change]]) -> None:
    """The same end as without the crash; and then there is nothing left to do."""
    with fresh_directory() as top:
        plant(top / "tree")
        if changes is second_changes:
            make(open_machine(top / "tree"), first_changes())
        action = preparing(changes())
        action(open_machine(copy_tree(top / "tree", top / "whole")))
        end = take_snapshot(top / "whole")
        for number, host in enumerate(every_crash(top, top / "tree", action)):
            if number % 3:
                continue
            action(open_machine(host))
            assert_identical(host, end)
            assert prepare(open_machine(host), requirements(changes())) == 0


def test_a_line_of_the_journal_that_was_cut_off_is_dropped() -> None:
    """Killed between the write of a record and its fsync, a disk may hold any part of the line, or zeros."""
    with fresh_directory() as top:
        plant(top / "tree")
        before = take_snapshot(top / "tree")
        action = making(first_changes())
        trace = trace_of(copy_tree(top / "tree", top / "counted"), action)
        appends = [
            number
            for number, (operation, path) in enumerate(trace, start=1)
            if operation == "fsync" and path.name == LOG
        ]
        assert len(appends) > 10
        for number, (kept, rest) in itertools.product(
            appends, ((0, b""), (1, b""), (20, b"\0\0\0"), (-1, b""))
        ):
            host = copy_tree(top / "tree", top / f"torn-{number}-{kept}")
            kill_at(number, host, action)
            (log,) = host.glob(f"var/lib/hvprep/journal/*/{LOG}")
            lines = log.read_bytes().splitlines(keepends=True)
            log.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept] + rest)
            recover_alone(open_machine(host))
            assert_identical(host, before)
            assert [each.state for each in read_transactions(open_machine(host).root)] == [State.ROLLED_BACK]


@pytest.mark.parametrize("when", ["before", "half-way", "after"])
def test_a_crash_while_the_generator_runs(when: str) -> None:
    """The generator itself ends hvprep, and is ended with it: nothing writes on behind the recovery."""
    kill = "kill -9 $PPID; sleep 60; : > $TREE/run/late"
    script = {
        "before": f"{kill}\necho late > $2\n",
        "half-way": f"echo image > $2; echo x > $2.new; echo x > $TREE$TMPDIR/y\n{kill}\necho end >> $2\n",
        "after": f"printf 'image\\nwanted\\nend\\n' > $2\n{kill}\n",
    }[when]
    with fresh_directory() as host:
        plant_programs(host, deadly="#!/bin/sh\necho $$ > $TREE/run/pid\n" + script)
        (host / "run").mkdir()
        make_node(host / "boot/image", b"image\nthe first\nend\n")
        before = take_snapshot(host)
        inode = (host / "boot/image").stat().st_ino
        status = end_of(host, making([Write(GuestPath("/etc/a"), b"a", "w"), image("/boot/image", "deadly")]))
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        wait_for_the_end_of(int((host / "run/pid").read_text()))
        assert not (host / "run/late").exists(), "it went on without hvprep"
        recover_alone(open_machine(host))
        assert_identical(host, before)
        assert (host / "boot/image").stat().st_ino == inode
        make(open_machine(host), [image("/boot/image")])
        assert (host / "boot/image").read_bytes() == b"image\nwanted\nend\n"


def wait_for_the_end_of(process: int) -> None:
    """It sleeps for a minute where nobody ends it; then the tree tells. A zombie has ended."""
    while True:
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except FileNotFoundError:
            return
        if stat.rpartition(")")[2].split()[0] == "Z":
            return
