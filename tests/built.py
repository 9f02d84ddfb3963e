"""The packages of this checkout, built once a run: the fixtures `deb`, `older_deb`, `rpm`, `older_rpm`."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
#: Of the package that is upgraded over: lower than every version.
OLDER = "0.0.1"
OTHER_TIME = 1_000_000_000
#: What the packages depend on and recommend, as Debian calls it: extended_root(name, DEPENDENCIES) has them.
DEPENDENCIES = ("python3-psutil", "python3-pyasn1", "python3-systemd", "fdisk")


def build(checkout: Path, kind: str, target: Path, *options: str, epoch: str = "") -> Path:
    """The package of that kind, "deb" or "rpm", of a checkout."""
    script = checkout / "packaging" / kind / "build"
    environ = {**os.environ, **({"SOURCE_DATE_EPOCH": epoch} if epoch else {})}
    done = subprocess.run(
        [str(script), str(target), *options], stdout=subprocess.PIPE, text=True, env=environ, check=True
    )
    (path,) = done.stdout.splitlines()
    return Path(path)


def copied_checkout(copy: Path) -> Path:
    """The same files in another place, as somebody else's git and umask have left them at another time."""
    subprocess.run([str(CHECKOUT / "packaging/export"), str(copy)], stdout=subprocess.DEVNULL, check=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
            os.utime(path, (OTHER_TIME, OTHER_TIME))
    for argv in (("init", "--quiet"), ("add", "--all")):
        subprocess.run(["git", "-C", str(copy), *argv], check=True)
    return copy


def commit_time() -> str:
    """When the checkout was committed, in seconds."""
    argv = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def older_checkout(directory: Path) -> Path:
    """A copy of the checkout whose only difference is its version."""
    copy = copied_checkout(directory / "older")
    version = copy / "agent/hvprep/__init__.py"
    text = version.read_text()
    version.write_text(re.sub("^__version__ = .*", f'__version__ = "{OLDER}"', text, flags=re.MULTILINE))
    return copy


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(CHECKOUT, "deb", tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="session")
def rpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(CHECKOUT, "rpm", tmp_path_factory.mktemp("rpm"))


@pytest.fixture(scope="session")
def older_deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("older-deb")
    return build(older_checkout(directory), "deb", directory, epoch="1")


@pytest.fixture(scope="session")
def older_rpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("older-rpm")
    return build(older_checkout(directory), "rpm", directory, epoch="1")
