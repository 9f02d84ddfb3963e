"""guest-agent: exactly one agent provisions the machine at its first boot on Azure, and reports it ready."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.provisioning_agents import (
    CLOUD_INIT_DISABLED,
    AgentName,
    ProvisioningAgent,
    find_agent,
    find_agent_service,
    probe_agents,
)
from hvprep.facts.services import find_service
from hvprep.facts.waagent import KNOWS_AGENT, WAAGENT_CONF, Part, Waagent, part_of, probe_waagent
from hvprep.formats.waagent_conf import WaagentConf
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.enabling import plan_enabling

#: The stages of cloud-init, all of which have to be enabled: the names of before 24.3, and since then.
_STAGES = (
    "cloud-init-main",
    "cloud-init-local",
    "cloud-init-network",
    "cloud-init",
    "cloud-config",
    "cloud-final",
)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    agents = probe_agents(view, None)  # of the image: what /run says here tells nothing of Azure
    if not agents:
        yield Note(
            Verdict.UNMET,
            "there is neither cloud-init nor waagent nor azure-init: Azure restarts a machine that does not"
            " report ready, and gives it up",
            "install cloud-init (preferred) or the Azure Linux Agent",
        )
        return
    unknown = [agent for agent in agents if agent.starts is None]
    if unknown:
        for agent in unknown:
            yield Note(
                Verdict.NOT_ASSESSED,
                f"{agent.program} is there, and {agent.because}",
                f"see whether anything starts it, or remove {agent.name.value}",
            )
        return
    yield from _plan_start(view, agents)
    agents = probe_agents(view, None)
    yield from _plan_part(view, agents)
    yield from _judge(view, facts, agents)


def _plan_start(view: View, agents: tuple[ProvisioningAgent, ...]) -> Iterator[Outcome]:
    """Enable what is meant to provision and is not enabled: the only agent there is, or the cloud-init that
    waagent waits for."""
    waagent = probe_waagent(view)
    waited_for = waagent is not None and part_of(view, waagent)[0] is Part.LEAVES_IT
    for agent in agents:
        is_meant = len(agents) == 1 or (agent.name is AgentName.CLOUD_INIT and waited_for)
        if not is_meant or agent.starts:
            continue
        first = find_agent_service(view, agent.name)
        if first is None or first.is_enabled:
            continue  # something else keeps it from starting: see _judge
        stages = (
            [find_service(view, name) for name in _STAGES] if agent.name is AgentName.CLOUD_INIT else [first]
        )
        for service in filter(None, stages):
            yield from plan_enabling(view, service)


def _plan_part(view: View, agents: tuple[ProvisioningAgent, ...]) -> Iterator[Outcome]:
    """waagent's word about who provisions, where it contradicts what is installed."""
    waagent = probe_waagent(view)
    if waagent is None or waagent.conf is None:
        return
    itself, cloud_init = find_agent(agents, AgentName.WAAGENT), find_agent(agents, AgentName.CLOUD_INIT)
    if itself is None or not itself.starts:
        return
    part, because = part_of(view, waagent)
    left = find_agent_service(view, AgentName.CLOUD_INIT) if cloud_init is None else None
    if left is not None and left.is_enabled:
        # A script that apt leaves does nothing and ends well: its service is up, for all that waagent sees.
        because = f"cloud-init is gone, and {left.path} is left: waagent takes it for cloud-init, and waits"
        yield Note(Verdict.UNMET, because, "purge the package: apt purge cloud-init")
    elif cloud_init is None and part is Part.LEAVES_IT:
        why = f"waagent waits for a cloud-init that is not installed ({because})"
        yield _write(waagent, waagent.conf, "auto", "n", why)
    elif cloud_init is not None and cloud_init.starts and part is Part.PROVISIONS:
        why = f"cloud-init provisions, and so would waagent ({because})"
        yield _write(waagent, waagent.conf, "cloud-init", "y", why)


def _write(waagent: Waagent, conf: WaagentConf, agent: str, uses_cloud_init: str, why: str) -> Write:
    old = {
        "Provisioning.Enabled": "n" if uses_cloud_init == "y" else "y",
        "Provisioning.UseCloudInit": uses_cloud_init,
    }
    is_old = waagent.version is not None and waagent.version < KNOWS_AGENT
    edited = conf.with_values(old if is_old else {"Provisioning.Agent": agent})
    return Write(WAAGENT_CONF, edited.render().encode("utf-8", "surrogateescape"), why)


def _judge(view: View, facts: Facts, agents: tuple[ProvisioningAgent, ...]) -> Iterator[Outcome]:
    """Who provisions, after the changes of above."""
    owners: list[str] = []
    idle: list[str] = []
    for agent in agents:
        reason = _why_idle(view, agent)
        if reason is None:
            owners.append(agent.name.value)
            continue
        idle.append(f"{agent.name.value} does not provision: {reason}")
    if len(owners) > 1:
        because = f"{' and '.join(owners)} both provision: the second fails over what the first has done"
        yield Note(Verdict.UNMET, because, f"disable all but one: {', '.join(owners)}")
    elif not owners:
        yield Note(Verdict.UNMET, "; ".join(idle), _remedy(view, agents))
    else:
        yield Note(Verdict.MET, f"{owners[0]} provisions")
    if AgentName.CLOUD_INIT.value in owners:
        yield from _judge_words(view, facts)
    if owners == [AgentName.WAAGENT.value]:
        yield from _judge_waagent(view)


def _remedy(view: View, agents: tuple[ProvisioningAgent, ...]) -> str:
    """How one of them comes to provision, none of which does."""
    cloud_init = find_agent(agents, AgentName.CLOUD_INIT)
    if cloud_init is None or view.node(CLOUD_INIT_DISABLED) is None:
        return "have one of them provision"
    if len(agents) == 1:
        return f"rm {CLOUD_INIT_DISABLED}"
    return f"rm {CLOUD_INIT_DISABLED} for cloud-init, or disable cloud-init-local.service for the other"


def _why_idle(view: View, agent: ProvisioningAgent) -> str | None:
    """Why the agent does not provision; None where it does."""
    if not agent.starts:
        return agent.because
    waagent = probe_waagent(view) if agent.name is AgentName.WAAGENT else None
    if waagent is None:
        return None
    part, because = part_of(view, waagent)
    return None if part is Part.PROVISIONS else f"{because}, with which it {part.value}"


def _judge_words(view: View, facts: Facts) -> Iterator[Outcome]:
    """As cloud-init's generator and ds-identify read the kernel's command line."""
    boots, notes = read_every_boot(view, facts)
    yield from notes
    for boot in boots:
        switches = [word for word in boot.words if word in ("cloud-init=disabled", "cloud-init=enabled")]
        others = [word for word in boot.words if word.startswith(("ds=", "ci.ds=", "ci.datasource="))]
        wrong = [*switches[-1:], *(word for word in others[-1:] if "=azure" not in word.lower())]
        for word in wrong:
            if word != "cloud-init=enabled":
                because = f'entry "{boot.title}" has {word}, with which cloud-init does not look for Azure'
                yield Note(Verdict.UNMET, because, "take that word out of the boot loader's configuration")


def _judge_waagent(view: View) -> Iterator[Outcome]:
    waagent = probe_waagent(view)
    if waagent is None:
        return
    if waagent.conf is None:
        because = f"there is no {WAAGENT_CONF}, without which waagent ends at once"
        yield Note(Verdict.UNMET, because, "install its package anew")
    if waagent.lacks_pyasn1 and waagent.python is not None:
        because = f"{waagent.python.path} has no pyasn1, which waagent needs for the keys of the user"
        yield Note(Verdict.UNMET, because, "install the package python3-pyasn1 (python-pyasn1)")


GUEST_AGENT: Step[Facts, Settings] = Step(
    id="guest-agent",
    title="exactly one agent provisions the machine, and reports it ready",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (the Azure agent or one that does its work; pyasn1)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("P01", "P03", "P07"),
    profiles=(Profile.AZURE,),
)
