"""tests/strict.py and tests/snapshot.py, on which the other floors rely, do what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint.sources import CHECKOUT
from tests.snapshot import diff_snapshots, take_snapshot


def run_pytest(checkout: Path) -> int:
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.strict",
        "-c",
        os.devnull,
        "tests/lint",
        "tests/unit",
    ]
    environ = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.run(argv, cwd=checkout, env=environ, stdout=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("def test(): pass\n", 0),
        ("import pytest\ndef test(): pytest.skip('no root')\n", 1),
        ("import pytest\n@pytest.mark.skip\ndef test(): pass\n", 1),
        ("import pytest\n@pytest.mark.xfail\ndef test(): assert False\n", 1),
        ("import pytest\npytest.importorskip('no_such_module')\n", 2),
        ("", 5),
    ],
    ids=["passes", "skips", "skip mark", "xfail", "module skips", "no tests"],
)
def test_what_did_not_run_has_failed(text: str, status: int, tmp_path: Path) -> None:
    for name, content in {
        "strict.py": (CHECKOUT / "tests" / "strict.py").read_text(),
        "__init__.py": "",
        "lint/test_fine.py": "def test(): pass\n",
        "unit/test_it.py": text,
    }.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert run_pytest(tmp_path) == status


def test_a_snapshot_sees_every_difference(tmp_path: Path) -> None:
    for name in ("kept", "gone", "content", "mode", "owner"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "directory").mkdir(0o755)
    (tmp_path / "turned").mkdir()
    (tmp_path / "run").mkdir()
    before = take_snapshot(tmp_path)
    assert diff_snapshots(before, take_snapshot(tmp_path)) == []

    (tmp_path / "gone").unlink()
    (tmp_path / "new").write_text("")
    (tmp_path / "new").chmod(0o600)
    (tmp_path / "content").write_text("other")
    (tmp_path / "mode").chmod(0o4755)
    os.chown(tmp_path / "owner", 1, 2)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("content")
    (tmp_path / "directory").chmod(0o700)
    (tmp_path / "turned").rmdir()
    (tmp_path / "turned").write_text("")
    (tmp_path / "turned").chmod(0o755)
    (tmp_path / "run" / "lock").write_text("")
    (tmp_path / "var" / "lib" / "hvprep").mkdir(parents=True)
    assert diff_snapshots(before, take_snapshot(tmp_path)) == [
        "changed /content (content)",
        "changed /directory (mode 0755 -> 0700)",
        "removed /gone (file)",
        "changed /link (kept -> content)",
        "changed /mode (mode 0644 -> 4755)",
        "added /new (file 0600)",
        "changed /owner (owner 0:0 -> 1:2)",
        "changed /turned (directory -> file)",
        "added /var (directory 0755)",
        "added /var/lib (directory 0755)",
    ]
