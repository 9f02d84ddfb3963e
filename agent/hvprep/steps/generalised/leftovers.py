"""dhcp-leases, machine-secrets, agent-state, logs: files of one machine that its clones must not share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from hvprep.facts.gather import Facts
from hvprep.facts.traces import find_paths, traces_of
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.listing import name_some


def _plan(requirement: str, view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    found = [path for trace in traces_of(requirement) for path in find_paths(view, trace, ())]
    if found:
        yield Note(Verdict.UNMET, name_some(found))


DHCP_LEASES: Step[Facts, Settings] = Step(
    id="dhcp-leases",
    title="no DHCP client remembers an address",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (waagent -deprovision)",
    remedy="run hvprep deprovision, or stop the DHCP client, then remove these files",
    plan=partial(_plan, "dhcp-leases"),
    rows=("H08",),
)
MACHINE_SECRETS: Step[Facts, Settings] = Step(
    id="machine-secrets",
    title="no seed, key or name of one machine is shared by its clones",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="systemd, Building Images Safely",
    remedy="run hvprep deprovision, or remove these files",
    plan=partial(_plan, "machine-secrets"),
    rows=("H08", "H09"),
)
AGENT_STATE: Step[Facts, Settings] = Step(
    id="agent-state",
    title="no agent takes the clone for the machine that it was made from",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (waagent -deprovision); cloud-init clean",
    remedy="run hvprep deprovision",
    plan=partial(_plan, "agent-state"),
    rows=("H08",),
)
LOGS: Step[Facts, Settings] = Step(
    id="logs",
    title="no log tells who used the machine that the image was made from",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="Microsoft, generalising an image",
    remedy="run hvprep deprovision, or empty these files",
    plan=partial(_plan, "logs"),
    rows=("H08",),
)
