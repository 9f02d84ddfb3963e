"""A virtual machine with the firmware identity of Azure, on an emulated processor, seen by serial ports."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

#: Of the chassis of every Azure machine (facts/platform.py).
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
IDENTITY = (
    *("-smbios", "type=1,manufacturer=Microsoft Corporation,product=Virtual Machine"),
    *("-smbios", f"type=3,asset={AZURE_ASSET_TAG}"),
)


@dataclass
class Machine:
    """`console` is all that came from its first serial port, `report` the file that the second one writes."""

    process: subprocess.Popen[bytes]
    port: socket.socket
    report: Path
    deadline: float
    console: str = field(default="")

    def wait_for(self, pattern: str, after: int = 0) -> int:
        """Reads the console until the pattern is there; where it ends. Nothing is guessed from time."""
        while True:
            found = re.compile(pattern).search(self.console, after)
            if found:
                return found.end()
            self._read(pattern)

    def wait_for_report(self, last_line: str) -> str:
        """What the guest told of itself, when it has told everything."""
        while True:
            text = self.report.read_text(errors="replace").replace("\r", "")
            if text.endswith(last_line + "\n"):
                return text
            self._read(f"the report's {last_line!r}")

    def type(self, text: str) -> None:
        self.port.sendall(text.encode())

    def _read(self, awaited: str) -> None:
        said = self.console[-3000:]
        assert time.monotonic() < self.deadline, f"{awaited} has not come:\n{said}"
        assert self.process.poll() is None, f"the machine ended before {awaited} came:\n{said}"
        with contextlib.suppress(socket.timeout):
            self.console += self.port.recv(65536).decode("utf-8", "replace")


@contextlib.contextmanager
def running(disk: Path, directory: Path, timeout_s: float) -> Iterator[Machine]:
    """The machine, switched on with that disk, and off at the end. The disk is left as it was."""
    port_path, report, log = directory / "ttyS0", directory / "report", directory / "qemu.log"
    report.touch()
    argv = [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2"),
        *("-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot", *IDENTITY),
        *("-drive", f"file={disk},if=virtio,format=raw,snapshot=on"),
        *("-chardev", f"socket,id=console,path={port_path},server=on,wait=on", "-serial", "chardev:console"),
        *("-serial", f"file:{report}"),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process,
    ):
        try:
            with _connected(port_path, process, log) as port:
                yield Machine(process, port, report, time.monotonic() + timeout_s)
        finally:
            process.kill()


@contextlib.contextmanager
def _connected(path: Path, process: subprocess.Popen[bytes], log: Path) -> Iterator[socket.socket]:
    """The machine begins when somebody listens, so that not a byte is lost."""
    with socket.socket(socket.AF_UNIX) as port:
        while port.connect_ex(str(path)) != 0:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        port.settimeout(1.0)
        yield port
