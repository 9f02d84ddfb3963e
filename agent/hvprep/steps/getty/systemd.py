"""systemd: serial-getty@.service, which systemd-getty-generator(8) starts for a console of the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.model.change import Link
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.getty.port import Port

_UNIT_DIRECTORIES = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_TEMPLATE = "serial-getty@.service"
_GENERATOR = "system-generators/systemd-getty-generator"
_INIT = GuestPath("/sbin/init")


def is_used(view: View) -> bool:
    """Whether systemd has the unit and is not installed beside another init, as Debian allows."""
    init = view.resolve(_INIT)
    node = view.node(init)
    is_other = node is not None and node.kind is Kind.FILE and init.name != "systemd"
    return _find_template(view) is not None and not is_other


def plan(view: View, port: Port) -> Iterator[Outcome]:
    """The changes after which a getty is on the port."""
    unit = f"serial-getty@{port.device}.service"
    masked = [name for name in (unit, _TEMPLATE, "getty.target") if _is_masked(view, name)]
    if masked:
        yield Note(Verdict.UNMET, f"{masked[0]} is masked", f"systemctl unmask {masked[0]}")
        return
    wanted = GuestPath("/etc/systemd/system/getty.target.wants") / unit
    if view.node(wanted) is not None:
        yield Note(Verdict.MET, f"{unit} is enabled")
    elif not _has_generator(view):
        yield Link(wanted, str(_find_template(view)), f"{unit} is not enabled, and no generator starts it")
    elif port.is_console():
        because = f"systemd-getty-generator starts {unit} for the kernel's console={port.device}"
        yield Note(Verdict.MET, because)
    else:
        yield Note(
            Verdict.UNMET,
            f"systemd-getty-generator starts {unit} once every boot entry has console={port.device}",
            "see kernel-parameters",
        )


def _find_template(view: View) -> GuestPath | None:
    for directory in _UNIT_DIRECTORIES:
        path = GuestPath(directory) / _TEMPLATE
        if view.node(path) is not None:
            return path
    return None


def _is_masked(view: View, unit: str) -> bool:
    """A link to /dev/null, or an empty file, in /etc masks a unit (systemd.unit(5))."""
    node = view.node(GuestPath("/etc/systemd/system") / unit)
    return node is not None and (node.target == "/dev/null" or (node.target is None and node.size == 0))


def _has_generator(view: View) -> bool:
    """systemd-getty-generator(8), which a link to /dev/null in /etc would mask (systemd.generator(7))."""
    mask = view.node(GuestPath("/etc/systemd") / _GENERATOR)
    found = [
        view.node(GuestPath(directory) / _GENERATOR) for directory in ("/usr/lib/systemd", "/lib/systemd")
    ]
    return mask is None and any(node is not None and node.mode & 0o111 for node in found)
