"""One machine with a bit of everything, and two preparations of it that make every kind of change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, Sequence, Tuple

from hvprep.model.change import Build, Change, Link, Purge, Remove, Run, Write
from hvprep.model.finding import Outcome, Phase, Severity, Step
from hvprep.model.node import GuestPath
from hvprep.model.view import View

from tests.laws.machines import Requirement, image, make_node, plant_programs

_RUN = (
    ("mkdir", "/etc/made"),
    ("write", "/etc/made/file"),
    ("append", "/etc/appended"),
    ("remove", "/etc/dropped"),
    ("remove", "/etc/gone/file"),
    ("rmdir", "/etc/gone"),
)
#: A directory before what it held, and one after what is made in it: no order that rollback could rely on.
_WRITES = (
    "/etc/gone",
    "/etc/gone/file",
    "/etc/made/file",
    "/etc/made",
    "/etc/appended",
    "/etc/dropped",
)


def plant(host_path: Path) -> None:
    """The machine before the first preparation."""
    plant_programs(host_path)
    make_node(host_path / "etc/default/grub", b"GRUB_CMDLINE_LINUX=quiet\n", 0o640, (12, 34))
    os.setxattr(host_path / "etc/default/grub", "trusted.label", b"grub")
    make_node(host_path / "usr/etc/real.conf", b"behind a link\n", 0o604)
    (host_path / "etc/linked.conf").symlink_to("../usr/etc/real.conf")
    (host_path / "etc/replaced.link").symlink_to("/nowhere")
    os.chown(host_path / "etc/replaced.link", 5, 6, follow_symlinks=False)
    (host_path / "etc/removed.link").symlink_to("default")
    make_node(host_path / "etc/old.conf", b"to be removed\n", 0o600, (1, 2))
    make_node(host_path / "etc/appended", b"one line\n", 0o755)
    make_node(host_path / "etc/dropped", b"goes\n")
    make_node(host_path / "etc/gone/file", b"goes with its directory\n")
    (host_path / "etc/gone").chmod(0o750)
    make_node(host_path / "boot/image", b"image\nthe first\nend\n", 0o600, (3, 4))
    (host_path / "etc/default").chmod(0o711)


def first_changes() -> Tuple[Change, ...]:
    return (
        Write(GuestPath("/etc/default/grub"), b"GRUB_CMDLINE_LINUX=console\n", "w"),
        Write(GuestPath("/etc/new/deep/file"), b"new\n", "w", mode=0o600),
        Write(GuestPath("/etc/linked.conf"), b"through the link\n", "w"),
        Link(GuestPath("/etc/wants/getty"), "../getty", "w"),
        Link(GuestPath("/etc/replaced.link"), "elsewhere", "w"),
        Remove(GuestPath("/etc/removed.link"), "w"),
        Remove(GuestPath("/etc/old.conf"), "w"),
        Run(
            ("/usr/sbin/program", *(word for pair in _RUN for word in pair)),
            tuple(GuestPath(path) for path in _WRITES),
            "w",
        ),
        image("/boot/image"),
        image("/boot/fresh"),
    )


def second_changes() -> Tuple[Change, ...]:
    """On top of the first: every backup has an older one to displace."""
    return (
        Write(GuestPath("/etc/image.conf"), b"wanted\nmore\n", "w"),
        Write(GuestPath("/etc/default/grub"), b"GRUB_CMDLINE_LINUX=serial\n", "w", mode=0o600),
        Write(GuestPath("/etc/new/deep/file2"), b"beside\n", "w"),
        Remove(GuestPath("/etc/linked.conf"), "w"),
        image("/boot/image", wants=("wanted", "more")),
        image("/boot/fresh", wants=("wanted", "more")),
    )


def requirements(changes: Sequence[Change]) -> Tuple[Requirement, ...]:
    """One step for each change, which plans it while it is due."""
    return tuple(requirement(f"change-{number}", change) for number, change in enumerate(changes))


def requirement(name: str, change: Change) -> Requirement:
    """That the machine is as `change` makes it."""

    def plan(view: View, facts: None, settings: None) -> Iterator[Outcome]:
        if not is_met(view, change):
            yield change

    return Step(name, "title", Severity.REQUIRED, Phase.PREPARE, "source", "remedy", plan)


def is_met(view: View, change: Change) -> bool:
    if isinstance(change, Write):
        node = view.node(view.resolve(change.path))
        right_mode = change.mode is None or (node is not None and node.mode == change.mode)
        return view.read(change.path) == change.content and right_mode
    if isinstance(change, Link):
        node = view.node(change.path)
        return node is not None and node.target == change.target
    if isinstance(change, (Remove, Purge)):
        return view.node(change.path) is None
    if isinstance(change, Run):
        return view.node(GuestPath("/etc/made/file")) is not None
    assert isinstance(change, Build)
    lines = (view.read(change.target) or b"").decode("utf-8", "replace").split("\n")
    return not view.is_pending(change.target) and all(want in lines for want in change.wants)
