"""What people see of a change, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest
from hvprep.cli.diff import conditions_of, describe, diff_of
from hvprep.model.change import CANDIDATE, SCRATCH, Build, Change, Link, Purge, Remove, Run, Write
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

PATH = GuestPath("/etc/file")
BUILD = Build(GuestPath("/boot/x"), ("dracut", "--tmpdir", f"{SCRATCH}/a b", CANDIDATE), "initrd", "w")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Write(PATH, b"", "w"), "write /etc/file"),
        (Link(PATH, "there", "w"), "link /etc/file"),
        (Remove(PATH, "w"), "remove /etc/file"),
        (Purge(PATH, "w"), "purge (cannot be undone) /etc/file"),
        (Run(("a", "b c"), (), "w"), "run a 'b c'"),
        (BUILD, "build /boot/x with: dracut --tmpdir 'TEMPORARY/a b' NEW"),
    ],
)
def test_one_line(change: Change, text: str) -> None:
    assert describe(change) == text


def test_what_is_demanded_of_an_image() -> None:
    build = replace(BUILD, subject="6.1", wants=("hv_vmbus", "!ban hv_netvsc", "sd_mod", "!ban hv_utils"))
    assert list(conditions_of(build)) == [
        "must hold: hv_vmbus sd_mod",
        "must be without: ban hv_netvsc, ban hv_utils",
    ]
    assert list(conditions_of(replace(build, wants=("sd_mod",)))) == ["must hold: sd_mod"]


def diff(tmp_path: Path, old: Optional[bytes], old_mode: int, new: bytes, mode: Optional[int]) -> str:
    (tmp_path / "etc").mkdir()
    if old is not None:
        (tmp_path / "etc/file").write_bytes(old)
        (tmp_path / "etc/file").chmod(old_mode)
    return diff_of(Root(tmp_path), Write(PATH, new, "w", mode)) or ""


def test_a_new_file(tmp_path: Path) -> None:
    assert diff(tmp_path, None, 0, b"a\nb", None) == (
        "--- /dev/null\n+++ /etc/file\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"
    )


def test_a_file_that_everybody_may_read(tmp_path: Path) -> None:
    assert diff(tmp_path, b"a\nb\n", 0o644, b"a\nc\n", None) == (
        "--- /etc/file\n+++ /etc/file\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    )


@pytest.mark.parametrize(
    ("old", "old_mode", "mode"),
    [
        (b"secret\n", 0o600, None),
        (b"secret\n", 0o640, None),
        (b"secret\n", 0o600, 0o644),
        (b"secret\n", 0o644, 0o600),
        (None, 0, 0o600),
        (None, 0, 0o000),
    ],
)
def test_what_not_everybody_may_read_is_never_shown(
    tmp_path: Path, old: Optional[bytes], old_mode: int, mode: Optional[int]
) -> None:
    """Neither what it held nor what it will hold."""
    text = diff(tmp_path, old, old_mode, b"secret too\n", mode)
    lines = 2 if old else 1
    assert text == f"{lines} lines change (not shown: the file is not readable by everybody)"


def test_a_link_to_a_private_file_does_not_show_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/shadow").write_text("root:secret\n")
    (tmp_path / "etc/shadow").chmod(0o640)
    (tmp_path / "etc/file").symlink_to("shadow")
    assert "secret" not in (diff_of(Root(tmp_path), Write(PATH, b"x\n", "w", 0o644)) or "")


def test_a_build_shows_what_is_written_instead(tmp_path: Path) -> None:
    assert diff_of(Root(tmp_path), BUILD) is None
    assert diff_of(Root(tmp_path), Remove(PATH, "w")) is None
