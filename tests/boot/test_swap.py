"""The swap partition of a prepared machine: out of use, and missed by nobody when it is deleted."""

from __future__ import annotations

from pathlib import Path

from tests.boot.conftest import BOOT_TIMEOUT_S, Prepared
from tests.boot.disk import SWAP_UUID, delete_partition, make_layer
from tests.boot.machine import running


def test_a_boot_does_not_wait_for_the_deleted_swap_partition(prepared: Prepared, tmp_path: Path) -> None:
    layer = make_layer(prepared.disk, tmp_path / "swap-deleted.qcow2")
    delete_partition(layer, 2)
    with running(layer, tmp_path, BOOT_TIMEOUT_S) as machine:
        assert machine.wait_until_booted() == "running"
        assert machine.tool("swapon", "--show", "--noheadings") == ""
        assert machine.tool("systemctl", "list-jobs", "--no-legend") == ""
        journal = machine.tool("journalctl", "--boot", "--no-pager", "--output=cat")
        assert "Timed out waiting for device" not in journal
        assert SWAP_UUID not in journal.replace("\\x2d", "-")
        assert "suspend/resume device" not in machine.console
        machine.power_off()
