"""host-keys: every machine has SSH host keys of its own, and something makes them."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.provisioning_agents import probe_agents
from hvprep.facts.tools import find_program
from hvprep.facts.traces import find_paths, traces_of
from hvprep.facts.unit_lines import UNIT_DIRECTORIES
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.listing import name_some

#: Where sshd is started or its keys are made, by services of EL, SUSE, Arch, Gentoo, Alpine, old Ubuntu.
_STARTS = (
    *(f"{directory}/{unit}" for directory in UNIT_DIRECTORIES for unit in ("ssh*.service", "ssh*.target")),
    "/etc/init.d/ssh*",
    "/etc/init/ssh*.conf",
)
_MAKES = (b"keygen", b"gen-keys", b"genkeys")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    keys = [path for trace in traces_of("host-keys") for path in find_paths(view, trace, ())]
    if keys:
        yield Note(Verdict.UNMET, f"every machine that is made from this image shares {name_some(keys)}")
        return
    server = find_program(view, "sshd")
    if server is None:
        yield Note(Verdict.MET, "there are no host keys, and no sshd that needs them")
        return
    maker = _find_maker(view)
    if maker is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            f"there are no host keys, and nothing was found that makes them: {server} starts with none",
            "see that ssh-keygen -A runs at the first boot, before sshd",
        )
        return
    yield Note(Verdict.MET, f"there are no host keys, and {maker} makes them")


def _find_maker(view: View) -> str | None:
    """What makes host keys at the next boot: a service of sshd's own, else an agent that is started."""
    for path in (path for pattern in _STARTS for path in view.glob(pattern)):
        if any(word in (view.read(path) or b"") for word in _MAKES):
            return str(path)
    return next((agent.name.value for agent in probe_agents(view, None) if agent.starts), None)


HOST_KEYS: Step[Facts, Settings] = Step(
    id="host-keys",
    title="every machine that is made from the image gets SSH host keys of its own",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (waagent -deprovision)",
    remedy="run hvprep deprovision, or: rm /etc/ssh/ssh_host_*",
    plan=_plan,
    rows=("H07",),
)
