"""dhcp-client: DHCP is given five minutes, as on Azure's own images, and SUSE's client sets no host name.

Source: LISA, verify_dhcp_client_timeout and verify_dhcp_file_configuration; dhclient.conf(5), dhcpcd.conf(5),
nm-settings(5), NetworkManager.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.facts.tools import find_program
from hvprep.formats import dhclient_conf, ifcfg
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.networking import dhcpcd, ifupdown, network_manager, networkd, wicked
from hvprep.steps.networking import ifcfg as network_scripts
from hvprep.steps.networking.profile import PATIENCE_S, is_long
from hvprep.system.overlay import Overlay
from hvprep.system.shipped import read_shipped

_MANAGER = "/etc/NetworkManager/conf.d/{}hvprep-dhcp.conf"
_KEY = "ipv4.dhcp-timeout"
#: Those of the interface first (initscripts, ifup-eth).
_DHCLIENT = (
    "/etc/dhcp/dhclient-eth0.conf",
    "/etc/dhcp/dhclient.conf",
    "/etc/dhclient-eth0.conf",
    "/etc/dhclient.conf",
)
_SUSE = GuestPath("/etc/sysconfig/network/dhcp")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    outcomes: list[Outcome] = []
    if network_manager.is_used(view):
        outcomes.append(_plan_manager(view))
        # A profile's own time-out counts more than the configuration.
        profiles = network_manager.read(view).profiles
        outcomes += [profile.patient for profile in profiles if profile.patient is not None]
    if dhcpcd.is_used(view):
        outcomes.append(_plan_dhcpcd(view))
    elif ifupdown.is_used(view) or network_scripts.is_used(view):
        outcomes.append(_plan_script(view))
    for manager, name in ((networkd, "systemd-networkd"), (wicked, "wicked")):
        if manager.is_used(view):
            outcomes.append(Note(Verdict.MET, f"{name} asks for an address without end"))
    yield from outcomes or (Note(Verdict.NOT_ASSESSED, "no DHCP client that hvprep knows is in use"),)
    yield from _plan_host_name(view)


def _plan_manager(view: View) -> Outcome:
    """A drop-in, in a place where no later file overrules it."""
    found = network_manager.read_values(view).defaults(_KEY)
    if found and all(map(is_long, found.values())):
        return Note(Verdict.MET, f"NetworkManager: {_KEY}={' '.join(found.values())}")
    shown = f"{_KEY}={' '.join(found.values())}" if found else f"no {_KEY}, which means 45 seconds"
    content = read_shipped("NetworkManager-dhcp.conf")
    for start in ("90-", "zz-"):
        change = Write(GuestPath(_MANAGER.format(start)), content, f"NetworkManager: {shown}")
        after = Overlay(view)
        after.apply(change)
        if all(map(is_long, network_manager.read_values(after).defaults(_KEY).values())):
            return change
    return Note(Verdict.UNMET, f"NetworkManager: {shown}", f"set {_KEY}={PATIENCE_S} there")


def _plan_script(view: View) -> Outcome:
    """ifupdown and initscripts take the first client that there is."""
    if find_program(view, "dhclient") is not None:
        return _plan_dhclient(view)
    if find_program(view, "dhcpcd") is not None:
        return _plan_dhcpcd(view)
    return Note(Verdict.NOT_APPLICABLE, "the DHCP client here has no configuration of its own")


def _plan_dhclient(view: View) -> Outcome:
    path = next(
        (path for path in map(GuestPath, _DHCLIENT) if view.node(path) is not None), GuestPath(_DHCLIENT[1])
    )
    conf = dhclient_conf.parse(_text(view, path))
    found = conf.find("timeout")
    seconds = found.words[1] if found is not None and len(found.words) > 1 else None
    if seconds is not None and is_long(seconds):
        return Note(Verdict.MET, f"dhclient: {path} has timeout {seconds}")
    new = conf.replace("timeout", str(PATIENCE_S)).render().encode("utf-8", "surrogateescape")
    return Write(
        path, new, f"dhclient: {path} has {f'timeout {seconds}' if seconds else 'none, which means 60'}"
    )


def _plan_dhcpcd(view: View) -> Outcome:
    """The line counts where no "interface" stands before it."""
    path, seconds = dhcpcd.CONFIG, None
    own: list[int] = []
    for number, words in dhcpcd.read_lines(view):
        if words[0] == "interface":
            break
        if words[0] == "timeout" and len(words) > 1:
            own, seconds = [*own, number], words[1]
    if seconds is not None and (is_long(seconds) or seconds == "0"):
        return Note(Verdict.MET, f"dhcpcd: {path} has timeout {seconds}")
    kept = [line for number, line in enumerate(_text(view, path).splitlines(True), 1) if number not in own]
    new = "".join([f"timeout {PATIENCE_S}\n", *kept]).encode("utf-8", "surrogateescape")
    return Write(
        path, new, f"dhcpcd: {path} has {f'timeout {seconds}' if seconds else 'none, which means 30'}"
    )


def _plan_host_name(view: View) -> Iterator[Outcome]:
    """SUSE: the host name comes from the provisioning agent, and would be lost to that of the DHCP server."""
    if view.node(_SUSE) is None:
        return
    file = ifcfg.parse(_text(view, _SUSE))
    value = file.get("DHCLIENT_SET_HOSTNAME")
    if value.lower() == "no":
        yield Note(Verdict.MET, f"{_SUSE}: DHCLIENT_SET_HOSTNAME={value}")
    else:
        new = file.replace("DHCLIENT_SET_HOSTNAME", '"no"').render().encode("utf-8", "surrogateescape")
        yield Write(_SUSE, new, f"{_SUSE}: DHCLIENT_SET_HOSTNAME={value or 'is not set'}")


def _text(view: View, path: GuestPath) -> str:
    text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise FormatError(f"{path}: there is a NUL in it", "see what wrote this file")
    return text


DHCP_CLIENT: Step[Facts, Settings] = Step(
    id="dhcp-client",
    title="the DHCP client waits for five minutes, and leaves the host name alone",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="LISA; Azure's own images; Microsoft, preparing SLES images (DHCLIENT_SET_HOSTNAME)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("N04", "N05"),
)
