"""cloud-init: it writes the configuration of the network at the first boot of every machine.

Source: cloud-init, "Network configuration", and "Networking config Version 1"; stages.py: what the image
says under `network:` counts more than what the data source does; cmd/clean.py: the names of what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.cloud_config import config_files, read_cloud_config, read_config_file
from hvprep.facts.provisioning_agents import CLOUD_INIT_DISABLED
from hvprep.facts.services import is_started
from hvprep.formats.plain_yaml import Node
from hvprep.model.change import Remove
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.networking import netplan
from hvprep.steps.networking.profile import INTERFACE, Profile, Reading, fits_interface

_NAME = "cloud-init"
#: What Ubuntu's installers (curtin, subiquity) leave: the interfaces of the machine that it was installed on.
_LEFT = ("50-curtin-networking.cfg", "90-installer-network.cfg")
#: The names of its own files, wherever they lie.
_OWN = re.compile(r"50-cloud-init(\.yaml|\.cfg)?|cloud-init-.+\.nmconnection|10-cloud-init-.+\.network")
#: The line by which it marks the others: ifcfg files, 70-persistent-net.rules.
_MARK = re.compile(
    rb"\A(?:#.*\n){0,3}# (?:Created by cloud-init|This file is generated from information provided)"
)
_DHCP = ("dhcp", "dhcp4")
_LEFT_DOWN = ("manual", "off")
#: extract_physdevs of net/__init__.py, wait_for_physdevs of distros/networking.py.
_WAITS = ": cloud-init waits for that interface, and fails on every machine without it"
_MEMBERS = ("bond_interfaces", "bridge_interfaces")


def plan_leftovers(view: View) -> Iterator[Remove]:
    """The files of installers that hold nothing but the network of one machine."""
    if not _is_started(view):
        return
    for path in config_files(view):
        if path.name in _LEFT:
            node = read_config_file(view, path)
            if [key for key, _ in node.members or ()] == ["network"] and not _is_off(node):
                yield Remove(path, f"{path} is left from the installer: the network of one machine")


def read(view: View) -> Reading | None:
    """What it will do; None where it is not started at boot, or may not touch the network.

    Raises FormatError for a configuration that cannot be read.
    """
    if not _is_started(view):
        return None
    config = read_cloud_config(view)
    if _is_off(config.node):
        return None
    network = config.get("network")
    if network is None or network.is_null or network.members == ():
        default = f"it gives {INTERFACE} an address by DHCP when it first starts on a machine"
        return Reading(_NAME, default=default, is_first=True)
    path = config.sources["network"]
    setters = config.setters["network"]
    if len(setters) > 1:
        unclear = f"{' and '.join(map(str, setters))} both say what cloud-init makes of the network"
        return Reading(_NAME, (Profile(path, unclear=unclear),))
    version = network.get("version")
    if version is not None and version.scalar == "1":
        return Reading(_NAME, tuple(_profiles_of_version_1(path, network)))
    if version is not None and version.scalar == "2":
        return Reading(_NAME, (*_bound_names(path, network), *netplan.find_profiles([(path, config.node)])))
    return Reading(_NAME, (Profile(path, (f"{path}: network: is of no version that cloud-init knows",)),))


def is_rendered(view: View, path: GuestPath) -> bool:
    """Whether cloud-init wrote the file, and will again on another machine."""
    return _OWN.fullmatch(path.name) is not None or _MARK.match(view.read(path) or b"") is not None


def _is_started(view: View) -> bool:
    return is_started(view, "cloud-init-local", "cloud-init-main") and view.node(CLOUD_INIT_DISABLED) is None


def _is_off(config: Node) -> bool:
    node = config.get("network", "config")
    return node is not None and node.scalar == "disabled"


def _profiles_of_version_1(path: GuestPath, network: Node) -> Iterator[Profile]:
    """A list of interfaces, each with its subnets."""
    for item in (network.get("config") or network).items or ():
        place = f"{path}, line {item.line}"
        name, address = _scalar(item, "name"), _scalar(item, "mac_address")
        if fits_interface(text for key in _MEMBERS for text in (item.get(key) or Node(0)).texts):
            yield Profile(path, unclear=f"{place}: {INTERFACE} is a part of {name}")
        elif _scalar(item, "type") != "physical":
            continue
        elif address:
            yield Profile(path, (f"{place}: mac_address: {address}{_WAITS}",))
        elif fits_interface([name]):
            subnets = (item.get("subnets") or Node(0)).items or ()
            asking = [each for each in subnets if _scalar(each, "type") in _DHCP]
            started = [each for each in asking if _scalar(each, "control") not in _LEFT_DOWN]
            yield Profile(path, () if started else (f"{place} gives {INTERFACE} no address by DHCP at boot",))


def _bound_names(path: GuestPath, network: Node) -> Iterator[Profile]:
    """Of version 2, the interfaces that get a name by their address."""
    for name, item in (network.get("ethernets") or Node(0)).members or ():
        address = item.get("match", "macaddress")
        if address is not None and address.scalar and _scalar(item, "set-name"):
            because = f"{path}, line {address.line}: {name} has macaddress: {address.scalar}{_WAITS}"
            yield Profile(path, (because,))


def _scalar(node: Node, key: str) -> str:
    found = node.get(key)
    return (found.scalar or "") if found is not None else ""
