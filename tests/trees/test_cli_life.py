"""check, prepare, status and rollback in processes of their own, as people run them."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import pytest

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.command import clean_up, hvprep, hvprep_on_terminal, start_and_wait

EVERYTHING = ("/run",)


@pytest.fixture
def root(runnable_root: Path) -> Path:
    return runnable_root


def test_the_whole_life(root: Path) -> None:
    before = take_snapshot(root)
    where = ("--root", str(root))

    done = hvprep("check", *where)
    assert done.status == 3
    assert "not met         kernel-parameters: every boot entry has the serial console" in done.out
    assert "4 not met." in done.out
    assert "hvprep has changed nothing here." in hvprep("status", *where).out
    assert diff_snapshots(before, take_snapshot(root, EVERYTHING)) == []

    done = hvprep("prepare", *where, "--yes")
    assert (done.status, done.err.splitlines()[-1]) == (0, "verifying: reading the changed system anew")
    assert f"To take them back: hvprep rollback --root {root}" in done.out
    assert "Reboot" not in done.out

    done = hvprep("check", *where)
    assert done.status == 0
    assert done.out.endswith("\n4 met.\n")
    prepared = take_snapshot(root)
    done = hvprep("prepare", *where, "--yes")
    assert (done.status, done.out, done.err) == (0, "Nothing to change.\nThis system is prepared.\n", "")
    assert diff_snapshots(prepared, take_snapshot(root)) == []
    assert "0001  " in hvprep("status", *where).out

    assert "restore /etc/default/grub\n" in hvprep("rollback", *where, "--dry-run").out
    assert diff_snapshots(prepared, take_snapshot(root)) == []
    done = hvprep("rollback", *where, "--yes")
    assert done.status == 0
    assert done.out.endswith("Rolled back: 0001.\n")
    assert diff_snapshots(before, take_snapshot(root)) == []
    assert hvprep("rollback", *where, "--yes").out == "Nothing to roll back.\n"
    assert "rolled back" in hvprep("status", *where).out


def test_a_dry_run_shows_everything_and_changes_nothing(root: Path) -> None:
    before = take_snapshot(root, EVERYTHING)
    done = hvprep("prepare", "--root", str(root), "--dry-run")
    assert done.status == 0
    assert diff_snapshots(before, take_snapshot(root, EVERYTHING)) == []
    for text in (
        "1. write /etc/",
        '+GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=ttyS0,115200n8',
        '-GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"',
        "build /boot/initrd.img-6.1.0-56-amd64 with: /usr/sbin/mkinitramfs -o NEW 6.1.0-56-amd64",
        "build /boot/grub/grub.cfg with: /usr/sbin/grub-mkconfig -o NEW",
        "room needed at ",
    ):
        assert text in done.out
    assert "root=UUID=" not in done.out, "grub.cfg is readable by root only"


def test_a_saved_plan_is_applied_later(root: Path, tmp_path: Path) -> None:
    before = take_snapshot(root, EVERYTHING)
    file = tmp_path / "plan.json"
    done = hvprep("prepare", "--root", str(root), "--save-plan", str(file))
    assert done.status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(json.loads(file.read_text())["changes"]) == 6
    assert diff_snapshots(before, take_snapshot(root, EVERYTHING)) == []
    done = hvprep("prepare", "--root", str(root), "--yes", "--plan", str(file))
    assert done.status == 0, done.err
    assert hvprep("check", "--root", str(root)).status == 0


@pytest.mark.parametrize(
    "path",
    [
        "etc/default/grub",
        "boot/grub/grub.cfg",
        "etc/initramfs-tools/modules",
        "boot/initrd.img-6.1.0-56-amd64",
    ],
)
def test_a_saved_plan_is_refused_when_a_file_has_moved_since(root: Path, path: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    hvprep("prepare", "--root", str(root), "--save-plan", str(file))
    with (root / path).open("ab") as stream:
        stream.write(b"\0")
    before = take_snapshot(root)
    done = hvprep("prepare", "--root", str(root), "--yes", "--plan", str(file))
    assert done.status == 1
    assert "changed by somebody else since the plan was made" in done.err
    assert f"/{path}" in done.err
    assert diff_snapshots(before, take_snapshot(root)) == []


def test_only_one_requirement(root: Path) -> None:
    before = take_snapshot(root)
    done = hvprep("prepare", "--root", str(root), "--yes", "--only", "kernel-parameters")
    assert done.status == 0, done.err
    changed = {line.split()[1] for line in diff_snapshots(before, take_snapshot(root))}
    assert changed == {
        "/boot/grub/grub.cfg", "/boot/grub/grub.cfg.hvprep-old", "/etc/default/grub",
        "/etc/default/grub.d/99-hvprep.cfg",
    }  # fmt: skip
    assert hvprep("check", "--root", str(root), "--only", "kernel-parameters").status == 0
    assert hvprep("check", "--root", str(root), "--only", "initrd-drivers").status == 3


@pytest.mark.parametrize("answer", ["n\n", "\n", "nonsense\n", "\x04"])
def test_whoever_does_not_say_yes_changes_nothing(root: Path, answer: str) -> None:
    before = take_snapshot(root)
    done = hvprep_on_terminal(answer, "prepare", "--root", str(root))
    assert done.status == 0
    assert "Make these 6 changes? [y/N] " in done.out
    assert done.out.endswith("Nothing was changed.\n")
    assert diff_snapshots(before, take_snapshot(root)) == []


def test_whoever_says_yes_gets_it(root: Path) -> None:
    assert hvprep_on_terminal("y\n", "prepare", "--root", str(root)).status == 0
    assert hvprep("check", "--root", str(root)).status == 0
    assert hvprep_on_terminal("n\n", "rollback", "--root", str(root)).out.endswith("Nothing was changed.\n")
    assert hvprep("check", "--root", str(root)).status == 0


def test_a_second_hvprep_is_told_who_is_at_work(root: Path) -> None:
    process = start_and_wait(root, ["prepare", "--root", str(root), "--yes"])
    try:
        for verb in ("prepare", "rollback"):
            done = hvprep(verb, "--root", str(root), "--yes")
            assert done.status == 1
            sentence = f"another hvprep is at work on this system: prepare, process {process.pid}"
            assert done.err.splitlines()[0] == f"hvprep: {sentence}"
        assert hvprep("check", "--root", str(root)).status == 3, "looking is allowed"
    finally:
        (root / "var/go").write_text("on\n")
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    clean_up(root)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_prepare_takes_everything_back(root: Path, number: int) -> None:
    before = take_snapshot(root)
    process = start_and_wait(root, ["prepare", "--root", str(root), "--yes"])
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    clean_up(root)
    assert process.returncode == 1
    assert any(line.startswith("hvprep: interrupted") for line in errors.decode().splitlines()[-2:])
    assert diff_snapshots(before, take_snapshot(root)) == []


@pytest.mark.parametrize("name", ["", "1", "0001"])
def test_a_killed_prepare_is_taken_back_by_the_next(root: Path, name: str) -> None:
    before = take_snapshot(root)
    process = start_and_wait(root, ["prepare", "--root", str(root), "--yes"])
    process.kill()
    process.communicate(timeout=60)
    clean_up(root)
    done = hvprep("check", "--root", str(root))
    assert "Transaction 0001 was cut off (open): hvprep rollback" in done.out
    assert "it was cut off; hvprep rollback takes it back" in hvprep("status", "--root", str(root)).out
    done = hvprep("rollback", "--root", str(root), "--yes", *filter(None, [name]))
    assert (done.status, done.out) == (0, "Transaction 0001, which had been cut off, was taken back.\n")
    assert diff_snapshots(before, take_snapshot(root)) == []
    done = hvprep("prepare", "--root", str(root), "--yes")
    assert done.status == 0
    with (root / "etc/default/grub.d/99-hvprep.cfg").open("a") as stream:
        stream.write("# mine\n")
    done = hvprep("rollback", "--root", str(root), "--yes")
    assert done.status == 1
    assert "/etc/default/grub.d/99-hvprep.cfg was changed since by somebody else" in done.err
    assert hvprep("rollback", "--root", str(root), "--yes", "--force").status == 0
    assert diff_snapshots(before, take_snapshot(root)) == []
