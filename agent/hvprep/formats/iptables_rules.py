"""What iptables-save wrote, and other commands of iptables that are loaded at boot.

Source: iptables-save(8), iptables(8), iptables-extensions(8). Every table counts: a packet that "raw" or
"mangle" drops is gone as well.

>>> text = "*filter\\n:OUTPUT DROP [0:0]\\n-A OUTPUT -d 168.63.129.16/32 -p tcp -j ACCEPT\\nCOMMIT\\n"
>>> make_filter(parse(text, "rules.v4")).chains["filter OUTPUT"][0].place
'rules.v4, line 3'
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.packet_filter import Condition, Filter, Hook, Rule, too_many, unknown

_HOOKS = {"PREROUTING": "in", "INPUT": "in", "OUTPUT": "out", "POSTROUTING": "out"}
#: What is asked, by the names of the option that has the answer for a value.
_ASKS = {
    **dict.fromkeys(("-s", "--source", "--src", "--src-range"), "source"),
    **dict.fromkeys(("-d", "--destination", "--dst", "--dst-range"), "destination"),
    **dict.fromkeys(("-p", "--protocol", "--proto"), "protocol"),
    **dict.fromkeys(("--sport", "--sports", "--source-port", "--source-ports"), "source port"),
    **dict.fromkeys(("--dport", "--dports", "--destination-port", "--destination-ports"), "port"),
    **dict.fromkeys(("--state", "--ctstate"), "state"),
    **dict.fromkeys(("-i", "--in-interface"), "in"),
    **dict.fromkeys(("-o", "--out-interface"), "out"),
    "--uid-owner": "user",
    "--gid-owner": "group",
    "--dst-type": "type",
    "--pkt-type": "cast",
}
#: Options that say nothing about the packet, and how many values they have.
_IDLE = {
    **dict.fromkeys(("-m", "--match", "--comment", "--limit-burst", "--seconds", "--name"), 1),
    **dict.fromkeys(("--reject-with", "--log-prefix", "--log-level", "--mask", "--connlimit-mask"), 1),
    **dict.fromkeys(("--set", "--rsource", "--connlimit-saddr"), 0),
}
#: Options for a host that comes too often.
_TOO_MANY = ("--hitcount", "--connlimit-above")
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
_ENDS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return", "MASQUERADE": "accept"}
#: Targets after which the next rule is asked, and the packet is the same for all that is asked about here.
_GO_ON = (
    *("", "LOG", "NFLOG", "ULOG", "AUDIT", "MARK", "CONNMARK", "SECMARK", "CONNSECMARK", "CLASSIFY"),
    *("TOS", "DSCP", "TTL", "TCPMSS", "TCPOPTSTRIP", "CHECKSUM", "SET", "TRACE", "LED", "TEE"),
)


@dataclass(frozen=True)
class Command:
    """The options of one call of iptables, without that of the table; `place` is the file and line."""

    table: str
    words: tuple[str, ...]
    place: str


def parse(text: str, path: object) -> Iterator[Command]:
    """The commands in what iptables-save wrote. Raises FormatError where iptables-restore would not load all
    of it."""
    table, seen = None, set()
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{path}, line {number}"
        line = re.sub(r"^\[[0-9]+:[0-9]+\]\s*", "", line.strip())
        if not line or line.startswith("#"):
            continue
        if line.startswith("*") and table is None:
            table = line[1:].strip()
            if table in seen:
                raise FormatError(f"{place}: the table {table} is there twice", "make one of the two")
            seen.add(table)
        elif table is None:
            raise FormatError(f"{place}: it stands in no table: {line[:80]}", "see iptables-restore --test")
        elif line == "COMMIT":
            table = None
        elif line.startswith(":"):
            name, policy, *_ = (*line[1:].split(), "-", "-")
            yield Command(table, ("-N", name) if policy == "-" else ("-P", name, policy), place)
        else:
            yield Command(table, split_words(line, place), place)
    if table is not None:
        raise FormatError(f"{path}: no COMMIT ends the table {table}", "see iptables-restore --test")


def split_words(line: str, place: str) -> tuple[str, ...]:
    """The words of a command. Raises FormatError where a quote is not closed."""
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise FormatError(f"{place} does not read: {line[:80]}", "see iptables-restore --test") from error


def make_filter(commands: Iterable[Command]) -> Filter:
    """What is loaded when these commands have been carried out one after another. Raises FormatError for
    commands other than those that add to the rules."""
    policies: dict[tuple[str, str], Rule] = {}
    chains: dict[tuple[str, str], deque[Rule]] = {}
    for command in commands:
        table, words, place = command.table, command.words, command.place
        action, name, rest = words[0], (*words, "")[1], words[2:]
        chain = chains.setdefault((table, name), deque())
        if action in ("-A", "--append"):
            chain.append(_rule(rest, " ".join(words), place))
        elif action in ("-I", "--insert") and (not rest or not rest[0].isdigit() or rest[0] == "1"):
            chain.appendleft(_rule(rest[1:] if rest[:1] == ("1",) else rest, " ".join(words), place))
        elif action in ("-P", "--policy") and rest:
            policies[table, name] = Rule(_ENDS.get(rest[0], "?"), f"{name} {rest[0]}", place)
        elif action not in ("-N", "--new-chain"):
            raise FormatError(
                f"{place}: hvprep does not follow {' '.join(words)[:80]}", "see iptables -S for it"
            )
    accept = Rule("accept", "ACCEPT")
    hooks = (
        Hook(_HOOKS[name], f"{table} {name}", policies.get((table, name), accept), table == "nat")
        for table, name in chains
        if name in _HOOKS
    )
    names = chains.keys()
    settled = {
        f"{table} {name}": tuple(_settle(rule, table, names) for rule in rules)
        for (table, name), rules in chains.items()
    }
    return Filter(tuple(hooks), settled)


def _settle(rule: Rule, table: str, names: Iterable[tuple[str, str]]) -> Rule:
    """With the target that `rule.target` names: an end, or a chain, which may come later in the file."""
    if (table, rule.target) in names:
        return Rule(rule.action, rule.text, rule.place, rule.conditions, f"{table} {rule.target}")
    action = "go on" if rule.target in _GO_ON else _ENDS.get(rule.target, "?")
    return Rule(action, rule.text, rule.place, rule.conditions, rule.target)


def _rule(words: tuple[str, ...], text: str, place: str) -> Rule:
    left = deque(words)
    conditions: list[Condition] = []
    action, target = "jump", ""
    while left:
        is_not = left[0] == "!"
        if is_not:
            left.popleft()
        option = left.popleft() if left else "!"
        if option in ("-j", "--jump", "-g", "--goto") and left:
            action = "jump" if option in ("-j", "--jump") else "goto"
            target = left.popleft()
        elif option in _IDLE and not is_not:
            _take(left, _IDLE[option])
        else:
            conditions.append(_condition(option, left, is_not))
    if not target and any(condition.asks == "?" for condition in conditions):
        target = "?"  # it may be one of them, as in -jDROP
    return Rule(action, text, place, tuple(conditions), target)


def _condition(option: str, left: deque[str], is_not: bool) -> Condition:
    """The condition of an option, whose values are taken away."""
    text = f"! {option}" if is_not else option
    if option == "--syn":
        return _flags("FIN,SYN,RST,ACK", "SYN", text, is_not)
    if option == "--tcp-flags" and len(left) > 1:
        mask, wanted = _take(left, 2)
        return _flags(mask, wanted, f"{text} {mask} {wanted}", is_not)
    if option in ("-f", "--fragment"):
        return Condition("fragment", ((1, 1),), text, is_not)
    if option in _TOO_MANY and left and not is_not:
        return too_many(f"{option} {left.popleft()}")
    if option not in _ASKS or not left:
        return unknown(" ".join([text, *_take(left, 1 if option == "--limit" else 0)]))
    if left[0] == "!" and len(left) > 1:  # as iptables had it until 1.4
        left.popleft()
        is_not = not is_not
    (value,) = _take(left, 1)
    words = ("0:255",) if option in ("-p", "--protocol", "--proto") and value in ("all", "0") else ()
    return Condition.read(_ASKS[option], words or value.split(","), f"{text} {value}", is_not)


def _take(left: deque[str], count: int) -> tuple[str, ...]:
    return tuple(left.popleft() for _ in range(min(count, len(left))))


def _flags(mask: str, wanted: str, text: str, is_not: bool) -> Condition:
    """Of the flags in `mask`, those in `wanted` are set and no other."""
    masked, bits = _bits(mask), _bits(wanted)
    if masked is None or bits is None:
        return unknown(text)
    fitting = [value for value in range(1 << len(_FLAGS)) if value & masked == bits]
    return Condition("flags", tuple((value, value) for value in fitting), text, is_not)


def _bits(words: str) -> int | None:
    names = {"ALL": _FLAGS, "NONE": ()}.get(words, tuple(words.split(",")))
    if any(name not in _FLAGS for name in names):
        return None
    return sum(1 << _FLAGS.index(name) for name in set(names))
