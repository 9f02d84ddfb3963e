"""Who sets the machine up at boot beside hvprep: cloud-init, waagent, azure-init.

`probe_agents` takes any View, so that a step can ask it on the overlay, after the changes of earlier steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.services import find_service
from hvprep.facts.tools import find_program
from hvprep.formats.cloud_cfg import parse_datasources
from hvprep.model.node import GuestPath
from hvprep.model.view import View


class AgentName(str, Enum):
    """The agents that hvprep knows."""

    CLOUD_INIT = "cloud-init"
    WAAGENT = "waagent"
    AZURE_INIT = "azure-init"


@dataclass(frozen=True)
class ProvisioningAgent:
    """An agent that is installed.

    starts       whether boot starts it; None where that cannot be known
    because      from what that was seen
    datasources  cloud-init's datasource_list, of which it tries no others; None where none is configured
    """

    name: AgentName
    program: GuestPath
    starts: bool | None
    because: str
    datasources: tuple[str, ...] | None = None

    @property
    def may_serve_azure(self) -> bool:
        """Whether it may set up a machine on Azure: not known to be off, nor to look elsewhere only."""
        return self.starts is not False and (self.datasources is None or "Azure" in self.datasources)


#: Makes waagent sleep forever (WALinuxAgent, common/conf.py, get_disable_agent_file_path).
_WAAGENT_DISABLED = GuestPath("/var/lib/waagent/disable_agent")
#: Where azure-init lies on images that do not package it.
_AZURE_INIT = GuestPath("/var/lib/azure-init/azure-init")
_CLOUD_CONFIG = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")


def probe_agents(view: View, command_line: str | None) -> tuple[ProvisioningAgent, ...]:
    """The agents whose program is installed; what a package left behind in /etc does not count.

    `command_line` is the running kernel's; None for a system that does not run, whose /run tells nothing.
    """
    found = (_cloud_init(view, command_line), _waagent(view), _azure_init(view))
    return tuple(agent for agent in found if agent is not None)


def find_agent(agents: tuple[ProvisioningAgent, ...], name: AgentName) -> ProvisioningAgent | None:
    """The agent of that name, if it is installed."""
    return next((agent for agent in agents if agent.name is name), None)


def _cloud_init(view: View, command_line: str | None) -> ProvisioningAgent | None:
    program = find_program(view, "cloud-init")
    if program is None:
        return None
    starts, because = _cloud_init_starts(view, command_line)
    return ProvisioningAgent(AgentName.CLOUD_INIT, program, starts, because, _datasources(view))


def _cloud_init_starts(view: View, command_line: str | None) -> tuple[bool | None, str]:
    """As its generator decides (systemd/cloud-init-generator): word of the kernel, file, services."""
    if command_line is not None:
        for name, starts in (("enabled", True), ("disabled", False)):
            marker = GuestPath("/run/cloud-init") / name
            if view.node(marker) is not None:
                return starts, f"its generator has left {marker}"
    words = re.findall(r"(?:^|\s)cloud-init=(enabled|disabled)(?=\s|$)", command_line or "")
    if words[-1:] == ["disabled"]:
        return False, "the kernel's command line says cloud-init=disabled"
    enabled, disabled = (
        GuestPath("/etc/cloud/cloud-init.enabled"),
        GuestPath("/etc/cloud/cloud-init.disabled"),
    )
    if not words and view.node(enabled) is None and view.node(disabled) is not None:
        return False, f"{disabled} switches it off"
    return _starts(view, "cloud-init-local", "cloud-init-main", "cloud-init")


def _datasources(view: View) -> tuple[str, ...] | None:
    found = None
    for pattern in _CLOUD_CONFIG:
        for path in sorted(view.glob(pattern)):
            content = view.read(path) or b""
            found = parse_datasources(content.decode("utf-8", "replace")) or found
    return found


def _waagent(view: View) -> ProvisioningAgent | None:
    program = find_program(view, "waagent")
    if program is None:
        return None
    if view.node(_WAAGENT_DISABLED) is not None:
        return ProvisioningAgent(AgentName.WAAGENT, program, False, f"{_WAAGENT_DISABLED} puts it to sleep")
    return ProvisioningAgent(AgentName.WAAGENT, program, *_starts(view, "walinuxagent", "waagent"))


def _azure_init(view: View) -> ProvisioningAgent | None:
    program = find_program(view, "azure-init")
    if program is None and view.node(_AZURE_INIT) is not None:
        program = _AZURE_INIT
    if program is None:
        return None
    return ProvisioningAgent(AgentName.AZURE_INIT, program, *_starts(view, "azure-init"))


def _starts(view: View, *names: str) -> tuple[bool | None, str]:
    """Whether boot starts one of these services, and why; None where there is none."""
    service = find_service(view, *names)
    if service is None:
        return None, f"no service {' or '.join(names)} is installed"
    if service.masked_by is not None:
        return False, f"{service.masked_by} masks it"
    if service.started_by:
        return True, f"{service.started_by[0]} starts it"
    return False, f"{service.path} is not enabled"
