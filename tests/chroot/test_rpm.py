"""The rpm, installed by rpm into a system whose other packages are debs: what rpm needs of it is stubbed.

Debian's rpmbuild knows none of the macros of Fedora, EL and SUSE, so it builds what runs on all of them. With
macros like theirs, defined in a file, the spec is built the other way too.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

from tests.built import CHECKOUT, DEPENDENCIES, OLDER, build, commit_time, copied_checkout
from tests.chroot.guest import DRIVERS, Done, Guest, overlaid_guest
from tests.roots import extended_root
from tests.shipped import links, shipped_paths, shipped_units, unit_states
from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

#: What rpm itself writes.
BOOKKEEPING = re.compile(r"/var/lib/rpm(/.*)?")
COMPILED = re.compile(r"/usr/share/hvprep/(.*/)?__pycache__(/.*\.pyc)?")
STUB = """Name: stub-requirements
Version: 1
Release: 1
Summary: What hvprep requires
License: none
BuildArch: noarch
Provides: python3 = 3.11 python3-psutil python3-pyasn1 python3-systemd /usr/bin/python3 /bin/sh
%description
%{summary}.
%files
"""


@dataclass(frozen=True)
class System(Guest):
    """One with a database of rpm."""

    def rpm(self, *argv: str) -> Done:
        command = ["rpm", "--root", str(self.root), "--dbpath=/var/lib/rpm", *argv]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def change(self, *argv: str) -> None:
        done = self.rpm(*argv)
        assert done.status == 0, done
        assert "scriptlet failed" not in done.errors, done

    def changes(self, before: Snapshot) -> Set[str]:
        paths = {line.split()[1] for line in diff_snapshots(before, take_snapshot(self.root))}
        return {path for path in paths if not BOOKKEEPING.fullmatch(path) and not COMPILED.fullmatch(path)}

    def states(self) -> Dict[str, str]:
        asked = {unit.name: self.inside("systemctl", "is-enabled", unit.name) for unit in shipped_units()}
        return {name: done.output.strip() for name, done in asked.items()}

    @property
    def compiled(self) -> List[Path]:
        return list(self.root.glob("usr/share/hvprep/**/*.pyc"))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("stub")
    (directory / "stub.spec").write_text(STUB)
    argv = ["rpmbuild", "-bb", "--define", f"_topdir {directory}", str(directory / "stub.spec")]
    subprocess.run(argv, check=True, capture_output=True)
    (package,) = directory.glob("RPMS/noarch/*.rpm")
    return package


@pytest.fixture
def system(stub: Path) -> Iterator[System]:
    tree = extended_root("bookworm-initramfs-tools", DEPENDENCIES)
    with overlaid_guest(tree, one_disk=True) as guest:
        system = System(guest.root, one_disk=True)
        system.change("--initdb")
        system.change("--install", str(stub))
        yield system


def test_it_is_installed_whole_and_removed_whole(system: System, rpm: Path) -> None:
    before = take_snapshot(system.root)
    system.change("--install", str(rpm))
    listed = set(system.rpm("--query", "--list", "hvprep").output.splitlines())
    assert listed >= shipped_paths("/usr/share/zsh/site-functions")
    made = system.changes(before) - {"/usr/share/licenses"}
    assert made == (listed - before.keys()) | links().keys()
    assert system.compiled, "no module was compiled"
    assert (system.rpm("--verify", "hvprep").status, system.rpm("--verify", "hvprep").output) == (0, "")
    assert system.states() == {**unit_states(), "hvprep-prepare.service": "disabled"}
    assert not (system.root / "var/lib/hvprep").exists(), "a verb has run"
    system.tool("systemctl", "enable", "hvprep-prepare.service")
    system.change("--erase", "hvprep")
    assert system.changes(before) == {"/usr/share/licenses"}
    assert not system.compiled


def test_what_is_installed_works_for_any_python(system: System, rpm: Path) -> None:
    system.change("--install", str(rpm))
    assert "initrd-drivers" in system.tool("hvprep", "check", "--list")
    done = system.inside("hvprep", "prepare", "--yes")
    assert done.status in (0, 4), done
    assert set(DRIVERS) <= system.drivers()
    assert system.rpm("--verify", "hvprep").status == 0
    system.change("--erase", "hvprep")
    assert set(DRIVERS) <= system.drivers()
    assert system.hvprep("check").status == 0
    assert list(system.journal().iterdir()), "rpm knows no purging: the way back stays"


def test_an_upgrade_keeps_what_the_administrator_did(system: System, rpm: Path, older_rpm: Path) -> None:
    system.change("--install", str(older_rpm))
    assert system.tool("hvprep", "--version") == f"hvprep {OLDER}\n"
    settings = system.root / "etc/hvprep.conf"
    settings.write_text(settings.read_text() + "Kernel.RootDelay=200\n")
    other = {"enabled": "disabled", "disabled": "enabled"}
    turned = {name: other[state] for name, state in unit_states().items()}
    for name, state in turned.items():
        system.tool("systemctl", state[:-1], name)
    system.change("--upgrade", str(rpm))
    assert system.tool("hvprep", "--version") != f"hvprep {OLDER}\n"
    assert settings.read_text().endswith("Kernel.RootDelay=200\n")
    assert system.states() == turned
    assert system.rpm("--verify", "--noconfig", "hvprep").output == ""
    system.change("--erase", "hvprep")
    assert (settings.parent / "hvprep.conf.rpmsave").read_text().endswith("Kernel.RootDelay=200\n")


#: What a builder of one of these distributions has; the real ones do the same with more care.
MACROS = """
%python3_sitelib /usr/lib/python3/dist-packages
%pyproject_wheel /usr/bin/python3 -m build --wheel --no-isolation --outdir dist
%in_layout DEB_PYTHON_INSTALL_LAYOUT=deb
%pyproject_install %in_layout /usr/bin/python3 -m installer --destdir %{buildroot} dist/*.whl
%systemd_post() the-post-of-the-distribution %*
%systemd_postun() the-postun-of-the-distribution %*
"""


@pytest.mark.parametrize("distribution", ["fedora 42", "rhel 9", "rhel 10", "suse_version 1600"])
def test_it_is_built_with_the_macros_of_the_distribution(distribution: str, tmp_path: Path) -> None:
    macros = tmp_path / "macros"
    macros.write_text(f"{MACROS}%{distribution}\n")
    package = build(CHECKOUT, "rpm", tmp_path / "out", "--load", str(macros))
    query = ["rpm", "--query", "--package", str(package)]
    files = subprocess.run([*query, "--list"], capture_output=True, text=True, check=True).stdout.split()
    assert "/usr/lib/python3/dist-packages/hvprep/cli/main.py" in files
    assert "/usr/lib/python3/dist-packages/hvprep/conf/hvprep.conf" in files
    assert {"/usr/bin/hvprep", "/usr/share/hvprep/report.schema.json"} <= set(files)
    assert not any(path.startswith("/usr/share/hvprep/hvprep") for path in files)
    scripts = subprocess.run([*query, "--scripts"], capture_output=True, text=True, check=True).stdout
    for macro in ("the-post-of-the-distribution", "the-postun-of-the-distribution"):
        assert f"{macro} {' '.join(unit.name for unit in shipped_units())}" in scripts
    assert "compileall" not in scripts


def test_rpmlint_has_nothing_to_say(rpm: Path) -> None:
    argv = ["rpmlint", "--config", str(CHECKOUT / "packaging/rpm/rpmlint.toml"), str(rpm)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "0 errors, 0 warnings" in done.stdout


def test_whoever_builds_a_commit_gets_the_same_bytes(rpm: Path, tmp_path: Path) -> None:
    other = build(copied_checkout(tmp_path / "copy"), "rpm", tmp_path, epoch=commit_time())
    assert other.read_bytes() == rpm.read_bytes()
