"""hvprep deprovision as people use it: what it asks, says and refuses, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Iterator, Tuple

import pytest

from tests.snapshot import Snapshot, diff_snapshots, take_snapshot
from tests.trees.command import argv, environment, hvprep, hvprep_as_nobody, hvprep_on_terminal
from tests.trees.deprovisioning import ID, TRACES, USERS
from tests.trees.generalised import clean_system
from tests.trees.tree import add_to_tree

SECRETS = ("hunter2", "geheim")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A used machine, whose passwords and histories hold what may be shown nowhere."""
    rig = clean_system(tmp_path)
    add_to_tree(rig.root, USERS + TRACES)
    (rig.root / "root/.bash_history").write_text(f"mysql -p{SECRETS[0]}\n")
    (rig.root / "etc/ssh/ssh_host_ed25519_key").write_text(SECRETS[1])
    return rig.root


def state(root: Path) -> Snapshot:
    return take_snapshot(root, ("/run",))


def test_without_a_terminal_it_refuses(root: Path) -> None:
    before = state(root)
    done = hvprep("deprovision", "--root", str(root))
    assert (done.status, done.out) == (2, "")
    assert "there is no terminal to ask on" in done.err
    assert "add --force" in done.err
    assert diff_snapshots(before, state(root)) == []


@pytest.mark.parametrize("answer", ["n\n", "\n", "ja\n"])
def test_only_a_yes_is_one(root: Path, answer: str) -> None:
    before = state(root)
    done = hvprep_on_terminal(answer, "deprovision", "--root", str(root))
    assert done.status == 0
    assert "WARNING! This cannot be undone" in done.out
    assert done.out.endswith("Nothing was changed.\n")
    lines = [line for line in diff_snapshots(before, state(root)) if "/var/lib/hvprep" not in line]
    assert lines == []


def test_after_a_yes_it_is_done(root: Path) -> None:
    done = hvprep_on_terminal("y\n", "deprovision", "--root", str(root), "--user")
    assert done.status == 0, done.out
    assert "remove /home/ann  (the home of ann)" in done.out
    assert "Done: " in done.out
    assert not (root / "home/ann").exists(), "the user that provisioning made"
    assert (root / "home/annika").exists()
    for secret in SECRETS:
        assert secret not in done.out


def test_dry_run_shows_and_changes_nothing(root: Path) -> None:
    before = state(root)
    done = hvprep("deprovision", "--root", str(root), "--dry-run", "--user", "ann")
    assert (done.status, done.err) == (0, "")
    assert "remove /etc/ssh/ssh_host_ed25519_key  (SSH host keys)" in done.out
    as_json = hvprep("deprovision", "--root", str(root), "--dry-run", "--json", "--user", "ann")
    assert len(json.loads(as_json.out)) == len(done.out.splitlines())
    assert diff_snapshots(before, state(root)) == []


def test_json_tells_every_action(root: Path) -> None:
    done = hvprep("deprovision", "--root", str(root), "--force", "--json")
    report = json.loads(done.out)
    assert (done.status, report["failed"]) == (0, 0)
    assert {action["outcome"] for action in report["actions"]} == {"ok"}
    assert not any(secret in done.out + done.err for secret in SECRETS)
    again = hvprep("deprovision", "--root", str(root), "--force")
    assert "ann needs no" in again.out or "ann has a password" in again.out, "who stays is named"
    assert again.out.endswith(
        "Done: 0 actions. What is left is yours to judge, then the image can be made.\n"
    )


def test_the_result_tells_nothing_of_the_machine(root: Path) -> None:
    hvprep("deprovision", "--root", str(root), "--force", "--user", "ann")
    kept = sorted(path.name for path in (root / "var/lib/hvprep").iterdir())
    assert kept == ["deprovisioned.json", "lock"]
    text = (root / "var/lib/hvprep/deprovisioned.json").read_text()
    assert set(json.loads(text)) == {"version", "hvprep", "outcomes"}
    assert "deprovisioned: " in hvprep("status", "--root", str(root)).out
    done = hvprep("rollback", "--root", str(root), "--yes")
    assert (done.status, done.out) == (0, "Nothing to roll back.\n")


def test_what_fails_is_named_and_hinders_nothing(root: Path) -> None:
    add_to_tree(root, f"file /boot/loader/entries/{ID}-1.conf\n|title x\n")
    add_to_tree(root, "file /boot/loader/entries/Image-1.conf\n|title y\n")
    done = hvprep("deprovision", "--root", str(root), "--force")
    assert done.status == 1
    assert f"FAILED rename /boot/loader/entries/{ID}-1.conf to Image-1.conf: " in done.out
    assert "actions failed. Mend what they say, then do it again." in done.out
    assert not (root / "etc/ssh/ssh_host_ed25519_key").exists()


#: F_SETPIPE_SZ of fcntl(2); the fcntl module has it since Python 3.10.
_F_SETPIPE_SZ = 1031


def begun(root: Path, *words: str) -> subprocess.Popen[str]:
    """A run that has made its first actions and cannot make its last before somebody reads what it tells:
    a pipe holds a page, and this many histories are more."""
    for number in range(200):
        home = root / f"home/user{number}"
        home.mkdir()
        (home / ".bash_history").write_text("make\n")
    with (root / "etc/passwd").open("a") as stream:
        stream.writelines(f"user{n}:x:{3000 + n}:{3000 + n}::/home/user{n}:/bin/bash\n" for n in range(200))
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, _F_SETPIPE_SZ, 4096)
    with os.fdopen(theirs, "wb") as errors:
        process = subprocess.Popen(
            argv("deprovision", "--root", str(root), "--force", *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        )
    process.stderr = os.fdopen(ours)
    assert process.stderr.readline().startswith("[1/"), "it has begun"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_cuts_nothing_off(root: Path, number: int) -> None:
    """A machine that is half of one cannot be told from a whole one."""
    process = begun(root)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors.splitlines()[-1].endswith(
        "the signal came too late: deprovisioning had begun, and went on to its end"
    )
    assert re.search(r"^Done: \d{3} actions\.", output, re.MULTILINE)
    assert not list(root.glob("home/*/.bash_history"))
    assert not (root / "etc/ssh/ssh_host_ed25519_key").exists()
    assert (root / "var/lib/hvprep/deprovisioned.json").exists()


def test_a_signal_hides_no_failure(root: Path) -> None:
    add_to_tree(root, f"file /boot/loader/entries/{ID}-1.conf\n|title x\n")
    add_to_tree(root, "file /boot/loader/entries/Image-1.conf\n|title y\n")
    process = begun(root, "--json")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(output)["failed"]) == (1, 1)


def test_an_interrupted_question_changes_nothing(root: Path) -> None:
    before = state(root)
    done = hvprep_on_terminal("\x03", "deprovision", "--root", str(root))
    assert done.status == 1
    assert "WARNING! This cannot be undone" in done.out
    lines = [line for line in diff_snapshots(before, state(root)) if "/var/lib/hvprep" not in line]
    assert lines == []


@pytest.fixture
def read_only(root: Path) -> Iterator[Path]:
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_a_read_only_root_is_refused(read_only: Path) -> None:
    before = state(read_only)
    done = hvprep("deprovision", "--root", str(read_only), "--force")
    assert done.status == 1
    assert "look whether that volume is read-only" in done.err
    assert diff_snapshots(before, state(read_only)) == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--user", "root", "--force"), 1, "root (uid 0) is a user of the system, and stays"),
        (("--user", "nobody-here", "--force"), 1, "there is no user 'nobody-here'"),
        (("--at-shutdown", "--force"), 1, "only a running system with systemd can be armed"),
        (("--disarm", "--user"), 2, "--disarm goes alone"),
        (("--at-shutdown", "--disarm"), 2, "not allowed with argument"),
    ],
)
def test_mistakes(root: Path, words: Tuple[str, ...], status: int, said: str) -> None:
    before = state(root)
    done = hvprep("deprovision", "--root", str(root), *words)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert len(done.err.splitlines()) >= 2, "and what to do"
    assert diff_snapshots(before, state(root)) == []


def test_users_that_nothing_tells_of(root: Path) -> None:
    (root / "etc/sudoers.d/90-cloud-init-users").unlink()
    (root / "var/lib/waagent/ovf-env.xml").unlink()
    done = hvprep("deprovision", "--root", str(root), "--force", "--user")
    assert done.status == 1
    assert "nothing tells which users provisioning made" in done.err


def test_nobody_but_root_may(root: Path) -> None:
    done = hvprep_as_nobody("deprovision", "--root", str(root), "--force")
    assert done.status == 1
    assert "only root can do this" in done.err
