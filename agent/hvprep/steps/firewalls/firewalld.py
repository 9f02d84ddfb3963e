"""firewalld: the zone of eth0, policies to and from the machine, and direct rules in the words of iptables.

Source: firewalld.zone(5), firewalld.policy(5), firewalld.direct(5), firewalld.conf(5); for the order of the
chains core/nftables.py of its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from hvprep.errors import FormatError
from hvprep.facts.services import is_started
from hvprep.formats import ifcfg, iptables_rules, key_file, plain_xml
from hvprep.formats.iptables_rules import Command
from hvprep.formats.packet_filter import ETH0, Condition, Filter, Hook, Rule
from hvprep.formats.plain_xml import Element
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.firewalls.firewalld_rules import FindService, read_address, read_priority, read_rules
from hvprep.steps.firewalls.traffic import Loaded

_CONF = GuestPath("/etc/firewalld/firewalld.conf")
_IFCFG = ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*")
_DIRECT = GuestPath("/etc/firewalld/direct.xml")
#: Where zones, policies and services are, the one that wins last.
_DIRECTORIES = ("/usr/lib/firewalld", "/etc/firewalld")
_ACCEPT = Rule("accept", "firewalld accepts it")
_ESTABLISHED = replace(_ACCEPT, conditions=(Condition.read("state", ["established", "related"], "state"),))


def read(view: View) -> Iterator[Loaded]:
    """What boot loads. Raises FormatError where that is not clear."""
    if not is_started(view, "firewalld"):
        return
    conf = (view.read(_CONF) or b"").decode("utf-8", "replace")
    zones, policies = _read_all(view, "zones"), _read_all(view, "policies")
    for name, place in dict(_zones_of_eth0(view, conf, zones)).items():
        if name not in zones:
            because = f"{place}: whether SSH gets in cannot be told, for there is no zone {name}"
            raise FormatError(because, "name one that is there")
        path = _file(view, "zones", name) or _CONF
        yield Loaded(path, _with_direct(view, _chains(view, zones, policies, name, place), conf))


def _chains(
    view: View, zones: Mapping[str, Element], policies: Mapping[str, Element], name: str, place: str
) -> dict[str, tuple[Rule, ...]]:
    """The chains "in" and "out", and those that they lead to, where eth0 is in the zone of that name."""
    find = lru_cache(maxsize=None)(lambda service: _read(view, "services", service))
    chains = {f"zone {each}": _zone(zone, find) for each, zone in zones.items()}
    for each, policy in policies.items():
        target = policy.get("target")
        end = () if target in ("", "CONTINUE") else (_target(policy, target),)
        chains[f"policy {each}"] = (*read_rules(policy, find), *end)
    sources = (
        Rule("goto", str(source), source.place, (read_address(source, "source"),), f"zone {each}")
        for each, zone in zones.items()
        for source in zone.find("source")
    )
    chains["in"] = (_ESTABLISHED, *sources, Rule("goto", f"zone {name}", place, target=f"zone {name}"))
    chains["out"] = (_ESTABLISHED, _jump("out before"), _jump("out after"))
    for way in ("in", "out"):
        jumps = sorted(_jumps(policies, zones, name, way), key=lambda each: each[0])
        chains[f"{way} before"] = tuple(rule for priority, rule in jumps if priority < 0)
        chains[f"{way} after"] = tuple(rule for priority, rule in jumps if priority >= 0)
    return chains


def _zones_of_eth0(view: View, conf: str, zones: Mapping[str, Element]) -> Iterator[tuple[str, str]]:
    """The zones that it may be in, and what says so: a profile of it, a zone that has it, or nobody."""
    named = list(_zones_of_profiles(view))
    named += [
        (name, interface.place)
        for name, zone in zones.items()
        for interface in zone.find("interface")
        if interface.get("name") == ETH0
    ]
    default = re.search(r"(?m)^DefaultZone=(\w[\w-]*)", conf)
    line = f", line {conf.count(chr(10), 0, default.start()) + 1}" if default is not None else ""
    yield from named or [(default[1] if default is not None else "public", f"{_CONF}{line}")]


def _zones_of_profiles(view: View) -> Iterator[tuple[str, str]]:
    """What `firewall-cmd --permanent --change-interface` writes where NetworkManager or wicked is there."""
    for path in view.glob("/etc/NetworkManager/system-connections/*"):
        keys = key_file.parse((view.read(path) or b"").decode("utf-8", "replace"), continues=False)
        zone, interface = keys.find("connection", "zone"), keys.find("connection", "interface-name")
        if zone is not None and zone.value and (interface is None or interface.value == ETH0):
            yield zone.value, f"{path}, line {zone.line}"
    for path in (path for pattern in _IFCFG for path in view.glob(pattern)):
        file = ifcfg.parse((view.read(path) or b"").decode("utf-8", "replace"))
        variable = file.find("ZONE")
        if variable is not None and variable.value and ETH0 in (file.get("DEVICE"), path.name[6:]):
            yield variable.value, f"{path}, line {variable.line}"


def _zone(zone: Element, find: FindService) -> tuple[Rule, ...]:
    target = _target(zone, zone.get("target"))
    return (_jump("in before"), *read_rules(zone, find), _jump("in after"), target)


def _target(holder: Element, target: str) -> Rule:
    return Rule("accept" if target == "ACCEPT" else "drop", str(holder), holder.place)


def _jump(chain: str) -> Rule:
    return Rule("jump", chain, target=chain)


def _jumps(
    policies: Mapping[str, Element], zones: Mapping[str, Element], own: str, way: str
) -> Iterator[tuple[int, Rule]]:
    """Policies for what comes to the machine from a zone, or leaves it for one, with their priorities."""
    host, others = ("egress-zone", "ingress-zone") if way == "in" else ("ingress-zone", "egress-zone")
    asks = "source" if way == "in" else "destination"
    for name, policy in policies.items():
        if policy.find("disable") or "HOST" not in [each.get("name") for each in policy.find(host)]:
            continue
        named = [each.get("name") for each in policy.find(others)]
        everywhere: list[tuple[Condition, ...]] = [()] if {"ANY", own} & set(named) else []
        sources = (source for each in named if each in zones for source in zones[each].find("source"))
        for where in everywhere or [(read_address(source, asks),) for source in sources]:
            priority = read_priority(policy, -1)
            yield priority, Rule("jump", str(policy), policy.place, where, f"policy {name}")


def _with_direct(view: View, chains: Mapping[str, tuple[Rule, ...]], conf: str) -> Filter:
    """Direct rules are a firewall of their own, which has to accept it too; where firewalld uses iptables,
    they come first in the same one."""
    direct = iptables_rules.make_filter(_direct_commands(view))
    hooks = [Hook(way, way, _ACCEPT) for way in ("in", "out")]
    both = {**direct.chains, **chains}
    if re.search(r"(?m)^FirewallBackend=iptables\b", conf) is None:
        return Filter((*direct.hooks, *hooks), both)
    for way, chain in (("in", "filter INPUT"), ("out", "filter OUTPUT")):
        both[way] = (_jump(chain), *both[way])
    others = (hook for hook in direct.hooks if not hook.chain.startswith("filter "))
    return Filter((*others, *hooks), both)


def _direct_commands(view: View) -> Iterator[Command]:
    content = view.read(_DIRECT)
    if content is None:
        return
    direct = plain_xml.parse(content, _DIRECT)
    elements = [each for each in direct.children if each.get("ipv") == "ipv4"]
    for each in elements:
        if each.name == "chain":
            yield Command(each.get("table"), ("-N", each.get("chain")), each.place)
    rules = [each for each in elements if each.name == "rule"]
    for each in sorted(rules, key=lambda rule: read_priority(rule, 0)):
        words = iptables_rules.split_words(each.text, each.place)
        yield Command(each.get("table"), ("-A", each.get("chain"), *words), each.place)
    for each in elements:
        if each.name == "passthrough":
            yield _passthrough(iptables_rules.split_words(each.text, each.place), each.place)


def _passthrough(words: tuple[str, ...], place: str) -> Command:
    if len(words) > 2 and words[0] in ("-t", "--table"):
        return Command(words[1], words[2:], place)
    return Command("filter", words or ("nothing",), place)


def _read_all(view: View, kind: str) -> dict[str, Element]:
    paths = (path for directory in _DIRECTORIES for path in view.glob(f"{directory}/{kind}/*.xml"))
    found = ((name, _read(view, kind, name)) for name in sorted({path.stem for path in paths}))
    return {name: element for name, element in found if element is not None}


def _read(view: View, kind: str, name: str) -> Element | None:
    path = _file(view, kind, name)
    content = view.read(path) if path is not None else None
    return plain_xml.parse(content, path) if content is not None else None


def _file(view: View, kind: str, name: str) -> GuestPath | None:
    paths = (GuestPath(directory) / kind / f"{name}.xml" for directory in reversed(_DIRECTORIES))
    return next((path for path in paths if view.node(path) is not None), None) if "/" not in name else None
