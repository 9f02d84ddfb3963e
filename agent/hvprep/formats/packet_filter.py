"""What becomes of a packet in the rules of a firewall. iptables, nftables and firewalld differ in their words
only: chains of rules that begin at hooks, where every chain of a hook has to let the packet through.

Source: nft(8), iptables(8). A rule that asks for what is not known of the packet may be meant or not; the
answer is then that nobody can tell, unless both ways lead to the same end.

>>> rules = (Rule("accept", "a", conditions=(Condition.read("port", ["22"], "port 22"),)),)
>>> filter = Filter((Hook("in", "input", Rule("drop", "policy drop")),), {"input": rules})
>>> filter.judge("in", Packet({"port": ((22, 22),)})).passes
True
>>> fate = filter.judge("in", Packet({"port": ((23, 23),)}))
>>> fate.passes, fate.rule.text
(False, 'policy drop')
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Pairs of the first and the last value; in a Condition they are sorted and do not touch.
Ranges = tuple[tuple[int, int], ...]

#: The only interface that is asked about, and every other one.
ETH0, OTHER_INTERFACE = "eth0", -1
#: Chains that lead to one another more often than this are not followed: the kernel bears 16 (nft(8)).
_DEPTH = 64
_MAX = 1 << 32
_NEW = 1
#: What stands for another value than any that is asked about: no packet has it.
_ANOTHER = -2
#: Names of values, by what is asked; those that are not here are names of other values.
_NAMES: Mapping[str, Mapping[str, int]] = {
    "port": {"ssh": 22, "http": 80, "www": 80, "www-http": 80, "bootps": 67, "bootpc": 68},
    "protocol": {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58},
    "family": {"ipv4": 4, "ip": 4, "ipv6": 6, "ip6": 6},
    "state": {"invalid": 0, "new": _NEW, "established": 2, "related": 3},
    "type": {"unicast": 0, "local": 1},
    "cast": {"host": 0, "unicast": 0},
    "user": {"root": 0},
    "group": {"root": 0},
}


@dataclass(frozen=True)
class Packet:
    """What is known of a packet: by what can be asked of it, the ranges that its value lies in."""

    known: Mapping[str, Ranges]


@dataclass(frozen=True)
class Condition:
    """`asks` for a value that is, or is not, in `wanted`; `is_open` where that may not be all of it."""

    asks: str
    wanted: Ranges
    text: str
    is_not: bool = False
    is_open: bool = False

    @classmethod
    def read(cls, asks: str, words: Iterable[str], text: str, is_not: bool = False) -> Condition:
        """The condition that these words make where `asks` is asked."""
        found = [read_value(asks, word) for word in words]
        wanted = _merge(each for each in found if each is not None)
        return cls(asks, wanted, text, is_not, None in found)

    def holds(self, packet: Packet) -> bool | None:
        """Whether it is so for the packet; None where that cannot be told."""
        known = packet.known.get(self.asks)
        if known is None:
            return None
        found = {_covers(self.wanted, low, high) for low, high in known}
        if len(found) != 1 or None in found or (self.is_open and False in found):
            return None
        return found.pop() is not self.is_not


def unknown(text: str) -> Condition:
    """A condition that hvprep does not understand."""
    return Condition("?", (), text)


def too_many(text: str) -> Condition:
    """Asks for more connections of one host than the first. Nobody can tell of the packets after that."""
    return Condition("state", ((_NEW, _NEW),), text, is_not=True, is_open=True)


@dataclass(frozen=True)
class Rule:
    """What is done where all conditions hold: accept, drop, return, jump, goto, "go on", or "?" where that is
    not known here. `place` is its file and line, `text` what stands there."""

    action: str
    text: str
    place: str = ""
    conditions: tuple[Condition, ...] = ()
    target: str = ""


@dataclass(frozen=True)
class Hook:
    """A chain that packets come to on their way "in" or "out". `is_nat`: only the first of a connection."""

    way: str
    chain: str
    policy: Rule
    is_nat: bool = False


@dataclass(frozen=True)
class Fate:
    """Whether the packet gets through, None where that cannot be told; the rule that decides, and the `doubt`
    that it depends on."""

    passes: bool | None
    rule: Rule | None = None
    doubt: str = ""


#: The ends that a packet may come to, each with the first rule that leads there; "doubt" with the first one
#: that may be meant or not.
_Ends = dict[str, Rule]


@dataclass(frozen=True)
class Filter:
    """All that is loaded."""

    hooks: tuple[Hook, ...]
    chains: Mapping[str, Sequence[Rule]]

    def judge(self, way: str, packet: Packet) -> Fate:
        """What becomes of the packet on its way "in" or "out"."""
        is_first = _covers(packet.known.get("state", ((_NEW, _NEW),)), _NEW, _NEW)
        hooks = [hook for hook in self.hooks if hook.way == way and (is_first or not hook.is_nat)]
        fates = [self._judge_hook(hook, packet) for hook in hooks]
        dropped = [fate for fate in fates if fate.passes is False]
        doubtful = [fate for fate in fates if fate.passes is None]
        return next(iter((*dropped, *doubtful)), Fate(True))

    def _judge_hook(self, hook: Hook, packet: Packet) -> Fate:
        ends = dict(self._walk(hook.chain, packet, {}, 0))
        if ends.pop("return", None) is not None:
            ends.setdefault(hook.policy.action, hook.policy)
        doubt = ends.pop("doubt", None)
        if ends.keys() in ({"accept"}, {"drop"}):
            return Fate("accept" in ends, ends.get("drop"))
        rule = doubt or next(iter(ends.values()))
        unclear = (each.text for each in rule.conditions if each.holds(packet) is None)
        return Fate(None, rule, next(unclear, rule.target or rule.text))

    def _walk(self, chain: str, packet: Packet, known: dict[str, _Ends], depth: int) -> _Ends:
        """Each chain is walked once, for there may be a million ways to it; `known` has nothing yet of those
        that are being walked."""
        if known.get(chain):
            return known[chain]
        ends: _Ends = {}
        known[chain] = {}
        for rule in self.chains.get(chain, ()):
            holds = {condition.holds(packet) for condition in rule.conditions}
            if False in holds:
                continue
            found = self._ends_of(rule, packet, known, depth)
            leaves = rule.action in ("return", "goto")
            if None in holds and (leaves or found.keys() != {"return"}):
                ends.setdefault("doubt", rule)
            for end, by in found.items():
                if end != "return" or leaves:
                    ends.setdefault(end, by)
            if None not in holds and (leaves or "return" not in found):
                break
        else:
            ends.setdefault("return", Rule("return", "the end of the chain"))
        known[chain] = ends
        return ends

    def _ends_of(self, rule: Rule, packet: Packet, known: dict[str, _Ends], depth: int) -> _Ends:
        if rule.action not in ("jump", "goto"):
            return {"return" if rule.action == "go on" else rule.action: rule}
        if depth >= _DEPTH or known.get(rule.target) == {}:  # too far, or round in a circle
            return {"?": rule}
        return self._walk(rule.target, packet, known, depth + 1)


def read_value(asks: str, word: str) -> tuple[int, int] | None:
    """The first and the last value that a word stands for: `80`, `http`, `1-1024`, `1:1024`, `10.0.0.0/8`,
    `eth*`. None where that is not known here."""
    if " " in word:
        return None
    if asks in ("source", "destination"):
        return _read_addresses(word)
    if asks in ("in", "out"):
        fits = word == ETH0 or (word[-1:] in ("*", "+") and ETH0.startswith(word[:-1]))
        return (0, 0) if fits else (OTHER_INTERFACE, OTHER_INTERFACE)
    asks = "port" if asks == "source port" else asks
    names = _NAMES.get(asks, {})
    word = word.lower()
    if word in names:
        return names[word], names[word]
    # A name of two words may be two names, with what lies between them.
    if re.fullmatch("[a-z][a-z0-9_]*", word):
        return None if asks in ("user", "group") else (_ANOTHER, _ANOTHER)
    return _read_numbers(word) if asks in ("port", "protocol", "user", "group") else None


def _read_numbers(word: str) -> tuple[int, int] | None:
    numbers = re.fullmatch(r"([0-9]{1,10})?(?:([-:])([0-9]{1,10})?)?", word)
    if numbers is None or not (numbers[1] or numbers[3]):
        return None
    first, dash, last = numbers.groups()
    return int(first or 0), int(last or (_MAX if dash else first))


def _read_addresses(word: str) -> tuple[int, int] | None:
    first, dash, last = word.partition("-")
    try:
        if dash:
            return int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last))
        network = ipaddress.IPv4Network(word, strict=False)
    except ValueError:
        # No packet that is asked about has an address of IPv6.
        return (_ANOTHER, _ANOTHER) if word.count(":") > 1 and _is_ipv6(word) else None
    return int(network[0]), int(network[-1])


def _is_ipv6(word: str) -> bool:
    try:
        return bool(ipaddress.IPv6Network(word, strict=False))
    except ValueError:
        return False


def _merge(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low <= high:
            merged.append((low, high))
    return tuple(merged)


def _covers(ranges: Ranges, low: int, high: int) -> bool | None:
    """Whether all of what lies from `low` to `high` is in the ranges, or nothing of it; None: a part."""
    at = bisect_right(ranges, (low, _MAX))
    if at and ranges[at - 1][1] >= high:
        return True
    touches = (at > 0 and ranges[at - 1][1] >= low) or (at < len(ranges) and ranges[at][0] <= high)
    return None if touches else False
