"""What a run has left: unchanged, or not, in one glance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, List

import pytest
from hvprep.system.memo import find_unchanged, record_directory, record_file, record_line, render_memo
from hypothesis import given
from hypothesis import strategies as st


def write(path: Path, records: List[str], words: str = "nothing to do\n") -> str:
    memo = path / "memo"
    memo.write_text(render_memo("1.0", records, words))
    return str(memo)


def test_unchanged(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("a=1\n")
    (tmp_path / "swaps").write_text("Filename\n/x/swap   file\t\t100\t\t0\t\t-2\n")
    records = [
        record_file(f"{tmp_path}/conf"),
        record_file(f"{tmp_path}/absent"),
        record_directory(str(tmp_path)),
        record_line(f"{tmp_path}/swaps", "/x/swap   file\t\t100"),
        record_line(f"{tmp_path}/swaps", "/y"),
    ]
    assert [record.split()[0] for record in records] == ["file", "file", "seen", "line", "none"]
    assert find_unchanged(write(tmp_path, records, "two\nlines\n"), "1.0") == "two\nlines\n"
    assert find_unchanged(write(tmp_path, records, ""), "1.0") == ""


def put(path: Path, text: str) -> None:
    """A file that is as old as the one before it."""
    path.write_text(text)
    os.utime(path, (1000, 1000))


def replace(path: Path, text: str) -> None:
    """Likewise, and another file of that name."""
    put(path.with_name("new"), text)
    path.with_name("new").rename(path)


def renew(directory: Path) -> None:
    directory.rename(directory.with_name("gone"))
    directory.mkdir()


CHANGES: List[Callable[[Path], object]] = [
    lambda path: (path / "conf").write_text("b=1\n"),
    lambda path: os.utime(path / "conf", (1, 1)),
    lambda path: put(path / "conf", "aa=1\n"),
    lambda path: replace(path / "conf", "a=1\n"),
    lambda path: (path / "conf").unlink(),
    lambda path: (path / "absent").write_text(""),
    lambda path: (path / "directory").rename(path / "gone"),
    lambda path: renew(path / "directory"),
    lambda path: (path / "swaps").write_text("/x/swap   file\t\t200\n"),
    lambda path: (path / "swaps").write_text(""),
    lambda path: (path / "swaps").write_text("  /x/swap   file\t\t100\n"),
    lambda path: (path / "swaps").unlink(),
    lambda path: (path / "swaps").write_text("/x/swap   file\t\t100\n/y file\n"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    put(tmp_path / "conf", "a=1\n")
    (tmp_path / "directory").mkdir()
    (tmp_path / "swaps").write_text("/x/swap   file\t\t100\n")
    records = [
        record_file(f"{tmp_path}/conf"),
        record_file(f"{tmp_path}/absent"),
        record_directory(f"{tmp_path}/directory"),
        record_line(f"{tmp_path}/swaps", "/x/swap   file\t\t100"),
        record_line(f"{tmp_path}/swaps", "/y"),
    ]
    memo = write(tmp_path, records)
    (tmp_path / "directory/file").write_text("what is in it does not count")
    assert find_unchanged(memo, "1.0") == "nothing to do\n"
    change(tmp_path)
    assert find_unchanged(memo, "1.0") is None


def test_another_version_looks_anew(tmp_path: Path) -> None:
    assert find_unchanged(write(tmp_path, [record_file("/")]), "1.1") is None


def test_no_memo(tmp_path: Path) -> None:
    assert find_unchanged(str(tmp_path / "memo"), "1.0") is None
    (tmp_path / "real").write_text(render_memo("1.0", [record_directory("/")], ""))
    (tmp_path / "memo").symlink_to("real")
    assert find_unchanged(str(tmp_path / "memo"), "1.0") is None, "a link is none of ours"
    assert find_unchanged(str(tmp_path), "1.0") is None
    assert find_unchanged(write(tmp_path / "..", [], ""), "1.0") is None, "without records it says nothing"


@pytest.mark.parametrize("record", ["", "x", "file", "line", "line /proc/swaps", "sight - /absent", "none"])
def test_a_record_that_is_none(tmp_path: Path, record: str) -> None:
    assert find_unchanged(write(tmp_path, [record]), "1.0") is None


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_memo(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("memo") / "memo"
    path.write_bytes(b"hvprep 1.0\n" + content)
    find_unchanged(str(path), "1.0")


def test_it_needs_almost_nothing() -> None:
    program = "import sys; import hvprep.system.memo; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, 'agent'); {program}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("hvprep")} == {
        "hvprep",
        "hvprep.system",
        "hvprep.system.memo",
    }
    assert not loaded & {"re", "typing", "dataclasses", "pathlib", "enum"}
