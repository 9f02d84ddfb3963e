"""One GPT partition over a whole disk, by the first of sfdisk, sgdisk and parted that can make one.

The partition has UNFINISHED_NAME until it has its file system: see the verdict. Old signatures are not wiped
with the table: whoever is killed between the two would leave a disk that nobody can judge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import CommandFailed, Refusal
from hvprep.facts.tools import find_program
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.verdict import PARTITION_NAME, UNFINISHED_NAME
from hvprep.system.machine import Machine
from hvprep.system.runner import Runner

#: "Linux filesystem data" (UEFI; sfdisk --list-types).
_LINUX_DATA = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
#: sfdisk has GPT and --no-tell-kernel since util-linux 2.28.
_SFDISK_GPT = (2, 28)
_VERSION_TIMEOUT_S = 10.0
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Partitioner:
    """The commands that write the table, and that give the partition its final name.

    `script` is the standard input of the first.
    """

    write: tuple[str, ...]
    finish: tuple[str, ...]
    script: str = ""

    def write_table(self, runner: Runner) -> None:
        """The new table, with the unfinished partition. Raises CommandFailed."""
        runner.check(self.write, _TIMEOUT_S, stdin=self.script.encode())

    def finish_partition(self, runner: Runner) -> None:
        """The partition's final name. Raises CommandFailed."""
        runner.check(self.finish, _TIMEOUT_S)


def choose_partitioner(machine: Machine, disk: GuestPath) -> Partitioner:
    """How that disk gets its table here. Raises Refusal where no program can do it.

    sfdisk and sgdisk write the whole table at once; parted, which does it in two steps, comes last.
    """
    if _has_sfdisk_with_gpt(machine):
        script = f'label: gpt\nname="{UNFINISHED_NAME}", type={_LINUX_DATA}\n'
        words = ("--no-tell-kernel", "--part-label", str(disk), "1", PARTITION_NAME)
        return Partitioner(("sfdisk", "--quiet", str(disk)), ("sfdisk", "--quiet", *words), script)
    if find_program(machine.root, "sgdisk") is not None:
        make = (
            "--mbrtogpt",
            "--clear",
            "--new=1:0:0",
            "--typecode=1:8300",
            f"--change-name=1:{UNFINISHED_NAME}",
        )
        finish = f"--change-name=1:{PARTITION_NAME}"
        return Partitioner(("sgdisk", *make, str(disk)), ("sgdisk", finish, str(disk)))
    if find_program(machine.root, "parted") is not None:
        parted = ("parted", "--script", str(disk))
        two = ("mklabel", "gpt", "mkpart", UNFINISHED_NAME, "1MiB", "100%")
        return Partitioner((*parted, *two), (*parted, "name", "1", PARTITION_NAME))
    raise Refusal(
        f"no program here can put a partition table on {disk}",
        "install sfdisk (its package is util-linux or fdisk), sgdisk or parted",
    )


def _has_sfdisk_with_gpt(machine: Machine) -> bool:
    if find_program(machine.root, "sfdisk") is None:
        return False
    try:
        output = machine.runner.check(("sfdisk", "--version"), _VERSION_TIMEOUT_S).output
    except CommandFailed:
        return False
    version = re.search(r"util-linux[^0-9]*([0-9]+)\.([0-9]+)", output)
    return version is not None and (int(version[1]), int(version[2])) >= _SFDISK_GPT
