"""ifcfg files of SUSE: those of wicked, and of the older service "network".

Source: ifcfg(5), ifcfg-dhcp(5). The name of the file is the name of the interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.services import is_started
from hvprep.formats import ifcfg
from hvprep.formats.ifcfg import Ifcfg, Variable
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.networking.profile import INTERFACE, Profile, Reading, is_address
from hvprep.system.shipped import read_shipped

_DIRECTORY = GuestPath("/etc/sysconfig/network")
_ROUTES = _DIRECTORY / "routes"
_FILE = _DIRECTORY / f"ifcfg-{INTERFACE}"
_STARTED = ("auto", "onboot", "boot", "on", "hotplug", "nfsroot", "ifplugd")


def is_used(view: View) -> bool:
    """Whether it is started at boot."""
    return is_started(view, "wicked", "network") and view.node(_DIRECTORY / "config") is not None


def read(view: View) -> Reading:
    """What it does with eth0. A file of SLES 10 that is named for an address does nothing elsewhere."""
    profiles = [
        Profile(path, bound_by=f"{path} is bound to a MAC address by its name")
        for path in view.glob(f"{_DIRECTORY}/ifcfg-eth-id-*")
    ]
    new: tuple[Write, ...] = ()
    if view.node(_FILE) is not None:
        profiles.append(_read_profile(view))
    else:
        why = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address"
        new = (Write(_FILE, read_shipped("eth0.suse-ifcfg"), why),)
    return Reading("wicked", tuple(profiles), new=new)


def _read_profile(view: View) -> Profile:
    file = ifcfg.parse((view.read(_FILE) or b"").decode("utf-8", "surrogateescape"))
    harmful = [
        variable
        for variable in (file.find("LLADDR"), file.find("MACADDR"))
        if variable is not None and is_address(variable.value)
    ]
    fixed, mode = tuple(_fixed(view, file)), file.get("STARTMODE").lower()
    off = None if mode in _STARTED else f"{_FILE}: STARTMODE={mode or 'manual'} does not start it at boot"
    reasons = [f"{_place(variable)}, which only one machine may have" for variable in harmful]
    mend = None
    if (harmful or off) and not fixed:
        mended = file.without("LLADDR", "MACADDR").replace("STARTMODE", "auto" if off else mode)
        content = mended.render().encode("utf-8", "surrogateescape")
        mend = Write(_FILE, content, "; ".join([*reasons, *filter(None, [off])]))
    return Profile(_FILE, fixed, faults=tuple(reasons), off=off, mend=mend)


def _fixed(view: View, file: Ifcfg) -> Iterator[str]:
    addresses = [each for each in file.variables if each.name.startswith("IPADDR") and each.value]
    protocol = file.get("BOOTPROTO").lower()
    if addresses:
        yield f"{_place(addresses[0])} is a fixed address"
    elif not protocol.startswith("dhcp"):
        yield f"{_FILE}: BOOTPROTO={protocol} gives {INTERFACE} no address"
    default = [line for line in (view.read(_ROUTES) or b"").splitlines() if line.split()[:1] == [b"default"]]
    if default:
        yield f"{_ROUTES}: a default route to {default[0].decode('utf-8', 'replace')[7:].strip()} is fixed"


def _place(variable: Variable) -> str:
    return f"{_FILE}, line {variable.line}: {variable.name}={variable.value}"
