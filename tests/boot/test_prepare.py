"""The life of one machine: the deb installed, prepared by its unit, rolled back, cut off in the middle."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

from tests.boot.conftest import BOOT_TIMEOUT_S, DEB, Prepared
from tests.boot.disk import SWAP_UUID, make_layer
from tests.boot.machine import running
from tests.chroot.guest import UNWANTED_WORDS
from tests.shipped import unit_states

#: Of each run; .ci's nightly run asks for three.
POWER_CUTS = int(os.environ.get("HVPREP_POWER_CUTS", "1"))


def test_the_machine_was_not_prepared(prepared: Prepared) -> None:
    assert set(prepared.command_line_before.split()) & set(UNWANTED_WORDS) == {"quiet", "splash"}


def test_installing_the_deb_starts_nothing_and_changes_no_other_unit(prepared: Prepared) -> None:
    assert prepared.units_after_install == prepared.units_before
    states = {words[0]: words[1] for words in map(str.split, prepared.unit_states.splitlines())}
    assert states == unit_states()


def test_the_unit_prepares_the_machine_and_asks_for_a_reboot(prepared: Prepared) -> None:
    assert prepared.started.status == 0, prepared.journal
    assert "changes made and verified." in prepared.journal
    assert "Reboot to use it." in prepared.journal
    assert "Finished hvprep-prepare.service" in prepared.journal


def test_rolled_back_it_boots_as_before(prepared: Prepared, tmp_path: Path) -> None:
    layer = make_layer(prepared.disk, tmp_path / "rolled-back.qcow2")
    with running(layer, tmp_path, BOOT_TIMEOUT_S) as machine:
        assert machine.wait_until_booted() == "running"
        done = machine.run("hvprep", "rollback", "--yes")
        assert done.status in (0, 4), done
        machine.power_off()
    with running(layer, tmp_path, BOOT_TIMEOUT_S, options=(), log="rolled-back-second") as machine:
        assert machine.wait_until_booted() == "running"
        assert machine.tool("cat", "/proc/cmdline") == prepared.command_line_before
        assert machine.tool("swapon", "--show=UUID", "--noheadings").split() == [SWAP_UUID]
        machine.power_off()


@pytest.mark.parametrize("number", range(POWER_CUTS))
def test_cut_off_in_the_middle_of_prepare_it_boots(
    number: int, kvm_disk: Path, prepared: Prepared, tmp_path: Path
) -> None:
    layer = make_layer(kvm_disk, tmp_path / "cut-off.qcow2")
    moment = random.uniform(0.0, prepared.seconds)
    with running(layer, tmp_path, BOOT_TIMEOUT_S, options=()) as machine:
        assert machine.wait_until_booted() == "running"
        machine.tool("apt-get", "install", "-y", DEB)
        machine.start("systemctl", "start", "hvprep-prepare")
        time.sleep(moment)
        machine.cut_power()
    sys.stdout.write(f"power cut {moment:.1f} s after the start of {prepared.seconds:.1f} s\n")
    with running(layer, tmp_path, BOOT_TIMEOUT_S, options=(), log="cut-off-second") as machine:
        assert machine.wait_until_booted() == "running", f"cut after {moment:.1f} s"
        sys.stdout.write(machine.tool("hvprep", "status"))
        done = machine.run("hvprep", "rollback", "--yes")
        assert done.status in (0, 4), (moment, done)
        left = machine.tool("find", "/boot", "/etc/default", "/etc/initramfs-tools", "-name", "*hvprep*")
        assert left == "", f"cut after {moment:.1f} s"
        assert "quiet splash" in machine.tool("cat", "/etc/default/grub")
        machine.power_off()
