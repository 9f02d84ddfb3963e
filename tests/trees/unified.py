"""Unified kernel images for trees (UAPI group's specification)."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

from tests.pe_program import program
from tests.trees.standins.initrd_generator import Modules, archive, close

_SIGNATURE_BYTES = 8


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
    target.write_bytes(program(*sections, certificates=_SIGNATURE_BYTES if is_signed else 0))
