"""upstart: a job in /etc/init. EL 6 has one that starts a getty on the serial port that is the console."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.tools import find_program
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.getty.port import Port, getty_command

_JOBS = "/etc/init/*.conf"
#: EL 6: a rule of udev emits it for /dev/console (package initscripts, /etc/init/serial.conf).
_CONSOLE_EVENT = "serial-console-available"
_JOB = """\
# {device} - getty
#
# Written by hvprep: a login on the serial console of Hyper-V and Azure.

start on stopped rc RUNLEVEL=[2345]
stop on runlevel [!2345]

respawn
exec {command}
"""


def is_used(view: View) -> bool:
    """Whether there are jobs, and the program that starts them."""
    return bool(view.glob(_JOBS)) and find_program(view, "initctl") is not None


def plan(view: View, port: Port) -> Iterator[Outcome]:
    """The changes after which a getty is on the port."""
    jobs = {path: _commands(view, path) for path in view.glob(_JOBS)}
    own = [path for path, text in jobs.items() if _is_getty(text, port.device)]
    general = [path for path, text in jobs.items() if _CONSOLE_EVENT in text and not _is_manual(view, path)]
    if own:
        yield _judged(view, own[0], port)
    elif general and port.is_console():
        yield Note(Verdict.MET, f"{general[0]} starts a getty for the kernel's console={port.device}")
    elif general:
        yield Note(
            Verdict.UNMET,
            f"{general[0]} starts a getty once every boot entry has console={port.device}",
            "see kernel-parameters",
        )
    else:
        yield _new_job(view, port)


def _judged(view: View, job: GuestPath, port: Port) -> Note:
    if _is_manual(view, job):
        override = job.with_suffix(".override")
        return Note(Verdict.UNMET, f"{override} keeps {job} from being started", f"remove {override}")
    return Note(Verdict.MET, f"{job} starts a getty on {port.device}")


def _new_job(view: View, port: Port) -> Outcome:
    command = getty_command(view, port)
    if command is None:
        return Note(Verdict.UNMET, "there is no agetty and no getty", "install the package that has it")
    path = GuestPath(_JOBS).parent / f"{port.device}.conf"
    text = _JOB.format(device=port.device, command=command)
    return Write(path, text.encode(), f"no job of upstart starts a getty on {port.device}")


def _commands(view: View, path: GuestPath) -> str:
    """The job without its comments."""
    text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
    return re.sub(r"(?m)^\s*#.*$", "", text)


def _is_getty(text: str, device: str) -> bool:
    command = rf"(?m)^\s*exec\s(?=.*getty\b).*(?<![\w-])(?:/dev/)?{re.escape(device)}(?![\w-])"
    return re.search(command, text) is not None


def _is_manual(view: View, job: GuestPath) -> bool:
    """init(5): `manual` in a job, or in the file beside it that overrides it."""
    texts = (_commands(view, path) for path in (job, job.with_suffix(".override")))
    return any(re.search(r"(?m)^\s*manual\s*$", text) for text in texts)
