"""Whatever ends hvprep, or breaks under it: the next run brings the disk into use, or says why not.

Nothing is ever formatted that was whole, and no swap is left on another disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Callable, Iterator, List, Sequence

import pytest
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.set_up import set_up_disk
from hvprep.resourcedisk.verdict import FILE_SYSTEM_LABEL, PARTITION_NAME
from hvprep.settings import load
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Runner

from tests.chroot.guest import environment
from tests.chroot.resource_disk import MIB, WHERE, AzureMachine, azure_machine, blkid, mounts, run, swaps

SWAP = WHERE / "hvprep-swapfile"
DEADLINE_S = 60.0


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AzureMachine]:
    with azure_machine(tmp_path) as machine:
        yield machine


def set_up(step: Callable[[str], None]) -> None:
    """What the verb does, in this process; `step` is called before each mutation and each program."""

    def enter(argv: Sequence[str]) -> List[str]:
        step(argv[0])
        return list(argv)

    def observe(operation: str, path: GuestPath) -> None:
        step(f"{operation} {path}")

    machine = Machine(Root(Path("/"), observe), Runner(enter, {}), live=True)
    set_up_disk(machine, load(machine.root), lambda text: None, lambda text: None)


def end_of(number: int = 0) -> List[str]:
    """The steps of a process that does it, killed before step `number` (from 1) where there is one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_and_exit(number, writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        steps = stream.read().splitlines()
    _, status = os.waitpid(child, 0)
    if number:
        assert os.WIFSIGNALED(status), (steps, status)
        assert os.WTERMSIG(status) == signal.SIGKILL
    else:
        assert status == 0, steps
    return steps


def _run_and_exit(number: int, writing: int) -> None:
    made = 0

    def step(name: str) -> None:
        nonlocal made
        made += 1
        os.write(writing, f"{name}\n".encode())
        if made == number:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        set_up(step)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(70)
    os._exit(0)


def assert_only_the_disk_swaps(machine: AzureMachine) -> None:
    """Wherever it stopped."""
    for path in swaps():
        assert (machine.partition, str(WHERE)) in mounts(), path
        assert os.stat(path).st_dev == os.stat(WHERE).st_dev != os.stat("/mnt").st_dev


def assert_in_use(machine: AzureMachine, size_mib: int = 64) -> None:
    assert (machine.partition, str(WHERE)) in mounts()
    (entry,) = machine.table()
    assert entry["name"] == PARTITION_NAME
    assert blkid(machine.partition)["LABEL"] == FILE_SYSTEM_LABEL
    assert list(swaps()) == [str(SWAP)]
    assert SWAP.stat().st_size == size_mib * MIB
    assert sorted(os.listdir(WHERE)) == ["DATALOSS_WARNING_README.txt", SWAP.name, "lost+found"]


def finished_uuid(machine: AzureMachine) -> str:
    """Of the file system, if it was made to the end."""
    nodes = (machine.state / "partitions").read_text().split()
    found = blkid(nodes[0]) if nodes else {}
    return found["UUID"] if found.get("LABEL") == FILE_SYSTEM_LABEL else ""


def test_killed_before_every_step_of_the_first_run(machine: AzureMachine) -> None:
    machine.put_ntfs()
    steps = end_of()
    assert {"sfdisk", "wipefs", "mkfs.ext4", "mkswap", "mount"} <= set(steps)
    assert_in_use(machine)
    survivors = 0
    for number in range(1, len(steps) + 1):
        machine.replace_disk()
        with contextlib.suppress(FileNotFoundError):
            WHERE.rmdir()
        Path("/etc/fstab").write_text("")
        machine.put_ntfs()
        end_of(number)
        assert_only_the_disk_swaps(machine)
        uuid = finished_uuid(machine)
        survivors += bool(uuid)
        if number % 2:
            machine.end_boot()
        done = machine.hvprep()
        assert done.status == 0, (steps[number - 1], done)
        assert_in_use(machine)
        assert not uuid or finished_uuid(machine) == uuid, f"formatted twice: {steps[number - 1]}"
    assert 5 < survivors < len(steps) - 5


@pytest.mark.parametrize(
    ("settings", "size_mib"),
    [("ResourceDisk.SwapSizeMB=96\n", 96), ("ResourceDisk.EnableSwap=n\n", 0)],
    ids=["larger", "none"],
)
def test_killed_before_every_step_of_a_change_of_swap(
    machine: AzureMachine, settings: str, size_mib: int
) -> None:
    first = "ResourceDisk.SwapSizeMB=64\n"
    machine.settings(first)
    assert machine.hvprep().status == 0
    uuid = finished_uuid(machine)
    machine.settings(settings)
    steps = end_of()
    for number in range(1, len(steps) + 1):
        machine.settings(first)
        assert machine.hvprep().status == 0
        assert_in_use(machine)
        machine.settings(settings)
        end_of(number)
        assert_only_the_disk_swaps(machine)
        if number % 2:
            machine.end_boot()
        done = machine.hvprep()
        assert done.status == 0, (steps[number - 1], done)
        if size_mib:
            assert_in_use(machine, size_mib)
        else:
            assert swaps() == {}
            assert sorted(os.listdir(WHERE)) == ["DATALOSS_WARNING_README.txt", "lost+found"]
        assert finished_uuid(machine) == uuid


@pytest.mark.parametrize("program", ["sfdisk", "wipefs", "mkfs.ext4", "mkswap", "mount"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_by_the_program_itself(machine: AzureMachine, program: str, when: str) -> None:
    """At the beginning of its work, and at its end. It is ended with hvprep."""
    machine.put_ntfs()
    real = run("which", program).strip()
    work = f'case "$*" in *--version*) exec {real} "$@" ;; esac\n'
    kill = "kill -9 $PPID; sleep 60; touch /run/late\n"
    work += f"{kill}" if when == "before" else f'{real} "$@"\n{kill}'
    machine.put_shadow(program, f"#!/bin/sh\n{work}")
    done = machine.hvprep()
    assert done.status == -signal.SIGKILL
    assert_only_the_disk_swaps(machine)
    uuid = finished_uuid(machine)
    Path("/usr/local/sbin", program).unlink()
    done = machine.hvprep()
    assert done.status == 0, done
    assert_in_use(machine)
    assert not uuid or finished_uuid(machine) == uuid
    assert not Path("/run/late").exists()


def test_an_interrupt_ends_mkfs_too(machine: AzureMachine) -> None:
    machine.put_ntfs()
    machine.put_shadow("mkfs.ext4", "#!/bin/sh\n: >/run/started\nsleep 60\n: >/run/late\n")
    argv = [sys.executable, "-m", "hvprep.cli", "resource-disk"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not Path("/run/started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "interrupted" in errors
    Path("/usr/local/sbin/mkfs.ext4").unlink()
    assert machine.hvprep().status == 0
    assert_in_use(machine)
    assert not Path("/run/late").exists()


def without(program: str) -> contextlib.AbstractContextManager[None]:
    """The real program is a device that cannot be run."""

    @contextlib.contextmanager
    def shadowed() -> Iterator[None]:
        path = run("which", program).strip()
        run("mount", "--bind", "/dev/null", path)
        try:
            yield
        finally:
            run("umount", path)

    return shadowed()


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_without_mkfs_the_disk_is_not_touched(machine: AzureMachine, kind: str) -> None:
    machine.settings(f"ResourceDisk.Filesystem={kind}\n")
    machine.put_ntfs()
    before = machine.digest()
    with without(f"mkfs.{kind}"):
        done = machine.hvprep()
    assert done.status == 1
    assert f"mkfs.{kind} is not installed, so {machine.disk} cannot be formatted" in done.errors
    assert machine.digest() == before


@pytest.mark.parametrize("missing", [("sfdisk",), ("sfdisk", "sgdisk")])
def test_other_programs_make_the_table(machine: AzureMachine, missing: Sequence[str]) -> None:
    """sgdisk, and parted, in the place of an sfdisk that is too old."""
    machine.put_ntfs()
    machine.put_shadow("sfdisk", "#!/bin/sh\necho 'sfdisk from util-linux 2.23.2'\n")
    with contextlib.ExitStack() as stack:
        for program in missing[1:]:
            stack.enter_context(without(program))
        done = machine.hvprep()
    assert done.status == 0, done
    Path("/usr/local/sbin/sfdisk").unlink()
    assert_in_use(machine)


def test_no_program_can_make_the_table(machine: AzureMachine) -> None:
    machine.put_ntfs()
    before = machine.digest()
    machine.put_shadow("sfdisk", "#!/bin/sh\necho 'sfdisk from util-linux 2.23.2'\n")
    with without("sgdisk"), without("parted"):
        done = machine.hvprep()
    assert done.status == 1
    assert f"no program here can put a partition table on {machine.disk}" in done.errors
    assert machine.digest() == before


def test_mkfs_that_fails_is_told_and_tried_again(machine: AzureMachine) -> None:
    machine.put_ntfs()
    machine.put_shadow("mkfs.ext4", "#!/bin/sh\necho 'mkfs.ext4: No space for it' >&2\nexit 1\n")
    done = machine.hvprep()
    assert done.status == 1
    assert "No space for it" in done.errors
    assert swaps() == {}
    Path("/usr/local/sbin/mkfs.ext4").unlink()
    assert machine.hvprep().status == 0
    assert_in_use(machine)


def test_sfdisk_that_does_nothing_is_found_out(machine: AzureMachine) -> None:
    """An exit status of 0 proves nothing."""
    machine.put_ntfs()
    before = machine.digest()
    machine.put_shadow("sfdisk", "#!/bin/sh\necho 'sfdisk from util-linux 2.38.1'\n")
    done = machine.hvprep()
    assert done.status == 1
    assert "the new partition table" in done.errors
    assert machine.digest() == before


def test_a_disk_that_vanishes(machine: AzureMachine) -> None:
    """While its table is made."""
    machine.put_ntfs()
    shown = (machine.state / "sysfs").read_text()
    real = run("which", "sfdisk").strip()
    script = f'#!/bin/sh\n{real} "$@"\ncase "$*" in *version*) ;; *) rm -r {shown} ;; esac\n'
    machine.put_shadow("sfdisk", script)
    done = machine.hvprep()
    assert done.status == 1
    assert f"{machine.disk} has vanished" in done.errors
    assert swaps() == {}


def test_another_disk_of_that_name_is_not_formatted(machine: AzureMachine) -> None:
    """It appears between the verdict and the first write."""
    machine.put_ntfs()
    before = machine.digest()
    diskseq = Path((machine.state / "sysfs").read_text()) / "diskseq"
    script = f"#!/bin/sh\necho 8 >{diskseq}\necho 'sfdisk from util-linux 2.38.1'\n"
    machine.put_shadow("sfdisk", script)
    done = machine.hvprep()
    assert done.status == 1
    assert f"{machine.disk} is not any more what it was a moment ago" in done.errors
    assert machine.digest() == before


def test_another_program_is_at_work_on_the_disk(machine: AzureMachine) -> None:
    """udev, or systemd-repart, says so by a lock on it."""
    machine.put_ntfs()
    before = machine.digest()
    with Path(machine.disk).open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        done = machine.hvprep()
    assert done.status == 1
    assert f"another program is at work on {machine.disk}" in done.errors
    assert machine.digest() == before


def test_two_at_once(machine: AzureMachine) -> None:
    machine.put_ntfs()
    machine.put_shadow("mkfs.ext4", '#!/bin/sh\nread line </run/go\nexec /usr/sbin/mkfs.ext4 "$@"\n')
    os.mkfifo("/run/go")
    argv = [sys.executable, "-m", "hvprep.cli", "resource-disk"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment()) as first:
        with Path("/run/go").open("w") as stream:  # mkfs has begun
            done = machine.hvprep()
            stream.write("go\n")
        output, _ = first.communicate()
    assert done.status == 1
    assert f"another hvprep is at work on this system: resource-disk, process {first.pid}" in done.errors
    assert first.returncode == 0
    assert "is mounted on /mnt/resource" in output
    assert_in_use(machine)


def test_a_disk_of_10_mib(tmp_path: Path) -> None:
    with azure_machine(tmp_path, size_bytes=10 * MIB) as machine:
        before = machine.digest()
        done = machine.hvprep()
        assert done.status == 1
        assert "it has 10 MiB, and 320 are the least to format" in done.errors
        assert machine.digest() == before


def test_swap_that_cannot_be_ended_stays(machine: AzureMachine) -> None:
    """As where memory has no room for what lies there."""
    assert machine.hvprep().status == 0
    machine.settings("ResourceDisk.SwapSizeMB=96\n")
    argv = ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-m", "hvprep.cli", "resource-disk"]
    limited = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
    assert limited.returncode == 1
    assert f"swap to {SWAP} cannot be ended: Operation not permitted" in limited.stderr
    assert list(swaps()) == [str(SWAP)]
    assert SWAP.stat().st_size == 64 * MIB
