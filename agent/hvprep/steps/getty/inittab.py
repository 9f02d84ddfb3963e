"""/etc/inittab: sysvinit (EL 5, SLES 11, old Debian, Gentoo) and BusyBox (Alpine)."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.errors import in_file
from hvprep.formats import inittab
from hvprep.formats.inittab import Inittab
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.getty import openrc
from hvprep.steps.getty.port import Port, getty_command

_INITTAB = GuestPath("/etc/inittab")


def is_used(view: View) -> bool:
    """Whether it starts anything: EL 6 and 7 have one that holds the run level, or comments alone."""
    return any(entry.process for entry in _read(view).entries)


def plan(view: View, port: Port) -> Iterator[Outcome]:
    """The changes after which a getty is on the port."""
    table = _read(view)
    if table.find_getty(port.device) is not None:
        yield Note(Verdict.MET, f"{_INITTAB} keeps a getty on {port.device}")
        return
    if table.find_getty("console") is not None and port.is_console():
        yield Note(Verdict.MET, f"{_INITTAB} keeps a getty on the console, and that is {port.device}")
        return
    if openrc.is_enabled(view, port):
        yield from openrc.plan(view, port)
        return
    command = getty_command(view, port)
    if command is None:
        yield Note(Verdict.UNMET, "there is no agetty and no getty", "install the package that has it")
        return
    text = table.add_getty(port.device, command).render()
    why = f"{_INITTAB} keeps no getty on {port.device}"
    yield Write(_INITTAB, text.encode("utf-8", "surrogateescape"), why)


def _read(view: View) -> Inittab:
    text = (view.read(_INITTAB) or b"").decode("utf-8", "surrogateescape")
    with in_file(_INITTAB):
        return inittab.parse(text)
