"""A virtual machine on an emulated processor: its console is a serial port, and a program in it does as told.

    with running(disk, directory, timeout_s) as machine:
        machine.wait_until_booted()
        machine.tool("systemctl", "start", "hvprep-prepare")
        machine.power_off()

Nothing is guessed from time: whatever is waited for, the guest says, or the test fails at its deadline.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Sequence

from tests.chroot.guest import Done
from tests.roots import cache_directory

#: Of the chassis of every Azure machine (facts/platform.py).
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
#: The firmware of Azure; () is that of the emulator, as under KVM.
AZURE = (
    *("-smbios", "type=1,manufacturer=Microsoft Corporation,product=Virtual Machine"),
    *("-smbios", f"type=3,asset={AZURE_ASSET_TAG}"),
)


@dataclass
class Machine:
    """`console` is all that came from its serial port so far; `log`, the same, outlives the test."""

    process: subprocess.Popen[bytes]
    port: socket.socket
    agent: socket.socket
    log: Path
    deadline: float
    console: str = field(default="")
    answers: bytes = field(default=b"")

    def wait_for(self, pattern: str, after: int = 0) -> int:
        """Reads the console until the pattern is there; where it ends."""
        while True:
            found = re.compile(pattern).search(self.console, after)
            if found:
                return found.end()
            self._read(pattern)

    def type(self, text: str) -> None:
        self.port.sendall(text.encode())

    def wait_until_booted(self) -> str:
        """Until no job of the boot is left; what systemd says of it, "running" where no unit failed."""
        assert isinstance(self._answer("word of the guest"), str)
        return self.run("systemctl", "is-system-running", "--wait").output.strip()

    def run(self, *argv: str) -> Done:
        """Runs a program in the guest, as root."""
        self.start(*argv)
        return Done(*self._answer(" ".join(argv)))

    def tool(self, *argv: str) -> str:
        """The output of a program that has to end well."""
        done = self.run(*argv)
        assert done.status == 0, (argv, done)
        return done.output

    def start(self, *argv: str) -> None:
        """As `run`, without waiting for its end; nothing else can be run before it."""
        self.agent.sendall(json.dumps(argv).encode() + b"\n")

    def power_off(self) -> None:
        """Waits until the guest has shut itself down."""
        self.start("systemctl", "poweroff")
        self.wait_for_end()

    def reboot(self) -> None:
        """Waits until the guest would begin anew: the emulator ends then."""
        self.start("systemctl", "reboot")
        self.wait_for_end()

    def cut_power(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for_end(self) -> None:
        """Until the guest has switched itself off."""
        with contextlib.suppress(_Ended):
            while True:
                self._read("the end")

    def _answer(self, awaited: str) -> Any:
        while True:
            line, complete, rest = self.answers.partition(b"\n")
            if complete:
                self.answers = rest
                if line:
                    return json.loads(line)
            else:
                self._read(awaited)

    def _read(self, awaited: str) -> None:
        said = f"{self.console[-3000:]}\n(all of it: {self.log})"
        assert time.monotonic() < self.deadline, f"{awaited} has not come:\n{said}"
        ended = self.process.poll() is not None
        for port in select.select([self.port, self.agent], [], [], 0 if ended else 1.0)[0]:
            content = port.recv(1 << 20)
            if port is self.agent:
                self.answers += content
            elif content:
                self.console += content.decode("utf-8", "replace")
                self.log.write_text(self.console)
            ended = ended and not content
        if ended:
            raise _Ended(f"the machine ended before {awaited} came:\n{said}")


class _Ended(AssertionError):
    """Nothing can come any more."""


@contextlib.contextmanager
def running(
    disk: Path, directory: Path, timeout_s: float, options: Sequence[str] = AZURE, log: str = ""
) -> Iterator[Machine]:
    """The machine, switched on with that disk, and off at the end, within `timeout_s` from now.

    A disk in qcow2 holds afterwards what was written; another one is left as it was. `options` are further
    ones of QEMU, as for one more disk. `log` names the file of the console in the cache.
    """
    port, agent, errors = directory / "ttyS0", directory / "agent", directory / "qemu.log"
    consoles = cache_directory().parent / "consoles"
    consoles.mkdir(exist_ok=True)
    form = "qcow2" if disk.suffix == ".qcow2" else "raw,snapshot=on"
    drive = f"file={disk},if=none,id=system,format={form}"
    argv = [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2"),
        *("-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot", *options, "-drive", drive),
        # Whatever other disks there are, this is the one that the firmware starts from.
        *("-device", "virtio-blk-pci,drive=system,bootindex=1"),
        *("-chardev", f"socket,id=console,path={port},server=on,wait=on", "-serial", "chardev:console"),
        *("-chardev", f"socket,id=agent,path={agent},server=on,wait=on", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=agent,name=hvtest"),
    ]
    with (
        errors.open("wb") as output,
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process,
    ):
        try:
            with _connected(port, process, errors) as console, _connected(agent, process, errors) as told:
                path = consoles / f"{log or disk.stem}.log"
                yield Machine(process, console, told, path, time.monotonic() + timeout_s)
        finally:
            process.kill()
            for path in (port, agent):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _connected(path: Path, process: subprocess.Popen[bytes], log: Path) -> Iterator[socket.socket]:
    """The machine begins when somebody listens, so that not a byte is lost."""
    with socket.socket(socket.AF_UNIX) as port:
        while port.connect_ex(str(path)) != 0:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield port
