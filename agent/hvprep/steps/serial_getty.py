"""serial-getty: a login on the serial console after boot."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.change import Link
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.mechanisms import MECHANISMS
from hvprep.steps.boot.rules import console_device, is_console

_UNIT_DIRECTORIES = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_TEMPLATE = "serial-getty@.service"
_GENERATOR = "system-generators/systemd-getty-generator"


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if not settings.serial_getty_enable:
        yield Note(Verdict.NOT_APPLICABLE, "SerialGetty.Enable=n in /etc/hvprep.conf")
        return
    template = _find_template(view)
    if template is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            f"there is no {_TEMPLATE}: this system does not use systemd, or a part of it is missing",
            "see that a getty runs on the serial port",
        )
        return
    device = console_device(settings, facts.image.architecture)
    unit = f"serial-getty@{device}.service"
    masked = [name for name in (unit, _TEMPLATE, "getty.target") if _is_masked(view, name)]
    if masked:
        yield Note(Verdict.UNMET, f"{masked[0]} is masked", f"systemctl unmask {masked[0]}")
        return
    wanted = GuestPath("/etc/systemd/system/getty.target.wants") / unit
    if view.node(wanted) is not None:
        yield Note(Verdict.MET, f"{unit} is enabled")
    elif not _has_generator(view):
        yield Link(wanted, str(template), f"{unit} is not enabled, and no generator starts it")
    elif _is_console(view, facts, device):
        yield Note(Verdict.MET, f"systemd-getty-generator starts {unit} for the kernel's console={device}")
    else:
        yield Note(
            Verdict.UNMET,
            f"systemd-getty-generator starts {unit} once every boot entry has console={device}",
            "see kernel-parameters",
        )


def _is_console(view: View, facts: Facts, device: str) -> bool:
    """Whether every entry makes the serial port a console. What is about to be built does not count yet."""
    loaders = facts.image.boot_loaders
    if len(loaders) != 1 or any(view.is_pending(path) for path in loaders[0].configs):
        return False
    boots = MECHANISMS[loaders[0].kind].read_boots(view, facts, loaders[0])
    return bool(boots) and all(is_console(boot.words, device) for boot in boots)


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


SERIAL_GETTY: Step[Facts, Settings] = Step(
    id="serial-getty",
    title="a login appears on the serial console after boot",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (console=ttyS0); B01",
    remedy="systemctl enable serial-getty@ttyS0.service",
    plan=_plan,
)
