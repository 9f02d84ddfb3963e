"""cloud-init-settings: what is not needed for a boot on Azure, and what people look for when it is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.cloud_config import CloudConfig, read_cloud_config
from hvprep.facts.gather import Facts
from hvprep.facts.provisioning_agents import AgentName, find_agent, probe_agents
from hvprep.facts.python import find_interpreter, find_module
from hvprep.formats.plain_yaml import Scalar
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

_MODULES = "cloud_init_modules"
#: Without them no cloud-init before 23 formats and mounts the temporary disk.
_DISK_MODULES = ("disk_setup", "mounts")
_NEEDS_NO_MODULES = (23,)
_VERSION = re.compile(rb"^__VERSION__ = \"([0-9]+)\.([0-9]+)", re.M)
#: Of Ubuntu's installers (curtin, subiquity): they describe the machine that the image was installed on.
_LEFT = (
    "/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg",
    "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg",
    "/etc/cloud/cloud.cfg.d/99-installer.cfg",
    "/etc/cloud/cloud.cfg.d/90-installer-network.cfg",
    "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg",
    "/etc/cloud/ds-identify.cfg",
)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    agent = find_agent(probe_agents(view, None), AgentName.CLOUD_INIT)
    if agent is None or agent.starts is False:
        yield Note(Verdict.NOT_APPLICABLE, "cloud-init is not the agent: see guest-agent")
        return
    for path in map(GuestPath, _LEFT):
        if view.node(path) is not None:
            yield Note(Verdict.UNMET, f"{path} is left from the installer", f"remove {path}")
    config = read_cloud_config(view)
    yield from _judge_network(config)
    yield from _judge_reporting(config)
    yield from _judge_modules(config, _probe_version(view, agent.program))


def _judge_network(config: CloudConfig) -> Iterator[Outcome]:
    """Either is fine: Microsoft's pages ask for False, for images that configure eth0 themselves; its support
    asks for True, so that a new MAC address is followed."""
    value = config.find("datasource", "Azure", "apply_network_config")
    if value is None:
        return
    switch = value.boolean if isinstance(value, Scalar) else None
    if switch is None:
        where = config.sources["datasource"]
        yield Note(Verdict.UNMET, f"{where}: apply_network_config is no switch", "write True or False")
    elif not switch:
        because = "apply_network_config is off: the image's own configuration has to ask DHCP (see network)"
        yield Note(Verdict.MET, because)


def _judge_reporting(config: CloudConfig) -> Iterator[Outcome]:
    """Provisioning that fails can be seen by the host, over KVP (cloudinit/reporting/handlers.py)."""
    wanted = "reporting: {logging: {type: log}, telemetry: {type: hyperv}}"
    if "Reporting" in config.values:
        where = config.sources["Reporting"]
        because = f"{where}: nothing reads Reporting: with a capital letter"
        yield Note(Verdict.UNMET, because, f"write reporting: in {where}")
        return
    value = config.find("reporting")
    handlers = value.values() if isinstance(value, dict) else ()
    kinds = [handler.get("type") for handler in handlers if isinstance(handler, dict)]
    if "hyperv" not in [kind.text for kind in kinds if isinstance(kind, Scalar)]:
        yield Note(
            Verdict.UNMET,
            "cloud-init does not report to the host: only the machine itself will know why it failed",
            f"write this into /etc/cloud/cloud.cfg.d/10-azure-kvp.cfg: {wanted}",
        )


def _judge_modules(config: CloudConfig, version: tuple[int, int] | None) -> Iterator[Outcome]:
    if version is not None and version >= _NEEDS_NO_MODULES:
        return
    value = config.find(_MODULES)
    items = value if isinstance(value, list) else []
    names = [item[0] if isinstance(item, list) and item else item for item in items]
    words = {name.text.replace("-", "_") for name in names if isinstance(name, Scalar)}
    missing = [name for name in _DISK_MODULES if name not in words]
    if not missing:
        return
    because = f"{_MODULES} lacks {' and '.join(missing)}, without which the temporary disk is not set up"
    if version is None:
        yield Note(Verdict.NOT_ASSESSED, f"{because} by cloud-init before 23; this version is not known")
    else:
        remedy = f"add them in {config.sources.get(_MODULES, '/etc/cloud/cloud.cfg')}"
        yield Note(Verdict.UNMET, f"{because} by cloud-init {version[0]}.{version[1]}", remedy)


def _probe_version(view: View, program: GuestPath) -> tuple[int, int] | None:
    python = find_interpreter(view, program)
    package = find_module(view, python, "cloudinit") if python is not None else None
    match = _VERSION.search(view.read(package.parent / "version.py") or b"") if package is not None else None
    return (int(match[1]), int(match[2])) if match is not None else None


CLOUD_INIT_SETTINGS: Step[Facts, Settings] = Step(
    id="cloud-init-settings",
    title="cloud-init reports to the host, and nothing in its files is left from another machine",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing an image for Azure (RHEL, Ubuntu)",
    remedy="edit these files",
    plan=_plan,
    rows=("P04", "P05", "P06", "P08"),
    profiles=(Profile.AZURE,),
)
