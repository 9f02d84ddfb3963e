"""`--force` after a crash and after a loss: what it overwrites, and what it owns up to."""

from __future__ import annotations

import pytest
from hvprep.engine.journal import State, read_transactions
from hvprep.errors import Refusal
from hvprep.model.change import Remove, Write
from hvprep.model.node import GuestPath

from tests.laws.crashes import copy_tree, kill_at, trace_of
from tests.laws.machines import (
    assert_identical,
    fresh_directory,
    make,
    open_machine,
    plant_programs,
    take_back,
)
from tests.snapshot import take_snapshot

A, B = GuestPath("/etc/a"), GuestPath("/etc/b")


def test_a_file_edited_after_a_crash_is_overwritten_by_force_only() -> None:
    with fresh_directory() as top:
        host = top / "tree"
        plant_programs(host)
        for name in ("a", "b"):
            (host / "etc" / name).write_text("old\n")
        changes = (Write(A, b"new\n", "w"), Write(B, b"new\n", "w"))
        trace = trace_of(copy_tree(host, top / "rehearsal"), lambda machine: make(machine, changes))
        before = take_snapshot(host)
        kill_at(trace.index(("rename", B)) + 1, host, lambda machine: make(machine, changes))
        (host / "etc/a").write_text("by somebody\n")
        with pytest.raises(Refusal, match="/etc/a was changed since by somebody else"):
            take_back(open_machine(host))
        assert (host / "etc/a").read_text() == "by somebody\n"
        assert take_back(open_machine(host), force=True) == ()
        assert_identical(host, before)
        assert [each.state for each in read_transactions(open_machine(host).root)] == [State.ROLLED_BACK]


def test_what_force_could_not_bring_back_is_told_and_the_other_copies_stay() -> None:
    with fresh_directory() as host:
        plant_programs(host)
        for name in ("a", "b"):
            (host / "etc" / name).write_text(f"old {name}\n")
        make(open_machine(host), (Remove(A, "w"), Remove(B, "w")))
        blobs = host / "var/lib/hvprep/journal/0001/blobs"
        (lost,) = [blob for blob in blobs.iterdir() if blob.read_text() == "old a\n"]
        lost.unlink()
        with pytest.raises(Refusal, match="its copy is gone"):
            take_back(open_machine(host))
        (leave,) = take_back(open_machine(host), force=True)
        assert (leave.path, leave.failed) == (A, True)
        assert (host / "etc/b").read_text() == "old b\n"
        assert [blob.read_text() for blob in blobs.iterdir()] == ["old b\n"]
        assert [each.state for each in read_transactions(open_machine(host).root)] == [State.ROLLED_BACK]
