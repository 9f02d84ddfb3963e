"""A system in a directory, booted by its own systemd in a container: no hardware, no kernel of its own."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List

import psutil

from tests.chroot.guest import Done, Guest

BOOT_TIMEOUT_S, STOP_TIMEOUT_S = 180.0, 120.0


@dataclass(frozen=True)
class Container:
    """One that runs. `console` is what it has shown on /dev/console."""

    nspawn: psutil.Process
    log: Path

    def run(self, *argv: str) -> Done:
        """Runs a program in it, as somebody who is logged in would."""
        enter = (
            "nsenter",
            f"--target={self.leader.pid}",
            "--all",
            "--",
            "env",
            "LC_ALL=C.UTF-8",
            "TERM=dumb",
        )
        done = subprocess.run(
            [*enter, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def tool(self, *argv: str) -> str:
        """The output of a program that has to end well."""
        done = self.run(*argv)
        assert done.status == 0, (argv, done)
        return done.output

    def journal(self, unit: str) -> str:
        """What the unit has logged in this boot, without times and names."""
        return self.tool("journalctl", "--boot", "--no-pager", "--output=cat", f"--unit={unit}")

    def failed(self) -> str:
        """The units that have failed; "" where none has."""
        return self.tool("systemctl", "--failed", "--plain", "--no-legend").strip()

    @property
    def console(self) -> str:
        return self.log.read_text(errors="replace").replace("\r", "")

    @property
    def leader(self) -> psutil.Process:
        """Its process 1. A reboot of the container ends it, and nspawn starts another one."""
        (leader,) = _leaders(self.nspawn)
        return leader

    def wait_until_booted(self) -> None:
        """Until no job is left, however the boot ended."""
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while self.run("systemctl", "is-system-running", "--wait").output.strip() in ("", "offline"):
            assert time.monotonic() < deadline, self.console[-3000:]
            time.sleep(0.1)

    def power_off(self) -> None:
        """Waits until all of it has ended."""
        self.run("systemctl", "poweroff", "--no-block")
        self.nspawn.wait(STOP_TIMEOUT_S)


@contextlib.contextmanager
def booted(guest: Guest, log: Path, *options: str) -> Iterator[Container]:
    """The system, running; what is left of it at the end is ended. `options` are systemd-nspawn(1)'s."""
    # Its fstab names a disk that is not there.
    remount = guest.root / "etc/systemd/system/systemd-remount-fs.service"
    remount.unlink(missing_ok=True)
    remount.symlink_to("/dev/null")
    words = ("--quiet", "--boot", "--register=no", "--keep-unit", *options, "-D", str(guest.root))
    nspawn = f"exec systemd-nspawn {shlex.join(words)}"
    argv = ["script", "--quiet", "--flush", "--return", "--command", nspawn, str(log)]  # it wants a terminal
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as terminal:
        try:
            container = Container(_find_nspawn(terminal), log)
            container.wait_until_booted()
            yield container
        finally:
            for process in psutil.Process(terminal.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def _leaders(nspawn: psutil.Process) -> List[psutil.Process]:
    """Those of its children that are process 1 of a container: another one only sets it up."""
    return [child for child in nspawn.children() if _numbers(child)[1:] == ["1"]]


def _numbers(process: psutil.Process) -> List[str]:
    """Its number in each PID namespace, from ours inwards (proc_pid_status(5)); none where it has ended."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        return next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return []


def _find_nspawn(terminal: subprocess.Popen[bytes]) -> psutil.Process:
    """nspawn, once it has started process 1 of the container."""
    deadline = time.monotonic() + BOOT_TIMEOUT_S
    while True:
        for process in psutil.Process(terminal.pid).children():
            if process.name() == "systemd-nspawn" and _leaders(process):
                return process
        assert terminal.poll() is None, "systemd-nspawn has ended"
        assert time.monotonic() < deadline
        time.sleep(0.1)
