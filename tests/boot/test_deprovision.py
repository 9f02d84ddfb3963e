"""A prepared machine, deprovisioned when it is powered off, looked at from outside, and booted again."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.boot.conftest import BOOT_TIMEOUT_S, Prepared
from tests.boot.disk import PARTITION_BYTES, SWAP_UUID, make_layer
from tests.boot.machine import running
from tests.chroot.guest import Done, Guest, mounted

#: What a person and the machine itself leave.
SECRET = "hunter2-was-typed-here"
STORY = (
    "useradd --create-home --shell /bin/bash zenobia && echo zenobia:geheim | chpasswd && "
    f"echo {SECRET} | tee /root/.bash_history /home/zenobia/.bash_history && "
    f"echo {SECRET} | tee /home/zenobia/notes /var/tmp/notes && "
    "echo key-of-the-machine > /etc/machine-info && logger hvtest was here && sync"
)


@dataclass(frozen=True)
class Ended:
    """The machine's id while it ran, what arming said, its last console, and its disk."""

    machine_id: str
    armed: Done
    console: str
    layer: Path


@pytest.fixture(scope="module")
def ended(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    directory = tmp_path_factory.mktemp("deprovision")
    layer = make_layer(prepared.disk, directory / "deprovisioned.qcow2")
    with running(layer, directory, BOOT_TIMEOUT_S) as machine:
        assert machine.wait_until_booted() == "running"
        machine_id = machine.tool("cat", "/etc/machine-id").strip()
        machine.tool("sh", "-c", STORY)
        armed = machine.run("hvprep", "deprovision", "--force", "--at-shutdown", "--user", "zenobia")
        machine.power_off()
        return Ended(machine_id, armed, machine.console, layer)


def test_it_is_done_when_the_machine_is_powered_off(ended: Ended) -> None:
    assert ended.armed.status == 0, ended.armed
    assert re.search(r"deprovisioned: (\d+) of \1 actions done", ended.console), ended.console[-3000:]


def test_nothing_of_the_instance_is_on_its_disk(ended: Ended, tmp_path: Path) -> None:
    """Looked at from outside: every file of it, and what hvprep itself finds there."""
    raw, root = tmp_path / "disk.raw", tmp_path / "root"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(ended.layer), str(raw)], check=True)
    root.mkdir()
    with mounted(str(raw), root, "-o", f"loop,offset={PARTITION_BYTES}"):
        guest = Guest(root)
        for words in (ended.machine_id, SECRET, "key-of-the-machine", "zenobia"):
            grep = ["grep", "--recursive", "--files-with-matches", "--binary-files=text", "--fixed-strings"]
            places = [str(root / name) for name in ("boot", "etc", "home", "root", "tmp", "var")]
            found = subprocess.run([*grep, words, *places], capture_output=True, text=True, check=False)
            assert found.stdout == "", words
        assert list((root / "home").iterdir()) == []
        checked = guest.hvprep("check", "--only", "generalised")
        assert checked.status == 0, checked
    raw.unlink()


def test_the_next_boot_is_that_of_another_machine(ended: Ended, tmp_path: Path) -> None:
    with running(ended.layer, tmp_path, BOOT_TIMEOUT_S, log="deprovisioned-second") as machine:
        assert machine.wait_until_booted() == "running"
        machine_id = machine.tool("cat", "/etc/machine-id").strip()
        assert re.fullmatch("[0-9a-f]{32}", machine_id)
        assert machine_id != ended.machine_id
        assert machine.tool("hostname").strip() == "localhost"
        assert SWAP_UUID not in machine.tool("cat", "/proc/swaps")
        assert "deprovisioned: " in machine.tool("hvprep", "status")
        machine.power_off()
