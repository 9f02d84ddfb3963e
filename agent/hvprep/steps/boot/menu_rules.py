"""Which terminals a boot menu must be on: the policy of serial-grub, and its words for GRUB 2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.facts.architecture import Architecture
from hvprep.settings import Settings
from hvprep.steps.boot.rules import console_word

#: A menu that had no time to be seen gets as long as grub-mkconfig's own default, in seconds.
VISIBLE_S = 5
GRAPHICS = "gfxterm"
_WANT = "menu "
_PARITY = {"n": "no", "e": "even", "o": "odd"}


@dataclass(frozen=True)
class MenuRules:
    """What is judged on a menu.

    serial  the command that opens the port; "" where GRUB drives none (ttyAMA0 of aarch64): there the
            firmware's console is on the port already, and the menu has to be on that
    """

    serial: str

    @property
    def terminals(self) -> tuple[str, ...]:
        """The terminals that we add, in our order."""
        return ("console", "serial") if self.serial else ("console",)

    def terminal_problem(self, words: Sequence[str], is_input: bool) -> str | None:
        """What is wrong with a list of terminals. One that is no input makes GRUB ignore the whole list."""
        if is_input and GRAPHICS in words:
            return f"is on {' '.join(words)}, and {GRAPHICS} is no input"
        needed = self.terminals[-1]
        return None if needed in words else f"is on {' '.join(words) or 'no terminal'}, not on {needed}"

    def is_opened_by(self, command: Sequence[str]) -> bool:
        """Whether a `serial` command opens the same port with the same speed."""
        return not self.serial or serial_options(command) == serial_options(self.serial.split())


def choose_menu_rules(settings: Settings, architecture: Architecture) -> MenuRules:
    """The rules for this system: the port and the speed of the kernel's console."""
    device, _, options = console_word(settings, architecture).partition(",")
    port = re.fullmatch(r"ttyS([0-9])", device)
    if port is None:
        return MenuRules("")
    match = re.match(r"([0-9]+)([noe]?)([78]?)", options)
    speed, parity, bits = match.groups() if match else ("9600", "", "")
    return MenuRules(
        f"serial --speed={speed} --unit={port[1]} --word={bits or '8'} "
        f"--parity={_PARITY[parity or 'n']} --stop=1"
    )


def serial_options(command: Sequence[str]) -> tuple[str, str]:
    """(unit, speed) of a `serial` command; what it does not say is GRUB's default.

    >>> serial_options("serial --unit 1 --speed=115200".split()), serial_options(["serial"])
    (('1', '115200'), ('0', '9600'))
    """
    text = " ".join(command)
    unit, speed = re.search(r"--unit[= ]([0-9]+)", text), re.search(r"--speed[= ]([0-9]+)", text)
    return unit[1] if unit else "0", speed[1] if speed else "9600"


def menu_to_wants(rules: MenuRules) -> tuple[str, ...]:
    """The rules as the words that a Build carries for its judge."""
    return (f"{_WANT}{rules.serial or 'console'}",)


def is_menu_want(want: str) -> bool:
    """Whether `menu_to_wants` wrote it."""
    return want.startswith(_WANT)


def menu_from_wants(wants: Iterable[str]) -> MenuRules | None:
    """What `menu_to_wants` wrote; None where nothing is wanted. Raises FormatError."""
    found = {want[len(_WANT) :] for want in wants}
    if not found:
        return None
    if len(found) > 1 or not found <= {"console"} and not all(each.startswith("serial ") for each in found):
        raise FormatError(f"a plan wants {' and '.join(sorted(found))!r} of a boot menu, which means nothing")
    (wanted,) = found
    return MenuRules("" if wanted == "console" else wanted)
