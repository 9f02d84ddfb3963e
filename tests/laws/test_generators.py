"""Generators that fail in every way there is: the old file is untouched and nothing stays behind."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, Sequence, Tuple

import pytest
from hvprep.engine.execution import Judge
from hvprep.errors import ChangeFailed, CommandFailed, HvprepError
from hvprep.model.change import SCRATCH, Build, Change, Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View

from tests.laws.machines import (
    JUDGES,
    assert_identical,
    fresh_directory,
    image,
    make,
    make_node,
    open_machine,
    plant_programs,
    take_back,
)
from tests.snapshot import take_snapshot

GOOD = "printf 'image\\nwanted\\nend\\n'"
OLD = b"image\nthe old one\nend\n"

#: name -> (what the program does; $2 is the candidate, $TREE$TMPDIR the scratch directory; what is said)
FAULTY: Mapping[str, Tuple[str, str]] = {
    "makes-nothing": ("exit 0", "made no file for /boot/image"),
    "makes-an-empty-file": (': > "$2"', "made no file for /boot/image"),
    "leaves-out-what-is-wanted": ("printf 'image\\nend\\n' > \"$2\"", "it lacks wanted"),
    "leaves-half-an-image": ("printf 'image\\nwan' > \"$2\"", "it is cut off"),
    "is-killed-half-way": ("printf 'image\\n' > \"$2\"; kill -9 $$", "was killed by signal 9"),
    "exits-1": (
        f'{GOOD} > "$2"; echo no such device >&2; exit 1',
        "failed with exit status 1: no such device",
    ),
    "writes-beside": (
        f'{GOOD} > "$2.new"; mkdir "$2.d"; : > "$2.d/x"; : > "${{2%/*}}/.${{2##*/}}"',
        "made no file",
    ),
    "writes-into-the-scratch": (
        f'mkdir -p "$TREE$TMPDIR/a/b"; {GOOD} > "$TREE$TMPDIR/a/b/c"',
        "made no file",
    ),
    "makes-a-link": ('ln -s image "$2"', "made no file"),
    "makes-a-directory": ('mkdir "$2"; : > "$2/x"', "made no file"),
    "makes-a-device": ('mkfifo "$2"', "made no file"),
    "is-missing": ("", "No such file"),
}


def faulty(name: str) -> str:
    return f'#!/bin/sh\ncd "$TREE"\n{FAULTY[name][0]}\n'


@pytest.mark.parametrize("target", ["/boot/image", "/boot/fresh", "/boot/new/image"])
@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_generator_leaves_everything_as_it_was(name: str, target: str) -> None:
    with fresh_directory() as host:
        plant_programs(host, faulty=faulty(name))
        if name == "is-missing":
            (host / "usr/sbin/faulty").unlink()
        make_node(host / "boot/image", OLD, 0o600, (3, 4))
        before, inode = take_snapshot(host), (host / "boot/image").stat().st_ino
        changes: Sequence[Change] = [
            Write(GuestPath("/etc/image.conf"), b"other\n", "w"),
            image("/boot/other", wants=()),
            image(target, "faulty"),
        ]
        words = FAULTY[name][1].replace("/boot/image", target)
        with pytest.raises((ChangeFailed, CommandFailed), match=words):
            make(open_machine(host), changes)
        assert_identical(host, before)
        assert (host / "boot/image").stat().st_ino == inode


def test_a_generator_that_hangs_is_ended_with_its_children() -> None:
    with fresh_directory() as host:
        plant_programs(host, hangs='#!/bin/sh\nprintf image > "$2"\nsleep 1000 & sleep 1000\n')
        make_node(host / "boot/image", OLD)
        before = take_snapshot(host)
        with pytest.raises(CommandFailed, match="took longer than 0 seconds"):
            make(open_machine(host), [image("/boot/image", "hangs", timeout_s=0)])
        assert_identical(host, before)


@contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    """A real, small file system of its own."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("end", ["exit 1", "exit 0"])
def test_no_space_left_on_boot(end: str) -> None:
    """The generator meets it, whether or not it says so."""
    script = (
        f'#!/bin/sh\n{{ echo image; echo wanted; head -c 1M /dev/zero; echo; echo end; }} > "$2" || {end}\n'
    )
    with fresh_directory() as host, mounted(host / "boot", "256k"):
        plant_programs(host, greedy=script)
        make_node(host / "boot/image", OLD)
        before, inode = take_snapshot(host), (host / "boot/image").stat().st_ino
        with pytest.raises((ChangeFailed, CommandFailed)):
            make(open_machine(host), [image("/boot/image", "greedy")])
        assert_identical(host, before)
        assert (host / "boot/image").stat().st_ino == inode


def test_no_space_left_for_a_file_of_ours() -> None:
    with fresh_directory() as host, mounted(host / "etc/small", "64k"):
        plant_programs(host)
        make_node(host / "etc/small/file", b"old\n")
        before = take_snapshot(host)
        changes = [
            Write(GuestPath("/etc/other"), b"x", "w"),
            Write(GuestPath("/etc/small/file"), bytes(100_000), "w"),
        ]
        with pytest.raises(ChangeFailed, match="/etc/small/file: No space left on device"):
            make(open_machine(host), changes)
        assert_identical(host, before)


@pytest.mark.parametrize("room", [range(0, 130_000, 10_000)], ids=["0-130k"])
def test_no_space_left_for_the_journal(room: range) -> None:
    """Wherever it gets full: the copies fit or not, a record fits or not, what was done is taken back."""
    for size in room:
        with fresh_directory() as host, mounted(host / "var/lib/hvprep", "200k"):
            plant_programs(host)
            (host / "var/lib/hvprep/filler").write_bytes(bytes(size))
            for number in range(6):
                make_node(host / f"etc/file{number}", bytes([number]) * 10_000)
            before = take_snapshot(host)
            changes = [Write(GuestPath(f"/etc/file{number}"), b"new", "w") for number in range(6)]
            try:
                make(open_machine(host), changes)
            except HvprepError:
                assert_identical(host, before)
            else:
                take_back(open_machine(host))
                assert_identical(host, before)


def test_a_check_that_refuses_the_candidate() -> None:
    with fresh_directory() as host:
        plant_programs(host, checker='#!/bin/sh\n! grep -n wanted "$1"\n')
        make_node(host / "boot/image", OLD)
        before = take_snapshot(host)
        with pytest.raises(CommandFailed, match="exit status 1: 2:wanted"):
            make(open_machine(host), [image("/boot/image", check=("/usr/sbin/checker", "{candidate}"))])
        assert_identical(host, before)


def test_where_the_generator_fails_the_other_content_is_judged_and_used() -> None:
    other = Write(GuestPath("/boot/image"), b"image\nwanted\nedited\nend\n", "w")
    with fresh_directory() as host:
        plant_programs(host, faulty=faulty("exits-1"), silent=faulty("leaves-half-an-image"))
        make_node(host / "boot/image", OLD, 0o640, (3, 4))
        before = take_snapshot(host)
        for program in ("faulty", "silent"):
            make(open_machine(host), [image("/boot/image", program, otherwise=other)])
            assert (host / "boot/image").read_bytes() == other.content
            assert (host / "boot/image").stat().st_mode & 0o777 == 0o640
            take_back(open_machine(host))
            assert_identical(host, before)
        bad = Write(other.path, b"image\nend\n", "w")
        with pytest.raises(ChangeFailed, match="it lacks wanted"):
            make(open_machine(host), [image("/boot/image", "faulty", otherwise=bad)])
        assert_identical(host, before)


def test_the_generator_gets_its_copies_and_a_scratch_directory_that_goes() -> None:
    with fresh_directory() as host:
        script = 'set -e; { echo image; cat "$3/conf/main" "$3/conf/sub/more" "$3/own"; echo end; }'
        plant_programs(host, reader=f'#!/bin/sh\n{script} > "$2"\n')
        make_node(host / "etc/conf/sub/more", b"more\n", 0o600, (1, 1))
        make_node(host / "usr/share/main", b"wanted\n")
        (host / "etc/conf/main").symlink_to("/usr/share/main")
        change = Build(
            GuestPath("/boot/image"),
            ("/usr/sbin/reader", "-o", "{candidate}", SCRATCH),
            "image",
            "w",
            wants=("wanted", "more", "own"),
            copy=((GuestPath("/etc/conf"), "conf"),),
            scratch=(("own", "own\n"),),
        )
        make(open_machine(host), [change])
        assert (host / "boot/image").read_bytes() == b"image\nwanted\nmore\nown\nend\n"
        assert list((host / "var/lib/hvprep/journal/0001/scratch").iterdir()) == []


def test_what_a_good_generator_leaves_lying_about_goes_too() -> None:
    """grub-mkconfig leaves NAME.new where it was interrupted once; its TMPDIR is nobody's either."""
    script = f'#!/bin/sh\n{GOOD} > "$2"; cp "$2" "$2.new"; mkdir -p "$TREE$TMPDIR/a/b"\n'
    with fresh_directory() as host:
        plant_programs(host, untidy=script)
        make_node(host / "boot/image", OLD)
        make(open_machine(host), [image("/boot/image", "untidy")])
        assert sorted(path.name for path in (host / "boot").iterdir()) == ["image", "image.hvprep-old"]
        assert list((host / "var/lib/hvprep/journal/0001/scratch").iterdir()) == []


def see_nothing(view: View, candidate: GuestPath, build: Build) -> Tuple[str, ...]:
    return ()


BLIND: Mapping[str, Judge] = {"image": see_nothing}


@pytest.mark.parametrize("name", ["leaves-out-what-is-wanted", "leaves-half-an-image"])
def test_with_a_blind_judge_the_bad_image_is_used(name: str) -> None:
    """It is the judge that keeps the machine bootable, and these tests see it when one looks away."""
    with fresh_directory() as host:
        plant_programs(host, faulty=faulty(name))
        make_node(host / "boot/image", OLD)
        make(open_machine(host), [image("/boot/image", "faulty")], judges=BLIND)
        assert JUDGES["image"](open_machine(host).root, GuestPath("/boot/image"), image("/boot/image")) != ()
        assert (host / "boot/image").read_bytes() != OLD
