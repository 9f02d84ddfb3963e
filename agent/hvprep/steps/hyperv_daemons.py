"""hyperv-daemons: the host can exchange data with the machine (KVP), and no boot elsewhere waits for it.

Every distribution has its own names for the same three programs of the kernel's tools/hv.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.facts.gather import Facts
from hvprep.facts.services import Service, find_service, find_unit_file, is_mask
from hvprep.facts.tools import find_program
from hvprep.formats import key_file
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.enabling import plan_enabling


@dataclass(frozen=True)
class _Daemon:
    """`wanted` on Azure, or on a Hyper-V of one's own alone; `names` of its services, by distribution."""

    what: str
    device: str
    profiles: tuple[str, ...]
    names: tuple[str, ...]
    programs: tuple[str, ...]


#: EL, Fedora, Azure Linux; Debian, Ubuntu; SUSE, Arch, and scripts of the kernel's own; Debian before 9.
_DAEMONS = (
    _Daemon(
        "key-value pairs (KVP)",
        "hv_kvp",
        ("azure", "hyperv"),
        ("hypervkvpd", "hv-kvp-daemon", "hv_kvp_daemon", "hyperv-daemons.hv-kvp-daemon"),
        ("hypervkvpd", "hv_kvp_daemon"),
    ),
    _Daemon(
        "snapshots (VSS)",
        "hv_vss",
        ("hyperv",),
        ("hypervvssd", "hv-vss-daemon", "hv_vss_daemon", "hyperv-daemons.hv-vss-daemon"),
        ("hypervvssd", "hv_vss_daemon"),
    ),
    _Daemon(
        "file copies (fcopy)",
        "hv_fcopy",
        (),
        ("hypervfcopyd", "hv-fcopy-daemon", "hv_fcopy_daemon", "hyperv-daemons.hv-fcopy-daemon"),
        ("hypervfcopyd", "hv_fcopy_daemon", "hv_fcopy_uio_daemon"),
    ),
)
_RULES = ("/etc/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
_WANTS = re.compile(rb'^[^#\n]*ENV\{SYSTEMD_WANTS\}\+?="([^"\n]*)"', re.M)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    wanted_by_udev = _wanted_by_udev(view)
    for daemon in _DAEMONS:
        service = find_service(view, *daemon.names)
        is_wanted = settings.image_profile in daemon.profiles
        if service is None:
            if is_wanted:
                yield _missing(view, daemon)
            continue
        if service.masked_by is None:
            yield from _judge_wait(view, service)
        if service.name in wanted_by_udev and service.masked_by is None:
            yield Note(
                Verdict.MET, f"{wanted_by_udev[service.name]} starts {service.name} where there is its device"
            )
        elif is_wanted and not service.is_enabled and _devices(view, service):
            yield Note(
                Verdict.UNMET,
                f"nothing starts {service.name}: the host has no {daemon.what}",
                f'have udev start it: KERNEL=="vmbus/{daemon.device}", TAG+="systemd",'
                f' ENV{{SYSTEMD_WANTS}}+="{service.name}"',
            )
        elif is_wanted:
            yield from plan_enabling(view, service)


def _missing(view: View, daemon: _Daemon) -> Note:
    program = find_program(view, *daemon.programs)
    if program is not None:
        return Note(
            Verdict.NOT_ASSESSED, f"{program} is there, and no service that is known", "see what starts it"
        )
    return Note(
        Verdict.UNMET,
        f"no daemon answers the host about {daemon.what}",
        "install hyperv-daemons (Debian, EL, Fedora), hyper-v (SUSE), the kernel's linux-cloud-tools (Ubuntu)"
        " or hvtools (Alpine)",
    )


def _judge_wait(view: View, service: Service) -> Iterator[Outcome]:
    """Where a target wants a unit that is bound to a device, systemd waits for the device, 90 s where it never
    comes. A condition of the unit is looked at later, and does not help."""
    devices = _devices(view, service)
    if service.started_by and devices:
        yield Note(
            Verdict.UNMET,
            f"{service.started_by[0]} starts {service.name}, which is bound to {devices[0]}: off Hyper-V"
            " every boot waits 90 s for it",
            f"systemctl disable {service.name}, and have udev start it",
        )


def _devices(view: View, service: Service) -> tuple[str, ...]:
    """The devices without which systemd does not start the unit."""
    path = find_unit_file(view, service.name) if service.is_unit else None
    if path is None:
        return ()
    names = [path, *view.glob(f"/etc/systemd/system/{service.name}.d/*.conf")]
    words: list[str] = []
    for name in names:
        unit = key_file.parse((view.read(name) or b"").decode("utf-8", "surrogateescape"))
        for key in ("BindsTo", "Requires"):
            words.extend(unit.words("Unit", key))
    return tuple(word for word in words if word.endswith(".device"))


def _wanted_by_udev(view: View) -> dict[str, GuestPath]:
    """The units that rules of udev ask for, and the rules; the first file of a name counts (udev(7))."""
    found: dict[str, GuestPath] = {}
    seen: set[str] = set()
    for directory in _RULES:
        for path in view.glob(f"{directory}/*.rules"):
            if path.name in seen:
                continue
            seen.add(path.name)
            if not is_mask(view, path):
                for match in _WANTS.findall(view.read(path) or b""):
                    found.update(dict.fromkeys(match.decode("utf-8", "replace").split(), path))
    return found


HYPERV_DAEMONS: Step[Facts, Settings] = Step(
    id="hyperv-daemons",
    title="the host and the machine exchange key-value pairs, and no boot elsewhere waits for it",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing an image for Azure; LISA (verify_kvp)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("P09",),
)
