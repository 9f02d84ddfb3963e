"""One rule of nft(8): what it asks for, and what it does where all of that is so.

Understood is the small part of the language that firewalls of servers are written in. From the first word
on that is not understood, the rule may be meant or not, whatever else it asks for.

>>> (rule,) = read_rule("ip daddr 169.254.0.0/16 tcp dport { 80 , 443 } drop", "", Sets({}))
>>> rule.action, [condition.asks for condition in rule.conditions]
('drop', ['family', 'destination', 'protocol', 'port'])
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hvprep.formats.packet_filter import Condition, Rule, unknown

_ASKS = {
    **dict.fromkeys(("ip saddr",), "source"),
    **dict.fromkeys(("ip daddr",), "destination"),
    **dict.fromkeys(("ip protocol", "meta l4proto"), "protocol"),
    **dict.fromkeys(("tcp sport", "udp sport", "th sport"), "source port"),
    **dict.fromkeys(("tcp dport", "udp dport", "th dport"), "port"),
    **dict.fromkeys(("meta nfproto", "meta protocol"), "family"),
    **dict.fromkeys(("ct state",), "state"),
    **dict.fromkeys(("iif", "iifname", "meta iif", "meta iifname"), "in"),
    **dict.fromkeys(("oif", "oifname", "meta oif", "meta oifname"), "out"),
    **dict.fromkeys(("skuid", "meta skuid"), "user"),
    **dict.fromkeys(("skgid", "meta skgid"), "group"),
    **dict.fromkeys(("fib daddr type", "fib daddr . iif type"), "type"),
    **dict.fromkeys(("pkttype", "meta pkttype"), "cast"),
}
#: What the first word of an expression asks for by itself: a protocol, or a version of IP.
_PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "icmpv6": 58, "sctp": 132}
_FAMILIES = {"ip": 4, "ip6": 6}
_ENDS = {
    **dict.fromkeys(("accept", "masquerade"), "accept"),
    **dict.fromkeys(("drop", "reject"), "drop"),
    **{each: each for each in ("return", "jump", "goto")},
    "continue": "go on",
}

_END = r"(?= |$)"
_QUOTED = r'"[^"]*"'
_WORD = rf'(?:{_QUOTED}|[^\s"{{}},]+)'
_RATE = r"[0-9]+(?: [kmg]?bytes)?/[a-z]+(?: burst [0-9]+ [a-z]+)?"
#: Goes on with an expression, or begins a comparison that is not understood.
_SIGN = r"(?:[&|^<>=!./-]|(?:and|or|xor|not|[lr]shift|[gl][te])(?: |$))"
#: What says nothing about the packet.
_IDLE = re.compile(
    rf"(?:counter(?: packets [0-9]+ bytes [0-9]+| name {_WORD})?|comment {_QUOTED}"
    rf"|log(?: (?:prefix|level|group|snaplen|queue-threshold) {_WORD}| flags (?:all|skuid|ether))*){_END}"
)
_DOES = r"(?:(accept|drop|reject|return|continue|masquerade)|(jump|goto) ([^\s{},:]+))"
_VERDICT = re.compile(_DOES + _END)
#: What cannot be answered so is not rejected: IPv4 with a message of IPv6, UDP with one of TCP.
_HOW = re.compile(" with (icmpv6|tcp) ")
_MATCH = re.compile(
    rf"({'|'.join(map(re.escape, sorted(_ASKS, reverse=True)))}) (?:(?:==|eq|(!=|ne)) )?(vmap )?"
    rf"(\{{(?: (?:{_WORD}|,))* \}}|(?!{_SIGN}|set ){_WORD}(?: , {_WORD})*)(?! (?:{_SIGN}|,)){_END}"
)
#: In what is not understood: whatever may decide about the packet, or make another one of it.
_VERDICTS = re.compile(
    rf"{_QUOTED}|(?<![^\s:])(?:{_DOES}"
    r"|queue|dnat|snat|redirect|tproxy|notrack|fwd|dup|synproxy|vmap @\S+|[sd](?:addr|port) set)(?![^\s,])"
)
_ELEMENT = re.compile(rf"({_WORD})(?: comment {_QUOTED}| counter(?: packets [0-9]+ bytes [0-9]+)?)*")
_ENTRY = re.compile(r"(.*?) ?: ?(accept|drop|return|continue|(?:jump|goto) (\S+))")


@dataclass(frozen=True)
class Sets:
    """Named sets and maps: their elements, and the names of those that may get others at any time."""

    elements: Mapping[str, Sequence[str]]
    open: frozenset[str] = frozenset()
    _known: dict[tuple[str, str], Condition] = field(default_factory=dict)

    def find(self, word: str) -> tuple[Sequence[str], bool]:
        """The elements of `@name` or of braces, and whether there may be others."""
        if word.startswith("@"):
            name = word[1:]
            return self.elements.get(name, ()), name in self.open or name not in self.elements
        return split_elements(word.strip("{} ")), False

    def condition(self, asks: str, word: str, text: str, is_not: bool) -> Condition:
        """What `word` asks for: a set, or values with commas between them."""
        if not word.startswith("@"):
            return Condition.read(asks, map(_value, self.find(word)[0]), text, is_not)
        if (asks, word) not in self._known:
            elements, is_open = self.find(word)
            read = Condition.read(asks, map(_value, elements), text)
            self._known[asks, word] = replace(read, is_open=read.is_open or is_open)
        return replace(self._known[asks, word], text=text, is_not=is_not)


def split_elements(text: str) -> list[str]:
    """The elements that have commas between them."""
    elements: list[list[str]] = [[]]
    for word in re.findall(rf"{_QUOTED}|,|[^\s,\"]+", text):
        if word == ",":
            elements.append([])
        else:
            elements[-1].append(word)
    return [" ".join(each) for each in elements if each]


def read_rule(text: str, place: str, sets: Sets) -> Iterator[Rule]:
    """The rule, with a space between its words: one Rule, one for each entry of a map of verdicts, or none
    where it decides nothing. The target of a jump is the plain name of a chain."""
    conditions: list[Condition] = []
    at = 0
    while at < len(text):
        verdict, idle = _VERDICT.match(text, at), _IDLE.match(text, at)
        match = _MATCH.match(text, at)
        if verdict is not None:
            action = _ENDS[verdict[1] or verdict[2]]
            how = _HOW.match(text, verdict.end())
            conditions += _implied(how[1]) if how is not None else ()
            yield Rule(action, text, place, tuple(conditions), verdict[3] or "")
            return
        if idle is None:
            first = text[at:].split(" ", 1)[0] if match is None else match[1].split(" ", 1)[0]
            conditions += _implied(first)
            if match is None:
                yield from _unclear(text, at, place, conditions)
                return
            if match[3]:
                yield from _entries(match, text, place, conditions, sets)
                return
            conditions.append(sets.condition(_ASKS[match[1]], match[4], match[0], match[2] is not None))
        at = next(each.end() for each in (idle, match) if each is not None) + 1


def _implied(word: str) -> Iterator[Condition]:
    if word in _PROTOCOLS:
        yield Condition("protocol", ((_PROTOCOLS[word], _PROTOCOLS[word]),), word)
    if word in _FAMILIES:
        yield Condition("family", ((_FAMILIES[word], _FAMILIES[word]),), word)


def _unclear(text: str, at: int, place: str, conditions: Iterable[Condition]) -> Iterator[Rule]:
    """All that the rest of the rule may do."""
    for verdict in _VERDICTS.finditer(text, at):
        if verdict[0].startswith('"'):
            continue
        what = unknown(text[at : verdict.start()].strip() or verdict[0])
        action = _ENDS.get(verdict[1] or verdict[2] or "", "?")
        yield Rule(action, text, place, (*conditions, what), verdict[3] or "")


def _entries(
    match: re.Match[str], text: str, place: str, conditions: Sequence[Condition], sets: Sets
) -> Iterator[Rule]:
    """What a map of verdicts does with each of the values in it."""
    elements, is_open = sets.find(match[4])
    if is_open or match[2]:
        yield Rule("?", text, place, (*conditions, unknown(match[0])))
        return
    for element in elements:
        entry = _ENTRY.fullmatch(element)
        if entry is None:
            yield Rule("?", text, place, (*conditions, unknown(element)))
            return
        key = Condition.read(_ASKS[match[1]], [_value(entry[1])], f"{match[1]} {entry[1]}")
        action = _ENDS[entry[2].split(" ")[0]]
        yield Rule(action, text, place, (*conditions, key), entry[3] or "")


def _value(element: str) -> str:
    """The value of an element without what is only noted with it; with anything else it is not understood."""
    found = _ELEMENT.fullmatch(element)
    return (element if found is None else found[1]).strip('"')
