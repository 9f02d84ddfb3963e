"""What has to get through a firewall: connections, by the packets without which they are none.

Source: row N08 of the list (168.63.129.16 at ports 80 and 32526, 169.254.169.254, DHCP, SSH); Microsoft, IP
address 168.63.129.16, which is Azure's DHCP server too. A DHCP client that has no address yet goes past every
filter of IP (packet(7)): what is asked is whether it can renew its lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from hvprep.formats.packet_filter import Filter, Packet, Ranges
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath

_WIRE_SERVER, _METADATA = "168.63.129.16", "169.254.169.254"
_TCP, _UDP = 6, 17
_NEW, _ESTABLISHED = 1, 2
#: Flags of TCP by which iptables_rules counts: SYN, SYN and ACK, then ACK with or without PSH.
_FIRST: Ranges = ((2, 2),)
_ANSWER: Ranges = ((18, 18),)
_FOLLOWS: Ranges = ((16, 16), (24, 24))
#: Ports that are chosen by who asks: here (ip(7), ip_local_port_range), and elsewhere.
_OURS, _THEIRS = (32768, 60999), (1024, 65535)
#: A rule that is longer is cut where it is shown.
_SHOWN = 100

_Range = tuple[int, int]


@dataclass(frozen=True)
class Loaded:
    """What boot loads from a file, and from those that belong to it."""

    path: GuestPath
    filter: Filter


@dataclass(frozen=True)
class Passage:
    """A packet, its way, "in" or "out", and what it is of its connection, in words."""

    what: str
    way: str
    packet: Packet


@dataclass(frozen=True)
class Exchange:
    """A connection, the way of its first packet, and the packets without which it is none."""

    name: str
    way: str
    passages: tuple[Passage, ...]


def list_exchanges(on_azure: bool) -> Iterator[Exchange]:
    """SSH, and what Azure asks for."""
    yield _exchange("SSH", "in", _TCP, _HOSTS, _THEIRS, (22, 22))
    if on_azure:
        for host, port in ((_WIRE_SERVER, 80), (_WIRE_SERVER, 32526), (_METADATA, 80)):
            yield _exchange(f"{host}:{port}", "out", _TCP, _address(host), _OURS, (port, port))
        name = f"DHCP (UDP 67 of {_WIRE_SERVER})"
        yield _exchange(name, "out", _UDP, _address(_WIRE_SERVER), (68, 68), (67, 67))


def judge(loaded: Loaded, exchanges: Iterable[Exchange]) -> Iterator[Note]:
    """Whether all of their packets get through; one note for all that have the same fate."""
    names: dict[tuple[Verdict, str, str, str], list[str]] = {}
    for exchange in exchanges:
        names.setdefault(_judge(loaded, exchange), []).append(exchange.name)
    for (verdict, before, what, after), found in names.items():
        who = what + " and ".join(filter(None, (", ".join(found[:-1]), found[-1])))
        way = after.split()[0]
        remedy = None if verdict is Verdict.MET else f"let {who} {way}, by a rule before that one"
        yield Note(verdict, f"{before} {who} {after}", remedy)


def _judge(loaded: Loaded, exchange: Exchange) -> tuple[Verdict, str, str, str]:
    """The verdict, and the words around the name."""
    fates = [(each, loaded.filter.judge(each.way, each.packet)) for each in exchange.passages]
    for passage, fate in sorted(fates, key=lambda each: each[1].passes is None):
        if fate.rule is None or fate.passes:
            continue
        place, text = fate.rule.place, _cut(fate.rule.text)
        if fate.passes is False:
            return Verdict.UNMET, f'{place}: "{text}" does not let', passage.what, passage.way
        unclear = f'{passage.way} cannot be told, for it depends on "{_cut(fate.doubt)}" in "{text}"'
        return Verdict.NOT_ASSESSED, f"{place}: whether it lets", passage.what, unclear
    return Verdict.MET, f"{loaded.path} lets", "", exchange.way


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _exchange(
    name: str, way: str, protocol: int, host: Ranges, client_port: _Range, port: _Range
) -> Exchange:
    """The first packet, the answer, and by TCP what follows both ways."""
    back = "out" if way == "in" else "in"
    there, here = (protocol, host, client_port, port), (protocol, host, port, client_port)
    passages = [
        Passage("", way, _packet(way, *there, _NEW, _FIRST)),
        Passage("the answer of ", back, _packet(back, *here, _ESTABLISHED, _ANSWER)),
    ]
    if protocol == _TCP:
        passages += [
            Passage("what follows of ", way, _packet(way, *there, _ESTABLISHED, _FOLLOWS)),
            Passage("what follows of ", back, _packet(back, *here, _ESTABLISHED, _FOLLOWS)),
        ]
    return Exchange(name, way, tuple(passages))


def _packet(
    way: str, protocol: int, host: Ranges, source_port: _Range, port: _Range, state: int, flags: Ranges
) -> Packet:
    """What the agent or sshd sends is root's; who the DHCP client belongs to is not known."""
    known: dict[str, Ranges] = {
        "family": ((4, 4),),
        "protocol": ((protocol, protocol),),
        "source": host if way == "in" else _HOSTS,
        "destination": _HOSTS if way == "in" else host,
        "source port": (source_port,),
        "port": (port,),
        "state": ((state, state),),
        "fragment": ((0, 0),),
        "type": ((1, 1),) if way == "in" else ((0, 0),),
        way: ((0, 0),),
    }
    if way == "in":
        known["cast"] = ((0, 0),)
    if protocol == _TCP:
        known["flags"] = flags
        if way == "out":
            known.update(user=((0, 0),), group=((0, 0),))
    return Packet(known)


def _address(host: str) -> Ranges:
    return ((int(IPv4Address(host)), int(IPv4Address(host))),)


#: What hosts have, and the machine itself: no image knows which (RFC 1122, 3.2.1.3; RFC 3927).
_HOSTS: Ranges = tuple(
    (int(IPv4Address(low)), int(IPv4Address(high)))
    for low, high in (
        ("1.0.0.0", "126.255.255.255"),
        (
            "128.0.0.0",
            "168.63.129.15",
        ),  # the platform's own address is no machine's, and nobody's who logs in
        ("168.63.129.17", "169.253.255.255"),
        ("169.255.0.0", "223.255.255.255"),
    )
)
