"""The linters, each also seen to bite: one that finds nothing because it reads nothing would be no linter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

from tests.lint.sources import CHECKOUT

PYTHON = (sys.executable, "-m")
RUFF_CHECK = (*PYTHON, "ruff", "check", "--quiet", "--no-cache", "--output-format=concise")
RUFF_FORMAT = (*PYTHON, "ruff", "format", "--check", "--diff", "--quiet", "--no-cache")
# No cache: two runs at a time, or a package that moved, have made mypy crash over it.
MYPY = (*PYTHON, "mypy", "--no-error-summary", "--cache-dir=/dev/null")
SHELLCHECK = ("shellcheck",)


def run(*argv: str, text: str = "") -> Tuple[int, str]:
    done = subprocess.run(
        argv,
        cwd=CHECKOUT,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def shell_scripts() -> List[str]:
    """Every file of the checkout that a shell is to run, tracked or about to be."""
    _, names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    found = []
    for name in sorted(set(filter(None, names.split("\0")))):
        path = CHECKOUT / name
        if path.is_file() and path.read_bytes()[:20].split(b"\n")[0].endswith((b"sh", b"sh -e")):
            found.append(name)
    return found


@pytest.mark.parametrize("linter", [RUFF_CHECK, RUFF_FORMAT, MYPY], ids=["ruff check", "ruff format", "mypy"])
def test_python(linter: Tuple[str, ...]) -> None:
    status, output = run(*linter, "agent/hvprep", "tests", "packaging/completions.py")
    assert status == 0, output


def test_shell() -> None:
    scripts = shell_scripts()
    assert {"dev", ".ci/run"} <= set(scripts)
    status, output = run(*SHELLCHECK, *scripts)
    assert status == 0, output


@pytest.mark.parametrize(
    ("linter", "text"),
    [
        (RUFF_CHECK, "import os\n"),
        (RUFF_CHECK, "print(1)\n"),
        (RUFF_CHECK, 'x = "{}".format(1)\n'),
        (RUFF_CHECK, "import datetime\n\ndatetime.datetime.now()\n"),
        (RUFF_FORMAT, "x = 'single'\n"),
        (RUFF_FORMAT, f"x = [{', '.join(['1000'] * 30)}]\n"),
    ],
)
def test_ruff_bites(linter: Tuple[str, ...], text: str) -> None:
    status, output = run(*linter, "--stdin-filename=agent/hvprep/steps/example.py", "-", text=text)
    assert status == 1, output


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x\n",
        "x: int = ''\n",
        "def f(x: dict) -> None: ...\n",
        "match 1:\n    case 1: pass\n",
    ],
)
def test_mypy_bites(text: str, tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    example.write_text(text)
    status, output = run(*MYPY, str(example))
    assert status != 0, output


def test_shellcheck_bites() -> None:
    status, output = run(*SHELLCHECK, "-", text='#!/bin/sh\nrm -rf "$1"/*.$2\n')
    assert status == 1, output
