"""The names that the machine has: host name and machine id.

The machine id is emptied, not removed and not set to "uninitialized": systemd then makes a new one at the
next boot and does not take that boot for the first of all, after which it would set every unit to its preset
(machine-id(5), systemd.unit(5) on ConditionFirstBoot=). Without the file it does not boot where /etc is
read-only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.deprovision.action import Action
from hvprep.facts.services import uses_systemd
from hvprep.model.change import Link, Purge, Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

#: What cloud-init and waagent take for "not set yet".
NEUTRAL_NAME = "localhost"

_HOSTNAMES = (GuestPath("/etc/hostname"), GuestPath("/etc/HOSTNAME"))
_NETWORK = GuestPath("/etc/sysconfig/network")
_HOSTS = GuestPath("/etc/hosts")
_MAILNAME = GuestPath("/etc/mailname")
_MACHINE_ID, _DBUS = GuestPath("/etc/machine-id"), GuestPath("/var/lib/dbus/machine-id")


def plan_host_name(view: View) -> Iterator[Action]:
    """A name that says nothing, and the old one out of /etc/hosts."""
    names: list[str] = []
    for path in _HOSTNAMES:
        content = _text(view, path)
        name = content.strip()
        if not name or name == NEUTRAL_NAME:
            continue
        names.append(name)
        if view.resolve(path) not in [view.resolve(each) for each in _HOSTNAMES[: _HOSTNAMES.index(path)]]:
            yield Write(path, f"{NEUTRAL_NAME}\n".encode(), f"the host name {name}")
    network = _text(view, _NETWORK)
    match = re.search(r"^HOSTNAME=[\"']?([^\"'\s]+).*$", network, re.M)
    if match and match[1] != NEUTRAL_NAME:
        names.append(match[1])
        edited = network[: match.start()] + f"HOSTNAME={NEUTRAL_NAME}" + network[match.end() :]
        yield Write(_NETWORK, edited.encode("utf-8", "surrogateescape"), f"the host name {match[1]}")
    yield from _plan_hosts(view, names)
    if _text(view, _MAILNAME).strip() in names:
        yield Write(_MAILNAME, f"{NEUTRAL_NAME}\n".encode(), "the host name as mail has it")


def _plan_hosts(view: View, names: list[str]) -> Iterator[Action]:
    text = _text(view, _HOSTS)
    edited = "".join(_without_names(line, names) for line in text.splitlines(keepends=True))
    if edited != text:
        yield Write(_HOSTS, edited.encode("utf-8", "surrogateescape"), f"without the host name {names[0]}")


def _without_names(line: str, names: list[str]) -> str:
    """The line without these host names, with or without a domain; nothing where it names no other."""
    body, sign, comment = line.partition("#")
    words = body.split()
    gone = [word for word in words[1:] if any(word == name or word.startswith(f"{name}.") for name in names)]
    gone = [word for word in gone if not word.startswith(NEUTRAL_NAME)]
    if not gone:
        return line
    if set(words[1:]) <= set(gone):
        return ""
    for word in gone:
        body = re.sub(rf"[ \t]+{re.escape(word)}(?=\s|$)", "", body)
    return body + sign + comment


def plan_machine_id(view: View) -> Iterator[Action]:
    """Empty, and no copy of D-Bus's that would bring the old one back (machine-id(5), dbus-uuidgen(1))."""
    node = view.node(view.resolve(_MACHINE_ID))
    has_systemd = uses_systemd(view)
    text = _text(view, _MACHINE_ID).strip()
    if (node is None and has_systemd) or text not in ("", "uninitialized"):
        yield Write(_MACHINE_ID, b"", "the machine id; the next boot makes a new one")
    dbus = view.node(_DBUS)
    if dbus is not None and dbus.kind is Kind.FILE:
        if has_systemd:
            yield Link(
                _DBUS, str(_MACHINE_ID), "D-Bus's copy of the machine id, from which it would come back"
            )
        else:
            yield Purge(_DBUS, "D-Bus's machine id, from which it makes no other one as long as it is there")


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")
