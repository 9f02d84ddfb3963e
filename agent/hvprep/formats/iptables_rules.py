"""What iptables-save wrote: whether a packet gets through the table "filter".

Source: iptables-save(8), iptables-extensions(8). A rule that asks for what is not known here may match or
not; the answer is then that nobody can tell, unless both ways lead to the same end.

>>> rules = parse("*filter\\n:OUTPUT DROP [0:0]\\n-A OUTPUT -d 168.63.129.16/32 -p tcp -j ACCEPT\\nCOMMIT\\n")
>>> rules.passes("OUTPUT", Packet("168.63.129.16", 80)), rules.passes("OUTPUT", Packet("10.0.0.1", 80))
(True, False)
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from hvprep.errors import FormatError

#: Options of one value that a rule may have, by all their names; None where the value says nothing to us.
_OPTIONS = {
    **dict.fromkeys(("-d", "--destination", "--dst"), "destination"),
    **dict.fromkeys(("-p", "--protocol", "--proto"), "protocol"),
    **dict.fromkeys(("--dport", "--dports", "--destination-port", "--destination-ports"), "port"),
    **dict.fromkeys(("--state", "--ctstate"), "state"),
    **dict.fromkeys(("-i", "--in-interface", "-o", "--out-interface"), "interface"),
    **dict.fromkeys(("-m", "--match", "--comment", "--reject-with", "--log-prefix", "--log-level")),
}
_SERVICES = {"ssh": 22, "http": 80}


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection by TCP over eth0."""

    destination: str
    port: int


@dataclass(frozen=True)
class Rule:
    """`conditions`: pairs of what is asked for and its value; what is not understood is ("?", ...)."""

    conditions: tuple[tuple[str, str], ...]
    target: str


@dataclass(frozen=True)
class Rules:
    """The chains of the table "filter", and the policies of those that have one."""

    policies: Mapping[str, str]
    chains: Mapping[str, tuple[Rule, ...]]

    def passes(self, chain: str, packet: Packet) -> bool | None:
        """Whether the packet gets through a chain with a policy; None where that cannot be told."""
        ends = self._ends(chain, packet, {})
        verdicts = {self.policies.get(chain, "ACCEPT") if end == "RETURN" else end for end in ends}
        return next(iter(verdicts)) == "ACCEPT" if len(verdicts) == 1 else None

    def _ends(self, chain: str, packet: Packet, known: dict[str, set[str]]) -> set[str]:
        """The ends that the packet may come to: ACCEPT, DROP, or RETURN where none is reached."""
        if chain not in known:
            known[chain] = {"RETURN"}  # one that leads back to itself does nothing
            known[chain] = self._walk(chain, packet, known)
        return known[chain]

    def _walk(self, chain: str, packet: Packet, known: dict[str, set[str]]) -> set[str]:
        ends: set[str] = set()
        for rule in self.chains.get(chain, ()):
            does = {_matches(condition, value, packet) for condition, value in rule.conditions}
            if False in does:
                continue
            found = self._ends_of(rule.target, packet, known)
            ends |= found - {"RETURN"}
            if rule.target == "RETURN" and None not in does:
                break
            if None not in does and "RETURN" not in found:
                return ends
        return ends | {"RETURN"}

    def _ends_of(self, target: str, packet: Packet, known: dict[str, set[str]]) -> set[str]:
        if target in ("DROP", "REJECT"):
            return {"DROP"}
        if target == "ACCEPT":
            return {"ACCEPT"}
        return self._ends(target, packet, known) if target in self.chains else {"RETURN"}


def parse(text: str) -> Rules:
    """The table "filter" in `text`. Raises FormatError where iptables-restore would load none of it."""
    policies: dict[str, str] = {}
    chains: dict[str, tuple[Rule, ...]] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"^\[\d+:\d+\]\s*", "", line.strip())
        if line.startswith("*"):
            table = line[1:]
        elif table == "filter" and line.startswith(":"):
            name, policy, *_ = [*line[1:].split(), "", ""]
            chains.setdefault(name, ())
            policies.update({name: policy} if policy != "-" else {})
        elif table == "filter" and line.startswith(("-A ", "--append ")):
            try:
                _, chain, *words = shlex.split(line)
            except ValueError as error:
                raise FormatError(
                    f"line {number} does not read: {line}", "see iptables-restore -t"
                ) from error
            chains[chain] = (*chains.get(chain, ()), _rule(words))
    return Rules(policies, chains)


def _rule(words: list[str]) -> Rule:
    conditions: list[tuple[str, str]] = []
    target, is_not = "", False
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "!":
            is_not = True
        elif word in ("-j", "--jump", "-g", "--goto") and words:
            target = words.pop(0)
        elif word in _OPTIONS and words:
            name, value = _OPTIONS[word], words.pop(0)
            if name is not None:
                conditions.append(("?", word) if is_not else (name, value))
            is_not = False
        else:
            conditions.append(("?", word))
    return Rule(tuple(conditions), target)


def _matches(condition: str, value: str, packet: Packet) -> bool | None:
    if condition == "destination":
        return _holds(value, packet.destination)
    if condition == "protocol":
        return value in ("tcp", "6", "all", "0")
    if condition == "port":
        return any(_in_range(part, packet.port) for part in value.split(","))
    if condition == "state":
        return "NEW" in value.upper().split(",")
    if condition == "interface":
        return value == "eth0" or (value.endswith("+") and "eth0".startswith(value[:-1]))
    return None


def _holds(networks: str, address: str) -> bool | None:
    try:
        found = [ipaddress.ip_network(each, strict=False) for each in networks.split(",")]
        return any(ipaddress.ip_address(address) in network for network in found)
    except ValueError:
        return None


def _in_range(part: str, port: int) -> bool:
    first, _, last = part.partition(":")
    low, high = (_SERVICES.get(each, each) for each in (first or "0", last or first or "65535"))
    try:
        return int(low) <= port <= int(high)
    except ValueError:
        return False
