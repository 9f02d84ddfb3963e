"""serial-getty: a login on the serial console after boot."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.mechanisms import MECHANISMS
from hvprep.steps.boot.rules import console_device, is_console
from hvprep.steps.getty import inittab, securetty, systemd, upstart
from hvprep.steps.getty.port import choose_port

#: Each by the files that it starts gettys from; where several are there, the first is the one that runs.
_INITS = (systemd, upstart, inittab)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if not settings.serial_getty_enable:
        yield Note(Verdict.NOT_APPLICABLE, "SerialGetty.Enable=n in /etc/hvprep.conf")
        return
    device = console_device(settings, facts.image.architecture)
    port = choose_port(settings, facts.image.architecture, lambda: _is_console(view, facts, device))
    init = next((each for each in _INITS if each.is_used(view)), None)
    if init is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            "there is no serial-getty@.service, no job of upstart, and nothing in /etc/inittab",
            "see that a getty runs on the serial port",
        )
        return
    yield from init.plan(view, port)
    yield from securetty.plan(view, device)


def _is_console(view: View, facts: Facts, device: str) -> bool:
    """Whether every entry makes the serial port a console. What is about to be built does not count yet."""
    loaders = facts.image.boot_loaders
    if len(loaders) != 1 or any(view.is_pending(path) for path in loaders[0].configs):
        return False
    boots = MECHANISMS[loaders[0].kind].read_boots(view, facts, loaders[0])
    return bool(boots) and all(is_console(boot.words, device) for boot in boots)


SERIAL_GETTY: Step[Facts, Settings] = Step(
    id="serial-getty",
    title="a login appears on the serial console after boot",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (console=ttyS0)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("B01",),
)
