"""NetworkManager beside an old agent: waagent before 2.1 restarts and configures the network by itself.

Source: Microsoft, "Information for non-endorsed distributions" of 2017; the packages of WALinuxAgent 2.0,
which conflict with NetworkManager. That version is one file, which says its own number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.tools import find_program
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.networking import network_manager

_VERSION = re.compile(rb"^GuestAgentVersion\s*=\s*[\"']WALinuxAgent-(?P<number>[0-9.]+)", re.MULTILINE)


def plan(view: View) -> Iterator[Note]:
    """A finding where both are there."""
    program = find_program(view, "waagent")
    version = _VERSION.search(view.read(program) or b"") if program is not None else None
    if version is not None and network_manager.is_used(view):
        number = version["number"].decode()
        because = f"waagent {number} does not go together with NetworkManager, which is started at boot"
        yield Note(Verdict.UNMET, because, "update the agent (2.2 or later), or use another network manager")
