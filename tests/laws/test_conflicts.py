"""What somebody changed meanwhile is theirs: refused and named, unless it is a generated file."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Sequence

import pytest
from hvprep.engine.journal import State, read_transactions
from hvprep.engine.preflight import Room
from hvprep.engine.transaction import apply
from hvprep.errors import HvprepError, Refusal
from hvprep.model.change import Change, Remove, Run, Write
from hvprep.model.node import GuestPath

from tests.laws.crashes import kill_at
from tests.laws.machines import (
    JUDGES,
    assert_identical,
    fresh_directory,
    image,
    make,
    make_node,
    open_machine,
    plan_of,
    plant_programs,
    quiet,
    take_back,
)
from tests.laws.scenario import first_changes
from tests.laws.scenario import plant as plant_scenario
from tests.snapshot import diff_snapshots, take_snapshot

GRUB = GuestPath("/etc/default/grub")


def rewrite(host: Path, name: str) -> None:
    (host / name).unlink()
    (host / name).write_text("edited by somebody\n")


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("etc/default/grub", rewrite),
        ("etc/new/deep/file", rewrite),
        ("etc/replaced.link", rewrite),
        ("etc/old.conf", lambda host, name: (host / name).write_text("back again\n")),
        ("etc/appended", rewrite),
        ("etc/default/grub", lambda host, name: (host / name).chmod(0o600)),
    ],
)
def test_a_changed_file_refuses_the_rollback_and_nothing_is_touched(
    name: str, edit: Callable[[Path, str], None]
) -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        pristine = take_snapshot(host)
        make(open_machine(host), first_changes())
        edit(host, name)
        edited = take_snapshot(host)
        with pytest.raises(Refusal, match=f"/{name} was changed since by somebody else"):
            take_back(open_machine(host))
        assert_identical(host, edited)
        assert read_transactions(open_machine(host).root)[-1].state is State.COMMITTED
        assert take_back(open_machine(host), force=True) == ()
        assert_identical(host, pristine)


def test_a_file_that_was_edited_after_a_crash_is_named_and_can_be_forced() -> None:
    """Otherwise neither prepare nor rollback could ever be run again."""
    with fresh_directory() as host:
        plant_scenario(host)
        pristine = take_snapshot(host)
        kill_at(60, host, lambda machine: make(machine, first_changes()))
        rewrite(host, "etc/default/grub")
        for verb in (take_back, lambda machine: make(machine, first_changes())):
            with pytest.raises(Refusal, match="/etc/default/grub was changed since"):
                verb(open_machine(host))
        take_back(open_machine(host), force=True)
        assert_identical(host, pristine)


def test_a_file_that_was_put_back_by_hand_is_no_conflict() -> None:
    with fresh_directory() as host:
        plant_programs(host)
        make_node(host / "etc/default/grub", b"old\n")
        make(open_machine(host), [Write(GRUB, b"new\n", "w")])
        before = take_snapshot(host)
        (host / "etc/default/grub").write_bytes(b"old\n")
        take_back(open_machine(host))
        assert diff_snapshots(before, take_snapshot(host)) == ["changed /etc/default/grub (content)"]


def test_a_file_that_holds_what_an_earlier_preparation_wrote_is_ours() -> None:
    with fresh_directory() as host:
        plant_programs(host)
        make_node(host / "etc/default/grub", b"old\n")
        before = take_snapshot(host)
        for content in (b"first\n", b"second\n", b"third\n"):
            make(open_machine(host), [Write(GRUB, content, "w")])
        (host / "etc/default/grub").write_bytes(b"first\n")
        take_back(open_machine(host), "0001")
        assert_identical(host, before)


CONF = GuestPath("/etc/image.conf")


def planted_image(host: Path) -> Sequence[Change]:
    """An image of which the source is changed too."""
    plant_programs(host)
    make_node(host / "boot/image", b"image\nwanted\nend\n", 0o600)
    return [Write(CONF, b"wanted\nmore\n", "w"), image("/boot/image", wants=("more",))]


def test_an_image_that_the_distribution_made_anew_is_made_from_the_restored_sources() -> None:
    with fresh_directory() as host:
        changes = planted_image(host)
        before = take_snapshot(host)
        make(open_machine(host), changes)
        (host / "boot/image").write_bytes(b"image\nwanted\nmore\nfrom a kernel package\nend\n")
        assert take_back(open_machine(host)) == ()
        assert_identical(host, before)


def test_an_image_that_cannot_be_made_anew_stays_as_it_is_and_is_named() -> None:
    with fresh_directory() as host:
        make(open_machine(host), planted_image(host))
        (host / "boot/image").write_bytes(b"theirs\n")
        (host / "usr/sbin/generator").write_text("#!/bin/sh\n: > $2\n")
        (leave,) = take_back(open_machine(host))
        assert leave.path == GuestPath("/boot/image")
        assert (host / "boot/image").read_bytes() == b"theirs\n"
        assert sorted(path.name for path in (host / "boot").iterdir()) == ["image"]
        assert (host / "etc/image.conf").read_text() == "wanted\n"


def test_an_image_that_went_with_its_kernel_does_not_come_back() -> None:
    with fresh_directory() as host:
        make(open_machine(host), planted_image(host))
        (host / "boot/image").unlink()
        (leave,) = take_back(open_machine(host))
        assert leave.path == GuestPath("/boot/image")
        assert list((host / "boot").iterdir()) == []


def test_an_image_without_its_backup_is_made_anew() -> None:
    with fresh_directory() as host:
        changes = planted_image(host)
        before = take_snapshot(host)
        make(open_machine(host), changes)
        (host / "boot/image.hvprep-old").unlink()
        take_back(open_machine(host))
        assert_identical(host, before)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"rotten")])
def test_a_copy_that_is_gone_or_damaged_is_said_before_anything_is_touched(
    damage: Callable[[Path], object],
) -> None:
    with fresh_directory() as host:
        plant_programs(host)
        make_node(host / "etc/default/grub", b"old\n")
        make_node(host / "etc/other", b"other\n")
        make(open_machine(host), [Write(GuestPath("/etc/other"), b"x", "w"), Write(GRUB, b"new\n", "w")])
        before = take_snapshot(host)
        (blob,) = [
            path for path in host.glob("var/lib/hvprep/journal/*/blobs/*") if path.read_bytes() == b"old\n"
        ]
        damage(blob)
        with pytest.raises(Refusal, match="/etc/default/grub cannot come back"):
            take_back(open_machine(host))
        assert_identical(host, before)
        (leave,) = take_back(open_machine(host), force=True)
        assert leave.path == GRUB
        assert (host / "etc/other").read_bytes() == b"other\n"


def edit_before(host: Path, name: str, at: str) -> Callable[[str, GuestPath], None]:
    """Somebody who edits `name` right before the first mutation of `at`."""
    done: List[str] = []

    def observe(operation: str, path: GuestPath) -> None:
        if str(path) == at and not done:
            done.append(operation)
            rewrite(host, name)

    return observe


LATE: Sequence[Change] = (
    Write(GuestPath("/etc/default/.first"), b"x", "w"),
    Write(GRUB, b"ours\n", "w"),
    Remove(GuestPath("/etc/old.conf"), "w"),
    Run(("/usr/sbin/program", "append", "/etc/appended"), (GuestPath("/etc/appended"),), "w"),
    image("/boot/image"),
)


@pytest.mark.parametrize("name", ["etc/default/grub", "etc/old.conf", "etc/appended", "boot/image"])
def test_a_file_that_is_edited_between_the_plan_and_its_change(name: str) -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        edited = take_snapshot(host)
        edit = edit_before(host, name, "/etc/default/.first")
        with pytest.raises(Refusal, match=f"/{name} was changed by somebody else"):
            make(open_machine(host, edit), LATE)
        differences = diff_snapshots(edited, take_snapshot(host))
        assert [line.split()[1] for line in differences] == [f"/{name}"]
        assert (host / name).read_text() == "edited by somebody\n"


def test_an_image_that_is_edited_while_its_generator_runs() -> None:
    """As a kernel package may do; the generator here does it itself, by ignoring where it should write."""
    with fresh_directory() as host:
        plant_programs(host, deaf="#!/bin/sh\nprintf 'image\\nwanted\\nend\\n' | tee $TREE/boot/image > $2\n")
        make_node(host / "boot/image", b"image\nold\nend\n")
        with pytest.raises(Refusal, match="/boot/image was changed by somebody else"):
            make(open_machine(host), [image("/boot/image", "deaf")])
        assert sorted(path.name for path in (host / "boot").iterdir()) == ["image"]


def test_a_plan_whose_files_have_moved_is_refused_before_the_first_write() -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        plan = plan_of(open_machine(host).root, LATE)
        rewrite(host, "boot/image")
        before = take_snapshot(host, left_out=())
        with pytest.raises(Refusal, match="since the plan was made: /boot/image"):
            apply(open_machine(host), plan, Room((), True), JUDGES, lambda: (), quiet())
        assert take_snapshot(host, left_out=()) == before


def test_a_link_on_the_way_that_leads_elsewhere_by_now_is_refused() -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        (host / "etc/way").symlink_to("default")
        make_node(host / "etc/elsewhere/grub", b"elsewhere\n")

        def turn(operation: str, path: GuestPath) -> None:
            if path.name == "..first.hvprep-tmp" and operation == "create":
                (host / "etc/way").unlink()
                (host / "etc/way").symlink_to("elsewhere")

        before = take_snapshot(host / "etc/elsewhere")
        changes = [LATE[0], Write(GuestPath("/etc/way/grub"), b"ours\n", "w")]
        with pytest.raises(HvprepError, match="/etc/elsewhere/grub is not where the plan saw it"):
            make(open_machine(host, turn), changes)
        assert take_snapshot(host / "etc/elsewhere") == before
