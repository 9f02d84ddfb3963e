"""ufw: rules in the words of iptables-save, in chains that it makes itself.

Source: ufw-framework(8), /usr/lib/ufw/ufw-init-functions of 0.36.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.services import is_started
from hvprep.formats import iptables_rules
from hvprep.formats.iptables_rules import Command
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.firewalls.traffic import Loaded

_SWITCH, _DEFAULTS = GuestPath("/etc/ufw/ufw.conf"), GuestPath("/etc/default/ufw")
_BEFORE, _AFTER = GuestPath("/etc/ufw/before.rules"), GuestPath("/etc/ufw/after.rules")
#: Where it has the administrator's rules, now and before 0.36.
_USER = (GuestPath("/etc/ufw/user.rules"), GuestPath("/lib/ufw/user.rules"))
_PROGRAMS = (GuestPath("/etc/ufw/before.init"), GuestPath("/etc/ufw/after.init"))
#: The chains that a packet comes by, in their order.
_CHAINS = ("before-logging", "before", "after", "after-logging")
_OTHERS = ("ufw-logging-deny", "ufw-logging-allow", "ufw-user-limit", "ufw-user-limit-accept")


def read(view: View) -> Iterator[Loaded]:
    """What boot loads. Raises FormatError where that is not clear."""
    is_on = re.search(r"(?mi)^ENABLED=[\"']?yes", _text(view, _SWITCH))
    if not is_on or not is_started(view, "ufw"):
        return
    for program in _PROGRAMS:
        node = view.node(program)
        if node is not None and node.mode & 0o111:
            raise FormatError(f"{program}: ufw runs it, and it may load any rule", "see iptables -S for them")
    user = next((path for path in _USER if view.node(path) is not None), _USER[0])
    defaults = _text(view, _DEFAULTS)
    commands = [
        *_own(defaults, "input", "INPUT", "DROP"),
        *_own(defaults, "output", "OUTPUT", "ACCEPT"),
        *(Command("filter", ("-N", name), str(_SWITCH)) for name in _OTHERS),
        *(each for path in (_BEFORE, _AFTER, user) for each in iptables_rules.parse(_text(view, path), path)),
        *(_command(f"-A ufw-before-{way} -j ufw-user-{way}", user) for way in ("input", "output")),
    ]
    yield Loaded(user, iptables_rules.make_filter(commands))


def _own(defaults: str, way: str, chain: str, otherwise: str) -> Iterator[Command]:
    """The chains that it makes for what comes in, or goes out, and the policy."""
    found = list(re.finditer(rf"(?m)^DEFAULT_{chain}_POLICY=[\"']?(\w+)", defaults))[-1:]
    policy = "ACCEPT" if (found[0][1] if found else otherwise) == "ACCEPT" else "DROP"
    line = f", line {defaults.count(chr(10), 0, found[0].start()) + 1}" if found else ""
    yield Command("filter", ("-P", chain, policy), f"{_DEFAULTS}{line}")
    for part in _CHAINS:
        yield _command(f"-N ufw-{part}-{way}", _SWITCH)
        yield _command(f"-A {chain} -j ufw-{part}-{way}", _SWITCH)
    yield _command(f"-N ufw-user-{way}", _SWITCH)
    yield _command(f"-A ufw-skip-to-policy-{way} -j {policy}", _DEFAULTS)


def _command(words: str, path: GuestPath) -> Command:
    return Command("filter", tuple(words.split()), str(path))


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "replace")
