"""A purged file leaves no copy; no content of a file gets into a record, a message or a progress line."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence

import pytest
from hvprep.engine.preflight import Room
from hvprep.engine.transaction import Progress, apply
from hvprep.errors import HvprepError
from hvprep.model.change import Change, Purge, Remove, Write
from hvprep.model.node import GuestPath
from hvprep.system.lock import lock

from tests.laws.crashes import copy_tree, kill_at, trace_of
from tests.laws.machines import (
    JUDGES,
    fresh_directory,
    journal_bytes,
    make,
    make_node,
    open_machine,
    plan_of,
    plant_programs,
    recover_alone,
    take_back,
)
from tests.snapshot import diff_snapshots, take_snapshot

PASSWORD = b"correct horse battery staple"
SECRET = GuestPath("/etc/secret")


def plant(host: Path) -> None:
    plant_programs(host)
    make_node(host / "etc/secret", b"password=" + PASSWORD + b"\n", 0o600)
    make_node(host / "etc/other", b"other\n")


def found_in(host: Path) -> List[str]:
    """Every file of the tree, ours too, that holds the password."""
    return [str(path) for path in host.rglob("*") if path.is_file() and PASSWORD in path.read_bytes()]


def test_a_purge_leaves_no_copy() -> None:
    with fresh_directory() as host:
        plant(host)
        make(open_machine(host), [Purge(SECRET, "w")])
        assert found_in(host) == []
        (leave,) = take_back(open_machine(host))
        assert leave.path == SECRET
        assert found_in(host) == []


def test_a_purge_takes_the_copies_that_earlier_changes_kept() -> None:
    with fresh_directory() as host:
        plant(host)
        before = take_snapshot(host)
        make(open_machine(host), [Write(SECRET, b"new\n", "w"), Write(GuestPath("/etc/other"), b"x", "w")])
        assert found_in(host) != []
        changes: List[Change] = [Remove(SECRET, "w"), Write(SECRET, PASSWORD, "w"), Purge(SECRET, "w")]
        make(open_machine(host), changes)
        assert found_in(host) == []
        take_back(open_machine(host), "0001")
        assert diff_snapshots(before, take_snapshot(host)) == ["removed /etc/secret (file)"]


def test_what_follows_a_purge_that_fails_is_taken_back_and_the_purged_stays_away() -> None:
    with fresh_directory() as host:
        plant(host)
        (host / "etc/directory").mkdir()
        before = take_snapshot(host)
        changes: Sequence[Change] = [
            Write(GuestPath("/etc/other"), b"x", "w"),
            Purge(SECRET, "w"),
            Write(SECRET, b"a new one\n", "w"),
            Remove(GuestPath("/etc/directory"), "w"),
        ]
        with pytest.raises(HvprepError):
            make(open_machine(host), changes)
        assert diff_snapshots(before, take_snapshot(host)) == ["removed /etc/secret (file)"]


def test_a_crash_in_a_purge_takes_everything_else_back() -> None:
    changes: Sequence[Change] = [
        Write(GuestPath("/etc/other"), b"x", "w"),
        Purge(SECRET, "w"),
        Write(SECRET, b"new\n", "w"),
    ]
    with fresh_directory() as top:
        plant(top / "tree")
        before = take_snapshot(top / "tree")
        count = len(
            trace_of(copy_tree(top / "tree", top / "counted"), lambda machine: make(machine, changes))
        )
        for number in range(1, count):
            host = copy_tree(top / "tree", top / f"crash-{number}")
            kill_at(number, host, lambda machine: make(machine, changes))
            recover_alone(open_machine(host))
            differences = diff_snapshots(before, take_snapshot(host))
            assert differences in ([], ["removed /etc/secret (file)"])


def test_no_content_gets_into_a_record_or_a_message() -> None:
    """The copy of a file of mode 0600 is kept in a file of mode 0600; nothing else of ours tells of it."""
    with fresh_directory() as host:
        plant(host)
        told: List[str] = []
        progress = Progress(lambda *words: told.append(str(words[:2])), told.append)
        machine = open_machine(host)
        changes: Sequence[Change] = [
            Write(SECRET, b"next " + PASSWORD, "w"),
            Write(GuestPath("/etc/new"), PASSWORD, "w", 0o600),
        ]
        with lock(machine.root, "prepare"):
            plan = plan_of(machine.root, changes)
            apply(machine, plan, Room((), True), JUDGES, lambda: (), progress)
        kept = host / "var/lib/hvprep"
        holders = [path for path in kept.rglob("*") if path.is_file() and PASSWORD in path.read_bytes()]
        assert [path.parent.name for path in holders] == ["blobs"]
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in holders)
        assert all(path.stat().st_mode & 0o777 == 0o700 for path in kept.rglob("*") if path.is_dir())
        (host / "etc/secret").write_bytes(b"edited " + PASSWORD)
        with pytest.raises(HvprepError) as refused:
            take_back(open_machine(host))
        assert PASSWORD.decode() not in " ".join([*told, str(refused.value), str(refused.value.hint)])
        take_back(open_machine(host), force=True)
        assert PASSWORD not in journal_bytes(host)
