"""Debian's own cloud-init and waagent are asked what they make of their files; hvprep has to say the same."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from hvprep.facts.cloud_config import read_cloud_config
from hvprep.facts.provisioning_agents import AgentName, find_agent, probe_agents
from hvprep.facts.waagent import Part, part_of, probe_waagent
from hvprep.formats.plain_yaml import Node
from hvprep.system.root import Root

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

ONLY = "guest-agent,cloud-init-azure,cloud-init-settings,waagent,hyperv-daemons,programs"
READ_CONFIG = """
import json
from cloudinit import util
print(json.dumps(util.read_conf_with_confd("/etc/cloud/cloud.cfg"), default=str))
"""
READ_PART = """
import sys
import azurelinuxagent.common.conf as conf
import azurelinuxagent.common.logger as logger
from azurelinuxagent.pa.provision.factory import get_provision_handler
conf.load_conf_from_file("/etc/waagent.conf")
name = type(get_provision_handler()).__name__
print(name if name == "CloudInitProvisionHandler" or conf.get_provision_enabled() else "nothing")
"""
HANDLERS = {
    Part.LEAVES_IT: "CloudInitProvisionHandler",
    Part.PROVISIONS: "ProvisionHandler",
    Part.NOTHING: "nothing",
}


@pytest.fixture
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        yield guest


def plain(node: Node) -> Any:
    """As json shows it; numbers are words here, texts of several lines three dots."""
    if node.members is not None:
        return {key: plain(each) for key, each in node.members}
    if node.items is not None:
        return [plain(each) for each in node.items]
    if node.scalar is None:
        return "..."
    return None if node.is_null else node.scalar if node.switch is None else node.switch


def words(value: Any) -> Any:
    if isinstance(value, list):
        return [words(each) for each in value]
    if isinstance(value, dict):
        return {key: words(each) for key, each in value.items()}
    is_text = isinstance(value, str) and "\n" in value
    return "..." if is_text else value if value is None or isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"91-azure.cfg": "datasource_list: [ Azure ]\ndatasource:\n  Azure:\n    dhcp6: False\n"},
        {
            "91-azure.cfg": "datasource_list: [ Azure ]\n",
            "99-installer.cfg": "datasource_list: [ None ]\nsystem_info: {distro: x, default_user: {}}\n",
            ".zz.cfg": "datasource_list: [ Ec2 ]\n",
        },
        {
            "90_dpkg.cfg": "datasource_list:\n- NoCloud\n- Azure # and\n- None\n",
            "95-x.cfg": "users: []\napt:\n  preserve_sources_list: no\n  conf: |\n    a\n    b\n",
            "96-off.cfg.bak": "datasource_list: []\n",
        },
        {"10-a.cfg": "users: &u\n - a\nother: *u\n", "11-b.cfg": "users: {default: x}\ndisable_root: ~\n"},
        {"zz-a.cfg": "datasource_list: []\n"},
    ],
)
def test_cloud_init_merges_its_files_in_the_same_way(guest: Guest, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (guest.root / "etc/cloud/cloud.cfg.d" / name).write_text(text)
    theirs = json.loads(guest.tool("/usr/bin/python3", "-c", READ_CONFIG))
    config = read_cloud_config(Root(guest.root))
    assert plain(config.node) == words(theirs)
    assert config.datasources == (tuple(theirs.get("datasource_list") or ()) or None)


@pytest.mark.parametrize("word", ["auto", "waagent", "cloud-init", "disabled", "Auto", "", "None"])
@pytest.mark.parametrize("units", [True, False])
def test_waagent_takes_the_same_part(guest: Guest, word: str, units: bool) -> None:
    conf = guest.root / "etc/waagent.conf"
    conf.write_text(conf.read_text().replace("Provisioning.Agent=cloud-init", f"Provisioning.Agent={word}"))
    if not units:
        guest.tool("systemctl", "disable", "cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
    view = Root(guest.root)
    waagent = probe_waagent(view)
    assert waagent is not None
    assert (waagent.version, waagent.lacks_pyasn1, waagent.shares_disk) == ((2, 7, 3, 0), False, False)
    theirs = guest.tool("/usr/bin/python3", "-c", READ_PART).splitlines()[-1]
    assert theirs == HANDLERS[part_of(view, waagent)[0]]


def test_a_system_as_it_is_packaged_and_prepared(guest: Guest) -> None:
    before = take_snapshot(guest.root)
    report = {finding["id"]: finding for finding in json.loads(check(guest))["findings"]}
    assert {name: finding["verdict"] for name, finding in report.items()} == {
        "guest-agent": "met",
        "cloud-init-azure": "not met",
        "cloud-init-settings": "not met",
        "waagent": "met",
        "hyperv-daemons": "met",
        "programs": "met",
    }
    assert diff_snapshots(before, take_snapshot(guest.root)) == []
    done = guest.hvprep("prepare", "--yes", "--only", ONLY)
    assert done.status == 0, done
    assert ds_identify(guest) == ("0", ["datasource_list: [ Azure, None ]"])
    assert json.loads(guest.tool("/usr/bin/python3", "-c", READ_CONFIG))["datasource_list"] == ["Azure"]
    assert guest.hvprep("prepare", "--yes", "--only", ONLY).output.startswith("Nothing to change.")
    assert guest.hvprep("rollback", "--yes").status == 0
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_a_list_without_azure_switches_cloud_init_off_there_and_is_mended(guest: Guest) -> None:
    """The real ds-identify, on what it takes for Azure by the chassis, with a list that lacks Azure."""
    (guest.root / "etc/cloud/cloud.cfg.d/99-installer.cfg").write_text("datasource_list: [ NoCloud, None ]\n")
    assert "Azure" not in "".join(ds_identify(guest)[1])
    assert guest.hvprep("prepare", "--yes", "--only", "cloud-init-azure").status == 0
    status, lines = ds_identify(guest)
    assert status == "0"
    assert lines == ["datasource_list: [ Azure, None ]"]


def test_units_are_enabled_as_systemctl_has_them(guest: Guest) -> None:
    before = set(take_snapshot(guest.root / "etc/systemd"))
    guest.tool("systemctl", "disable", "cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
    view = Root(guest.root)
    cloud_init = find_agent(probe_agents(view, None), AgentName.CLOUD_INIT)
    assert cloud_init is not None
    assert cloud_init.starts is False
    assert guest.hvprep("prepare", "--yes", "--only", "guest-agent").status == 0
    for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
        assert guest.tool("systemctl", "is-enabled", name) == "enabled\n"
    assert set(take_snapshot(guest.root / "etc/systemd")) == before


def test_without_cloud_init_waagent_provisions(guest: Guest) -> None:
    """Debian's waagent waits for cloud-init as it is packaged; apt removes cloud-init and says nothing."""
    guest.tool("dpkg", "--remove", "--force-depends", "cloud-init")
    done = guest.hvprep("check", "--only", "guest-agent")
    assert done.status == 3
    assert "/etc/init.d/cloud-init-local is left: waagent takes it for cloud-init" in " ".join(
        done.output.split()
    )
    guest.tool("dpkg", "--purge", "--force-depends", "cloud-init")
    assert guest.hvprep("check", "--only", "guest-agent").status == 3
    assert guest.hvprep("prepare", "--yes", "--only", "guest-agent").status == 0
    assert guest.tool("/usr/bin/python3", "-c", READ_PART).splitlines()[-1] == "ProvisionHandler"


def check(guest: Guest) -> str:
    return guest.hvprep("check", "--json", "--only", ONLY).output


#: On a machine with the chassis of Azure: the exit status, and what is written for cloud-init.
DS_IDENTIFY = """
export PATH_ROOT=/ds
mkdir -p /ds/sys/class/dmi/id /ds/etc /ds/proc /ds/run
cp -r /etc/cloud /ds/etc
echo 7783-7084-3265-9085-8269-3286-77 >/ds/sys/class/dmi/id/chassis_asset_tag
echo "BOOT_IMAGE=/vmlinuz ro" >/ds/proc/cmdline
echo "10 10" >/ds/proc/uptime
/usr/lib/cloud-init/ds-identify --force >/dev/null 2>&1
echo $?
cat /ds/run/cloud-init/cloud.cfg
rm -r /ds
"""


def ds_identify(guest: Guest) -> Tuple[str, List[str]]:
    lines = guest.inside("sh", "-c", DS_IDENTIFY).output.splitlines()
    return lines[0], [line for line in lines[1:] if "datasource_list" in line]
