"""Which agents are installed, and which of them boot starts."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from hvprep.facts.provisioning_agents import AgentName, ProvisioningAgent, find_agent, probe_agents
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

#: systemd and no other init is there.
SYSTEMD = "file /lib/systemd/system/basic.target\n|[Unit]\n"
GENERATOR = "/lib/systemd/system-generators/cloud-init-generator"
CLOUD_INIT = (
    SYSTEMD + f"file {GENERATOR} 755\n|#!/bin/sh\n"
    "elf /usr/bin/cloud-init x86_64\nfile /lib/systemd/system/cloud-init-local.service\n|[Unit]\n"
    "link /etc/systemd/system/cloud-init.target.wants/cloud-init-local.service"
    " /lib/systemd/system/cloud-init-local.service\n"
)
WAAGENT = SYSTEMD + "elf /usr/sbin/waagent x86_64\nfile /lib/systemd/system/walinuxagent.service\n|[Unit]\n"
INIT_D = "elf /usr/sbin/waagent x86_64\nfile /etc/init.d/waagent 755\n|x\n"
WANTED = "link /etc/systemd/system/multi-user.target.wants/walinuxagent.service /lib/x\n"


def probe(
    tmp_path: Path, text: str, name: AgentName, command_line: Optional[str] = None
) -> Optional[ProvisioningAgent]:
    add_to_tree(tmp_path, text)
    return find_agent(probe_agents(Root(tmp_path), command_line), name)


@pytest.mark.parametrize(
    ("text", "command_line", "starts", "because"),
    [
        (CLOUD_INIT, None, True, "cloud-init.target.wants"),
        (CLOUD_INIT, "ro quiet", True, "cloud-init.target.wants"),
        (CLOUD_INIT, "ro cloud-init=disabled", False, "command line"),
        (CLOUD_INIT, "cloud-init=disabled x", False, "command line"),
        (CLOUD_INIT, "cloud-init=disabled cloud-init=enabled", True, "wants"),
        (CLOUD_INIT, "xcloud-init=disabled cloud-init=disabledx", True, "wants"),
        (CLOUD_INIT + "file /etc/cloud/cloud-init.disabled\n|x\n", None, False, "cloud-init.disabled"),
        (CLOUD_INIT + "file /etc/cloud/cloud-init.disabled\n|x\n", "cloud-init=enabled", True, "wants"),
        (
            CLOUD_INIT + "file /etc/cloud/cloud-init.disabled\n|x\nfile /etc/cloud/cloud-init.enabled\n|x\n",
            None,
            True,
            "wants",
        ),
        (CLOUD_INIT + "file /run/cloud-init/disabled\n|x\n", "ro", False, "/run/cloud-init/disabled"),
        (CLOUD_INIT + "file /run/cloud-init/disabled\n|x\n", None, True, "wants"),
        (
            CLOUD_INIT + "file /run/cloud-init/enabled\n|x\nfile /etc/cloud/cloud-init.disabled\n|x\n",
            "ro",
            True,
            "/run/cloud-init/enabled",
        ),
        (CLOUD_INIT + f"remove {GENERATOR}\n", None, False, "no unit wants cloud-init.target"),
        (CLOUD_INIT + f"file {GENERATOR} 644\n|x\n", None, False, "runs no system-generators/cloud-init"),
        (
            CLOUD_INIT + "link /etc/systemd/system-generators/cloud-init-generator /dev/null\n",
            None,
            False,
            "no unit wants cloud-init.target",
        ),
        (
            CLOUD_INIT + f"remove {GENERATOR}\nfile /lib/systemd/system/cloud-init.target\n|[Unit]\n"
            "link /etc/systemd/system/multi-user.target.wants/cloud-init.target /lib/x\n",
            None,
            True,
            "cloud-init.target.wants",
        ),
        (
            CLOUD_INIT + f"remove {GENERATOR}\nlink /etc/systemd/system/cloud-init.target /dev/null\n"
            "link /etc/systemd/system/multi-user.target.wants/cloud-init.target /lib/x\n",
            None,
            False,
            "no unit wants",
        ),
        (
            CLOUD_INIT + "link /etc/systemd/system/cloud-init-local.service /dev/null\n",
            None,
            False,
            "masks it",
        ),
        ("elf /usr/bin/cloud-init x86_64\n", None, None, "no service"),
        (
            SYSTEMD
            + "elf /usr/bin/cloud-init x86_64\nfile /usr/lib/systemd/system/cloud-init-main.service\n|x\n"
            "link /etc/systemd/system/multi-user.target.wants/cloud-init-main.service x\n",
            None,
            True,
            "cloud-init-main.service starts it",
        ),
    ],
)
def test_cloud_init(
    tmp_path: Path, text: str, command_line: Optional[str], starts: Optional[bool], because: str
) -> None:
    agent = probe(tmp_path, text, AgentName.CLOUD_INIT, command_line)
    assert agent is not None
    assert agent.starts is starts
    assert because in agent.because


@pytest.mark.parametrize(
    ("files", "datasources", "serves"),
    [
        ("", None, True),
        ("file /etc/cloud/cloud.cfg\n|datasource_list: [ NoCloud, None ]\n", ("NoCloud", "None"), False),
        (
            "file /etc/cloud/cloud.cfg\n|datasource_list: [ NoCloud ]\n"
            "file /etc/cloud/cloud.cfg.d/91-azure.cfg\n|datasource_list: [Azure]\n"
            "file /etc/cloud/cloud.cfg.d/92-other.cfg\n|users: []\n",
            ("Azure",),
            True,
        ),
        ("file /etc/cloud/cloud.cfg.d/x.cfg.off\n|datasource_list: [ NoCloud ]\n", None, True),
    ],
)
def test_datasources(tmp_path: Path, files: str, datasources: object, serves: bool) -> None:
    agent = probe(tmp_path, CLOUD_INIT + files, AgentName.CLOUD_INIT)
    assert agent is not None
    assert (agent.datasources, agent.may_serve_azure) == (datasources, serves)


def test_one_that_is_off_serves_nothing(tmp_path: Path) -> None:
    agent = probe(tmp_path, CLOUD_INIT + "file /etc/cloud/cloud-init.disabled\n|x\n", AgentName.CLOUD_INIT)
    assert agent is not None
    assert not agent.may_serve_azure


@pytest.mark.parametrize(
    ("text", "starts", "because"),
    [
        (WAAGENT, False, "not enabled"),
        (WAAGENT + WANTED, True, "wants/walinuxagent.service starts it"),
        (WAAGENT + WANTED + "file /var/lib/waagent/disable_agent\n|x\n", False, "disable_agent"),
        (WAAGENT + WANTED + "link /etc/systemd/system/walinuxagent.service /dev/null\n", False, "masks"),
        (WAAGENT + WANTED + "file /etc/systemd/system/walinuxagent.service\n", False, "masks"),
        (
            WAAGENT + "file /usr/lib/systemd/system/waagent.service\n|x\n"
            "link /etc/systemd/system/multi-user.target.wants/waagent.service x\n",
            True,
            "wants/waagent.service",
        ),
        ("elf /usr/sbin/waagent x86_64\n", None, "no service"),
        ("elf /usr/sbin/waagent x86_64\nfile /etc/init.d/waagent 755\n|x\n", False, "is not enabled"),
        (INIT_D + "link /etc/rc3.d/S20waagent ../init.d/waagent\n", True, "rc3.d"),
        (
            "elf /usr/sbin/waagent x86_64\nfile /etc/init.d/waagent 755\n|x\n"
            "link /etc/rc6.d/S20waagent x\nlink /etc/rc3.d/K20waagent x\n",
            False,
            "is not enabled",
        ),
        (INIT_D + "link /etc/rc.d/rc5.d/S20waagent x\n", True, "rc5.d"),
        (INIT_D + "link /etc/runlevels/default/waagent x\n", True, "runlevels"),
        (
            "elf /usr/sbin/waagent x86_64\nfile /etc/init/walinuxagent.conf\n|start on x\n",
            True,
            "walinuxagent.conf starts",
        ),
        (
            "elf /usr/sbin/waagent x86_64\nfile /etc/init/walinuxagent.conf\n|start on x\n"
            "file /etc/init/walinuxagent.override\n|manual\n",
            False,
            "is not enabled",
        ),
    ],
)
def test_waagent(tmp_path: Path, text: str, starts: Optional[bool], because: str) -> None:
    agent = probe(tmp_path, text, AgentName.WAAGENT)
    assert agent is not None
    assert agent.starts is starts
    assert because in agent.because


def test_azure_init(tmp_path: Path) -> None:
    unit = (
        SYSTEMD + "file /usr/lib/systemd/system/azure-init.service\n|x\n"
        "link /etc/systemd/system/multi-user.target.wants/azure-init.service x\n"
    )
    add_to_tree(tmp_path, unit)
    assert probe_agents(Root(tmp_path), None) == ()
    agent = probe(tmp_path, "elf /var/lib/azure-init/azure-init x86_64\n", AgentName.AZURE_INIT)
    assert agent is not None
    assert agent.starts


def test_what_a_removed_package_left_behind_is_no_agent(tmp_path: Path) -> None:
    add_to_tree(
        tmp_path,
        "file /etc/waagent.conf\n|x\nfile /etc/init.d/walinuxagent 755\n|x\n"
        + WANTED
        + "file /etc/cloud/cloud.cfg\n|datasource_list: [ Azure ]\n",
    )
    assert probe_agents(Root(tmp_path), "ro") == ()
