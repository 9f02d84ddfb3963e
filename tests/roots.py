"""Real Debian systems, installed by their own packages: for the floors chroot and boot, and `./dev demo`.

    pristine_root(name)   the cached system, made when it is not there yet. Never write to it
    copied_root(name)     a context manager: a copy of your own, removed at its end
    copied_tree(tree)     the same of a system that a test has changed
    extended_root(name, packages)   the cached system with more packages, cached too
    debian_root           the fixture: a copy of each in turn, or of those that the test names:
                          @pytest.mark.parametrize("debian_root", ["bookworm-dracut"], indirect=True)

A copy takes seconds. Its kernel modules, two thirds of it, which nothing writes in place, are hard links to
the cached ones: replace or remove them, never write into one. An overlayfs would be quicker still, but below
one grub-probe finds no device, and the real update-grub would not run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ContextManager, Iterator, Mapping, Sequence, Tuple

import pytest

#: Of the root file system: in fstab and in grub.cfg, on no disk of the builder.
ROOT_UUID = "6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913"
FINISH = Path(__file__).with_name("roots-finish.sh")
INSIDE = Path(__file__).parent / "chroot" / "inside.sh"
COMMON = (
    "linux-image-amd64,systemd-sysv,udev,dbus,grub-pc,zstd,e2fsprogs,kmod,login,passwd"  # and the generator
)
#: What an image for Azure has on it besides, and what hvprep itself imports.
CLOUD: Tuple[str, ...] = (
    "openssh-server",
    "cloud-init",
    "waagent",
    "hyperv-daemons",
    "chrony",
    "ifupdown",
    "isc-dhcp-client",
    "sudo",
    "python3-psutil",
    "python3-pyasn1",
    "python3-systemd",
)
#: With all of Debian's drivers an initrd takes half a minute, and is made twice before we come to it: the
#: file "builder", which tests/roots-finish.sh removes, makes these small.
QUICK_INITRDS: Mapping[str, str] = {
    "initramfs-tools": (
        'mkdir -p "$1/etc/initramfs-tools/conf.d"; echo MODULES=list >"$1/etc/initramfs-tools/conf.d/builder"'
    ),
    "dracut": (
        'mkdir -p "$1/etc/dracut.conf.d"; '
        'printf \'drivers+=" ext4 "\\ncompress="cat"\\n\' >"$1/etc/dracut.conf.d/builder.conf"'
    ),
}


@dataclass(frozen=True)
class Recipe:
    """How a system is made; the cached one is made anew when any of this changes."""

    name: str
    suite: str
    generator: str
    extra: Tuple[str, ...] = ()

    def argv(self, target: Path) -> Tuple[str, ...]:
        options = [
            "--variant=minbase",
            "--quiet",
            f"--include={','.join((COMMON, self.generator, *self.extra))}",
        ]
        options.append(f"--essential-hook={QUICK_INITRDS[self.generator]}")
        return ("mmdebstrap", *options, self.suite, str(target))

    def key(self) -> str:
        made_by = "\0".join([*self.argv(Path("/")), ROOT_UUID]).encode() + FINISH.read_bytes()
        return hashlib.sha256(made_by).hexdigest()[:12]


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("bookworm-initramfs-tools", "bookworm", "initramfs-tools"),
        Recipe("bookworm-dracut", "bookworm", "dracut"),
        Recipe("trixie-initramfs-tools", "trixie", "initramfs-tools"),
        Recipe("bookworm-cloud", "bookworm", "initramfs-tools", CLOUD),
    )
}
#: Those with no more on them than what boots.
BARE: Tuple[str, ...] = tuple(name for name, recipe in RECIPES.items() if not recipe.extra)


def cache_directory() -> Path:
    """Where made things are kept, outside the checkout."""
    directory = Path(os.environ.get("HVPREP_CACHE") or "/var/cache/hvprep") / "roots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def pristine_root(name: str) -> Path:
    """The cached system of that name, whole: a build that was killed leaves nothing under its final name."""
    recipe, cache = RECIPES[name], cache_directory()
    root = cache / f"{name}-{recipe.key()}"
    with _locked(cache / f"{name}.lock") as lock_fd:
        if not root.is_dir():
            _make(recipe, cache / f"{name}.building", lock_fd).rename(root)
    return root


def extended_root(name: str, packages: Sequence[str]) -> Path:
    """That system and packages that its own apt gets from the network; cached, never write to it."""
    pristine, cache = pristine_root(name), cache_directory()
    root = cache / f"{pristine.name}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    with _locked(cache / f"{root.name}.lock"):
        if not root.is_dir():
            building = cache / f"{root.name}.building"
            _remove(building)
            _copy(pristine, building)
            _install(building, packages)
            building.rename(root)
    return root


def _install(root: Path, packages: Sequence[str]) -> None:
    sys.stderr.write(f"installing {' '.join(packages)} in {root.name}\n")
    resolver = root / "etc/resolv.conf"
    resolver.write_text(Path("/etc/resolv.conf").read_text())
    install = ("apt-get", "-q", "install", "-y", "--no-install-recommends", *packages)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (("apt-get", "-q", "update"), install, ("apt-get", "clean")):
        done = subprocess.run(
            [str(INSIDE), str(root), *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environ,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)} failed in {root}:\n{done.stdout}{done.stderr}")
    resolver.unlink()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _make(recipe: Recipe, building: Path, lock_fd: int) -> Path:
    _remove(building)
    log = building.with_suffix(".log")
    sys.stderr.write(f"making {recipe.name} with mmdebstrap, about a minute; its output is in {log}\n")
    finish = ("unshare", "--mount", str(FINISH), str(building), recipe.generator, ROOT_UUID)
    with log.open("wb") as output:
        for argv in (recipe.argv(building), finish):
            # Children hold the lock too: they may outlive us, and go on writing.
            with subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=[lock_fd]
            ) as child:
                status = child.wait()
            if status != 0:
                end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
                raise RuntimeError(f"{argv[0]} failed with {status}, see {log}:\n{end}")
    return building


def _copy(pristine: Path, root: Path) -> None:
    root.mkdir()
    kept = ("--xattrs", "--xattrs-include=*", "--numeric-owner")
    pack = ["tar", *kept, "-C", str(pristine), "--exclude=./usr/lib/modules/*/kernel", "-c", "."]
    unpack = ["tar", *kept, "-C", str(root), "-xp"]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        subprocess.run(unpack, stdin=packing.stdout, check=True)
    if packing.returncode != 0:
        raise RuntimeError(f"tar could not read {pristine}")
    for modules in pristine.glob("usr/lib/modules/*/kernel"):
        target = root / modules.relative_to(pristine)
        subprocess.run(["cp", "--archive", "--link", str(modules), str(target)], check=True)


def _remove(tree: Path) -> None:
    # Not shutil.rmtree: should something be mounted below, it has to survive.
    subprocess.run(["rm", "-rf", "--one-file-system", str(tree)], check=True)


def copied_root(name: str) -> ContextManager[Path]:
    """A copy of the system of that name, beside the cached one, gone at the end."""
    return copied_tree(pristine_root(name))


@contextlib.contextmanager
def copied_tree(tree: Path) -> Iterator[Path]:
    """A copy of a whole system, gone at the end."""
    copies = cache_directory() / "copies"
    copies.mkdir(exist_ok=True)
    for old in copies.iterdir():  # what a killed run left
        if not Path("/proc", old.name.partition("-")[0]).exists():
            _remove(old)
    directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=copies))
    root = directory / "root"
    try:
        _copy(tree, root)
        yield root
    finally:
        _remove(directory)


@pytest.fixture(params=BARE)
def debian_root(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A copy of a real Debian system: of each recipe in turn, or of those named by indirect parametrize."""
    with copied_root(request.param) as root:
        yield root


def main() -> None:
    """Makes what is missing in the cache and prints where it lies: python -m tests.roots [NAME...]."""
    for name in sys.argv[1:] or RECIPES:
        sys.stdout.write(f"{pristine_root(name)}\n")


if __name__ == "__main__":
    main()
