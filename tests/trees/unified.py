"""Unified kernel images for trees: PE programs as a linker lays them out (UAPI group's specification)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Iterable

from tests.trees.standins.initrd_generator import Modules, archive, close

#: The machines of the PE format.
X86_64, AARCH64, I386 = 0x8664, 0xAA64, 0x14C
_START = 128


def write_image(
    root: Path,
    path: str,
    cmdline: str,
    version: str = "6.12.9-1",
    drivers: Iterable[str] = (),
    is_signed: bool = False,
) -> None:
    """An image of the tree's kernel, with these drivers and what they need in its initrd."""
    modules = Modules(root, version)
    members = {
        "init": b"made up\n",
        "usr/bin/sh": b"made up\n",
        **modules.members(modules.with_needed(drivers)),
    }
    sections = (
        (b".text", b"stub"),
        (b".osrel", b"ID=particle\n"),
        (b".uname", version.encode()),
        (b".cmdline", cmdline.encode()),
        (b".linux", b"MZ a kernel, made up"),
        (b".initrd", close("zstd", archive(members))),
    )
    _write(root, path, sections, is_signed)


def write_addon(root: Path, path: str, cmdline: str) -> None:
    """An addon with words."""
    _write(root, path, ((b".text", b"stub"), (b".cmdline", cmdline.encode())), is_signed=False)


def _write(root: Path, path: str, sections: Iterable[tuple[bytes, bytes]], is_signed: bool) -> None:
    target = root / path[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(program(tuple(sections), is_signed))


def program(sections: tuple[tuple[bytes, bytes], ...], is_signed: bool, machine: int = X86_64) -> bytes:
    """Headers, then each section filled up to 512 bytes."""
    optional = struct.pack("<H", 0x20B).ljust(108, b"\0") + struct.pack("<I", 16) + b"\0" * 32
    optional += struct.pack("<II", 4096, 8 if is_signed else 0) + b"\0" * 88
    header = b"PE\0\0" + struct.pack("<HH12xHH", machine, len(sections), len(optional), 0x22) + optional
    offset = -(-(_START + len(header) + 40 * len(sections)) // 512) * 512
    table, body = b"", b""
    for name, content in sections:
        raw = -(-len(content) // 512) * 512
        table += struct.pack("<8sIIII16x", name, len(content), 0x1000, raw, offset + len(body))
        body += content.ljust(raw, b"\0")
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", _START)
    return (dos.ljust(_START, b"\0") + header + table).ljust(offset, b"\0") + body
