"""How the values of settings are written: what is accepted, in words, and how it reads and renders."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: What stands for "the image is to tell by itself".
AUTO = "auto"


def shown(text: str) -> str:
    """`text` as an error may quote it: short, in quotes, and without control characters."""
    return repr(text if len(text) <= 60 else text[:59] + "\N{HORIZONTAL ELLIPSIS}")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How the values of a setting are written.

    `expected` says it in words, `parse` raises ValueError (with a sentence or none) for anything else,
    and `render` is its inverse.
    """

    expected: str
    parse: Callable[[str], T]
    render: Callable[[T], str] = str


def _parse_switch(text: str) -> bool:
    if text.lower() not in ("y", "n"):
        raise ValueError
    return text.lower() == "y"


def number(lowest: int, highest: int, unit: str) -> Form[int]:
    """A whole number within bounds, these included."""

    def parse(text: str) -> int:
        if re.fullmatch("[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise ValueError
        return int(text)

    return Form(f"a whole number of {unit} from {lowest} to {highest}", parse)


def words(word: str, expected: str, taken: dict[str, str]) -> Form[tuple[str, ...]]:
    """Words with white space between them. `taken` maps words, or names before `=`, to who has them."""

    def parse(text: str) -> tuple[str, ...]:
        words = tuple(text.split())
        for each in words:
            if re.fullmatch(word, each) is None:
                raise ValueError(f"not {shown(each)}")
            owner = taken.get(each) or taken.get(each.partition("=")[0])
            if owner is not None:
                raise ValueError(f"without {shown(each)}: {owner}")
        return words

    return Form(expected, parse, " ".join)


def _parse_console(text: str) -> str:
    # A device and its options: speed, parity, bits, flow control (Linux, admin-guide/serial-console).
    if re.fullmatch(r"auto|[A-Za-z]+[0-9]+(,[0-9]+([noe]([78]r?)?)?)?", text) is None:
        raise ValueError
    return text


SWITCH = Form("y or n", _parse_switch, lambda value: "y" if value else "n")
CONSOLE = Form("auto, or a value of console= such as ttyS1,115200n8", _parse_console)
PARAMETERS = words(
    # Nothing that a shell (/etc/default/grub is read by one) or GRUB's own language takes for itself.
    r"[A-Za-z0-9_.,:=/@%+~^!-]+",
    "kernel parameters of letters, digits and any of _.,:=/@%+~^!- with blanks between them",
    {
        "console": "Kernel.Console sets it",
        "rootdelay": "Kernel.RootDelay sets it",
        "earlyprintk": "Kernel.EarlyPrintk sets it",
        "crashkernel=auto": "Kernel.KeepCrashkernel keeps it",
        **dict.fromkeys(("resume", "resume_offset"), "Swap.Keep=y leaves it where it stands"),
        **dict.fromkeys(
            ("acpi=0", "acpi=off", "libata.atapi_enabled=0", "reserve=0x1f0,0x8"),
            "hvprep removes it: Hyper-V's devices are not found with it",
        ),
        **dict.fromkeys(
            ("rhgb", "quiet", "splash"), "hvprep removes it, so that the serial console shows the boot"
        ),
    },
)
MODULES = words("[A-Za-z0-9_-]+", "names of kernel modules with blanks between them", {})


def one_of(*words: str) -> Form[str]:
    """One of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Form(f"{', '.join(words[:-1])} or {words[-1]}", parse)
