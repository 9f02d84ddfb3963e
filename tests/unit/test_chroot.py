"""Entering a root: its programs, mounts that only they see, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hvprep.errors import CommandFailed
from hvprep.system import chroot
from hvprep.system.runner import Runner, enter_chroot


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a shell, cat and stat, and the libraries that they need."""
    root = tmp_path_factory.mktemp("chroot") / "root"
    for directory in ("dev", "proc", "sys", "run", "tmp", "etc", "bin"):
        (root / directory).mkdir(parents=True)
    for program in ("sh", "cat", "stat"):
        found = shutil.which(program, path="/bin:/usr/bin")
        assert found is not None
        libraries = subprocess.run(["ldd", found], stdout=subprocess.PIPE, text=True, check=True).stdout
        files = [word for word in libraries.split() if word.startswith("/")]
        shutil.copy(found, root / "bin" / program)
        for name in files:
            (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, root / name[1:])
    (root / "etc/name").write_text("the image\n")
    return root


def run(host: Path, script: str) -> str:
    return Runner(enter_chroot(host), {}).check(["/bin/sh", "-c", script], 30).output


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def test_the_root_is_the_image(host: Path) -> None:
    assert run(host, "cat /etc/name; pwd") == "the image\n/\n"


def test_a_program_has_its_mounts_and_the_machine_keeps_none(host: Path) -> None:
    before = mounts()
    words = run(
        host, "stat -f -c %T /proc /sys /run /tmp; stat -c %a /run /tmp; echo x > /dev/null; echo x > /tmp/x"
    )
    assert words.split() == ["proc", "sysfs", "tmpfs", "tmpfs", "755", "1777"]
    assert mounts() == before
    assert list((host / "tmp").iterdir()) == []
    assert list((host / "proc").iterdir()) == []


def test_a_mount_point_that_is_missing_or_a_link_is_no_way_out(host: Path, tmp_path: Path) -> None:
    other = tmp_path / "root"
    shutil.copytree(host, other)
    (other / "tmp").rmdir()
    assert run(other, "cat /etc/name") == "the image\n"
    (other / "tmp").symlink_to(tmp_path)
    before = mounts()
    with pytest.raises(CommandFailed, match=f"exit status {chroot.ENTER_FAILED}: cannot enter"):
        run(other, "cat /etc/name")
    assert mounts() == before


def test_what_cannot_be_entered_or_run(host: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=f"status {chroot.ENTER_FAILED}.*No such file"):
        run(tmp_path / "nowhere", "true")
    with pytest.raises(
        CommandFailed, match=f"status {chroot.PROGRAM_MISSING}: cannot run /bin/none: No such file"
    ):
        Runner(enter_chroot(host), {}).check(["/bin/none"], 30)


def test_a_program_that_is_killed_leaves_no_mount(host: Path) -> None:
    before = mounts()
    argv = [sys.executable, "-I", chroot.__file__, str(host), "/bin/sh", "-c", "echo ready; read x"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert mounts() == before, "its mounts are its own while it runs, too"
        os.kill(process.pid, signal.SIGKILL)
    assert mounts() == before
