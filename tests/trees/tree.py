"""Small captured systems: a text in data/NAME.tree becomes a directory.

Every line of such a text is one of

    # words                             where it comes from, for people
    include NAME                        all of data/NAME.tree first
    dir PATH [MODE]                     parents are made as needed, 0755
    link PATH TARGET
    file PATH [MODE]                    its content follows, each line after a `|`
    nul PATH [MODE]                     the same with a NUL for each line's end
    elf PATH MACHINE                    a program of which there is only the header (elf(5))
    program PATH NAME                   standins/NAME.py, to be started with the Python of the tests
    modules KERNEL                      a small file for each line of the kernel's modules.dep
    initrd PATH MODE                    an initrd: `|COMPRESSION` begins a segment, `| NAME` is one of its
                                        members, `| KERNEL: NAME ...` modules with what they need

Later lines replace what earlier ones made at the same path; `remove PATH` takes it away.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from tests.trees.standins.initrd_generator import Modules, archive, close

DATA = Path(__file__).with_name("data")
STANDINS = Path(__file__).with_name("standins")

#: Every tree that stands for a system as its maker ships it.
TREES = (
    "debian-12-initramfs-tools",
    "debian-12-dracut",
    "debian-13",
    "ubuntu-24.04-cloud",
    "ubuntu-24.04-partuuid",
)

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


def _directives(name: str) -> Iterator[Tuple[List[str], List[str]]]:
    for words, lines in _parse((DATA / f"{name}.tree").read_text(encoding="utf-8")):
        if words[0] == "include":
            yield from _directives(words[1])
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
    elif kind != "remove":
        path.write_bytes(_content(root, kind, words, lines))
        path.chmod(0o755 if kind in ("elf", "program") else mode)


def _content(root: Path, kind: str, words: List[str], lines: List[str]) -> bytes:
    if kind == "elf":
        return struct.pack("<16sHH", b"\x7fELF\x02\x01\x01", 3, _MACHINES[words[2]]) + bytes(44)
    if kind == "program":
        return f"#!{sys.executable} -IS\n".encode() + (STANDINS / f"{words[2]}.py").read_bytes()
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
