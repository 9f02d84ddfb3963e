"""waagent: the Azure Linux Agent is there for extensions, new enough, and its file says what is so."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.provisioning_agents import AgentName, find_agent, probe_agents
from hvprep.facts.waagent import WAAGENT_CONF, Waagent, leaves_disk, probe_waagent
from hvprep.formats.waagent_conf import WaagentConf
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings

#: LISA, verify_waagent_version; the Marketplace asked for 2.2.41 in 2021.
_LEAST = (2, 2, 53, 1)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    agent = find_agent(probe_agents(view, None), AgentName.WAAGENT)
    waagent = probe_waagent(view)
    if agent is None or waagent is None:
        yield Note(
            Verdict.UNMET,
            "waagent is not installed: extensions, password resets and backups by the agent do not work",
            "install it (WALinuxAgent, walinuxagent, waagent or python-azure-agent)",
        )
        return
    if agent.starts is None:
        yield Note(Verdict.NOT_ASSESSED, f"{agent.program} is there, and {agent.because}")
    elif not agent.starts:
        yield Note(Verdict.UNMET, f"waagent does not start: {agent.because}", "systemctl enable its service")
    yield from _judge_version(waagent)
    if waagent.lacks_pyasn1 and waagent.python is not None:
        yield Note(
            Verdict.UNMET,
            f"{waagent.python.path} has no pyasn1, which waagent imports",
            "install python3-pyasn1",
        )
    if waagent.conf is not None:
        yield from _judge_disk(view, waagent, waagent.conf)
        yield from _judge_swap(view, waagent, waagent.conf)


def _judge_version(waagent: Waagent) -> Iterator[Outcome]:
    """As LISA: an old one that brings itself up to date is fine."""
    updates = waagent.conf is None or waagent.conf.is_on("AutoUpdate.Enabled", otherwise=True)
    if waagent.version is None:
        yield Note(Verdict.NOT_ASSESSED, "the files of waagent do not tell its version", "waagent --version")
    elif waagent.version >= _LEAST or updates:
        more = "" if waagent.version >= _LEAST else ", and updates itself"
        yield Note(Verdict.MET, f"waagent is {waagent.version_text}{more}")
    else:
        yield Note(
            Verdict.UNMET,
            f"waagent is {waagent.version_text}, and {WAAGENT_CONF} keeps it from updating itself",
            f"install {'.'.join(map(str, _LEAST))} or later, or set AutoUpdate.Enabled=y",
        )


def _judge_disk(view: View, waagent: Waagent, conf: WaagentConf) -> Iterator[Outcome]:
    cloud_init = find_agent(probe_agents(view, None), AgentName.CLOUD_INIT)
    formats = conf.is_on("ResourceDisk.Format", otherwise=False)
    if waagent.shares_disk and formats and cloud_init is not None and cloud_init.may_serve_azure:
        yield Note(
            Verdict.UNMET,
            f"waagent {waagent.version_text} and cloud-init both set up the temporary disk",
            f"set ResourceDisk.Format=n and ResourceDisk.EnableSwap=n in {WAAGENT_CONF}",
        )


def _judge_swap(view: View, waagent: Waagent, conf: WaagentConf) -> Iterator[Outcome]:
    """EnableSwap=y is not swap: LISA compares it with what the machine has (verify_swap)."""
    if not conf.is_on("ResourceDisk.EnableSwap", otherwise=False):
        return
    because = f"{WAAGENT_CONF}: ResourceDisk.EnableSwap=y makes no swap"
    if not conf.is_on("ResourceDisk.Format", otherwise=False):
        yield Note(Verdict.UNMET, f"{because} with ResourceDisk.Format=n", "set EnableSwap=n, or Format=y")
    elif not (conf.value("ResourceDisk.SwapSizeMB") or "").strip("0").isdecimal():
        yield Note(Verdict.UNMET, f"{because} without a ResourceDisk.SwapSizeMB", "set SwapSizeMB=2048")
    elif leaves_disk(view, waagent):
        yield Note(
            Verdict.UNMET,
            f"{because} where cloud-init is enabled, for then waagent leaves the temporary disk alone",
            "set EnableSwap=n and Format=n",
        )


WAAGENT: Step[Facts, Settings] = Step(
    id="waagent",
    title="the Azure Linux Agent starts, is new enough, and is told what is so",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="seed (the Azure agent or one that does its work); Marketplace certification; LISA",
    remedy="see waagent.conf",
    plan=_plan,
    rows=("P02", "S02", "S03"),
    profiles=(Profile.AZURE,),
)
