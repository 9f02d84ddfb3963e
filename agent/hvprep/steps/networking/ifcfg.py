"""ifcfg files of EL and Fedora: those of the service "network", and of NetworkManager's plug-in ifcfg-rh.

Source: initscripts, sysconfig.txt and ifup; nm-settings-ifcfg-rh(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.services import is_started
from hvprep.formats import ifcfg
from hvprep.formats.ifcfg import Ifcfg, Variable
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.networking.profile import (
    INTERFACE,
    Profile,
    Reading,
    fits_interface,
    is_address,
    is_long,
)
from hvprep.system.shipped import read_shipped

_DIRECTORY = GuestPath("/etc/sysconfig/network-scripts")
#: Backups that neither reads (initscripts, network; NetworkManager, shvar utils).
_IGNORED = ("~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".augnew", ".augtmp")
#: Without it, or with NETWORKING=no in it, the service does nothing.
_GLOBAL = GuestPath("/etc/sysconfig/network")
_MASTERS = ("BRIDGE", "MASTER", "TEAM_MASTER", "OVSBRIDGE")
_TIMEOUT = "IPV4_DHCP_TIMEOUT"
_DHCP = ("dhcp", "bootp", "dhcp6")


def is_used(view: View) -> bool:
    """Whether the service "network" of initscripts is started at boot."""
    return is_started(view, "network") and view.node(_DIRECTORY) is not None


def read(view: View) -> Reading:
    """What the service does."""
    profiles, new = read_profiles(view), new_profiles(view)
    values = _parse(view, _GLOBAL)
    gateway, networking = values.find("GATEWAY"), values.find("NETWORKING")
    if networking is not None and networking.value == "no":
        because = f"{_GLOBAL}, line {networking.line}: NETWORKING=no starts no interface"
        profiles = (*profiles, Profile(_GLOBAL, fixed=(because,)))
    elif gateway is not None:
        because = f"{_GLOBAL}, line {gateway.line}: GATEWAY={gateway.value} is a fixed address"
        profiles = (*profiles, Profile(_GLOBAL, fixed=(because,)))
    if new and view.node(_GLOBAL) is None:
        new = (Write(_GLOBAL, b"NETWORKING=yes\n", f"without {_GLOBAL} no interface is started"), *new)
    return Reading("network-scripts", profiles, new=new)


def read_profiles(view: View) -> tuple[Profile, ...]:
    """The files that concern eth0."""
    paths = [path for path in view.glob(f"{_DIRECTORY}/ifcfg-*") if not path.name.endswith(_IGNORED)]
    return tuple(filter(None, (_read_profile(view, path) for path in paths if path.name != "ifcfg-lo")))


def new_profiles(view: View) -> tuple[Write, ...]:
    """The file to write for eth0; nothing where there is one that says something else."""
    path = _DIRECTORY / f"ifcfg-{INTERFACE}"
    why = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address"
    return (Write(path, read_shipped("eth0.ifcfg"), why),) if view.node(path) is None else ()


def _read_profile(view: View, path: GuestPath) -> Profile | None:
    file = _parse(view, path)
    device, hardware = file.get("DEVICE"), file.find("HWADDR")
    is_other = device and not fits_interface([device])
    if is_other or file.get("TYPE").lower() not in ("", "ethernet"):
        return None
    bound = f"{path}, line {hardware.line}: HWADDR={hardware.value} binds it" if hardware else None
    master = next((file.find(name) for name in _MASTERS if file.get(name)), None)
    unclear = f"{path}, line {master.line}: {INTERFACE} is a part of {master.value}" if master else None
    spoofed = file.find("MACADDR")
    faults = (
        [f"{path}, line {spoofed.line}: MACADDR={spoofed.value}, which only one machine may have"]
        if (spoofed is not None and is_address(spoofed.value))
        else []
    )
    on_boot = file.find("ONBOOT")
    off = f"{path}, line {on_boot.line}: ONBOOT={on_boot.value}" if on_boot and _is_no(on_boot) else None
    # Without a DEVICE it is the address alone that says for which interface it is.
    can_mend = bool(device) and not any(_fixed(path, file))
    mend = _mend(path, file, [*faults, *filter(None, (bound, off))]) if can_mend else None
    patient = _be_patient(path, file)
    return Profile(path, tuple(_fixed(path, file)), unclear, tuple(faults), bound, off, mend, patient)


def _fixed(path: GuestPath, file: Ifcfg) -> Iterator[str]:
    addresses = [
        each for each in file.variables if each.name.startswith(("IPADDR", "GATEWAY")) and each.value
    ]
    for address in addresses[:1]:
        yield f"{path}, line {address.line}: {address.name}={address.value} is a fixed address"
    if not addresses and file.get("BOOTPROTO").lower() not in _DHCP:
        yield f"{path}: BOOTPROTO={file.get('BOOTPROTO')} gives {INTERFACE} no address"


def _mend(path: GuestPath, file: Ifcfg, reasons: list[str]) -> Write | None:
    if not reasons:
        return None
    mended = file.without("HWADDR", "MACADDR")
    if file.find("ONBOOT") is not None:
        mended = mended.replace("ONBOOT", "yes")
    return Write(path, mended.render().encode("utf-8", "surrogateescape"), "; ".join(reasons))


def _be_patient(path: GuestPath, file: Ifcfg) -> Write | None:
    """NetworkManager alone reads that variable."""
    found = file.find(_TIMEOUT)
    if found is None or found.value in ("", "0") or is_long(found.value):
        return None
    content = file.without(_TIMEOUT).render().encode("utf-8", "surrogateescape")
    return Write(path, content, f"{path}, line {found.line}: {_TIMEOUT}={found.value} goes")


def _is_no(variable: Variable) -> bool:
    return variable.value.lower() in ("no", "n", "false", "0")


def _parse(view: View, path: GuestPath) -> Ifcfg:
    return ifcfg.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))
