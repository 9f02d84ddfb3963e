"""dhcp-client: how long each client waits, and who sets the host name."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "dhcp-client"
NM = SYSTEMD + started("NetworkManager")
OWN = "/etc/NetworkManager/conf.d/90-hvprep-dhcp.conf"
DEBIAN = (
    SYSTEMD
    + started("networking")
    + file("/etc/network/interfaces", "auto lo")
    + "elf /usr/sbin/dhclient x86_64\n"
)
DHCPCD = DEBIAN + "remove /usr/sbin/dhclient\nelf /usr/sbin/dhcpcd x86_64\n"
CONF = "/etc/dhcp/dhclient.conf"
EL_6 = (
    "elf /usr/sbin/init x86_64\nfile /etc/init.d/network\n|#\nlink /etc/rc3.d/S10network ../init.d/network\n"
)
EL_6 += "dir /etc/sysconfig/network-scripts\nelf /usr/sbin/dhclient x86_64\n"
SLES = SYSTEMD + started("wicked") + "file /etc/sysconfig/network/config\n"
SUSE = "/etc/sysconfig/network/dhcp"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


def conf(text: str, name: str = "99-azure") -> str:
    return file(f"/etc/NetworkManager/conf.d/{name}.conf", text)


KEYFILE = "/etc/NetworkManager/system-connections/eth0.nmconnection"
ETH0 = "[connection]\ntype=ethernet\ninterface-name=eth0\n[ipv4]\n"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-eth0"
PLUGIN = "file /usr/lib64/NetworkManager/1.18.8/libnm-settings-plugin-ifcfg-rh.so\n"
LONG = NM + conf("[connection]\nipv4.dhcp-timeout=300")
LONG_OWN = LONG + file(KEYFILE, f"{ETH0}dhcp-timeout=infinity")
LONG_OWN += file(KEYFILE.replace("eth0", "x"), f"{ETH0}dhcp-timeout=0")
LONG_OWN += file(KEYFILE.replace("eth0", "y"), ETH0.replace("eth0", "ens3") + "dhcp-timeout=5")
LONG_OWN += file(IFCFG.replace("eth0", "any"), "TYPE=Ethernet\nIPV4_DHCP_TIMEOUT=0\nBOOTPROTO=dhcp")
LONG_OWN += PLUGIN + file(IFCFG, "DEVICE=eth0\nIPV4_DHCP_TIMEOUT=2147483647\nBOOTPROTO=dhcp")


MET = {
    "NetworkManager": NM + conf("[connection]\nipv4.dhcp-timeout=300"),
    "NetworkManager, without end": NM + conf("[connection-dhcp]\nmatch-device=*\nipv4.dhcp-timeout=infinity"),
    "NetworkManager, profiles": LONG_OWN,
    "dhclient": DEBIAN + file(CONF, "timeout 300;"),
    "dhclient of EL 6": EL_6 + file("/etc/dhcp/dhclient-eth0.conf", "timeout 600;"),
    "dhcpcd": DHCPCD + file("/etc/dhcpcd.conf", "timeout 300\ninterface eth1\ntimeout 5"),
    "dhcpcd, without end": SYSTEMD + started("dhcpcd") + file("/etc/dhcpcd.conf", "timeout 0"),
    "networkd": SYSTEMD + started("systemd-networkd"),
    "SLES": SLES + file(SUSE, "DHCLIENT_SET_HOSTNAME='no'"),
}


@pytest.mark.parametrize("text", MET.values(), ids=MET.keys())
def test_it_waits(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.MET, ()), finding


SHORT = {
    "NetworkManager": (NM, {OWN: "ipv4.dhcp-timeout=300\n"}),
    "NetworkManager, short": (NM + conf("[connection]\nipv4.dhcp-timeout=45", "10-x"), {OWN: "=300\n"}),
    "NetworkManager, a later file": (
        NM + conf("[connection]\nipv4.dhcp-timeout=45"),
        {OWN.replace("90-", "zz-"): "=300\n"},
    ),
    "NetworkManager, a profile's own": (
        LONG + file(KEYFILE, f"{ETH0}dhcp-timeout=30\nmethod=auto"),
        {KEYFILE: f"{ETH0}method=auto\n"},
    ),
    "NetworkManager, an ifcfg file's own": (
        LONG + PLUGIN + file(IFCFG, "DEVICE=eth0\nIPV4_DHCP_TIMEOUT=45\nBOOTPROTO=dhcp"),
        {IFCFG: "DEVICE=eth0\nBOOTPROTO=dhcp\n"},
    ),
    "dhclient": (DEBIAN, {CONF: "timeout 300;\n"}),
    "dhclient, short": (
        DEBIAN + file(CONF, "timeout 60; # s\nretry 1;"),
        {CONF: "timeout 300; # s\nretry 1;\n"},
    ),
    "dhclient, no number": (DEBIAN + file(CONF, "timeout x;"), {CONF: "timeout 300;\n"}),
    "dhclient of SLES 11": (
        EL_6 + file("/etc/dhclient.conf", "#"),
        {"/etc/dhclient.conf": "#\ntimeout 300;\n"},
    ),
    "dhcpcd": (
        DHCPCD + file("/etc/dhcpcd.conf", "hostname\ntimeout 30\ninterface eth1\ntimeout 5"),
        {"/etc/dhcpcd.conf": "timeout 300\nhostname\ninterface eth1\ntimeout 5\n"},
    ),
    "SLES": (
        SLES + file(SUSE, 'DHCLIENT_SET_HOSTNAME="yes"\nX=1'),
        {SUSE: 'DHCLIENT_SET_HOSTNAME="no"\nX=1\n'},
    ),
    "SLES, not set": (SLES + file(SUSE, "X=1"), {SUSE: 'X=1\nDHCLIENT_SET_HOSTNAME="no"\n'}),
}


@pytest.mark.parametrize(("text", "expected"), SHORT.values(), ids=SHORT.keys())
def test_it_is_made_to(rig: Rig, text: str, expected: Dict[str, str]) -> None:
    add_to_tree(rig.root, text)
    before = take_snapshot(rig.root)
    rig.prepare()
    for path, end in expected.items():
        assert (rig.root / path[1:]).read_text().endswith(end)
    assert rig.plan().changes == ()
    assert rig.finding(ID).verdict is Verdict.MET
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_section_for_some_devices_is_left_to_its_owner(rig: Rig) -> None:
    add_to_tree(rig.root, NM + conf("[connection-x]\nipv4.dhcp-timeout=5"))
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (SYSTEMD, Verdict.NOT_ASSESSED),
        (DEBIAN + file(CONF, 'interface "eth0" {'), Verdict.NOT_ASSESSED),
        (DEBIAN + f"nul {CONF}\n|timeout 300;\n", Verdict.NOT_ASSESSED),
        (DHCPCD + "remove /usr/sbin/dhcpcd\n", Verdict.NOT_APPLICABLE),
    ],
)
def test_what_cannot_be_told(rig: Rig, text: str, verdict: Verdict) -> None:
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (verdict, ())
