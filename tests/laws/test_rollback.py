"""What was made is taken back to the same tree, whatever the tree and whatever the changes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import List, Sequence

from hvprep.engine.journal import State, read_transactions
from hvprep.errors import HvprepError
from hvprep.model.change import Change, Write
from hvprep.model.node import GuestPath
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.machines import (
    assert_identical,
    fresh_directory,
    image,
    make,
    make_node,
    open_machine,
    plant_programs,
    take_back,
)
from tests.laws.scenario import first_changes, second_changes
from tests.laws.scenario import plant as plant_scenario
from tests.laws.strategies import PLANS, TREES, Tree, law, plant
from tests.snapshot import diff_snapshots, take_snapshot


def try_to_make(host: Path, changes: Sequence[Change], backups: bool = True) -> bool:
    """Whether the changes were made; where one of them could not be, all are taken back already."""
    before = take_snapshot(host)
    try:
        make(open_machine(host), changes, backups=backups)
    except HvprepError:
        assert_identical(host, before)
        return False
    return True


@law(120)
@given(TREES, PLANS, st.booleans())
def test_apply_then_rollback(tree: Tree, changes: List[Change], backups: bool) -> None:
    with fresh_directory() as host:
        plant(tree, host)
        before = take_snapshot(host)
        if try_to_make(host, changes, backups):
            assert take_back(open_machine(host)) == ()
            assert_identical(host, before)


@law(60)
@given(TREES, st.lists(PLANS, min_size=2, max_size=4), st.data())
def test_rolling_back_one_takes_back_all_after_it(
    tree: Tree, plans: List[List[Change]], data: st.DataObject
) -> None:
    with fresh_directory() as host:
        plant(tree, host)
        states = []
        for changes in plans:
            before = take_snapshot(host)
            if try_to_make(host, changes):
                states.append((read_transactions(open_machine(host).root)[-1].id, before))
        while states:
            index = data.draw(st.integers(0, len(states) - 1))
            first, before = states[index]
            assert take_back(open_machine(host), first) == ()
            assert_identical(host, before)
            states = states[:index]


def test_every_kind_of_change_twice_over_and_back() -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        pristine = take_snapshot(host)
        make(open_machine(host), first_changes())
        between = take_snapshot(host)
        make(open_machine(host), second_changes())
        assert len(diff_snapshots(between, take_snapshot(host))) > 5
        assert take_back(open_machine(host)) == ()
        assert_identical(host, between)
        make(open_machine(host), second_changes())
        assert take_back(open_machine(host), "0001") == ()
        assert_identical(host, pristine)
        states = [each.state for each in read_transactions(open_machine(host).root)]
        assert states == [State.ROLLED_BACK] * 3


def test_nothing_is_kept_of_what_was_rolled_back() -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        make(open_machine(host), first_changes())
        take_back(open_machine(host))
        kept = [path.name for path in (host / "var/lib/hvprep").rglob("*") if path.is_file()]
        assert sorted(kept) == ["lock", "log.jsonl"]


def test_the_old_file_comes_back_as_the_same_inode() -> None:
    """An initrd is renamed back, not copied: a full /boot does not keep anybody from a rollback."""
    with fresh_directory() as host:
        plant_scenario(host)
        inode = (host / "boot/image").stat().st_ino
        make(open_machine(host), [image("/boot/image")])
        assert (host / "boot/image.hvprep-old").stat().st_ino == inode
        take_back(open_machine(host))
        assert (host / "boot/image").stat().st_ino == inode


def refuse_links(operation: str, path: GuestPath) -> None:
    """What vfat answers to link(2)."""
    if operation == "link":
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_where_there_are_no_hard_links_the_backup_is_a_copy() -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        pristine = take_snapshot(host)
        old = (host / "boot/image").read_bytes()
        make(open_machine(host, refuse_links), [image("/boot/image")])
        assert (host / "boot/image.hvprep-old").read_bytes() == old
        between = take_snapshot(host)
        conf = Write(GuestPath("/etc/image.conf"), b"wanted\nmore\n", "w")
        make(open_machine(host, refuse_links), [conf, image("/boot/image")])
        take_back(open_machine(host, refuse_links))
        assert_identical(host, between)
        take_back(open_machine(host, refuse_links))
        assert_identical(host, pristine)


def test_a_backup_that_somebody_else_made_comes_back_too() -> None:
    with fresh_directory() as host:
        plant_programs(host)
        make_node(host / "boot/image", b"image\nold\nend\n")
        make_node(host / "boot/image.hvprep-old", b"mine\n", 0o600, (7, 8))
        before = take_snapshot(host)
        make(open_machine(host), [image("/boot/image")])
        assert (host / "boot/image.hvprep-old").read_bytes() == b"image\nold\nend\n"
        take_back(open_machine(host))
        assert_identical(host, before)


def test_a_directory_that_holds_other_files_by_now_stays_and_is_named() -> None:
    with fresh_directory() as host:
        plant_programs(host)
        make(open_machine(host), [Write(GuestPath("/etc/new/file"), b"x", "w")])
        (host / "etc/new/theirs").write_text("x")
        (leave,) = take_back(open_machine(host))
        assert leave.path == GuestPath("/etc/new")
        assert [path.name for path in (host / "etc/new").iterdir()] == ["theirs"]
