"""The units of a running system, wherever it runs: to see what a change did to them."""

from __future__ import annotations

from typing import FrozenSet, Protocol

#: What comes and goes by itself: mounts of /run, sessions and users, daemons that end when nobody has asked
#: them for a while, and their sockets.
_PASSING = (
    *("run-", "session-", "user", "-.slice", "systemd-fsckd."),
    *("systemd-hostnamed.", "systemd-localed.", "systemd-timedated."),
)
#: Hardware is found when it is found.
_DEVICE = ".device"


class System(Protocol):
    """A machine or a container."""

    def tool(self, *argv: str) -> str:
        """The output of a program that has to end well."""


def list_units(system: System) -> FrozenSet[str]:
    """Every unit that is loaded and what state it is in, but for what comes and goes by itself."""
    listing = system.tool("systemctl", "list-units", "--all", "--plain", "--no-legend")
    units = [line.split()[:4] for line in listing.splitlines()]
    kept = (words for words in units if not words[0].startswith(_PASSING) and not words[0].endswith(_DEVICE))
    return frozenset(" ".join(words) for words in kept)
