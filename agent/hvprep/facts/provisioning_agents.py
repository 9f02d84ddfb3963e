"""Who sets the machine up at boot beside hvprep: cloud-init, waagent, azure-init.

`probe_agents` takes any View, so that a step can ask it on the overlay, after the changes of earlier steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hvprep.errors import FormatError
from hvprep.facts.cloud_config import read_cloud_config
from hvprep.facts.services import Service, find_service, is_mask
from hvprep.facts.tools import find_program
from hvprep.facts.unit_lines import UNIT_DIRECTORIES
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
    datasources  cloud-init's datasource_list, of which it tries no others; None where none is configured, or
                 its configuration does not read
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


#: Switches cloud-init off, unless the kernel's command line has a word about it.
CLOUD_INIT_DISABLED = GuestPath("/etc/cloud/cloud-init.disabled")
#: Makes waagent sleep forever (WALinuxAgent, common/conf.py, get_disable_agent_file_path).
_WAAGENT_DISABLED = GuestPath("/var/lib/waagent/disable_agent")
#: Where azure-init lies on images that do not package it.
_AZURE_INIT = GuestPath("/var/lib/azure-init/azure-init")
#: By the names of packages; of cloud-init the stage that looks for Azure, then those of other versions.
_SERVICES = {
    AgentName.CLOUD_INIT: ("cloud-init-local", "cloud-init-main", "cloud-init"),
    AgentName.WAAGENT: ("walinuxagent", "waagent"),
    AgentName.AZURE_INIT: ("azure-init",),
}
#: What makes systemd come by cloud-init.target, for its units say only that this wants them.
_GENERATOR = "system-generators/cloud-init-generator"
_CLOUD_TARGET = "cloud-init.target"


def probe_agents(view: View, command_line: str | None) -> tuple[ProvisioningAgent, ...]:
    """The agents whose program is installed; what a package left behind in /etc does not count.

    `command_line` is the running kernel's; None for a system that does not run, whose /run tells nothing.
    """
    found = (_cloud_init(view, command_line), _waagent(view), _azure_init(view))
    return tuple(agent for agent in found if agent is not None)


def find_agent(agents: tuple[ProvisioningAgent, ...], name: AgentName) -> ProvisioningAgent | None:
    """The agent of that name, if it is installed."""
    return next((agent for agent in agents if agent.name is name), None)


def find_agent_service(view: View, name: AgentName) -> Service | None:
    """The service that starts the agent. Of cloud-init one stage decides, whatever the others do."""
    names = _SERVICES[name]
    if name is not AgentName.CLOUD_INIT:
        return find_service(view, *names)
    return next(filter(None, (find_service(view, each) for each in names)), None)


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
    enabled = GuestPath("/etc/cloud/cloud-init.enabled")
    if not words and view.node(enabled) is None and view.node(CLOUD_INIT_DISABLED) is not None:
        return False, f"{CLOUD_INIT_DISABLED} switches it off"
    service = find_agent_service(view, AgentName.CLOUD_INIT)
    if service is not None and service.is_enabled and not _is_come_by(view, service):
        return False, f"no unit wants {_CLOUD_TARGET}, and systemd runs no {_GENERATOR}"
    return _starts(view, AgentName.CLOUD_INIT)


def _is_come_by(view: View, service: Service) -> bool:
    """Whether the boot comes by one of the targets that start it: cloud-init.target has to be pulled in."""
    if any(link.parent.stem != _CLOUD_TARGET for link in service.started_by):
        return True
    target = find_service(view, _CLOUD_TARGET)
    if target is not None and target.started_by:
        return target.masked_by is None
    # The first of that name counts, and is none where it is masked (systemd.generator(7)).
    paths = [GuestPath(directory).parent / _GENERATOR for directory in UNIT_DIRECTORIES]
    first = next((path for path in paths if view.node(path) is not None), None)
    return first is not None and not is_mask(view, first) and _is_program(view, first)


def _is_program(view: View, path: GuestPath) -> bool:
    node = view.node(view.resolve(path))
    return node is not None and bool(node.mode & 0o111)


def _datasources(view: View) -> tuple[str, ...] | None:
    try:
        return read_cloud_config(view).datasources
    except FormatError:  # it may look for Azure's, for all that is known
        return None


def _waagent(view: View) -> ProvisioningAgent | None:
    program = find_program(view, "waagent")
    if program is None:
        return None
    if view.node(_WAAGENT_DISABLED) is not None:
        return ProvisioningAgent(AgentName.WAAGENT, program, False, f"{_WAAGENT_DISABLED} puts it to sleep")
    return ProvisioningAgent(AgentName.WAAGENT, program, *_starts(view, AgentName.WAAGENT))


def _azure_init(view: View) -> ProvisioningAgent | None:
    program = find_program(view, "azure-init")
    if program is None and view.node(_AZURE_INIT) is not None:
        program = _AZURE_INIT
    if program is None:
        return None
    return ProvisioningAgent(AgentName.AZURE_INIT, program, *_starts(view, AgentName.AZURE_INIT))


def _starts(view: View, name: AgentName) -> tuple[bool | None, str]:
    """Whether boot starts one of its services, and why; None where there is none."""
    service = find_agent_service(view, name)
    if service is None:
        return None, f"no service {' or '.join(_SERVICES[name])} is installed"
    if service.masked_by is not None:
        return False, f"{service.masked_by} masks it"
    if service.started_by:
        return True, f"{service.started_by[0]} starts it"
    return False, f"{service.path} is not enabled"
