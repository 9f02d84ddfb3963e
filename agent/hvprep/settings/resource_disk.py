"""The forms of the resource disk's settings that are more than a word or a number.

Each `parse_` raises ValueError, with a sentence where there is one to say, as the table expects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.model.node import GuestPath

_LARGEST_MIB = 16 * 1024 * 1024
#: No file system of a program's data may hide what the system itself lives on, nor may it be below it.
_OF_THE_SYSTEM = frozenset(
    (
        "bin",
        "boot",
        "dev",
        "efi",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "run",
        "sbin",
        "sys",
        "usr",
    )
)
#: A new file system is root's, mode 0755: what everybody writes to, or all of it, cannot lie there.
_TAKEN = ("/", "/home", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/log", "/var/tmp")
_OPTION = re.compile(r"[A-Za-z0-9_.:=/@%+~^!-]+")


@dataclass(frozen=True)
class SwapSize:
    """How much swap is wanted: `mib` megabytes, or `percent` of the disk; neither: by the memory there is."""

    mib: int | None = None
    percent: int | None = None

    def __str__(self) -> str:
        if self.percent is not None:
            return f"{self.percent}%"
        return "auto" if self.mib is None else str(self.mib)


def parse_swap_size(text: str) -> SwapSize:
    """`auto`, a number of MiB, or a percentage.

    >>> parse_swap_size("50%"), str(parse_swap_size("auto"))
    (SwapSize(mib=None, percent=50), 'auto')
    """
    if text == "auto":
        return SwapSize()
    match = re.fullmatch(r"(?P<number>[0-9]{1,9})(?P<percent>%?)", text)
    if match is None:
        raise ValueError
    number = int(match["number"])
    if match["percent"]:
        if not 1 <= number <= 90:
            raise ValueError
        return SwapSize(percent=number)
    if number > _LARGEST_MIB:
        raise ValueError
    return SwapSize(mib=number)


def parse_mount_point(text: str) -> GuestPath:
    """An absolute path, as short as it can be written, that is not one of the system's own directories."""
    if not text.isprintable() or not text.startswith("/") or "\\" in text:
        raise ValueError
    path = GuestPath("/" + text.strip("/"))
    if ".." in path.parts:
        raise ValueError(f"not {text!r}: write it without ..")
    if str(path) in _TAKEN or path.parts[1] in _OF_THE_SYSTEM:
        raise ValueError(f"not {text!r}, which belongs to the system")
    return path


def parse_mount_options(text: str) -> tuple[str, ...]:
    """Options of mount(8) with commas between them. waagent writes None for no options.

    >>> parse_mount_options("noatime,discard"), parse_mount_options("None")
    (('noatime', 'discard'), ())
    """
    if text in ("", "None"):
        return ()
    options = tuple(text.split(","))
    if any(_OPTION.fullmatch(option) is None for option in options):
        raise ValueError
    if "_netdev" in options:
        raise ValueError("without '_netdev': the disk is not on the network, and boot would wait in a circle")
    return options
