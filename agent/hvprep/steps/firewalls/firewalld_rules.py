"""What a zone or a policy of firewalld lets through, rule by rule.

Source: firewalld.zone(5), firewalld.service(5), firewalld.richlanguage(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Callable, Optional

from hvprep.errors import FormatError
from hvprep.formats.packet_filter import Condition, Rule, unknown
from hvprep.formats.plain_xml import Element

#: The element of the service of that name, or None where there is none.
FindService = Callable[[str], Optional[Element]]

_ICMP = (Condition.read("protocol", ["icmp"], "icmp"),)
#: What comes first: priorities of rich rules begin at -32768.
_FIRST = (-1 << 16, 0)


def read_rules(holder: Element, find: FindService) -> tuple[Rule, ...]:
    """The rules in their order: by priority; without one, what is refused comes before what is accepted."""
    found = [each for child in holder.children for each in _rules(child, find)]
    return tuple(rule for _, rule in sorted(found, key=lambda each: each[0]))


def read_priority(element: Element, otherwise: int) -> int:
    """Its priority. Raises FormatError where that is no number."""
    text = element.get("priority") or str(otherwise)
    if not re.fullmatch("-?[0-9]{1,6}", text):
        raise FormatError(
            f"{element.place}: the priority {text} is no number", "see firewall-cmd --check-config"
        )
    return int(text)


def read_address(element: Element, asks: str) -> Condition:
    """The condition of a <source> or a <destination>."""
    if not element.get("address"):
        return unknown(str(element))
    is_not = element.get("invert").lower() in ("yes", "true")
    return Condition.read(asks, [element.get("address")], str(element), is_not)


def _rules(child: Element, find: FindService) -> Iterator[tuple[tuple[int, int], Rule]]:
    if child.name == "rule":
        yield from _rich(child, find)
    elif child.name == "forward-port":
        for conditions in _what(child, find):
            yield _FIRST, Rule("?", str(child), child.place, conditions)
    elif child.name in ("service", "port", "protocol", "source-port"):
        for conditions in _what(child, find):
            yield (0, 1), Rule("accept", str(child), child.place, conditions)


def _rich(rule: Element, find: FindService) -> Iterator[tuple[tuple[int, int], Rule]]:
    if rule.find("forward-port"):
        action, order = "?", _FIRST
    elif rule.find("accept"):
        action, order = "accept", (read_priority(rule, 0), 1)
    elif rule.find("drop", "reject"):
        action, order = "drop", (read_priority(rule, 0), 0)
    else:
        return  # it writes to a log, or marks
    where = [read_address(each, each.name) for each in rule.find("source", "destination")]
    if rule.get("family"):
        where.append(Condition.read("family", [rule.get("family")], f"family {rule.get('family')}"))
    kinds = rule.find("service", "port", "protocol", "source-port", "icmp-type", "icmp-block", "forward-port")
    text = " ".join(map(str, (rule, *rule.children)))
    for what in [each for kind in kinds for each in _what(kind, find)] if kinds else [()]:
        yield order, Rule(action, text, rule.place, (*where, *what))


def _what(element: Element, find: FindService) -> Iterator[tuple[Condition, ...]]:
    """What it is for: any of these."""
    if element.name in ("icmp-type", "icmp-block"):
        yield _ICMP
    elif element.name == "protocol":
        yield (Condition.read("protocol", [element.get("value")], str(element)),)
    elif element.name == "service":
        yield from _service(element, find)
    else:
        asks = "source port" if element.name == "source-port" else "port"
        ports = Condition.read(asks, [element.get("port")], str(element))
        protocol = Condition.read("protocol", [element.get("protocol")], str(element))
        yield (protocol, ports) if element.get("port") else (protocol,)


def _service(element: Element, find: FindService) -> Iterator[tuple[Condition, ...]]:
    """The ports of the service, and of those that it includes."""
    names = [element.get("name")]
    for name in names:
        service = find(name)
        if service is None:
            yield (unknown(f"the service {name}, which is not there"),)
            continue
        where = [
            Condition.read("destination", [each.get("ipv4")], str(each))
            for each in service.find("destination")
            if each.get("ipv4")
        ]
        for part in service.find("port", "protocol", "source-port"):
            for what in _what(part, find):
                yield (*where, *what)
        names += [each.get("service") for each in service.find("include") if each.get("service") not in names]
