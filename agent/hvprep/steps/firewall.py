"""firewall: what Azure and an administrator have to get through to.

168.63.129.16 answers DHCP and DNS, gives the agent its settings and takes its report; without it provisioning
fails. 169.254.169.254 is the metadata service. Judged is what the system loads at boot, by its files; nothing
is changed, for what a firewall is to let through is its owner's to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.services import find_service
from hvprep.formats import iptables_rules
from hvprep.formats.iptables_rules import Packet
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

_WIRE_SERVER = Packet("168.63.129.16", 80)
_METADATA = Packet("169.254.169.254", 80)
#: Who loads what at boot: names of the service, files.
_IPTABLES = (
    (("iptables",), ("/etc/sysconfig/iptables", "/etc/iptables/iptables.rules")),
    (("netfilter-persistent", "iptables-persistent"), ("/etc/iptables/rules.v4",)),
)
_NFTABLES = (GuestPath("/etc/nftables.conf"), GuestPath("/etc/sysconfig/nftables.conf"))
_UFW = GuestPath("/etc/ufw/ufw.conf"), GuestPath("/etc/default/ufw"), GuestPath("/etc/ufw/user.rules")
_FIREWALLD = GuestPath("/etc/firewalld/firewalld.conf")
_ZONES = ("/etc/firewalld/zones/{}.xml", "/usr/lib/firewalld/zones/{}.xml")
_HOOK = r"hook\s+{0}\b[^;}}]*;[^}}]*?policy\s+drop|hook\s+{0}\b[^}}]*?policy\s+drop"


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    on_azure = settings.image_profile == Profile.AZURE.value
    notes = [
        *_iptables(view, on_azure),
        *_nftables(view, on_azure),
        *_ufw(view, on_azure),
        *_firewalld(view),
    ]
    yield from notes or (Note(Verdict.MET, "no firewall that hvprep knows is started at boot"),)


def _iptables(view: View, on_azure: bool) -> Iterator[Note]:
    for names, files in _IPTABLES:
        path = next((path for path in map(GuestPath, files) if view.node(path) is not None), None)
        if not _is_started(view, *names) or path is None:
            continue
        rules = iptables_rules.parse(_text(view, path))
        asked = [("INPUT", Packet("10.0.0.4", 22), "SSH")]
        if on_azure:
            asked += [("OUTPUT", each, each.destination) for each in (_WIRE_SERVER, _METADATA)]
        for chain, packet, name in asked:
            yield _judge(path, rules.passes(chain, packet), name)


def _nftables(view: View, on_azure: bool) -> Iterator[Note]:
    """By what can be told without nft: a chain that drops what no rule names, and the rules that name it."""
    path = next((path for path in _NFTABLES if view.node(path) is not None), None)
    if path is None or not _is_started(view, "nftables"):
        return
    text = re.sub(r"#.*", "", _text(view, path))
    ssh = re.search(r"dport\s+(?:\{[^}]*\b(?:22|ssh)\b[^}]*\}|22\b|ssh\b)[^\n;]*accept", text)
    yield _judge(path, _nft_passes(text, "input", ssh is not None), "SSH")
    for packet in (_WIRE_SERVER, _METADATA) if on_azure else ():
        named = re.search(rf"{re.escape(packet.destination)}[^\n;]*?\b(accept|drop|reject)\b", text)
        if named is not None and named[1] != "accept":
            yield _judge(path, False, packet.destination)
        else:
            yield _judge(path, _nft_passes(text, "output", named is not None), packet.destination)


def _nft_passes(text: str, hook: str, is_named: bool) -> bool | None:
    drops = re.search(_HOOK.format(hook), text) is not None
    includes = re.search(r"(?m)^\s*include\b", text) is not None
    return True if is_named or (not drops and not includes) else None


def _ufw(view: View, on_azure: bool) -> Iterator[Note]:
    switch, defaults, rules = (_text(view, path) for path in _UFW)
    if not re.search(r"(?mi)^ENABLED=[\"']?yes", switch) or not _is_started(view, "ufw"):
        return
    let_in = re.search(r"(?m)^### tuple ### (?:allow|limit) (?:tcp|any) 22 .*\bin(?:_\w+)?\b", rules)
    accepts = re.search(r"(?m)^DEFAULT_INPUT_POLICY=[\"']?ACCEPT", defaults)
    yield _judge(_UFW[2], True if let_in or accepts else None, "SSH")
    denied = re.search(r"(?m)^DEFAULT_OUTPUT_POLICY=[\"']?(?:DROP|REJECT)", defaults)
    for packet in (_WIRE_SERVER, _METADATA) if on_azure else ():
        passes = not denied or packet.destination in rules
        yield _judge(_UFW[1], True if passes else None, packet.destination)


def _firewalld(view: View) -> Iterator[Note]:
    """It filters what comes in; the default zone is that of eth0 where nobody says otherwise."""
    if not _is_started(view, "firewalld"):
        return
    zone = re.search(r"(?m)^DefaultZone=(\w[\w-]*)", _text(view, _FIREWALLD))
    name = zone[1] if zone is not None else "public"
    path = next((path for path in _zone_files(name) if view.node(path) is not None), None)
    if path is None:
        yield _judge(_FIREWALLD, None, "SSH")
        return
    text = re.sub(r"<!--.*?-->", "", _text(view, path), flags=re.DOTALL)
    lets_in = re.search(
        r"<service\s+name=[\"']ssh[\"']|<port\b[^>]*port=[\"']22[\"']|target=[\"']ACCEPT", text
    )
    yield _judge(path, lets_in is not None, "SSH")


def _zone_files(name: str) -> tuple[GuestPath, ...]:
    return tuple(GuestPath(each.format(name)) for each in _ZONES)


def _judge(path: GuestPath, passes: bool | None, what: str) -> Note:
    way = "in" if what == "SSH" else "out"
    if passes is None:
        return Note(
            Verdict.NOT_ASSESSED, f"{path}: whether {what} gets {way} cannot be told", f"let {what} {way}"
        )
    if passes:
        return Note(Verdict.MET, f"{path} lets {what} {way}")
    return Note(Verdict.UNMET, f"{path} does not let {what} {way}", f"let {what} {way} in {path}")


def _is_started(view: View, *names: str) -> bool:
    service = find_service(view, *names)
    return service is not None and service.is_enabled


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "replace")


FIREWALL: Step[Facts, Settings] = Step(
    id="firewall",
    title="the firewall lets SSH in, and the platform's own addresses out",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft, IP address 168.63.129.16; Instance Metadata Service",
    remedy="let them through",
    plan=_plan,
    rows=("N08",),
)
