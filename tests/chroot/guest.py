"""A real system in a directory, hvprep run on it from outside, and its own programs run inside.

Everything is judged by what the tree holds afterwards and by what the distribution's own tools say. The only
stand-in is one-disk.sh, for a builder that has the system's disk.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, Tuple

from hvprep.facts.initrds import probe_initrd
from hvprep.formats.initrd_modules import modules_in
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.requirements import only_boot
from tests.roots import ROOT_UUID

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
#: What the seed asks for, and the file system that fstab names.
DRIVERS = ("hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc", "ext4")
CONSOLE = "console=ttyS0,115200n8"
WANTED_WORDS = (CONSOLE, "earlyprintk=ttyS0,115200")
#: The init of initramfs-tools would sleep for all of rootdelay= at every boot.
ROOT_WAIT = {"initramfs-tools": "rootwait", "dracut": "rootdelay=300"}
UNWANTED_WORDS = ("quiet", "rhgb", "splash", "crashkernel=auto")
BACKUP = ".hvprep-old"
#: An administrator's configuration of dracut that asks for few drivers: a third of the time.
QUICK_DRACUT = 'drivers+=" ext4 virtio_blk "\n'
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x00020000, 16384, 1 << 18  # sched.h, mount.h


@dataclass(frozen=True)
class Done:
    """How a program ended; `output` and `errors` are what it wrote."""

    status: int
    output: str
    errors: str


@dataclass(frozen=True)
class Guest:
    """The system below `root`. On a `one_disk` builder its disk is there, else the builder's own are.

    is_whole  whether check and prepare go by all requirements where they are not told otherwise
    """

    root: Path
    one_disk: bool = False
    is_whole: bool = False

    def hvprep(self, verb: str, *options: str) -> Done:
        """Runs one verb, as a process of its own."""
        return self._run([*self.hvprep_argv(verb, *options)])

    def hvprep_argv(self, verb: str, *options: str) -> List[str]:
        words = self.words(verb, "--root", str(self.root), *options)
        return [*self._builder(), sys.executable, "-m", "hvprep.cli", *words]

    def words(self, *words: str) -> List[str]:
        """The words of a command line, with the requirements that it goes by."""
        return [*words] if self.is_whole else only_boot(words)

    def inside(self, *argv: str) -> Done:
        """Runs a program of the system's own in it."""
        return self._run([*self._builder(), str(HERE / "inside.sh"), str(self.root), *argv])

    def tool(self, *argv: str) -> str:
        """The output of a program of the system's own that has to end well."""
        done = self.inside(*argv)
        assert done.status == 0, (argv, done)
        return done.output

    def verdicts(self) -> Dict[str, str]:
        """The id of each requirement, and what check says of it."""
        return {finding["id"]: finding["verdict"] for finding in self.report()["findings"]}

    def report(self, *only: str) -> Any:
        """What check says, of these requirements where any are named."""
        words = ["--only", ",".join(only)] if only else []
        return json.loads(self.hvprep("check", "--json", *words).output)

    def _builder(self) -> List[str]:
        return [str(HERE / "one-disk.sh"), str(self.root), ROOT_UUID] if self.one_disk else []

    def _run(self, argv: List[str]) -> Done:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment()
        )
        return Done(done.returncode, done.stdout, done.stderr)

    # What the tree holds.

    @property
    def kernels(self) -> Tuple[str, ...]:
        return tuple(sorted(path.name for path in (self.root / "usr/lib/modules").iterdir()))

    @property
    def root_wait(self) -> str:
        """The word by which the kernel waits for the root volume."""
        is_tools = (self.root / "usr/share/initramfs-tools/init").exists()
        return ROOT_WAIT["initramfs-tools" if is_tools else "dracut"]

    @property
    def kernel(self) -> str:
        (only,) = self.kernels
        return only

    def initrd(self, kernel: str = "") -> Path:
        return self.root / f"boot/initrd.img-{kernel or self.kernel}"

    def drivers(self, kernel: str = "") -> FrozenSet[str]:
        """The modules in the initrd of that kernel, read by hvprep's own reader."""
        return frozenset(modules_in(self.initrd_names(kernel))[kernel or self.kernel])

    def initrd_names(self, kernel: str = "") -> FrozenSet[str]:
        """Every path in that initrd, read by hvprep's own reader."""
        initrd = probe_initrd(Root(self.root), GuestPath(f"/boot/{self.initrd(kernel).name}"))
        assert initrd.contents is not None, initrd
        assert initrd.contents.unreadable is None
        return frozenset(initrd.contents.names)

    def linux_lines(self) -> List[List[str]]:
        """The words of each kernel line of grub.cfg, from the path of the kernel on."""
        text = (self.root / "boot/grub/grub.cfg").read_text()
        return [line.split()[1:] for line in text.splitlines() if re.match(r"\s*linux\S*\s", line)]

    def journal(self) -> Path:
        return self.root / "var/lib/hvprep/journal"


def environment() -> Dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT / "agent"), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}


@contextlib.contextmanager
def overlaid_guest(tree: Path, one_disk: bool = False) -> Iterator[Guest]:
    """A system of your own over a tree that stays as it is; what is written is in memory. Made in no time.

    Below an overlay grub-probe finds no device, so a builder on which update-grub has to
    succeed is `one_disk`.
    """
    with tempfile.TemporaryDirectory() as name, mounted("tmpfs", Path(name), "-t", "tmpfs"):
        root, upper, work = (Path(name, part) for part in ("root", "upper", "work"))
        for directory in (root, upper, work):
            directory.mkdir()
        shutil.copystat(tree, upper)
        layers = f"lowerdir={tree},upperdir={upper},workdir={work}"
        with mounted("overlay", root, "-t", "overlay", "-o", layers):
            yield Guest(root, one_disk)


@contextlib.contextmanager
def mounted(source: str, target: Path, *options: str) -> Iterator[None]:
    """A mount, gone at the end; enter_own_mounts sees that it never outlives us."""
    subprocess.run(["mount", *options, source, str(target)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


def enter_own_mounts() -> None:
    """Gives this process a mount namespace of its own: what it mounts ends with it, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    for result in (
        libc.unshare(CLONE_NEWNS),
        libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None),
    ):
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def module_names(listing: str) -> FrozenSet[str]:
    """The modules that a tool of the distribution lists by path, as the kernel writes their names."""
    paths = re.findall(r"\S+\.ko(?:\.\w+)?(?=\s|$)", listing)
    return frozenset(Path(path).name.partition(".ko")[0].replace("-", "_") for path in paths)


def assert_entries_prepared(guest: Guest) -> None:
    """Every kernel line of grub.cfg has the words, ours as the last console, and none that hides the boot."""
    lines = guest.linux_lines()
    assert len(lines) >= 3, "the simple, the advanced and the recovery entry"
    for words in lines:
        assert {*WANTED_WORDS, guest.root_wait} <= set(words), words
        assert not set(UNWANTED_WORDS) & set(words), words
        assert [word for word in words if word.startswith("console=")][-1] == CONSOLE, words
        assert f"root=UUID={ROOT_UUID}" in words, words
