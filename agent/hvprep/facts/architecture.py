"""Which processor the system is made for, and whether its programs can be started here."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.settings.forms import AUTO

# elf.h: e_machine
_MACHINES = {3: "i686", 62: "x86_64", 183: "aarch64", 40: "arm", 21: "ppc64le", 22: "s390x", 243: "riscv64"}
#: Programs that every system has, as a rule.
_PROGRAMS = ("/bin/sh", "/usr/bin/sh", "/sbin/init", "/usr/lib/systemd/systemd")


@dataclass(frozen=True)
class Architecture:
    """`name` as uname -m writes it, "" where it is not known."""

    name: str
    runs_here: bool
    because: str

    @property
    def is_x86(self) -> bool:
        """Whether it is a PC, 32 or 64 bits."""
        return self.name in ("x86_64", "i686")


def probe_architecture(view: View, settings: Settings) -> Architecture:
    """What the settings say, else the ELF header (elf(5)) of the system's own shell."""
    seen = _read_programs(view)
    wished = settings.image_architecture
    if wished in (AUTO, seen.name):
        return seen
    return Architecture(
        wished, wished == os.uname().machine, f"Image.Architecture={wished} in /etc/hvprep.conf"
    )


def _read_programs(view: View) -> Architecture:
    here = os.uname().machine
    for path in map(GuestPath, _PROGRAMS):
        try:
            with view.open(path) as stream:
                header = stream.read(20)
        except OSError:
            continue
        if header[:4] != b"\x7fELF" or len(header) < 20:
            continue
        order = "<" if header[5] == 1 else ">"
        (machine,) = struct.unpack(order + "H", header[18:20])
        name = _MACHINES.get(machine, f"ELF machine {machine}")
        runs = name == here or (name == "i686" and here == "x86_64")
        return Architecture(name, runs, f"{path} is a program for {name}")
    return Architecture("", False, "no shell and no init of this system could be read")
