"""Rules that iptables-save wrote, and that a service of the system loads at boot."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.services import is_started
from hvprep.formats import iptables_rules
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.firewalls.traffic import Loaded

#: Who loads what at boot: names of the service, files.
_LOADERS = (
    (("iptables",), ("/etc/sysconfig/iptables", "/etc/iptables/iptables.rules", "/etc/iptables/rules-save")),
    (("netfilter-persistent", "iptables-persistent"), ("/etc/iptables/rules.v4",)),
)


def read(view: View) -> Iterator[Loaded]:
    """What boot loads. Raises FormatError where that is not clear."""
    for names, files in _LOADERS:
        path = next((path for path in map(GuestPath, files) if view.node(path) is not None), None)
        if path is not None and is_started(view, *names):
            text = (view.read(path) or b"").decode("utf-8", "replace")
            yield Loaded(path, iptables_rules.make_filter(iptables_rules.parse(text, path)))
