"""The facts of the machine that the tests run on, against what the system's own tools say of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hvprep.facts import live
from hvprep.model.node import GuestPath
from hvprep.system.hostfile import are_different
from hvprep.system.root import Root

AGENT = Path(live.__file__).parents[2]


@pytest.fixture(scope="module")
def facts() -> live.LiveFacts:
    return live.probe_live(Root(Path("/")))


def output(*argv: str) -> str:
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.rstrip("\n")


def test_the_kernel_is_the_running_one(facts: live.LiveFacts) -> None:
    assert facts.kernel_release == output("uname", "-r")
    assert facts.machine == output("uname", "-m")
    assert facts.command_line == output("cat", "/proc/cmdline")


def test_memory_is_what_meminfo_says(facts: live.LiveFacts) -> None:
    words = output("grep", "^MemTotal:", "/proc/meminfo").split()
    assert facts.memory_bytes == int(words[1]) * 1024


def test_mounts_are_what_the_kernel_lists() -> None:
    lines, after, mounts = "", "changed", None
    while lines != after:  # something else on this machine mounts too
        lines = output("cat", "/proc/self/mounts")
        mounts = live.probe_live(Root(Path("/"))).mounts
        after = output("cat", "/proc/self/mounts")
    assert mounts is not None
    words = [line.split() for line in lines.splitlines()]
    assert [mount.fstype for mount in mounts] == [each[2] for each in words]
    assert [",".join(mount.options) for mount in mounts] == [each[3] for each in words]
    proc = next(mount for mount in mounts if mount.mountpoint == GuestPath("/proc"))
    assert (proc.device, proc.fstype) == ("proc", "proc")


def test_a_mount_point_with_a_blank_is_read_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "a b"
    place.mkdir()
    program = """
from pathlib import Path
from hvprep.facts import live
from hvprep.system.root import Root
print([mount for mount in live.probe_live(Root(Path("/"))).mounts if mount.mountpoint.name == "a b"])
"""
    script = f'mount -t tmpfs -o ro,nosuid none \'{place}\' && exec "$0" -c "$1"'
    argv = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "/bin/sh",
        "-c",
        script,
        sys.executable,
        program,
    ]
    environ = {**os.environ, "PYTHONPATH": str(AGENT)}
    done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert (
        f"Mount(device='', mountpoint=PurePosixPath('{place}'), fstype='tmpfs', options=('ro'," in done.stdout
    )


def test_swaps_of_this_machine_agree_with_swapon(facts: live.LiveFacts) -> None:
    names = output("swapon", "--show=NAME", "--noheadings").splitlines()
    assert facts.swaps is not None
    assert [str(swap.path) for swap in facts.swaps] == [name.strip() for name in names]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ()),
        (b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", ()),
        (
            b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
            b"/dev/sda3                               partition\t2097148\t\t0\t\t-2\n"
            b"/mnt/a\\134b\\040c\\040(deleted)          file\t\t1024\t\t512\t\t5\n",
            (
                live.Swap(GuestPath("/dev/sda3"), "partition", 2097148, 0),
                live.Swap(GuestPath("/mnt/a\\b c (deleted)"), "file", 1024, 512),
            ),
        ),
        (b"/dev/sda3 partition many 0 -2\n\xff\xfe\n", ()),
    ],
)
def test_swaps_as_the_kernel_writes_them(content: bytes, expected: tuple[live.Swap, ...]) -> None:
    assert live.parse_swaps(content) == expected


@contextmanager
def sleeper(uid: int) -> Iterator[int]:
    process = subprocess.Popen(["sleep", "60"], user=uid)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_processes_are_found_by_their_user() -> None:
    uid = 54321 if os.getuid() == 0 else os.getuid()
    with sleeper(uid) as pid:
        deadline = time.monotonic() + 10
        while pid not in live.probe_pids_of(uid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert pid in live.probe_pids_of(uid)
        assert pid not in live.probe_pids_of(uid + 1)
        assert os.getpid() in live.probe_pids_of(os.getuid())
    assert pid not in live.probe_pids_of(uid)


def test_a_chroot_is_seen_by_its_directory(tmp_path: Path) -> None:
    (tmp_path / "same").symlink_to("/")
    assert are_different(Path("/"), tmp_path / "same") is False
    assert are_different(Path("/"), tmp_path) is True
    assert are_different(Path("/"), tmp_path / "none") is None


def test_what_proc_does_not_show_is_not_known(tmp_path: Path) -> None:
    facts = live.probe_live(Root(tmp_path))
    assert (facts.command_line, facts.swaps) == (None, None)


def test_psutil_is_imported_late_and_its_absence_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text("raise ImportError('not installed')\n")
    program = """
from hvprep.errors import HvprepError
from hvprep.facts import live
try:
    live.probe_pids_of(0)
except HvprepError as error:
    print(error.sentence)
"""
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{AGENT}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "the Python module psutil is not installed\n"
