"""netplan: YAML from which it makes the files of systemd-networkd or NetworkManager at every boot.

Source: netplan(5). Its files are judged, not edited: one of our own is added where nothing configures eth0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Tuple

from hvprep.errors import FormatError
from hvprep.formats import plain_yaml
from hvprep.formats.plain_yaml import Node
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.networking.profile import (
    ETH0,
    INTERFACE,
    Device,
    Profile,
    Reading,
    fits_driver,
    fits_interface,
    is_address,
)
from hvprep.system.shipped import read_shipped

_DIRECTORIES = ("/etc/netplan", "/usr/lib/netplan", "/lib/netplan")
_OWN = GuestPath("/etc/netplan/90-hvprep.yaml")
_FIXED = ("addresses", "gateway4")
#: What netplan reads, with the files that it stands in, in the order in which they count.
Documents = Sequence[Tuple[GuestPath, Node]]


@dataclass(frozen=True)
class _Value:
    """A value, and the file that says it."""

    path: GuestPath
    node: Node

    def __str__(self) -> str:
        return f"{self.path}, line {self.node.line}"


def is_used(view: View) -> bool:
    """Whether it has anything to make files from."""
    return bool(find_files(view))


def read(view: View) -> Reading:
    """What it has configured for eth0."""
    documents = _read_documents(view)
    why = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address"
    is_named = INTERFACE in _merge(documents)
    new = () if is_named else (Write(_OWN, read_shipped("eth0.yaml"), why, 0o600),)
    return Reading("netplan", find_profiles(documents), new=new)


def find_profiles(documents: Documents) -> tuple[Profile, ...]:
    """What these documents have for eth0; cloud-init takes the same ones ("Networking config Version 2")."""
    definitions = _merge(documents).items()
    return tuple(_profile(name, values) for name, values in definitions if _is_for(name, values))


def find_files(view: View) -> tuple[GuestPath, ...]:
    """The files in the order in which they are read: by name, one in /etc instead of its namesake in /usr."""
    found: dict[str, GuestPath] = {}
    for directory in _DIRECTORIES:
        for path in view.glob(f"{directory}/*.yaml"):
            found.setdefault(path.name, path)
    return tuple(found[name] for name in sorted(found))


def _read_documents(view: View) -> Documents:
    return [(path, _parse(view, path)) for path in find_files(view)]


def _merge(documents: Documents) -> dict[str, dict[str, _Value]]:
    """Name of the definition -> key -> value; of a later file they take the place of earlier ones."""
    definitions: dict[str, dict[str, _Value]] = {}
    for path, root in documents:
        for kind in ("bridges", "bonds"):
            for name, node in (root.get("network", kind) or root).members or ():
                if fits_interface((node.get("interfaces") or Node(0)).texts):
                    definitions.setdefault(INTERFACE, {})["part-of"] = _Value(path, Node(node.line, name))
        for name, node in (root.get("network", "ethernets") or Node(0)).members or ():
            values = definitions.setdefault(name, {})
            values.update({key: _Value(path, value) for key, value in node.members or ()})
            values.setdefault("", _Value(path, node))
    return definitions


def _parse(view: View, path: GuestPath) -> Node:
    try:
        return plain_yaml.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))
    except FormatError as error:
        raise FormatError(f"{path}, {error.sentence}", error.hint) from error


def takes(view: View, device: Device) -> bool:
    """Whether it configures that interface."""
    definitions = _merge(_read_documents(view))
    return any(_is_for(name, values, device) for name, values in definitions.items())


def _is_for(name: str, values: dict[str, _Value], device: Device = ETH0) -> bool:
    """By name where it has no "match"; else by what that asks for, apart from the address."""
    if "match" not in values or not values["match"].node.members:
        return fits_interface([name], device)
    names, drivers = (values["match"].node.get(key) for key in ("name", "driver"))
    is_other = names is not None and not fits_interface(names.texts, device)
    return not is_other and (drivers is None or fits_driver(drivers.texts, device))


def _profile(name: str, values: dict[str, _Value]) -> Profile:
    place = values.get("") or values["part-of"]
    part_of = values.get("part-of")
    bound = values["match"].node.get("macaddress") if "match" in values else None
    harmful = values.get("macaddress")
    return Profile(
        place.path,
        tuple(_fixed(name, place, values)),
        f"{part_of}: {INTERFACE} is a part of {part_of.node.scalar}" if part_of is not None else None,
        (f"{harmful}: macaddress: {harmful.node.scalar}, which only one machine may have",)
        if harmful is not None and is_address(harmful.node.scalar or "")
        else (),
        f"{values['match'].path}, line {bound.line}: macaddress: {bound.scalar} binds {name}"
        if bound
        else None,
    )


def _fixed(name: str, place: _Value, values: dict[str, _Value]) -> Iterator[str]:
    addresses = [values[key] for key in _FIXED if key in values and values[key].node.texts]
    if addresses:
        yield f"{addresses[0]}: {' '.join(addresses[0].node.texts)} is a fixed address"
    elif "activation-mode" in values:  # "manual" or "off": neither brings it up
        yield f"{values['activation-mode']}: activation-mode leaves {name} down"
    elif "dhcp4" not in values or not values["dhcp4"].node.is_true:
        yield f"{values.get('dhcp4', place)}: {name} gets no address by DHCP"
