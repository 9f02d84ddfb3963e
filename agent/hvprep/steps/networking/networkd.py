"""systemd-networkd: of the .network files that match an interface, the first by name configures it.

Source: systemd.network(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.facts.services import is_mask, is_started
from hvprep.formats import key_file
from hvprep.formats.key_file import Entry
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.networking.profile import (
    ETH0,
    INTERFACE,
    Device,
    Profile,
    Reading,
    fits_any,
    is_address,
)
from hvprep.system.shipped import read_shipped

#: The one that wins first. What netplan makes is in /run, and made anew at every boot.
_DIRECTORIES = ("/etc/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
_OWN = GuestPath("/etc/systemd/network/50-hvprep-eth0.network")
_YES = ("yes", "true", "1", "on", "y", "t")
_DHCP = (*_YES, "ipv4", "both", "v4")
_ADDRESSES = (("Network", "Address"), ("Network", "Gateway"), ("Address", "Address"), ("Route", "Gateway"))
_MASTERS = ("Bridge", "Bond", "VRF")
#: Of ActivationPolicy=, those by which it is not brought up at boot.
_LEFT_DOWN = ("manual", "down", "always-down")
#: Keys of [Match] by which a file is for one machine alone.
BINDING = ("MACAddress", "PermanentMACAddress")
#: Keys of [Match] that can be answered for an interface on Hyper-V.
_ANSWERED = ("Name", "OriginalName", "Driver", "Type", "Kind", "Virtualization", "Path")


@dataclass(frozen=True)
class Place:
    """An entry, and the file that it stands in."""

    path: GuestPath
    entry: Entry

    def __str__(self) -> str:
        return f"{self.path}, line {self.entry.line}: {self.entry.key}={self.entry.value}"


@dataclass(frozen=True)
class UnitFile:
    """A file with the drop-ins that add to it."""

    path: GuestPath
    places: tuple[Place, ...]

    def find(self, section: str, *keys: str) -> list[Place]:
        """The entries of these names that have a value."""
        found = (each for each in self.places if each.entry.section == section and each.entry.key in keys)
        return [each for each in found if each.entry.value]


def is_used(view: View) -> bool:
    """Whether it is started at boot."""
    return is_started(view, "systemd-networkd")


def read(view: View) -> Reading:
    """What it does with eth0, and with interfaces of a certain address."""
    profiles: list[Profile] = []
    for file in find_files(view, "network"):
        if matches(file):
            profiles.append(_profile(view, file))
            if profiles[-1].bound_by is None:
                break
    why = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address"
    new = Write(_OWN, read_shipped("eth0.network"), why)
    return Reading("systemd-networkd", tuple(profiles), new=(new,))


def find_files(view: View, suffix: str) -> Iterator[UnitFile]:
    """The files of that kind in the order of their names, without those that are masked."""
    found: dict[str, GuestPath] = {}
    for directory in _DIRECTORIES:
        for path in view.glob(f"{directory}/*.{suffix}"):
            found.setdefault(path.name, path)
    for name, path in sorted(found.items()):
        if not is_mask(view, path):
            drop_ins = {
                each.name: each
                for directory in reversed(_DIRECTORIES)
                for each in view.glob(f"{directory}/{name}.d/*.conf")
            }
            paths = [path, *(drop_ins[each] for each in sorted(drop_ins))]
            places = (Place(each, entry) for each in paths for entry in _parse(view, each).entries)
            yield UnitFile(path, tuple(places))


def matches(file: UnitFile, device: Device = ETH0, is_lenient: bool = False) -> bool:
    """Whether the file is for the interface, whatever MAC address it asks for. One that asks for what cannot
    be known is taken for one that is not; if `is_lenient`, for one that is."""
    keys = {each.entry.key for each in file.places if each.entry.section == "Match"} - set(BINDING)
    return all(_fits(file, key, device) if key in _ANSWERED else is_lenient for key in keys)


def unknown_matches(file: UnitFile) -> tuple[Place, ...]:
    """What the file asks for and cannot be known."""
    known = (*_ANSWERED, *BINDING)
    asked = (each for each in file.places if each.entry.section == "Match" and each.entry.value)
    return tuple(each for each in asked if each.entry.key not in known)


def _fits(file: UnitFile, key: str, device: Device) -> bool:
    """One of the patterns fits, or with "!" before the first of them, none."""
    answers = {
        "Driver": (device.driver,),
        "Type": ("ether",),
        "Kind": (),
        "Path": device.paths,
        "Virtualization": ("yes", "true", "vm", "microsoft"),
    }.get(key, (device.name,))
    words = " ".join(each.entry.value for each in file.find("Match", key))
    return not words or fits_any(answers, words.lstrip("!").split()) is not words.startswith("!")


def _profile(view: View, file: UnitFile) -> Profile:
    bound = file.find("Match", *BINDING)
    harmful = [each for each in file.find("Link", "MACAddress") if is_address(each.entry.value)]
    masters = file.find("Network", *_MASTERS)
    fixed = tuple(_fixed(file))
    has_other = bool(file.find("Match", *_ANSWERED))
    return Profile(
        file.path,
        fixed,
        f"{masters[0]}: {INTERFACE} is a part of it" if masters else None,
        tuple(f"{each}, which only one machine may have" for each in harmful),
        f"{bound[0]} binds it" if bound else None,
        # With the address gone and nothing else asked for, it would match every interface.
        mend=remove(view, file, [*bound, *harmful]) if has_other and not fixed else None,
    )


def _fixed(file: UnitFile) -> Iterator[str]:
    addresses = [each for section, key in _ADDRESSES for each in file.find(section, key)]
    dhcp = file.find("Network", "DHCP")[-1:]
    left = [each for each in file.find("Link", "Unmanaged")[-1:] if each.entry.value.lower() in _YES]
    left += [each for each in file.find("Link", "ActivationPolicy")[-1:] if each.entry.value in _LEFT_DOWN]
    if addresses:
        yield f"{addresses[0]} is a fixed address"
    elif left:
        yield f"{left[0]} leaves {INTERFACE} down"
    elif not dhcp or dhcp[0].entry.value.lower() not in _DHCP:
        yield f"{dhcp[0] if dhcp else file.path} gives {INTERFACE} no address by DHCP"


def remove(view: View, file: UnitFile, places: list[Place]) -> Write | None:
    """The file without these entries; None where there are none, or one is not in the file itself."""
    if not places or any(place.path != file.path for place in places):
        return None
    mended = _parse(view, file.path).without(*(place.entry for place in places))
    why = "; ".join(f"{place} goes" for place in places)
    return Write(file.path, mended.render().encode("utf-8", "surrogateescape"), why)


def _parse(view: View, path: GuestPath) -> key_file.KeyFile:
    return key_file.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))
