"""Small captured systems: a text in data/NAME.tree becomes a directory.

Every line of such a text is one of

    # words                             where it comes from, for people
    include NAME [WORD]                 all of data/NAME.tree first, WORD in place of each @WORD@ in it
    boot NAME                           all of tests/unit/data/boot/NAME, which has a README of its own
    dir PATH [MODE]                     parents are made as needed, 0755
    link PATH TARGET
    file PATH [MODE]                    its content follows, each line after a `|`
    nul PATH [MODE]                     the same with a NUL for each line's end
    elf PATH MACHINE                    a program of which there is only the header (elf(5))
    program PATH NAME [WORD...]         standins/NAME.py, to be started with the Python of the tests; one that
                                        does not know these words
    grubenv PATH [MODE]                 an environment block of GRUB with these lines
    grub-cfg PATH                       what the tree's own grub-mkconfig writes so far
    modules KERNEL                      a small file for each line of the kernel's modules.dep
    initrd PATH MODE                    an initrd: `|COMPRESSION` begins a segment, `| NAME` is one of its
                                        members, `| KERNEL: NAME ...` modules with what they need

Later lines replace what earlier ones made at the same path; `remove PATH` takes it away.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from tests.trees.standins.initrd_generator import Modules, archive, close

DATA = Path(__file__).with_name("data")
BOOT = Path(__file__).parents[1] / "unit" / "data" / "boot"
STANDINS = Path(__file__).with_name("standins")

#: Every tree that stands for a system as its maker ships it.
TREES = (
    "debian-12-initramfs-tools",
    "debian-12-dracut",
    "debian-13",
    "ubuntu-24.04-cloud",
    "ubuntu-24.04-partuuid",
    "el-7-bios",
    "el-7-uefi",
    "el-8",
    "el-9",
    "el-10",
    "fedora-41",
    "fedora-41-workstation",
    "oracle-9-uek",
    "amazon-2",
    "amazon-2023",
    "azure-linux-2",
    "azure-linux-3",
)
#: The requirements that a person has to see to: Azure Linux 2's grub.cfg is made by hand.
LEFT = {"azure-linux-2": {"serial-grub"}}

_MACHINES = {"x86_64": 62, "aarch64": 183}


def make_tree(name: str, root: Path) -> Path:
    """The system `name` below `root`, which must not exist."""
    root.mkdir()
    for words, lines in _directives(name):
        _make(root, words, lines)
    return root


def add_to_tree(root: Path, text: str) -> None:
    """The same, for what a test adds or changes in the words of a data file."""
    for words, lines in _parse(text):
        _make(root, words, lines)


def _directives(name: str, word: str = "@WORD@") -> Iterator[Tuple[List[str], List[str]]]:
    for words, lines in _parse((DATA / f"{name}.tree").read_text(encoding="utf-8").replace("@WORD@", word)):
        if words[0] == "include":
            yield from _directives(*words[1:])
        else:
            yield words, lines


def _parse(text: str) -> Iterator[Tuple[List[str], List[str]]]:
    words: List[str] = []
    lines: List[str] = []
    for line in text.split("\n"):
        if line.startswith("|"):
            lines.append(line[1:])
        elif line and not line.startswith("#"):
            if words:
                yield words, lines
            words, lines = line.split(), []
    if words:
        yield words, lines


def _make(root: Path, words: List[str], lines: List[str]) -> None:
    kind, first = words[0], words[1]
    if kind == "modules":
        _make_modules(root / "usr/lib/modules" / first)
        return
    if kind == "boot":
        shutil.copytree(BOOT / first, root, dirs_exist_ok=True, copy_function=shutil.copyfile)
        return
    path = root / first[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind != "dir" and (path.is_symlink() or path.is_file()):
        path.unlink()
    mode = int(words[2], 8) if len(words) > 2 and words[2].isdigit() else 0o644
    if kind == "dir":
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode if len(words) > 2 else 0o755)
    elif kind == "link":
        path.symlink_to(words[2])
    elif kind == "grub-cfg":
        programs = [root / "usr/sbin/grub2-mkconfig", root / "usr/sbin/grub-mkconfig"]
        program = next(path for path in programs if path.exists())
        option = "--no-grubenv-update"
        options = [option] if option in program.read_text() else []
        subprocess.run([str(program), *options, "-o", first], check=True, stderr=subprocess.DEVNULL)
    elif kind != "remove":
        path.write_bytes(_content(root, kind, words, lines))
        path.chmod(0o755 if kind in ("elf", "program") else mode)


def _content(root: Path, kind: str, words: List[str], lines: List[str]) -> bytes:
    if kind == "elf":
        return struct.pack("<16sHH", b"\x7fELF\x02\x01\x01", 3, _MACHINES[words[2]]) + bytes(44)
    if kind == "program":
        program = (STANDINS / f"{words[2]}.py").read_text()
        for unknown in words[3:]:
            program = program.replace(unknown, "--")
        return f"#!{sys.executable} -IS\n{program}".encode()
    if kind == "grubenv":
        text = "# GRUB Environment Block\n" + "".join(f"{line}\n" for line in lines)
        return text.ljust(1024, "#").encode()
    if kind == "initrd":
        return b"".join(_segments(root, lines))
    if kind not in ("file", "nul"):
        raise ValueError(f"a tree says {' '.join(words)!r}, which means nothing")
    end = "\0" if kind == "nul" else "\n"
    return "".join(line + end for line in lines).encode("utf-8", "surrogateescape")


def _make_modules(directory: Path) -> None:
    for line in (directory / "modules.dep").read_text().splitlines():
        path = directory / line.partition(":")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name}, made up\n")
    (directory / "modules.dep").touch()  # depmod comes last


def _segments(root: Path, lines: List[str]) -> Iterator[bytes]:
    segments: List[Tuple[str, Dict[str, bytes]]] = []
    for line in lines:
        if not line.startswith(" "):
            segments.append((line, {}))
            continue
        kernel, colon, names = line.strip().partition(":")
        if colon:
            modules = Modules(root, kernel)
            segments[-1][1].update(modules.members(modules.with_needed(names.split())))
        else:
            segments[-1][1][kernel] = b"made up\n"
    for compression, members in segments:
        yield close(compression, archive(members))
