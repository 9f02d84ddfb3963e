"""The serial port that gets a login, and who may know about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hvprep.facts.architecture import Architecture
from hvprep.facts.tools import find_program
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.rules import console_word

_DEFAULT_SPEED = "115200"


@dataclass(frozen=True)
class Port:
    """`device` without /dev. `is_console` tells whether every boot entry makes it a console of the kernel."""

    device: str
    speed: str
    is_console: Callable[[], bool]


def choose_port(settings: Settings, architecture: Architecture, is_console: Callable[[], bool]) -> Port:
    """The port of the kernel's console, with its speed."""
    device, _, options = console_word(settings, architecture).partition(",")
    speed = re.match("[0-9]+", options)
    return Port(device, speed[0] if speed else _DEFAULT_SPEED, is_console)


def getty_command(view: View, port: Port) -> str | None:
    """The command line of this system's getty for a port; None where it has none.

    Options and order of words are those that agetty of every util-linux and BusyBox's getty take.
    """
    program = find_program(view, "agetty", "getty")
    return f"{program} -L {port.speed} {port.device} vt100" if program is not None else None
