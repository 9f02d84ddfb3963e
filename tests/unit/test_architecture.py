"""The processor that a system is made for, from the ELF header of its shell."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hvprep.facts.architecture import probe_architecture
from hvprep.settings import Settings
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree


@pytest.mark.parametrize(("name", "is_x86"), [("x86_64", True), ("aarch64", False)])
def test_known_processors(tmp_path: Path, name: str, is_x86: bool) -> None:
    add_to_tree(tmp_path, f"elf /usr/bin/dash {name}\nlink /usr/bin/sh dash\nlink /bin usr/bin\n")
    architecture = probe_architecture(Root(tmp_path), Settings())
    assert (architecture.name, architecture.is_x86) == (name, is_x86)
    assert architecture.runs_here == (name == os.uname().machine)
    assert architecture.because == f"/bin/sh is a program for {name}"


@pytest.mark.parametrize(
    ("machine", "order", "name"),
    [(3, "<", "i686"), (22, ">", "s390x"), (21, "<", "ppc64le"), (999, "<", "ELF machine 999")],
)
def test_other_processors_and_byte_orders(tmp_path: Path, machine: int, order: str, name: str) -> None:
    (tmp_path / "bin").mkdir()
    ident = b"\x7fELF\x01" + (b"\x01" if order == "<" else b"\x02") + bytes(10)
    (tmp_path / "bin/sh").write_bytes(ident + struct.pack(f"{order}HH", 2, machine) + bytes(32))
    assert probe_architecture(Root(tmp_path), Settings()).name == name


def test_what_is_no_program_is_passed_over(tmp_path: Path) -> None:
    add_to_tree(tmp_path, "file /bin/sh\n|#!/usr/bin/perl\nelf /sbin/init aarch64\n")
    assert probe_architecture(Root(tmp_path), Settings()).because == "/sbin/init is a program for aarch64"


@pytest.mark.parametrize("text", ["", "file /bin/sh\n|\x7fELF\n", "link /bin/sh /bin/sh\n", "dir /bin/sh\n"])
def test_nothing_to_be_learnt(tmp_path: Path, text: str) -> None:
    add_to_tree(tmp_path, text)
    architecture = probe_architecture(Root(tmp_path), Settings())
    assert (architecture.name, architecture.runs_here) == ("", False)
    assert architecture.because
