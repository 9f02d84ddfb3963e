"""pip install . in new virtual environments of the oldest Python that hvprep supports and the newest here."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path
from typing import Dict, Tuple

import pytest

from tests.built import CHECKOUT

OLDEST = (3, 9)
SYSTEM_PYTHON = "/usr/bin/python3"
#: Asked of what was installed, with nothing of the checkout in reach.
QUESTION = (
    "from hvprep.system.shipped import read_shipped as read; "
    "print(*(len(read(name)) for name in ('hvprep.conf', 'report.schema.json')))"
)


def find_pythons() -> Dict[str, str]:
    """The oldest and the newest Python of this machine that hvprep supports, by version."""
    names = [*Path("/usr/bin").glob("python3.*"), *Path.home().glob(".pyenv/versions/*/bin/python3.*")]
    found: Dict[Tuple[int, ...], str] = {}
    for path in sorted(names):
        match = re.fullmatch(r"python(\d+)\.(\d+)", path.name)
        if match:
            found.setdefault((int(match[1]), int(match[2])), str(path))
    versions = sorted(version for version in found if version >= OLDEST)
    return {".".join(map(str, version)): found[version] for version in (versions[0], versions[-1])}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git knows of the checkout: building leaves files beside the sources."""
    directory = tmp_path_factory.mktemp("copy") / "hvprep"
    export = [str(CHECKOUT / "packaging/export"), str(directory)]
    subprocess.run(export, stdout=subprocess.DEVNULL, check=True)
    return directory


@pytest.fixture(scope="module")
def sdist(copy: Path) -> Path:
    argv = [SYSTEM_PYTHON, "-m", "build", "--sdist", "--no-isolation", "--outdir", "dist", "."]
    subprocess.run(argv, cwd=copy, env={"PATH": "/usr/bin:/bin"}, check=True, capture_output=True)
    (path,) = (copy / "dist").iterdir()
    return path


def run(*argv: str, cwd: Path) -> str:
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def assert_works(venv: Path) -> None:
    version = re.search('^__version__ = "(.*)"', (CHECKOUT / "agent/hvprep/__init__.py").read_text(), re.M)
    assert version is not None
    assert run(str(venv / "bin/hvprep"), "--version", cwd=venv) == f"hvprep {version[1]}\n"
    assert "initrd-drivers" in run(str(venv / "bin/hvprep"), "check", "--list", cwd=venv)
    sizes = [(CHECKOUT / "conf" / name).stat().st_size for name in ("hvprep.conf", "report.schema.json")]
    assert run(str(venv / "bin/python"), "-c", QUESTION, cwd=venv).split() == [str(size) for size in sizes]


@pytest.mark.parametrize("python", find_pythons().values(), ids=find_pythons().keys())
def test_the_checkout_installs_with_its_dependencies(python: str, copy: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(python, "-m", "venv", str(venv), cwd=tmp_path)
    run(str(venv / "bin/pip"), "install", "--quiet", str(copy), cwd=tmp_path)
    assert_works(venv)
    run(str(venv / "bin/python"), "-c", "import psutil, pyasn1, systemd.journal", cwd=venv)


def test_the_sdist_holds_everything(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    link = "agent/hvprep/conf"
    wanted = {name for name in tracked.stdout.split("\0") if name and name != link}
    wanted |= {f"{link}/{path.name}" for path in (CHECKOUT / "conf").iterdir()}
    assert wanted - names == set()
    assert [name for name in names if name.endswith(".pyc")] == []


def test_the_sdist_installs(sdist: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(SYSTEM_PYTHON, "-m", "venv", "--system-site-packages", str(venv), cwd=tmp_path)
    run(str(venv / "bin/pip"), "install", "--quiet", str(sdist), cwd=tmp_path)
    assert_works(venv)
