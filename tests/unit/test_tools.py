"""Which generators a system has, told by its files and not by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from hvprep.facts.tools import find_program, probe_grub_tool
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree


def make_root(tmp_path: Path, text: str) -> Root:
    add_to_tree(tmp_path, text)
    return Root(tmp_path)


@pytest.mark.parametrize(
    ("text", "config", "check", "sources"),
    [
        ("file /usr/sbin/grub-mkconfig 755\n|default/grub.d/x\nelf /usr/bin/grub-script-check x86_64\n",
         "/boot/grub/grub.cfg", "/usr/bin/grub-script-check", True),
        ("file /usr/sbin/grub2-mkconfig 755\n|. /etc/default/grub\n", "/boot/grub2/grub.cfg", None, False),
        ("elf /usr/sbin/grub-mkconfig x86_64\nelf /usr/sbin/grub2-mkconfig x86_64\n",
         "/boot/grub/grub.cfg", None, False),
    ],
)  # fmt: skip
def test_grub(tmp_path: Path, text: str, config: str, check: Optional[str], sources: bool) -> None:
    grub = probe_grub_tool(make_root(tmp_path, text))
    assert grub is not None
    assert grub.config == GuestPath(config)
    assert grub.script_check == (GuestPath(check) if check else None)
    assert grub.sources_drop_ins == sources


def test_no_grub(tmp_path: Path) -> None:
    assert probe_grub_tool(make_root(tmp_path, "file /boot/grub/grub.cfg\n|x\n")) is None


def test_a_program_may_be_a_link_and_has_to_be_executable(tmp_path: Path) -> None:
    root = make_root(
        tmp_path,
        "dir /usr/bin\nlink /bin usr/bin\nelf /usr/bin/busybox x86_64\nlink /bin/a busybox\n"
        "file /bin/b 644\n|x\ndir /usr/sbin/c\nlink /usr/bin/d ../../../../bin/sh\n",
    )
    assert find_program(root, "a") == GuestPath("/usr/bin/a")
    assert find_program(root, "b", "c", "d") is None
