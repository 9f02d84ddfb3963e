"""`./dev bench`: what hvprep costs, as whole processes run in turn with what they are compared to.

Every figure is a median of several rounds; in a round each command runs once, so that a busy minute of the
machine meets them all. Ratios, for seconds of one machine mean nothing on another. Never fails for a limit:
it prints which are kept. Ends with 1 where it could not measure.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from tests.chroot.guest import CHECKOUT, Guest, enter_own_mounts, mounted, overlaid_guest
from tests.requirements import BOOT
from tests.roots import cache_directory, pristine_root

ROUNDS = 9
PYTHON = os.environ.get("HVPREP_PYTHON", "/usr/bin/python3")
DEBIAN_12, DEBIAN_13, CLOUD = "bookworm-initramfs-tools", "trixie-initramfs-tools", "bookworm-cloud"
LABELS = {DEBIAN_12: "Debian 12", DEBIAN_13: "Debian 13", CLOUD: "Debian 12 for Azure"}
#: How check ends where something is not met.
FOUND = 3

#: Started without site and by posix_spawn: small and quick, so that it hides nothing of what it measures.
LAUNCHER = """
import json, os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1)]
began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(pid, 0)
passed, used = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
print(json.dumps([passed, used, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))
"""
#: What pip writes for a console script.
CONSOLE_SCRIPT = f"""#!{PYTHON}
import sys
from hvprep.cli.main import main
sys.exit(main())
"""
#: The driver list of one initrd, as check reads it.
READER = f"""#!{PYTHON}
import sys
from pathlib import Path
from hvprep.facts.initrds import probe_initrd
from hvprep.formats.initrd_modules import modules_in
from hvprep.model.node import GuestPath
from hvprep.system.root import Root
contents = probe_initrd(Root(Path(sys.argv[1])), GuestPath(sys.argv[2])).contents
assert contents.unreadable is None
assert sum(map(len, modules_in(contents.names).values())) > 100
"""


@dataclass(frozen=True)
class Figures:
    """Medians of one command, its children included: wall clock, processor, memory."""

    seconds: float
    cpu_seconds: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, cpu {self.cpu_seconds:.2f} s"


def measure(argv: Sequence[str]) -> Tuple[float, float, float]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "agent"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [PYTHON, "-I", "-S", "-c", LAUNCHER, *argv],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    seconds, cpu_seconds, peak_mb, status = json.loads(done.stdout)
    if status not in (0, FOUND):
        raise RuntimeError(f"{argv} ended with {status}: {done.stderr}")
    return seconds, cpu_seconds, peak_mb


def run_in_turn(commands: Mapping[str, Sequence[str]]) -> Dict[str, Figures]:
    """The medians of each command; the first round warms the caches and does not count."""
    taken: Dict[str, List[Tuple[float, float, float]]] = {name: [] for name in commands}
    sys.stderr.write(f"measuring {', '.join(commands)}\n")
    for number in range(ROUNDS + 1):
        for name, argv in commands.items():
            figures = measure(argv)
            if number:
                taken[name].append(figures)
    return {name: Figures(*map(statistics.median, zip(*rounds))) for name, rounds in taken.items()}


def realistic_initrd(name: str) -> Path:
    """An initrd with all of Debian's drivers for the system of that name, made once."""
    tree = pristine_root(name)
    image = cache_directory().parent / "bench" / f"{tree.name}.img"
    if not image.exists():
        sys.stderr.write(f"making an initrd of {name} with all drivers, half a minute\n")
        image.parent.mkdir(exist_ok=True)
        with overlaid_guest(tree) as guest:
            (guest.root / "etc/initramfs-tools/conf.d/most").write_text("MODULES=most\n")
            guest.tool("mkinitramfs", "-o", "/boot/most", guest.kernel)
            subprocess.run(["cp", str(guest.root / "boot/most"), f"{image}.new"], check=True)
        Path(f"{image}.new").rename(image)
    return image


@contextlib.contextmanager
def realistic_guest(name: str) -> Iterator[Guest]:
    """A system with such an initrd, fit for a plain chroot."""
    image = realistic_initrd(name)
    with overlaid_guest(pristine_root(name)) as guest, contextlib.ExitStack() as stack:
        subprocess.run(["cp", str(image), str(guest.initrd())], check=True)
        for directory in ("dev", "proc"):
            stack.enter_context(mounted(f"/{directory}", guest.root / directory, "--bind"))
        yield guest


def row(what: str, figure: float, unit: str, limit: float, shown: str = "") -> None:
    verdict = "ok" if figure <= limit else "OVER"
    print(f"{what:50} {figure:6.2f} {unit:2}  limit {limit:5.2f}  {verdict:4}  {shown}".rstrip(), flush=True)


def bench_version(script: str) -> None:
    taken = run_in_turn({"bare": [PYTHON, "-c", "pass"], "version": [PYTHON, script, "--version"]})
    bare, version = taken["bare"], taken["version"]
    shown = f"{version.seconds * 1000:.0f} ms, bare {bare.seconds * 1000:.0f} ms"
    row("hvprep --version, of a bare Python", version.seconds / bare.seconds, "x", 2.0, shown)
    row("hvprep --version, memory", version.peak_mb, "MB", 15, f"bare {bare.peak_mb:.1f} MB")


def compressed_part(guest: Guest, directory: Path) -> str:
    """What the decompressor alone gets: the image from its first zstd frame on."""
    content = guest.initrd().read_bytes()
    part = directory / "part.zst"
    part.write_bytes(content[content.index(b"\x28\xb5\x2f\xfd") :])
    return str(part)


def bench_reading(name: str, reader: str, directory: Path) -> None:
    with realistic_guest(name) as guest:
        image, label = f"/boot/{guest.initrd().name}", LABELS[name]
        commands = {
            "ours": [PYTHON, reader, str(guest.root), image],
            "lsinitramfs": ["chroot", str(guest.root), "lsinitramfs", image],
        }
        if name == DEBIAN_12:
            commands["zstd"] = ["zstd", "-dcq", compressed_part(guest, directory)]
        taken = run_in_turn(commands)
    ours, theirs = taken["ours"], taken["lsinitramfs"]
    shown = f"{ours}; lsinitramfs {theirs}"
    if name == DEBIAN_12:
        alone = taken["zstd"]
        row(f"{label}: driver list, of zstd alone", ours.seconds / alone.seconds, "x", 1.5, f"zstd {alone}")
        row(f"{label}: driver list, of lsinitramfs", ours.seconds / theirs.seconds, "x", 0.8, shown)
    else:
        row(f"{label}: driver list, of lsinitramfs", ours.seconds / theirs.seconds, "x", 1 / 3, shown)
    row(f"{label}: driver list, memory", ours.peak_mb, "MB", 60)


def bench_check(name: str, script: str, reader: str) -> None:
    with realistic_guest(name) as guest:
        root = str(guest.root)
        done = guest.hvprep("prepare", "--yes")
        if done.status != 0:
            raise RuntimeError(f"prepare failed: {done}")
        only = ["--root", root, "--only", ",".join(BOOT)]
        check = [PYTHON, script, "check", *only]
        taken = run_in_turn(
            {
                "bare": [PYTHON, "-c", "pass"],
                "reading": [PYTHON, reader, root, f"/boot/{guest.initrd().name}"],
                "check": check,
                "second prepare": [PYTHON, script, "prepare", "--yes", *only],
            }
        )
        reading = taken["reading"].seconds - taken["bare"].seconds
        beyond = taken["check"].seconds - reading
        label = LABELS[name]
        shown = f"check {taken['check']}; reading {reading:.2f} s"
        row(f"{label}: check of the boot, beyond reading the initrd", beyond, "s", 0.5, shown)
        row(f"{label}: check of the boot, memory", taken["check"].peak_mb, "MB", 60)
        ratio = taken["second prepare"].seconds / taken["check"].seconds
        row(f"{label}: a second prepare, of check", ratio, "x", 1.0, "noise is a few hundredths")


def bench_whole_check(script: str, reader: str) -> None:
    """Every requirement, on a system with all that an image for Azure has on it."""
    with realistic_guest(CLOUD) as guest:
        root = str(guest.root)
        taken = run_in_turn(
            {
                "bare": [PYTHON, "-c", "pass"],
                "reading": [PYTHON, reader, root, f"/boot/{guest.initrd().name}"],
                "check": [PYTHON, script, "check", "--root", root],
            }
        )
    reading = taken["reading"].seconds - taken["bare"].seconds
    beyond = taken["check"].seconds - reading
    shown = f"check {taken['check']}; reading {reading:.2f} s"
    row(f"{LABELS[CLOUD]}: check, beyond reading the initrd", beyond, "s", 1.5, shown)
    row(f"{LABELS[CLOUD]}: check, memory", taken["check"].peak_mb, "MB", 60)


def main() -> int:
    enter_own_mounts()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        script, reader = directory / "hvprep", directory / "reader"
        script.write_text(CONSOLE_SCRIPT)
        reader.write_text(READER)
        print(f"medians of {ROUNDS} runs in turn, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        bench_version(str(script))
        for system in (DEBIAN_12, DEBIAN_13):
            bench_reading(system, str(reader), directory)
        for system in (DEBIAN_12, DEBIAN_13):
            bench_check(system, str(script), str(reader))
        bench_whole_check(str(script), str(reader))
    return 0


if __name__ == "__main__":
    sys.exit(main())
