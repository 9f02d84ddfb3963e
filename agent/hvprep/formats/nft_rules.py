"""What `nft --file` loads: tables with their chains and sets, as far as they decide about packets of IPv4.

Source: nft(8).

>>> text = "table inet filter {\\n chain out { type filter hook output priority 0; policy drop; }\\n}"
>>> filter = parse(text, "/etc/nftables.conf", lambda name: ())
>>> filter.hooks[0].way, filter.hooks[0].policy.action, filter.hooks[0].policy.place
('out', 'drop', '/etc/nftables.conf, line 2')
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hvprep.errors import FormatError
from hvprep.formats import nft_words
from hvprep.formats.nft_expressions import Sets, read_rule, split_elements
from hvprep.formats.nft_words import Include, Statement, Word
from hvprep.formats.packet_filter import Filter, Hook, Rule, read_value

_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
#: Families that IPv4 over eth0 comes by; without its addresses (arp) there is none.
_ASKED = ("ip", "inet", "arp", "netdev")
_HOOKS = {
    **dict.fromkeys(("ingress", "prerouting", "input"), "in"),
    **dict.fromkeys(("output", "postrouting", "egress"), "out"),
}
#: What a table may have beside chains and sets, none of which keeps a packet back by itself.
_HARMLESS = ("flowtable", "counter", "quota", "limit", "synproxy", "secmark", "ct", "comment", "tunnel")
#: What a set has whose elements come and go.
_MOVING = ("dynamic", "timeout", "gc-interval")
_MOST_RULES = 100_000
_HINT = "see nft list ruleset for it"


@dataclass
class _Chain:
    rules: deque[Statement] = field(default_factory=deque)
    head: tuple[str, ...] = ()
    policy: Rule = Rule("accept", "policy accept")


@dataclass
class _Table:
    chains: dict[str, _Chain] = field(default_factory=dict)
    elements: dict[str, list[str]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    is_dormant: bool = False


_Tables = dict[tuple[str, str], _Table]


def parse(text: str, path: object, include: Include) -> Filter:
    """What is loaded. Raises FormatError where nft would load none, and for what hvprep does not follow."""
    tables: _Tables = {}
    for statement in nft_words.parse(text, path, include):
        _carry_out(tables, statement)
    hooks: list[Hook] = []
    chains: dict[str, Sequence[Rule]] = {}
    count = 0
    for (family, name), table in tables.items():
        sets = Sets(table.elements, frozenset(table.open))
        for chain_name, chain in table.chains.items():
            key = f"{family} {name} {chain_name}"
            rules = chains[key] = [
                _settle(rule, family, name, table)
                for statement in chain.rules
                for rule in read_rule(str(statement), statement.words[0].place, sets)
            ]
            count += len(rules)
            if count > _MOST_RULES:
                raise FormatError(f"{path}: there are more rules than hvprep reads", "make it smaller")
            if family in _ASKED and not table.is_dormant:
                hooks += _hooks(chain, key)
    return Filter(tuple(hooks), chains)


def _hooks(chain: _Chain, key: str) -> Iterator[Hook]:
    words = chain.head
    way = _HOOKS.get(words[words.index("hook") + 1]) if "hook" in words[:-1] else None
    has_devices = "device" in words or "devices" in words
    if way and (not has_devices or any(read_value("in", word.strip('"')) == (0, 0) for word in words)):
        yield Hook(way, key, chain.policy, is_nat=words[1:2] == ("nat",))


def _settle(rule: Rule, family: str, name: str, table: _Table) -> Rule:
    if rule.action not in ("jump", "goto"):
        return rule
    if rule.target not in table.chains:
        return replace(rule, action="?")
    return replace(rule, target=f"{family} {name} {rule.target}")


def _carry_out(tables: _Tables, statement: Statement) -> None:
    words = list(statement.words)
    verb = "add"
    if words[0].text in ("add", "create", "insert", "delete", "destroy", "flush"):
        verb = words.pop(0).text
    kind = words.pop(0).text if words else ""
    if (verb, kind) == ("flush", "ruleset"):
        families = [word.text for word in words[:1]] or _FAMILIES
        for key in [key for key in tables if key[0] in families]:
            del tables[key]
        return
    family = words.pop(0).text if words and words[0].text in _FAMILIES else "ip"
    if not words:
        raise _refusal(statement)
    key = family, words.pop(0).text
    if kind == "table" and verb in ("delete", "destroy"):
        tables.pop(key, None)
    elif kind == "table" and verb == "flush":
        for chain in tables.get(key, _Table()).chains.values():
            chain.rules.clear()
    elif kind == "table" and verb in ("add", "create"):
        _fill_table(tables.setdefault(key, _Table()), statement)
    elif words or kind in _HARMLESS:
        _carry_out_in_table(tables.setdefault(key, _Table()), verb, kind, words, statement)
    else:
        raise _refusal(statement)


def _carry_out_in_table(table: _Table, verb: str, kind: str, words: list[Word], statement: Statement) -> None:
    """A command of a line: `add rule ip filter output drop`, without its first words up to the table."""
    name = words[0].text if words else ""
    rest = Statement(tuple(words[1:]))
    if kind == "chain" and verb in ("add", "create"):
        _fill_chain(table.chains.setdefault(name, _Chain()), statement.block)
    elif kind == "chain" and verb == "flush":
        table.chains.get(name, _Chain()).rules.clear()
    elif kind == "rule" and verb in ("add", "insert") and rest.words:
        if rest.words[0].text in ("handle", "position", "index"):
            raise _refusal(statement)
        rules = table.chains.setdefault(name, _Chain()).rules
        (rules.append if verb == "add" else rules.appendleft)(rest)
    elif kind in ("set", "map") and verb in ("add", "create"):
        _fill_set(table, name, statement.block)
    elif kind == "element" and verb in ("add", "create"):
        table.elements.setdefault(name, []).extend(split_elements(str(rest).strip("{} ")))
    elif kind not in _HARMLESS:
        raise _refusal(statement)


def _fill_table(table: _Table, statement: Statement) -> None:
    for each in statement.block:
        kind, name = each.words[0].text, each.words[1].text if len(each.words) > 1 else ""
        if kind == "chain":
            _fill_chain(table.chains.setdefault(name, _Chain()), each.block)
        elif kind in ("set", "map"):
            _fill_set(table, name, each.block)
        elif kind == "flags":
            table.is_dormant = table.is_dormant or "dormant" in (word.text for word in each.words)
        elif kind not in _HARMLESS:
            raise _refusal(each)


def _fill_chain(chain: _Chain, block: Sequence[Statement]) -> None:
    for each in block:
        texts = tuple(word.text for word in each.words)
        if texts[0] == "type" and "hook" in texts:
            chain.head = texts
        elif texts[0] == "policy":
            policy = texts[-1] if texts[-1] in ("accept", "drop") else "?"
            chain.policy = Rule(policy, str(each), each.words[0].place)
        elif texts[0] not in ("comment", "flags", "devices"):
            chain.rules.append(each)


def _fill_set(table: _Table, name: str, block: Sequence[Statement]) -> None:
    elements = table.elements.setdefault(name, [])
    for each in block:
        texts = [word.text for word in each.words]
        if texts[:2] == ["elements", "="]:
            elements.extend(split_elements(" ".join(texts[2:]).strip("{} ")))
        elif set(texts) & set(_MOVING):
            table.open.add(name)


def _refusal(statement: Statement) -> FormatError:
    words = str(statement)[:80]
    return FormatError(f"{statement.words[0].place}: hvprep does not follow: {words}", _HINT)
