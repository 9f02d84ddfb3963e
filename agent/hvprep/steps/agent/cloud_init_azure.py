"""cloud-init-azure: where cloud-init provisions, it looks for Azure's data."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.cloud_config import read_cloud_config
from hvprep.facts.gather import Facts
from hvprep.facts.provisioning_agents import AgentName, find_agent, probe_agents
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

_AZURE = "Azure"
#: The last by name: installers leave a 99-installer.cfg (subiquity), and the last file counts.
_DROP_IN = GuestPath("/etc/cloud/cloud.cfg.d/zz-hvprep.cfg")
_HEADING = "# Written by hvprep: where cloud-init looks for what it is to make of this machine.\n"
_DS_IDENTIFY = GuestPath("/etc/cloud/ds-identify.cfg")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    agent = find_agent(probe_agents(view, None), AgentName.CLOUD_INIT)
    if agent is None or agent.starts is False:
        because = (
            "cloud-init is not installed" if agent is None else f"cloud-init does not start: {agent.because}"
        )
        yield Note(Verdict.NOT_APPLICABLE, because)
        return
    yield from _plan_datasources(view)
    yield from _judge_ds_identify(view)
    yield from _judge_spelling(view)


def _plan_datasources(view: View) -> Iterator[Outcome]:
    config = read_cloud_config(view)
    names = config.datasources
    if names is not None and _AZURE in names:
        where = config.sources["datasource_list"]
        yield Note(Verdict.MET, f"{where}: datasource_list: [ {', '.join(names)} ]")
        return
    if names is None:
        why = "cloud-init looks for Azure alone, instead of all that it knows (datasource_list)"
    else:
        why = f"cloud-init looks for Azure before {', '.join(names)} ({config.sources['datasource_list']})"
    wanted = f"datasource_list: [ {', '.join((_AZURE, *(names or ())))} ]\n"
    old = (view.read(_DROP_IN) or b"").decode("utf-8", "surrogateescape")
    kept = "".join(re.findall(r"^(?!datasource_list[ ]*:)[^\n]*\n", old, re.M)) or _HEADING
    yield Write(_DROP_IN, f"{kept}{wanted}".encode("utf-8", "surrogateescape"), why)
    if _AZURE not in (read_cloud_config(view).datasources or ()):
        where = read_cloud_config(view).sources["datasource_list"]
        yield Note(
            Verdict.UNMET, f"{where} has the last word about datasource_list", f"write Azure into {where}"
        )


def _judge_ds_identify(view: View) -> Iterator[Outcome]:
    """What overrules all of cloud-init's own configuration (ds-identify, read_config: `key: value` lines)."""
    text = (view.read(_DS_IDENTIFY) or b"").decode("utf-8", "replace")
    for key, value in re.findall(
        r"^[ \t]*(policy|datasource)[ \t]*:[ \t]*([^#\n]*?)[ \t]*(?:#.*)?$", text, re.M
    ):
        value = value.strip("\"'")
        if key == "policy" and value.startswith("disabled"):
            yield Note(Verdict.UNMET, f"{_DS_IDENTIFY} switches cloud-init off (policy: {value})", _REMOVE)
        elif key == "datasource" and value.lower() != _AZURE.lower():
            yield Note(Verdict.UNMET, f"{_DS_IDENTIFY} sets the data source {value}, not Azure", _REMOVE)


def _judge_spelling(view: View) -> Iterator[Outcome]:
    """Keys are case-sensitive: what stands below `azure:` is read by nobody."""
    config = read_cloud_config(view)
    below = config.find("datasource")
    for key in below if isinstance(below, dict) else ():
        if key != _AZURE and key.lower() == _AZURE.lower():
            where = config.sources["datasource"]
            because = f"{where}: what stands below {key}: in datasource is not read"
            yield Note(Verdict.UNMET, because, f"write {_AZURE} instead of {key}")


_REMOVE = f"remove {_DS_IDENTIFY}, or the line"

CLOUD_INIT_AZURE: Step[Facts, Settings] = Step(
    id="cloud-init-azure",
    title="cloud-init looks for Azure's data, where it is the agent",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing an image for Azure",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("P04", "P06"),
    profiles=(Profile.AZURE,),
)
