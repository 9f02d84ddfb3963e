"""sriov: no network manager configures the virtual functions of accelerated networking by itself.

The kernel joins each to the synthetic interface of the same MAC address, which has the IP address. A manager
that asks for one on the function too leaves the machine with two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.formats.key_file import is_yes
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.networking import netplan, network_manager, networkd
from hvprep.steps.networking.profile import Device
from hvprep.steps.udev.rules import find_rules, write_rules
from hvprep.system.shipped import read_shipped

_RULES = "68-hvprep-sriov.rules"
_NETWORK = GuestPath("/etc/systemd/network/01-hvprep-sriov.network")
#: Functions as they are on Azure today; the name has the number of the PCI domain in it.
_FUNCTIONS = (Device("enP1s1", "mlx5_core"), Device("enP1s1", "mlx4_core"))
_DRIVERS = frozenset(("hv_pci", "mlx5_core"))
#: From this version on it knows ID_NET_MANAGED_BY (systemd, NEWS).
_KNOWS_MARK = 255


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    has_manager, has_networkd = network_manager.is_used(view), _is_taken_by_networkd(view)
    if not has_manager and not has_networkd:
        yield Note(Verdict.MET, "no network manager here takes an interface that it was not told of")
        return
    if has_manager:
        yield from _plan_manager(view)
    if has_networkd:
        yield from _plan_networkd(view)


def _plan_manager(view: View) -> Iterator[Outcome]:
    specs = network_manager.read_values(view)("keyfile", "unmanaged-devices")
    rules = _find_mark(view, "NM_UNMANAGED")
    if all(network_manager.fits_specs(specs, device) for device in _FUNCTIONS):
        yield Note(Verdict.MET, f"NetworkManager leaves them alone: unmanaged-devices={','.join(specs)}")
    elif rules is not None:
        yield Note(Verdict.MET, f"NetworkManager leaves them alone: {rules} sets NM_UNMANAGED")
    else:
        yield write_rules(_RULES, "NetworkManager would configure virtual functions")


def _plan_networkd(view: View) -> Iterator[Outcome]:
    rules = _find_mark(view, "ID_NET_MANAGED_BY")
    if rules is None:
        yield write_rules(_RULES, "systemd-networkd would configure virtual functions")
    if _version(view) >= _KNOWS_MARK:
        yield Note(Verdict.MET, "systemd-networkd leaves alone what ID_NET_MANAGED_BY marks")
    elif view.node(_NETWORK) is None:
        why = "systemd-networkd would configure virtual functions: it is too old for ID_NET_MANAGED_BY"
        yield Write(_NETWORK, read_shipped(_NETWORK.name), why)
    else:
        yield Note(Verdict.MET, f"systemd-networkd leaves them alone, by {_NETWORK}")


def _is_taken_by_networkd(view: View) -> bool:
    if netplan.is_used(view) and any(netplan.takes(view, device) for device in _FUNCTIONS):
        return True
    if not networkd.is_used(view):
        return False
    files = list(networkd.find_files(view, "network"))
    first = (next((file for file in files if networkd.matches(file, device)), None) for device in _FUNCTIONS)
    return any(file is not None and not _is_unmanaged(file) for file in first)


def _is_unmanaged(file: networkd.UnitFile) -> bool:
    return any(is_yes(each.entry.value) for each in file.find("Link", "Unmanaged"))


def _find_mark(view: View, name: str) -> GuestPath | None:
    """The file whose rules give that mark to functions."""
    for path, rules in find_rules(view):
        for rule in rules:
            values = {value.lower() for value in rule.assigns("ENV", name)}
            if values & {"1", "true", "yes", "unmanaged"} and _DRIVERS & set(rule.asks("DRIVERS")):
                return path
    return None


def _version(view: View) -> int:
    """Of systemd, by the name of the library that all of its programs share; 0 where it is not known."""
    patterns = (
        "/usr/lib/systemd/{0}",
        "/usr/lib64/systemd/{0}",
        "/usr/lib/*/systemd/{0}",
        "/lib/systemd/{0}",
    )
    paths = (path for each in patterns for path in view.glob(each.format("libsystemd-shared-*.so")))
    numbers = (re.match(r"libsystemd-shared-(\d+)", path.name) for path in paths)
    return max((int(match[1]) for match in numbers if match is not None), default=0)


SRIOV: Step[Facts, Settings] = Step(
    id="sriov",
    title="network managers leave the virtual functions of accelerated networking alone",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing RHEL images; azure-vm-utils",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("N03",),
)
