"""check, prepare, check, prepare, rollback on real systems, confirmed by the distribution's own tools."""

from __future__ import annotations

import os
import re
import stat
from typing import List

import pytest

from tests.chroot.conftest import Prepared
from tests.chroot.guest import (
    BACKUP,
    CHECKOUT,
    DRIVERS,
    Guest,
    assert_entries_prepared,
    module_names,
    overlaid_guest,
)
from tests.snapshot import diff_snapshots, take_snapshot

SHOWN = CHECKOUT / "README.md"
LISTERS = {"initramfs-tools": "lsinitramfs", "dracut": "lsinitrd"}


def listed(prepared: Prepared) -> str:
    """What the distribution's own tool finds in the initrd."""
    guest = prepared.guest
    lister = LISTERS[prepared.name.partition("-")[2]]
    return guest.tool(lister, f"/boot/{guest.initrd().name}")


def needed_modules(guest: Guest, driver: str) -> List[str]:
    """The files that modprobe would load for a driver, itself the last; none for what is built in."""
    lines = guest.tool("modprobe", "--set-version", guest.kernel, "--show-depends", driver).splitlines()
    return [line.split()[1] for line in lines if line.startswith("insmod ")]


def test_check_is_red_before(prepared: Prepared) -> None:
    assert prepared.red.status == 3, prepared.red
    assert "4 not met." in prepared.red.output


def test_neither_check_nor_a_plan_writes(prepared: Prepared) -> None:
    assert diff_snapshots(prepared.before, prepared.after_check) == []
    assert diff_snapshots(prepared.before, prepared.after_planning) == []


def test_prepare_ends_well(prepared: Prepared) -> None:
    assert prepared.done.status == 0, prepared.done


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools"], indirect=True)
def test_the_readme_shows_what_is_said(prepared: Prepared) -> None:
    example = SHOWN.read_text().partition("## What it looks like\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in example.splitlines() if line.startswith("    ")]
    said = "".join(done.output + done.errors for done in (prepared.red, prepared.done))
    said = said.replace(str(prepared.guest.root), "/mnt/image")
    is_typed = re.compile(r"# |\.\.\.|room needed at|Make these 6 changes")
    assert len(lines) > 40
    missing = {line for line in lines if line and not is_typed.match(line)} - {
        line.strip() for line in said.splitlines()
    }
    assert missing == set()


def test_the_whole_difference(prepared: Prepared) -> None:
    """The real generators wrote the files that they were run for, backups stand beside, and that is all."""
    initrd, mode = f"/boot/{prepared.guest.initrd().name}", 0o644
    drop_in = ["changed /etc/initramfs-tools/modules (content)"]
    if prepared.name.endswith("dracut"):
        drop_in, mode = ["added /etc/dracut.conf.d/90-hvprep.conf (file 0644)"], 0o600
    grub_mode = prepared.before["/boot/grub/grub.cfg"].mode
    assert diff_snapshots(prepared.before, prepared.after) == sorted(
        [
            "changed /boot/grub/grub.cfg (content)",
            f"added /boot/grub/grub.cfg{BACKUP} (file {grub_mode:04o})",
            f"changed {initrd} (content)",
            f"added {initrd}{BACKUP} (file {mode:04o})",
            "changed /etc/default/grub (content)",
            "added /etc/default/grub.d/99-hvprep-serial.cfg (file 0644)",
            "added /etc/default/grub.d/99-hvprep.cfg (file 0644)",
            *drop_in,
        ],
        key=lambda line: line.split()[1],
    )


def test_the_plan_names_every_path_that_changes(prepared: Prepared) -> None:
    changes = [item["change"] for item in prepared.plan["changes"]]
    named = {change.get("path") or change["target"] for change in changes}
    named |= {change["target"] + BACKUP for change in changes if change["kind"] == "build"}
    lines = diff_snapshots(prepared.before, prepared.after)
    assert {line.split()[1] for line in lines} == named


def test_the_backups_are_the_old_files(prepared: Prepared) -> None:
    for path in (f"/boot/{prepared.guest.initrd().name}", "/boot/grub/grub.cfg"):
        assert prepared.after[path + BACKUP] == prepared.before[path]


def test_what_hvprep_keeps_is_for_root_alone_and_holds_no_scratch(prepared: Prepared) -> None:
    state = prepared.guest.root / "var/lib/hvprep"
    for directory, directories, files in os.walk(state):
        for name in [".", *directories, *files]:
            assert not stat.S_IMODE(os.lstat(os.path.join(directory, name)).st_mode) & 0o077, name
    assert list(prepared.guest.journal().glob("*/scratch/*")) == []


def test_check_is_green_after(prepared: Prepared) -> None:
    done = prepared.guest.hvprep("check")
    assert done.status == 0, done
    assert set(prepared.guest.verdicts().values()) == {"met"}


def test_a_second_prepare_changes_nothing(prepared: Prepared) -> None:
    done = prepared.guest.hvprep("prepare", "--yes")
    assert done.status == 0
    assert "Nothing to change." in done.output
    assert diff_snapshots(prepared.after, take_snapshot(prepared.guest.root)) == []


def test_the_distributions_lister_finds_every_driver_and_all_that_it_needs(prepared: Prepared) -> None:
    found = module_names(listed(prepared))
    for driver in DRIVERS:
        needed = module_names("\n".join(needed_modules(prepared.guest, driver)))
        assert needed, f"{driver} is a module of this kernel"
        assert needed <= found, f"for {driver}"


def test_our_reader_finds_the_modules_that_the_distributions_lister_finds(prepared: Prepared) -> None:
    """On Debian 13 they lie in a segment that is not compressed, in front of the last one."""
    found = module_names(listed(prepared))
    assert len(found) > 10
    assert prepared.guest.drivers() == found


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools", "trixie-initramfs-tools"], indirect=True)
def test_our_reader_finds_every_name_that_lsinitramfs_finds(prepared: Prepared) -> None:
    listing = {name.strip("/") for name in listed(prepared).splitlines()} - {".", ""}
    assert len(listing) > 100
    assert prepared.guest.initrd_names() - {".", ""} == listing


def test_grub_accepts_its_configuration_and_every_entry_is_prepared(prepared: Prepared) -> None:
    prepared.guest.tool("grub-script-check", "/boot/grub/grub.cfg")
    assert_entries_prepared(prepared.guest)


def test_rollback_gives_back_the_very_tree(prepared: Prepared) -> None:
    with overlaid_guest(prepared.guest.root) as guest:
        done = guest.hvprep("rollback", "--yes")
        assert done.status == 0, done
        assert diff_snapshots(prepared.before, take_snapshot(guest.root)) == []
        assert guest.hvprep("check").status == 3


@pytest.mark.parametrize("prepared", ["bookworm-initramfs-tools"], indirect=True)
def test_status_tells_what_was_done(prepared: Prepared) -> None:
    done = prepared.guest.hvprep("status")
    assert done.status == 0
    assert "0001" in done.output
    assert "committed" in done.output
