"""`./dev demo`: the whole life of a preparation on real Debian systems, seen from outside.

A system as it is made under KVM fails the check, is prepared, passes, is shown (by the distribution's own
tools, not by ours) and is rolled back to the very tree that it was. Ends with a failure at the first thing
that is not as said here.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List

from tests.requirements import BOOT
from tests.roots import copied_root
from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

SYSTEMS = {
    "bookworm-initramfs-tools": "Debian 12 with initramfs-tools, MODULES=list as in an image made under KVM",
    "bookworm-dracut": "Debian 12 with dracut",
    "bookworm-cloud": "Debian 12 with an SSH server, cloud-init and waagent: the whole list",
}
#: The first two have nothing on them but what boots.
BARE = ("--only", ",".join(BOOT))
#: What lists an initrd, by the tool that makes it. Asked inside the system, after hvprep has ended.
LISTERS = {"initramfs-tools": "lsinitramfs", "dracut": "lsinitrd"}
DRIVERS = ("hv_vmbus", "hv_storvsc", "hv_netvsc", "sd_mod", "ext4")
WANTED_WORDS = ("console=ttyS0,115200n8", "earlyprintk=ttyS0,115200")
#: One of them: the init of initramfs-tools would sleep for all of rootdelay= at every boot.
ROOT_WAITS = ("rootwait", "rootdelay=300")
UNWANTED_WORDS = ("quiet", "rhgb", "splash", "crashkernel=auto")

GREEN, RED, BOLD, PLAIN = (
    ("\033[32m", "\033[31m", "\033[1m", "\033[0m")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    else ("", "", "", "")
)


class NotAsSaid(Exception):
    """Something is not as this page says."""


def say(text: str = "") -> None:
    print(text, flush=True)


def expect(is_so: bool, what: str, instead: str = "") -> None:
    """Says that it is so, or ends the demo with what is there instead."""
    if not is_so:
        raise NotAsSaid(f"{what}: {instead}" if instead else what)
    say(f"{GREEN}  ok{PLAIN}  {what}")


@contextlib.contextmanager
def chapter(title: str) -> Iterator[None]:
    """A heading, and the time it took."""
    say(f"\n{BOLD}== {title}{PLAIN}")
    began = time.monotonic()
    yield
    say(f"    {time.monotonic() - began:.1f} s")


def hvprep(root: Path, verb: str, *options: str, status: int) -> None:
    """Runs a verb on the root, with its output to be seen, and expects this exit status."""
    arguments = [verb, "--root", str(root), *options]
    say(f"    $ hvprep {' '.join(arguments)}\n")
    done = subprocess.run(
        [sys.executable, "-m", "hvprep.cli", *arguments], stdin=subprocess.DEVNULL, check=False
    )
    say()
    expect(done.returncode == status, f"exit status {status}", f"it was {done.returncode}")


def kernels(root: Path) -> List[str]:
    return sorted(path.name[len("vmlinuz-") :] for path in (root / "boot").glob("vmlinuz-*"))


def missing_drivers(root: Path, lister: str, kernel: str) -> List[str]:
    """The drivers that the initrd of this kernel lacks; prints those it has."""
    argv = ["chroot", str(root), lister, f"/boot/initrd.img-{kernel}"]
    listing = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: Dict[str, str] = {}
    for path in re.findall(r"\S+\.ko(?:\.\w+)?(?=\s|$)", listing):
        found.setdefault(Path(path).name.partition(".ko")[0].replace("-", "_"), path)
    built_in = (root / "lib/modules" / kernel / "modules.builtin").read_text()
    for path in re.findall(r"\S+\.ko", built_in):
        found.setdefault(Path(path).stem.replace("-", "_"), f"{path} (built into the kernel)")
    for name, path in sorted(found.items()):
        if name.startswith(("hv_", "hyperv")) or name in DRIVERS:
            say(f"      {path}")
    return [name for name in DRIVERS if name not in found]


def linux_lines(root: Path) -> List[str]:
    text = (root / "boot/grub/grub.cfg").read_text()
    return [" ".join(line.split()) for line in text.splitlines() if re.match(r"\s*linux\S*\s", line)]


def show_initrds(root: Path, lister: str) -> None:
    for kernel in kernels(root):
        say(f"    $ chroot {root} {lister} /boot/initrd.img-{kernel}")
        missing = missing_drivers(root, lister, kernel)
        expect(not missing, f"the initrd of {kernel} has every driver", f"it lacks {', '.join(missing)}")


def show_boot_entries(root: Path) -> None:
    lines = linux_lines(root)
    expect(bool(lines), "grub.cfg has entries")
    for line in lines:
        say(f"      {line}")
    for line in lines:
        words = line.split()
        consoles = [word for word in words if word.startswith("console=")]
        if not (
            set(WANTED_WORDS) <= set(words)
            and len(set(ROOT_WAITS) & set(words)) == 1
            and not set(UNWANTED_WORDS) & set(words)
            and consoles[-1] == WANTED_WORDS[0]
        ):
            raise NotAsSaid(f"this entry is not prepared: {line}")
    expect(
        True, "every entry has the words that the serial console and a slow disk need, none that hides boot"
    )


def expect_identical(before: Snapshot, root: Path, what: str) -> None:
    differences = diff_snapshots(before, take_snapshot(root))
    expect(not differences, f"{what} ({len(before)} paths)", "\n      ".join(["", *differences]))


def demonstrate_whole(name: str) -> None:
    """One system through check, prepare, check and deprovision, by every requirement."""
    with contextlib.ExitStack() as stack:
        with chapter("the system, installed by its own packages"):
            root = stack.enter_context(copied_root(name))
            say(f"    {root}: kernel {', '.join(kernels(root))}")
        with chapter("check, by every requirement: not ready"):
            hvprep(root, "check", status=3)
        with chapter("prepare"):
            hvprep(root, "prepare", "--yes", status=0)
        with chapter("check: ready"):
            hvprep(root, "check", status=0)
        with chapter("what is left of the machine that the image was made on"):
            hvprep(root, "check", "--only", "generalised", status=3)
        with chapter("deprovision: for an image that machines are made from"):
            hvprep(root, "deprovision", "--force", status=0)
            hvprep(root, "check", "--only", "generalised", status=0)


def demonstrate(name: str) -> None:
    """One system through check, prepare, check, prepare, rollback."""
    lister = LISTERS[name.partition("-")[2]]
    with contextlib.ExitStack() as stack:
        with chapter("the system, installed by its own packages"):
            root = stack.enter_context(copied_root(name))
            before = take_snapshot(root)
            say(f"    {root}: {len(before)} paths, kernel {', '.join(kernels(root))}")
        with chapter("check: not ready"):
            hvprep(root, "check", *BARE, status=3)
            expect_identical(before, root, "check has written nothing")
        with chapter("prepare"):
            hvprep(root, "prepare", "--yes", *BARE, status=0)
            prepared = take_snapshot(root)
            for line in diff_snapshots(before, prepared):
                say(f"      {line}")
        with chapter("check: ready"):
            hvprep(root, "check", *BARE, status=0)
        with chapter("the drivers in the new initrd, by the distribution's own tool"):
            show_initrds(root, lister)
        with chapter("the entries of the new grub.cfg"):
            show_boot_entries(root)
        with chapter("prepare again: nothing to do"):
            hvprep(root, "prepare", "--yes", *BARE, status=0)
            expect_identical(prepared, root, "the second prepare has changed nothing")
        with chapter("rollback"):
            hvprep(root, "rollback", "--yes", status=0)
            expect_identical(before, root, "the tree is what it was")


def main() -> int:
    began = time.monotonic()
    for name in sys.argv[1:] or SYSTEMS:
        say(f"\n{BOLD}#### {SYSTEMS.get(name, name)}{PLAIN}")
        try:
            (demonstrate_whole if name == "bookworm-cloud" else demonstrate)(name)
        except NotAsSaid as error:
            say(f"{RED}  NOT AS SAID{PLAIN}  {error}")
            return 1
    say(f"\n{GREEN}All is as said.{PLAIN} {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
