"""ssh-server: an SSH server that boot starts, with a valid configuration, and that keeps idle connections."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.services import Service, find_service, find_unit_file, is_mask
from hvprep.facts.tools import find_program
from hvprep.formats import key_file
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.enabling import plan_enabling
from hvprep.steps.ssh import keepalive

_UNITS = ("ssh", "sshd", "ssh.socket", "sshd.socket")
#: Keeps Debian's unit and script from starting sshd.
_SWITCH = GuestPath("/etc/ssh/sshd_not_to_be_run")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    server = facts.image.ssh_server
    if server is None:
        yield from _plan_dropbear(view)
        return
    if server.complaint is not None:
        because = f"sshd does not accept its configuration: {server.complaint}"
        yield Note(Verdict.UNMET, because, "mend it until sshd -t is content", is_damage=True)
        return
    if server.not_asked is not None:
        because = f"sshd was not asked whether it accepts its configuration: {server.not_asked}"
        yield Note(Verdict.NOT_ASSESSED, because, "ask it on that system: sshd -t")
    names = [name for name in _UNITS if not _starts_nothing(view, name)]
    yield from _plan_start(view, find_service(view, *names), str(server.program))
    yield from keepalive.plan(view)


def _plan_dropbear(view: View) -> Iterator[Outcome]:
    program = find_program(view, "dropbear")
    if program is None:
        because = "no SSH server is installed, by which anybody could get into the machine"
        yield Note(Verdict.UNMET, because, "install the package openssh-server (openssh, on some systems)")
        return
    yield from _plan_start(view, find_service(view, "dropbear"), str(program))
    yield Note(Verdict.NOT_ASSESSED, "whether dropbear keeps idle connections open (-K) was not read")


def _starts_nothing(view: View, name: str) -> bool:
    """Whether it is a socket whose service is masked: each connection ends there (systemd.socket(5))."""
    path = find_unit_file(view, name) if name.endswith(".socket") else None
    if path is None:
        return False
    unit = key_file.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))
    accept, service = unit.find("Socket", "Accept"), unit.find("Socket", "Service")
    template = "@" if accept is not None and key_file.is_yes(accept.value) else ""
    started = service.value if service is not None else f"{path.stem}{template}.service"
    file = find_unit_file(view, started)
    return file is None or is_mask(view, file)


def _plan_start(view: View, service: Service | None, program: str) -> Iterator[Outcome]:
    if service is None:
        yield Note(Verdict.UNMET, f"nothing starts {program} at boot", "install its unit or its script")
        return
    if view.node(_SWITCH) is not None and _SWITCH.name.encode() in (view.read(service.path) or b""):
        yield Note(Verdict.UNMET, f"{_SWITCH} keeps {service.name} from being started", f"rm {_SWITCH}")
    if service.is_enabled:
        yield Note(Verdict.MET, f"{service.name} is started at boot, by {service.started_by[0]}")
    yield from plan_enabling(view, service)


SSH_SERVER: Step[Facts, Settings] = Step(
    id="ssh-server",
    title="an SSH server starts at boot, with a valid configuration that keeps idle connections open",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (SSH server installed and started at boot); ClientAliveInterval 180",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("H01", "H02"),
)
