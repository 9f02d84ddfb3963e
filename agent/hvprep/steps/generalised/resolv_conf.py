"""resolv-conf: no name servers of the network in which the image was made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings

_RESOLV_CONF = GuestPath("/etc/resolv.conf")
_NAMES = re.compile(r"^[ \t]*(?:nameserver|search|domain)[ \t]+(\S[^\n]*?)[ \t\r]*$", re.M)
#: A resolver on the machine itself.
_OWN = ("127.", "::1")
_SHOWN = 6


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    node = view.node(_RESOLV_CONF)
    if node is None:
        yield Note(Verdict.MET, f"there is no {_RESOLV_CONF}: who configures the network makes it")
    elif node.kind is Kind.LINK:
        yield Note(
            Verdict.MET, f"{_RESOLV_CONF} is a link to {node.target}, the file of a resolver, and stays"
        )
    else:
        content = (view.read(_RESOLV_CONF) or b"").decode("utf-8", "replace")
        found = [name for name in _NAMES.findall(content) if not name.startswith(_OWN)]
        if found:
            yield Note(Verdict.UNMET, f"{_RESOLV_CONF} names {', '.join(found[:_SHOWN])}")


RESOLV_CONF: Step[Facts, Settings] = Step(
    id="resolv-conf",
    title="resolv.conf names no server of the network in which the image was made",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="seed (waagent -deprovision removes it); Marketplace recommendations",
    remedy="hvprep deprovision removes what a DHCP client made; or remove it, where DHCP makes it anew",
    plan=_plan,
    rows=("N07",),
)
