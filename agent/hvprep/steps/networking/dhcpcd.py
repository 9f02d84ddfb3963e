"""dhcpcd as a service of its own: DHCP on every interface, save for what its configuration says.

Source: dhcpcd.conf(5).
"""

from __future__ import annotations

from hvprep.facts.services import is_started
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.networking.profile import INTERFACE, Profile, Reading, fits_interface

CONFIG = GuestPath("/etc/dhcpcd.conf")


def is_used(view: View) -> bool:
    """Whether it is started at boot."""
    return is_started(view, "dhcpcd")


def read(view: View) -> Reading:
    """What it does with eth0."""
    profiles = []
    concerns = True  # what stands before the first "interface" is for all
    for number, words in read_lines(view):
        option, values = words[0], words[1:]
        if option in ("interface", "ssid", "profile", "arping"):
            concerns = option == "interface" and fits_interface(values)
        is_fixed = concerns and option in ("static", "inform") and "ip_address" in " ".join(words)
        is_denied = option == "denyinterfaces" and fits_interface(values)
        is_missing = option == "allowinterfaces" and not fits_interface(values)
        if is_fixed or is_denied or is_missing:
            because = f"{CONFIG}, line {number}: {' '.join(words)}: {INTERFACE} gets no address by DHCP"
            profiles.append(Profile(CONFIG, fixed=(because,)))
    return Reading("dhcpcd", tuple(profiles), default="it asks for an address on every interface")


def read_lines(view: View) -> list[tuple[int, list[str]]]:
    """The lines of dhcpcd.conf that say something: (number, words)."""
    lines = (view.read(CONFIG) or b"").decode("utf-8", "surrogateescape").splitlines()
    return [
        (n, line.split()) for n, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] not in "#;"
    ]
