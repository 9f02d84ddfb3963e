"""A symbolic link of the tree never leads a change out of it."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from hvprep.errors import HvprepError, Refusal
from hvprep.model.change import Change, Link, Purge, Remove, Write
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
from tests.laws.strategies import TREES, Tree, law, plant
from tests.snapshot import diff_snapshots, take_snapshot

UP = "../" * 30


def plant_hostile(top: Path) -> Path:
    """A tree below `top`, whose neighbour is the canary, with links that would lead to it from outside."""
    make_node(top / "canary/file", b"sings\n", 0o600)
    make_node(top / "canary/boot/image", b"image\nold\nend\n")
    host = top / "tree"
    plant({}, host)
    canary = top / "canary"
    for name, target in (
        ("absolute", f"{canary}"),
        ("relative", f"{UP}{str(canary)[1:]}"),
        ("neighbour", "../../canary"),
        ("file", f"{canary}/file"),
        ("relative-file", "../../canary/file"),
    ):
        (host / "etc" / name).symlink_to(target)
    for name in ("boot", "lib"):
        (host / "etc" / f"{name}-link").symlink_to(f"/{name}/../../../{canary}/boot")
    return host


LINKS = ("absolute", "relative", "neighbour")


def changes_through(link: str) -> List[Change]:
    return [
        Write(GuestPath(f"/etc/{link}/file"), b"overwritten\n", "w"),
        Write(GuestPath(f"/etc/{link}/deep/new"), b"new\n", "w"),
        Link(GuestPath(f"/etc/{link}/link"), "x", "w"),
        Remove(GuestPath(f"/etc/{link}/boot/image"), "w"),
        Purge(GuestPath(f"/etc/{link}/file2"), "w"),
        image(f"/etc/{link}/boot/image"),
    ]


@pytest.mark.parametrize("link", LINKS)
def test_the_canary_outside_sings_on(link: str) -> None:
    with fresh_directory() as top:
        host = plant_hostile(top)
        canary, before = take_snapshot(top / "canary"), take_snapshot(host)
        make(open_machine(host), changes_through(link))
        assert diff_snapshots(canary, take_snapshot(top / "canary")) == []
        assert len(diff_snapshots(before, take_snapshot(host))) > 4, "the changes were made inside"
        take_back(open_machine(host))
        assert diff_snapshots(canary, take_snapshot(top / "canary")) == []
        assert_identical(host, before)


@pytest.mark.parametrize("name", ["file", "relative-file", "boot-link/image", "lib-link/image"])
def test_a_link_at_the_end_is_followed_inside_only(name: str) -> None:
    with fresh_directory() as top:
        host = plant_hostile(top)
        canary = take_snapshot(top / "canary")
        path = GuestPath(f"/etc/{name}")
        for changes in (
            [Write(path, b"x", "w")],
            [image(str(path))],
            [Purge(path, "w")],
            [Remove(path, "w")],
        ):
            before = take_snapshot(host)
            make(open_machine(host), changes)
            assert diff_snapshots(canary, take_snapshot(top / "canary")) == []
            take_back(open_machine(host))
            if not isinstance(changes[0], Purge):
                assert_identical(host, before)
        assert diff_snapshots(canary, take_snapshot(top / "canary")) == []


@pytest.mark.parametrize("place", ["var/lib/hvprep", "var/lib", "var/lib/hvprep/journal"])
@pytest.mark.parametrize("target", ["{canary}", "../../../../../canary"])
def test_a_state_directory_that_is_a_link_keeps_the_journal_inside(place: str, target: str) -> None:
    with fresh_directory() as top:
        host = plant_hostile(top)
        canary = take_snapshot(top / "canary")
        (host / "var/lib").rmdir()
        (host / place).parent.mkdir(parents=True, exist_ok=True)
        (host / place).symlink_to(target.format(canary=top / "canary"))
        try:
            make(open_machine(host), [Write(GuestPath("/etc/a"), b"x", "w")])
        except HvprepError:
            assert not (host / "etc/a").exists()
        assert diff_snapshots(canary, take_snapshot(top / "canary")) == []


@law(60)
@given(TREES, st.text("./", min_size=1, max_size=12), st.sampled_from(["/etc/a", "/etc/b", "/boot/b"]))
def test_random_links_lead_nowhere_outside(tree: Tree, dots: str, place: str) -> None:
    with fresh_directory() as top:
        make_node(top / "canary/file", b"sings\n")
        host = top / "outer/tree"
        plant({path: node for path, node in tree.items() if not path.startswith(place)}, host)
        link = host / place[1:]
        if not link.parent.is_dir() or link.parent.is_symlink():
            return
        link.symlink_to(f"{dots}/canary")
        outside, before = take_snapshot(top, left_out=("/outer/tree",)), take_snapshot(host)
        changes = [Write(GuestPath(f"{place}/file"), b"x", "w"), Write(GuestPath(f"{place}/../f"), b"x", "w")]
        try:
            make(open_machine(host), changes)
            take_back(open_machine(host))
        except HvprepError:
            pass
        assert take_snapshot(top, left_out=("/outer/tree",)) == outside
        assert_identical(host, before)


def test_a_build_whose_scratch_leaves_its_directory_is_refused_when_it_is_made() -> None:
    """The decoder refuses it in a plan; what did not come through the decoder is refused here."""
    with fresh_directory() as host:
        plant_programs(host)
        before = take_snapshot(host)
        for name in ("../../../../../../etc/OWNED", "/etc/OWNED"):
            scratch = image("/boot/image", scratch=((name, "x"),))
            copy = image("/boot/image", copy=((GuestPath("/etc"), name),))
            for change in (scratch, copy):
                with pytest.raises(Refusal, match="would leave its scratch directory"):
                    make(open_machine(host), (change,))
        assert_identical(host, before)
