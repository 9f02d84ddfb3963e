"""A stand-in for mkinitramfs, dracut, mkinitfs and mkinitcpio, by the name it is started under.

Reads the configuration of the tree that it stands in as the real ones do (by a real shell), and writes a
real initrd. What it gets wrong on purpose are traps of the real ones, measured: boot.md, sections 0 and 2.
A file PROGRAM.fault beside it makes it a faulty twin, see FAULTS. Only the standard library: it is started
on its own, and imported by tests for `archive` and `close`.
"""

from __future__ import annotations

import fnmatch
import gzip
import lzma
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

#: no-drivers: ends well, and leaves all hv_* out. no-sd: the same without sd_mod (MODULES=list plus the
#: names of some instructions). nothing: ends well and writes nothing. killed: by SIGKILL, half-way. no-space:
#: the file system is full; removes the output. elsewhere: writes to the final path, not to the one given.
#: gutted: ends well, without init. empty: ends well with a file of 0 bytes.
FAULTS = ("no-drivers", "no-sd", "nothing", "killed", "no-space", "elsewhere", "gutted", "empty")

#: What early user space is made of, in both kinds of images.
SPACE = {
    "mkinitramfs": (
        "conf/initramfs.conf", "etc/fstab", "init", "scripts/functions", "usr/bin/busybox", "usr/bin/sh",
        "usr/bin/udevadm", "usr/lib/x86_64-linux-gnu/libc.so.6", "usr/sbin/modprobe",
    ),
    "dracut": (
        "init", "usr/bin/sh", "usr/bin/udevadm", "usr/lib/dracut/dracut-lib.sh",
        "usr/lib/systemd/systemd-udevd", "usr/lib/x86_64-linux-gnu/libc.so.6", "usr/sbin/modprobe",
    ),
    "mkinitfs": ("bin/busybox", "bin/sh", "init"),
    "mkinitcpio": ("init", "usr/bin/busybox", "usr/bin/sh"),
}  # fmt: skip
MICROCODE = ("AuthenticAMD", "GenuineIntel")

_MOST = re.compile(r"kernel/(drivers/(ata|block|hid|hv|net|nvme|scsi|virtio)|fs/(ext4|xfs|btrfs))/")
_DRACUT_GENERIC = re.compile(r"kernel/(drivers/(ata|block|hid|nvme|scsi|virtio)|drivers/hv/hv_vmbus|fs)/?")
_HOST_ONLY = re.compile(r"kernel/(drivers/(block|virtio)|fs/ext4)/")


def archive(members: Mapping[str, bytes]) -> bytes:
    """A cpio archive of the newc kind. A name without content that others lie below is a directory."""
    parts = []
    for number, (name, content) in enumerate([*members.items(), ("TRAILER!!!", b"")], start=1):
        mode = 0 if name == "TRAILER!!!" else 0o100755
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        parts += [header, b"\0" * (-len(header) % 4), content, b"\0" * (-len(content) % 4)]
    return b"".join(parts)


def close(kind: str, plain: bytes) -> bytes:
    """`plain`, compressed as initramfs.conf(5) and dracut.conf(5) name it."""
    if kind in ("none", "cat"):
        return plain
    if kind == "gzip":
        return (
            gzip.compress(plain, 9, mtime=0) if sys.version_info < (3, 12) else gzip.compress(plain, mtime=0)
        )
    if kind == "xz":
        return lzma.compress(plain, check=lzma.CHECK_CRC32)
    return subprocess.run([kind, "-qc"], input=plain, stdout=subprocess.PIPE, check=True).stdout


class Modules:
    """The module directory of one kernel in the tree."""

    def __init__(self, root: Path, version: str) -> None:
        self.directory = root / "usr/lib/modules" / version
        if not (self.directory / "modules.dep").exists():
            fail(f"missing /lib/modules/{version}")
        self.needs: Dict[str, Tuple[str, List[str]]] = {}
        for line in (self.directory / "modules.dep").read_text().splitlines():
            path, _, needed = line.partition(":")
            self.needs[name_of(path)] = (path, needed.split())
        self.softdeps: Dict[str, List[str]] = {}
        for line in self._lines("modules.softdep"):
            words = line.split()
            self.softdeps.setdefault(words[1].replace("-", "_"), []).extend(words[3:])
        self.aliases: Dict[str, List[str]] = {}
        for line in self._lines("modules.alias"):
            _, alias, name = line.split()
            self.aliases.setdefault(alias.replace("-", "_"), []).append(name)

    def _lines(self, name: str) -> List[str]:
        path = self.directory / name
        return [line for line in path.read_text().splitlines() if line[:1] not in ("", "#")]

    def find(self, asked: str) -> List[str]:
        """The modules that modprobe would take for a name or an alias."""
        name = asked.replace("-", "_")
        return [name] if name in self.needs else self.aliases.get(name, [])

    def with_needed(self, names: Iterable[str]) -> Set[str]:
        """What `modprobe --show-depends` prints for them, soft dependencies too."""
        known: Set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in known or name not in self.needs:
                continue
            known.add(name)
            waiting += [name_of(path) for path in self.needs[name][1]]
            waiting += [found for asked in self.softdeps.get(name, []) for found in self.find(asked)]
        return known

    def matching(self, pattern: re.Pattern[str]) -> List[str]:
        return [name for name, (path, _) in self.needs.items() if pattern.match(path)]

    def members(self, names: Iterable[str]) -> Dict[str, bytes]:
        paths = sorted(self.needs[name][0] for name in names)
        prefix = f"usr/lib/modules/{self.directory.name}"
        return {f"{prefix}/{path}": (self.directory / path).read_bytes() for path in paths}


def name_of(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def fail(sentence: str) -> None:
    sys.stderr.write(f"{Path(sys.argv[0]).name}: {sentence}\n")
    raise SystemExit(1)


def source(shell: str, files: Sequence[Path], names: Sequence[str]) -> Dict[str, str]:
    """The variables after a real shell has read the files."""
    script = 'for f in "$@"; do . "$f"; done; ' + " ".join(
        f'printf "%s\\0" "${{{name}-}}";' for name in names
    )
    argv = [shell, "-c", script, shell, *map(str, files)]
    output = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout.decode()
    return dict(zip(names, output.split("\0")))


def mkinitramfs(root: Path, words: List[str]) -> Tuple[Path, str, bytes, int]:
    """(output, kernel version, image, mode)"""
    options = {"-o": "", "-d": "/etc/initramfs-tools"}
    while words and words[0] in options:
        options[words[0]], words = words[1], words[2:]
    (version,) = words
    output, conf = at(root, options["-o"]), at(root, options["-d"])
    settings = source(
        "sh", [conf / "initramfs.conf", *sorted((conf / "conf.d").glob("*"))], ["MODULES", "COMPRESS"]
    )
    modules = Modules(root, version)
    if settings["MODULES"] == "dep":
        output.write_bytes(b"")
        fail("failed to determine device for /")
    listed = [
        line.split()[0] for line in (conf / "modules").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    wanted = [name for asked in listed for name in modules.find(asked)]  # an unknown name: not a word
    if settings["MODULES"] == "most":
        wanted += modules.matching(_MOST)
    drivers = without(modules.members(modules.with_needed(wanted)))
    space = dict.fromkeys(SPACE["mkinitramfs"], b"made up\n")
    space.update((f"conf/conf.d/{path.name}", path.read_bytes()) for path in (conf / "conf.d").glob("*"))
    if (
        generation_of(root) >= 146
    ):  # from 0.146 on (Debian 13): what is compressed already is not packed again
        early = b"".join(archive({f"kernel/x86/microcode/{name}.bin": b"made up\n"}) for name in MICROCODE)
        image = early + archive(drivers) + close(settings["COMPRESS"], archive(space))
    else:
        image = close(settings["COMPRESS"], archive({**space, **drivers}))
    return output, version, image, 0o644


def generation_of(root: Path) -> int:
    status = (root / "var/lib/dpkg/status").read_text()
    match = re.search(r"^Package: initramfs-tools\n(?:.+\n)*Version: 0\.(\d+)", status, re.MULTILINE)
    return int(match[1]) if match else 0


def dracut(root: Path, words: List[str]) -> Tuple[Path, str, bytes, int]:
    """(output, kernel version, image, mode)"""
    files = [*root.glob("etc/dracut.conf"), *sorted(root.glob("etc/dracut.conf.d/*.conf"))]
    settings = source("bash", files, ["add_drivers", "hostonly", "compress"])
    force = False
    while words and words[0].startswith("-"):
        option, words = words[0], words[1:]
        if option in ("--force", "-f"):
            force = True
        elif option == "--no-hostonly":
            settings["hostonly"] = "no"
        elif option in ("--add-drivers", "--tmpdir"):
            value, words = words[0], words[1:]
            settings["add_drivers"] += f" {value} " if option == "--add-drivers" else ""
            if option == "--tmpdir" and not at(root, value).is_dir():
                fail(f"Invalid tmpdir '{value}'.")
        elif option != "--no-hostonly-cmdline":
            fail(f"unknown option {option}")
    output, version = at(root, words[0]), words[1]
    if output.exists() and not force:
        fail(f"Will not override existing initramfs ({words[0]}) without --force")
    modules = Modules(root, version)
    wanted = modules.matching(_HOST_ONLY if settings["hostonly"] == "yes" else _DRACUT_GENERIC)
    for asked in settings["add_drivers"].split():
        found = modules.find(asked)
        if not found:
            break  # and ends with 0: dracut 059 and 106 (boot.md, fact 1)
        wanted += found
    drivers = without(modules.members(modules.with_needed(wanted)))
    space = dict.fromkeys(SPACE["dracut"], b"made up\n")
    return output, version, close(settings["compress"] or "gzip", archive({**space, **drivers})), 0o600


def mkinitfs(root: Path, words: List[str]) -> Tuple[Path, str, bytes, int]:
    """(output, kernel version, image, mode): paths of modules by feature, or directories of them."""
    output, version = at(root, words[words.index("-o") + 1]), words[-1]
    modules = Modules(root, version)
    wanted: List[str] = []
    for feature in source("sh", [root / "etc/mkinitfs/mkinitfs.conf"], ["features"])["features"].split():
        path = root / f"etc/mkinitfs/features.d/{feature}.modules"
        for line in path.read_text().splitlines() if path.exists() else ():
            pattern = line if "." in line else f"{line}/*"
            wanted += [name for name, (path_, _) in modules.needs.items() if fnmatch.fnmatch(path_, pattern)]
    drivers = without(modules.members(modules.with_needed(wanted)))
    space = dict.fromkeys(SPACE["mkinitfs"], b"made up\n")
    return output, version, close("gzip", archive({**space, **drivers})), 0o600


def mkinitcpio(root: Path, words: List[str]) -> Tuple[Path, str, bytes, int]:
    """(output, kernel version, image, mode): the hook autodetect leaves what the machine has, here KVM's."""
    output, version = at(root, words[words.index("-g") + 1]), words[words.index("-k") + 1]
    files = [root / "etc/mkinitcpio.conf", *sorted(root.glob("etc/mkinitcpio.conf.d/*.conf"))]
    script = 'for f in "$@"; do . "$f"; done; printf "%s " "${MODULES[@]}"'
    argv = ["bash", "-c", script, "bash", *map(str, files)]
    asked = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    modules = Modules(root, version)
    wanted = [name for each in asked for name in modules.find(each)]
    pattern = _MOST if "autodetect" in words else _HOST_ONLY
    drivers = without(modules.members(modules.with_needed([*wanted, *modules.matching(pattern)])))
    space = dict.fromkeys(SPACE["mkinitcpio"], b"made up\n")
    return output, version, close("zstd", archive({**space, **drivers})), 0o600


def at(root: Path, guest_path: str) -> Path:
    return Path(f"{root}{guest_path}")


def fault() -> str:
    path = Path(f"{sys.argv[0]}.fault")
    return path.read_text().strip() if path.exists() else ""


def without(drivers: Dict[str, bytes]) -> Dict[str, bytes]:
    left_out = {"no-drivers": "hv_", "no-sd": "sd_mod"}.get(fault(), "\0")
    return {name: content for name, content in drivers.items() if not name_of(name).startswith(left_out)}


def main() -> None:
    program = Path(sys.argv[0]).name
    root = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())
    generators = {
        "mkinitramfs": mkinitramfs,
        "dracut": dracut,
        "mkinitfs": mkinitfs,
        "mkinitcpio": mkinitcpio,
    }
    output, version, image, mode = generators[program](root, sys.argv[1:])
    which = fault()
    if which == "nothing":
        return
    if which == "elsewhere":
        output = root / f"boot/initrd.img-{version}"
        image = b"written in place"
    if which == "gutted":
        image = archive(without(Modules(root, version).members(Modules(root, version).needs)))
    if which == "empty":
        image = b""
    if which in ("killed", "no-space"):
        image = image[: len(image) // 2]
    output.write_bytes(image)
    output.chmod(mode)
    if which == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if which == "no-space":
        output.unlink()
        fail(f"creation of {output.name} failed: No space left on device")


if __name__ == "__main__":
    main()
