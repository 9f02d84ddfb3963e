"""ifupdown, ifupdown-ng and BusyBox: /etc/network/interfaces.

Source: interfaces(5). What is neither "auto" nor "allow-hotplug" is not brought up at boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from hvprep.facts.services import is_started
from hvprep.formats import interfaces
from hvprep.formats.interfaces import Interfaces, Option, Stanza
from hvprep.model.change import Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.networking.profile import INTERFACE, Profile, Reading, fits_interface
from hvprep.system.shipped import read_shipped

_MAIN = GuestPath("/etc/network/interfaces")
_OWN = GuestPath("/etc/network/interfaces.d/hvprep-eth0")
#: Has udev configure every interface that appears by DHCP (Debian's images for clouds).
_CLOUD_HELPER = GuestPath("/etc/network/cloud-ifupdown-helper")
#: Without it nothing brings up what is to be hot-plugged: Alpine.
_HOTPLUG = ("/lib/udev/ifupdown-hotplug", "/usr/lib/udev/ifupdown-hotplug")
_HARMFUL = re.compile(r"(ether\s+)?([0-9a-fA-F]{1,2}[:-]){5}[0-9a-fA-F]{1,2}")
_DEPTH = 10


def is_used(view: View) -> bool:
    """Whether its service is started at boot."""
    return is_started(view, "networking") and view.node(_MAIN) is not None


def read(view: View) -> Reading:
    """What it does with eth0."""
    files = dict(_files(view, _MAIN, _DEPTH))
    started = [name for file in files.values() for name in file.started]
    is_on = fits_interface(name.lstrip("/") for name in started)
    profiles: list[Profile] = []
    for path, file in files.items():
        stanzas = [each for each in file.stanzas if each.name == INTERFACE and each.family in ("", "inet")]
        found = [_profile(path, file, stanza, is_on) for stanza in stanzas]
        # Several in one file are edited by hand: each edit starts from the whole file.
        profiles.extend(found if len(found) == 1 else (replace(profile, mend=None) for profile in found))
    default = f"{_CLOUD_HELPER} configures every interface by DHCP"
    is_helped = view.node(_CLOUD_HELPER) is not None
    return Reading("ifupdown", tuple(profiles), default if is_helped else None, tuple(_new(view, files)))


def _files(view: View, path: GuestPath, depth: int) -> Iterator[tuple[GuestPath, Interfaces]]:
    """The file and those that it names, in the order in which they are read."""
    text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
    file = interfaces.parse(text)
    yield path, file
    for source in file.sources if depth else ():
        pattern = str(path.parent / source) + ("/*" if source.endswith("/") else "")
        for found in view.glob(pattern):
            # run-parts(8): from a directory come names without a dot alone.
            is_plain = not source.endswith("/") or re.fullmatch(r"[A-Za-z0-9_-]+", found.name)
            node = view.node(view.resolve(found))
            if is_plain and node is not None and node.kind is Kind.FILE:
                yield from _files(view, found, depth - 1)


def _profile(path: GuestPath, file: Interfaces, stanza: Stanza, is_on: bool) -> Profile:
    harmful = [
        option
        for option in stanza.options
        if option.name in ("hwaddress", "hwaddr") and _HARMFUL.fullmatch(option.value)
    ]
    place = f"{path}, line {stanza.line}: iface {stanza.name}"
    fixed = tuple(_fixed(path, stanza))
    off = None if is_on else f'{place} is neither "auto" nor "allow-hotplug"'
    reasons = [f"{_place(path, option)}, which only one machine may have" for option in harmful]
    mend = None
    if (harmful or off) and not fixed:
        text = file.without(*(option.line for option in harmful)).render()
        glue = "" if text.endswith("\n") else "\n"
        text += f"{glue}auto {INTERFACE}\n" if off else ""
        why = "; ".join([*reasons, *filter(None, [off])])
        mend = Write(path, text.encode("utf-8", "surrogateescape"), why)
    return Profile(path, fixed, faults=tuple(reasons), off=off, mend=mend)


def _fixed(path: GuestPath, stanza: Stanza) -> Iterator[str]:
    address = stanza.find("address")
    uses = [option.value for option in stanza.options if option.name == "use"]
    if address is not None:
        yield f"{_place(path, address)} is a fixed address"
    elif (stanza.method or "".join(uses)) != "dhcp":
        words = " ".join(filter(None, (stanza.name, stanza.family, stanza.method)))
        yield f"{path}, line {stanza.line}: iface {words} gives {INTERFACE} no address by DHCP"


def _new(view: View, files: dict[GuestPath, Interfaces]) -> Iterator[Write]:
    """A file of our own where the main one reads it, else more lines at the end of that."""
    content = read_shipped("eth0.interfaces")
    if not any(view.node(GuestPath(path)) is not None for path in _HOTPLUG):
        content = content.replace(b"allow-hotplug ", b"auto ")
    why = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address"
    own = str(_OWN.parent)
    sources = [str(_MAIN.parent / source) for source in files[_MAIN].sources]
    if any(source in (own, f"{own}/*") for source in sources):
        yield Write(_OWN, content, why)
    else:
        old = files[_MAIN].render().encode("utf-8", "surrogateescape")
        glue = b"" if not old or old.endswith(b"\n") else b"\n"
        yield Write(_MAIN, old + glue + content, why)


def _place(path: GuestPath, option: Option) -> str:
    return f"{path}, line {option.line}: {option.name} {option.value}"
