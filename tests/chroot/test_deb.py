"""The deb in real Debian systems: installed, upgraded, removed, purged by their own apt, and what changed."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

from tests.built import CHECKOUT, DEPENDENCIES, OLDER, build, commit_time, copied_checkout
from tests.chroot.guest import DRIVERS, Guest, assert_entries_prepared, overlaid_guest
from tests.roots import extended_root
from tests.shipped import links, shipped_paths, shipped_units, unit_states
from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

SYSTEMS = ("bookworm-initramfs-tools", "trixie-initramfs-tools")
#: What dpkg and apt themselves write, whatever the package is; and the packages.
BOOKKEEPING = re.compile(r"/var/(cache/apt|lib/apt|lib/dpkg|log/apt|log/dpkg\.log)(/.*)?|/root/\w+\.deb")
#: What deb-systemd-helper notes of the units that a package has.
HELPER = "/var/lib/systemd/deb-systemd-helper-enabled"
SETTINGS, SITE_SETTINGS = "/etc/hvprep.conf", "/etc/hvprep.conf.d/50-site.conf"
COMPILED = re.compile(r"/usr/lib/python3/dist-packages/hvprep/(.*/)?__pycache__(/.*\.pyc)?")


@dataclass(frozen=True)
class System(Guest):
    """One whose apt installs hvprep; it has the packages as /root/hvprep.deb and /root/older.deb."""

    def install(self, name: str = "hvprep", *options: str) -> None:
        self.apt("install", *options, f"/root/{name}.deb")

    def apt(self, verb: str, *words: str) -> None:
        self.tool("apt-get", verb, "--quiet", "--yes", *words)

    def states(self) -> Dict[str, str]:
        """enabled or disabled, of each unit."""
        asked = {unit.name: self.inside("systemctl", "is-enabled", unit.name) for unit in shipped_units()}
        return {name: done.output.strip() for name, done in asked.items()}

    def has_state(self) -> bool:
        return (self.root / "var/lib/hvprep").exists()

    def read(self, path: str) -> bytes:
        return (self.root / path[1:]).read_bytes()


@dataclass(frozen=True)
class Installed:
    """Never write to `system`: lay an overlay over it. `before` is what it was like without hvprep."""

    name: str
    before: Snapshot
    system: System
    after: Snapshot


@contextlib.contextmanager
def overlaid(tree: Path) -> Iterator[System]:
    with overlaid_guest(tree, one_disk=True) as guest:
        yield System(guest.root, one_disk=True)


@pytest.fixture(scope="module", params=SYSTEMS)
def installed(request: pytest.FixtureRequest, deb: Path, older_deb: Path) -> Iterator[Installed]:
    """A system that has all that hvprep depends on, and hvprep."""
    root = extended_root(request.param, DEPENDENCIES)
    before = take_snapshot(root)
    with overlaid(root) as system:
        shutil.copy(deb, system.root / "root/hvprep.deb")
        shutil.copy(older_deb, system.root / "root/older.deb")
        system.install()
        yield Installed(request.param, before, system, take_snapshot(system.root))


@pytest.fixture
def system(installed: Installed) -> Iterator[System]:
    """An own one, with hvprep."""
    with overlaid(installed.system.root) as system:
        yield system


def changes(before: Snapshot, after: Snapshot) -> List[str]:
    """What is different, but for the bookkeeping of dpkg and apt."""
    lines = diff_snapshots(before, after)
    return [line for line in lines if not BOOKKEEPING.fullmatch(line.split()[1])]


def paths(lines: List[str]) -> Set[str]:
    return {line.split()[1] for line in lines}


def contents(deb: Path) -> Set[str]:
    """The paths in a package, as they are on a system whose /lib is /usr/lib."""
    listing = subprocess.run(["dpkg-deb", "--contents", str(deb)], capture_output=True, text=True, check=True)
    names = {line.split()[5][1:].rstrip("/") for line in listing.stdout.splitlines()}
    return {f"/usr{name}" if name.startswith("/lib/") else name for name in names} - {"", "/lib"}


def unit_links(before: Snapshot) -> Set[str]:
    """What enables the units that are to be enabled."""
    return set(links()) | {str(Path(link).parent) for link in links()} - before.keys()


def helper_notes(before: Snapshot) -> Set[str]:
    """Those that are new: another package may have made the directories."""
    notes = {f"{HELPER}/{unit.name}.dsh-also" for unit in shipped_units()}
    for link in links():
        directory, name = link.split("/")[-2:]
        notes |= {f"{HELPER}/{directory}", f"{HELPER}/{directory}/{name}"}
    return notes - before.keys()


def test_it_adds_the_files_of_the_package_and_nothing_else(installed: Installed, deb: Path) -> None:
    lines = changes(installed.before, installed.after)
    assert [line for line in lines if not line.startswith("added ")] == []
    compiled = set(filter(COMPILED.fullmatch, paths(lines)))
    expected = contents(deb) - installed.before.keys()
    assert expected >= shipped_paths("/usr/share/zsh/vendor-completions")
    assert paths(lines) - compiled == expected | helper_notes(installed.before) | unit_links(installed.before)
    assert compiled, "no module was compiled"


def test_units_are_enabled_as_the_presets_say_and_nothing_has_run(installed: Installed) -> None:
    assert installed.system.states() == unit_states()
    assert installed.system.states()["hvprep-prepare.service"] == "disabled"
    assert not installed.system.has_state()


def test_what_is_installed_works(installed: Installed) -> None:
    system = installed.system
    assert "initrd-drivers" in system.tool("hvprep", "check", "--list")
    assert system.inside("hvprep", "check").status == 3
    assert system.read(SETTINGS) == (CHECKOUT / "conf/hvprep.conf").read_bytes()
    schema = (CHECKOUT / "conf/report.schema.json").read_bytes()
    assert system.read("/usr/share/hvprep/report.schema.json") == schema


def test_installing_again_changes_nothing(installed: Installed, system: System) -> None:
    system.install("hvprep", "--reinstall")
    assert changes(installed.after, take_snapshot(system.root)) == []


def test_removing_keeps_the_settings_alone(installed: Installed, system: System) -> None:
    system.apt("remove", "hvprep")
    lines = changes(installed.before, take_snapshot(system.root))
    assert paths(lines) == {SETTINGS} | helper_notes(installed.before) | unit_links(installed.before)
    system.apt("purge", "hvprep")
    assert changes(installed.before, take_snapshot(system.root)) == []


def test_an_upgrade_keeps_what_the_administrator_did(installed: Installed) -> None:
    with overlaid(extended_root(installed.name, DEPENDENCIES)) as system:
        for name in ("hvprep", "older"):
            shutil.copy(installed.system.root / f"root/{name}.deb", system.root / "root")
        system.install("older")
        assert system.tool("hvprep", "--version") == f"hvprep {OLDER}\n"
        with (system.root / SETTINGS[1:]).open("a") as settings:
            settings.write("Kernel.RootDelay=200\n")
        (system.root / SITE_SETTINGS[1:]).write_text("Initrd.NVMe=y\n")
        turned = {
            name: "disabled" if state == "enabled" else "enabled" for name, state in unit_states().items()
        }
        for name, state in turned.items():
            system.tool("systemctl", state[:-1], name)
        system.install()
        assert system.tool("hvprep", "--version") != f"hvprep {OLDER}\n"
        assert system.read(SETTINGS).endswith(b"\nKernel.RootDelay=200\n")
        assert system.read(SITE_SETTINGS) == b"Initrd.NVMe=y\n"
        assert system.states() == turned
        upgraded = take_snapshot(system.root)
        left = paths(changes(installed.after, upgraded)) - unit_links(installed.before)
        assert {path for path in left if not path.startswith(("/etc/systemd/", HELPER))} == {
            SETTINGS,
            SITE_SETTINGS,
        }, "of the older one nothing is left"
        system.apt("purge", "hvprep")
        last = paths(changes(installed.before, take_snapshot(system.root)))
        assert last == {SITE_SETTINGS, str(Path(SITE_SETTINGS).parent)}, (
            "nobody's file but the administrator's"
        )


def test_a_prepared_system_stays_so_when_the_package_is_purged(installed: Installed, system: System) -> None:
    done = system.inside("hvprep", "prepare", "--yes")
    # 4: this builder may not let anybody see that process 1 has another root.
    assert done.status in (0, 4), done
    prepared = paths(changes(installed.after, take_snapshot(system.root)))
    assert f"/boot/{system.initrd().name}" in prepared
    system.apt("remove", "hvprep")
    assert list(system.journal().iterdir()), "the way back is there until the package is purged"
    system.apt("purge", "hvprep")
    assert not system.has_state()
    assert paths(changes(installed.before, take_snapshot(system.root))) == prepared
    old = system.initrd().stat().st_ino
    system.tool("update-initramfs", "-u", "-k", "all")
    system.tool("update-grub")
    assert system.initrd().stat().st_ino != old, "it was made anew"
    assert set(DRIVERS) <= system.drivers()
    assert_entries_prepared(system)
    assert system.hvprep("check").status == 0


def test_whoever_builds_a_commit_gets_the_same_bytes(deb: Path, tmp_path: Path) -> None:
    other = build(copied_checkout(tmp_path / "copy"), "deb", tmp_path, epoch=commit_time())
    assert other.read_bytes() == deb.read_bytes()


def test_lintian_has_nothing_to_say(deb: Path) -> None:
    argv = ["lintian", "--allow-root", "--display-info", "--pedantic", str(deb)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
