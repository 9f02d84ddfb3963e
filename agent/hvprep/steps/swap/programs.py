"""Programs that make swap on the system's disk by themselves, at boot or when memory runs short."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.services import find_service
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View

#: Debian's swapspace, Raspberry Pi OS's dphys-swapfile, systemd-swap of Arch.
_SERVICES = ("swapspace", "dphys-swapfile", "systemd-swap")


def find(view: View) -> Iterator[Note]:
    """A finding for each that is switched on. hvprep ends no service that is not its own."""
    for name in _SERVICES:
        service = find_service(view, name)
        if service is not None and service.is_enabled:
            yield Note(
                Verdict.UNMET,
                f"{service.name} is started at boot, and makes swap files on the system's disk",
                f"remove its package, or: systemctl disable --now {service.name}",
            )
