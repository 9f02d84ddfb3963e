"""The real grub-mkconfig: when its candidate is used, when not, and what update-grub does afterwards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.conftest import Prepared
from tests.chroot.guest import CONSOLE, WANTED_WORDS, Guest, assert_entries_prepared, overlaid_guest
from tests.roots import ROOT_UUID, copied_root, pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

MARKER = "# generated, not edited"
SYSTEMS = pytest.mark.parametrize("system", ["bookworm-initramfs-tools", "trixie-initramfs-tools"])
PREPARED = pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools"], indirect=True)


def add_marker(guest: Guest) -> None:
    """From now on a grub.cfg that grub-mkconfig makes shows it."""
    script = guest.root / "etc/grub.d/45_marker"
    script.write_text(f'#!/bin/sh\necho "{MARKER}"\n')
    script.chmod(0o755)


def configuration(guest: Guest) -> str:
    return (guest.root / "boot/grub/grub.cfg").read_text()


def roots(guest: Guest) -> List[str]:
    return [word for words in guest.linux_lines() for word in words if word.startswith("root=")]


@SYSTEMS
def test_a_candidate_that_describes_the_system_is_used(system: str) -> None:
    with overlaid_guest(pristine_root(system), one_disk=True) as guest:
        add_marker(guest)
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", "--yes", "--only", "kernel-parameters")
        assert done.status == 0, done
        assert MARKER in configuration(guest)
        assert_entries_prepared(guest)
        assert guest.verdicts()["kernel-parameters"] == "met"
        assert guest.hvprep("rollback", "--yes").status == 0
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


@SYSTEMS
def test_a_candidate_that_describes_the_builder_is_not_used(system: str) -> None:
    """In a plain directory grub-probe answers for the builder's disk, and grub-mkconfig ends with 0."""
    with copied_root(system) as root:
        guest = Guest(root)
        add_marker(guest)
        old = configuration(guest)
        generated = guest.tool("sh", "-c", "grub-mkconfig 2>/dev/null || true")
        assert ROOT_UUID not in generated
        done = guest.hvprep("prepare", "--yes", "--only", "kernel-parameters")
        assert done.status == 0, done
        assert MARKER not in configuration(guest)
        assert_entries_prepared(guest)
        assert without_kernel_lines(configuration(guest)) == without_kernel_lines(old)
        assert (root / "boot/grub/grub.cfg.hvprep-old").read_text() == old
        assert not list(root.glob("boot/grub/.*")), "no candidate is left"


def without_kernel_lines(text: str) -> List[str]:
    return [line for line in text.splitlines() if not re.match(r"\s*linux\s", line)]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def later(prepared: Prepared) -> Iterator[Guest]:
    """A prepared system on its own disk."""
    with overlaid_guest(prepared.guest.root, one_disk=True) as guest:
        yield guest


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools", "trixie-initramfs-tools"], indirect=True)
def test_words_of_the_administrator_reach_the_next_configuration(later: Guest) -> None:
    defaults = later.root / "etc/default/grub"
    edit(defaults, 'GRUB_CMDLINE_LINUX=""', 'GRUB_CMDLINE_LINUX="net.ifnames=0 console=tty0"')
    edit(defaults, 'GRUB_CMDLINE_LINUX_DEFAULT=""', 'GRUB_CMDLINE_LINUX_DEFAULT="mitigations=auto"')
    later.tool("update-grub")
    assert_entries_prepared(later)
    for words in later.linux_lines():
        assert "net.ifnames=0" in words
        assert [word for word in words if word.startswith("console=")] == ["console=tty0", CONSOLE]
        assert ("mitigations=auto" in words) == ("single" not in words), "recovery entries have no default"
    done = later.hvprep("check")
    assert done.status == 0, done
    assert later.hvprep("prepare", "--yes").output.startswith("Nothing to change.")


@PREPARED
def test_a_later_console_that_would_win_is_found_and_mended(later: Guest) -> None:
    """Words of GRUB_CMDLINE_LINUX_DEFAULT come after all others."""
    edit(
        later.root / "etc/default/grub",
        'GRUB_CMDLINE_LINUX_DEFAULT=""',
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet console=tty1"',
    )
    later.tool("update-grub")
    assert later.hvprep("check").status == 3
    assert later.hvprep("prepare", "--yes").status == 0
    assert_entries_prepared(later)
    assert all("console=tty1" in words for words in later.linux_lines())
    later.tool("update-grub")
    assert_entries_prepared(later)


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools", "trixie-initramfs-tools"], indirect=True)
def test_backups_are_no_boot_entries(later: Guest) -> None:
    entries = len(later.linux_lines())
    later.tool("update-grub")
    assert "hvprep-old" not in configuration(later)
    assert len(later.linux_lines()) == entries


@PREPARED
def test_rollback_makes_a_configuration_anew_that_was_generated_since(
    later: Guest, prepared: Prepared
) -> None:
    """The next kernel package runs update-grub: that is no conflict, and the old words come back."""
    add_marker(later)
    later.tool("update-grub")
    done = later.hvprep("rollback", "--yes")
    assert done.status == 0, done
    lines = diff_snapshots(prepared.before, take_snapshot(later.root))
    assert lines == ["changed /boot/grub/grub.cfg (content)", "added /etc/grub.d/45_marker (file 0755)"]
    assert MARKER in configuration(later)
    assert not any(set(WANTED_WORDS) & set(words) for words in later.linux_lines())
    assert roots(later) == [f"root=UUID={ROOT_UUID}"] * 3


@PREPARED
def test_a_changed_source_is_a_conflict_and_force_overwrites_it(prepared: Prepared, later: Guest) -> None:
    defaults = later.root / "etc/default/grub"
    defaults.write_text(defaults.read_text() + "# mine\n")
    changed = take_snapshot(later.root)
    done = later.hvprep("rollback", "--yes")
    assert done.status == 1
    assert "/etc/default/grub was changed since by somebody else" in done.errors
    assert diff_snapshots(changed, take_snapshot(later.root)) == []
    assert later.hvprep("rollback", "--yes", "--force").status == 0
    assert diff_snapshots(prepared.before, take_snapshot(later.root)) == []
