"""OpenRC without an inittab (openrc-init): a service agetty.PORT, a link to its script agetty.

Source: agetty-guide.md and init.d/agetty.in of OpenRC. Where /etc/inittab starts gettys (Gentoo with
sysvinit, Alpine, Devuan) that is the place for one more.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.services import find_service
from hvprep.model.change import Link, Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.getty.port import Port

_SCRIPTS = GuestPath("/etc/init.d")
_TEMPLATE = _SCRIPTS / "agetty"
_RUNLEVEL = GuestPath("/etc/runlevels/default")


def is_used(view: View) -> bool:
    """Whether it has the script that such services are links to."""
    return view.node(view.resolve(_TEMPLATE)) is not None and view.node(_RUNLEVEL) is not None


def is_enabled(view: View, port: Port) -> bool:
    """Whether it starts a getty on the port."""
    service = find_service(view, _service(port))
    return is_used(view) and service is not None and service.is_enabled


def plan(view: View, port: Port) -> Iterator[Outcome]:
    """The changes after which a getty is on the port."""
    name = _service(port)
    if is_enabled(view, port):
        yield Note(Verdict.MET, f"{name} is in a runlevel of OpenRC")
        return
    script, settings = _SCRIPTS / name, GuestPath("/etc/conf.d") / name
    why = f"no runlevel of OpenRC has {name}"
    if view.node(script) is None:
        yield Link(script, _TEMPLATE.name, why)
    if view.node(settings) is None:
        text = f'# Written by hvprep.\nbaud="{port.speed}"\nterm_type="vt100"\nagetty_options="-L"\n'
        yield Write(settings, text.encode(), why)
    yield Link(_RUNLEVEL / name, str(script), why)


def _service(port: Port) -> str:
    return f"{_TEMPLATE.name}.{port.device}"
