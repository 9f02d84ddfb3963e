"""firewall with firewalld: zones, rich rules, policies and direct rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Verdict

from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import Rig
from tests.trees.test_firewall import ID, MET, NOT_ASSESSED, UNMET, expect
from tests.trees.tree import add_to_tree, make_tree

FIREWALLD = SYSTEMD + started("firewalld")


def xml(path: str, content: str) -> str:
    return file(path, f'<?xml version="1.0" encoding="utf-8"?>\n{content}')


def zone(*inside: str, name: str = "public", target: str = "", directory: str = "/usr/lib/firewalld") -> str:
    attributes = f' target="{target}"' if target else ""
    content = "\n".join([f"<zone{attributes}>", "<short>Public</short>", *inside, "<forward/>", "</zone>"])
    return xml(f"{directory}/zones/{name}.xml", content)


def policy(
    *inside: str, target: str = "DROP", ingress: str = "HOST", egress: str = "ANY", priority: str = "-1"
) -> str:
    zones = f'<ingress-zone name="{ingress}"/><egress-zone name="{egress}"/>'
    head = f'<policy target="{target}" priority="{priority}">'
    return xml("/etc/firewalld/policies/mine.xml", "\n".join([head, zones, *inside, "</policy>"]))


def direct(*inside: str) -> str:
    return xml("/etc/firewalld/direct.xml", "\n".join(["<direct>", *inside, "</direct>"]))


def direct_rule(words: str, priority: int = 0) -> str:
    return f'<rule ipv="ipv4" table="filter" chain="OUTPUT" priority="{priority}">{words}</rule>'


SSH = '<service name="ssh"/>'
SSH_SERVICE = '<service><short>SSH</short><port protocol="tcp" port="22"/></service>'
#: Fedora and EL as they are installed.
STOCK = (
    FIREWALLD
    + file(
        "/etc/firewalld/firewalld.conf",
        "# firewalld config file\nDefaultZone=public\nFirewallBackend=nftables",
    )
    + zone(SSH, '<service name="dhcpv6-client"/>', '<service name="cockpit"/>')
    + zone(name="drop", target="DROP")
    + zone(name="block", target="%%REJECT%%")
    + zone(name="trusted", target="ACCEPT")
    + xml("/usr/lib/firewalld/services/ssh.xml", SSH_SERVICE)
    + xml("/usr/lib/firewalld/services/cockpit.xml", SSH_SERVICE.replace("22", "9090"))
    + xml(
        "/usr/lib/firewalld/services/dhcpv6-client.xml",
        '<service><port protocol="udp" port="546"/><destination ipv6="fe80::/64"/></service>',
    )
    + xml(
        "/usr/lib/firewalld/policies/allow-host-ipv6.xml",
        '<policy target="CONTINUE" priority="-15000"><ingress-zone name="ANY"/><egress-zone name="HOST"/>'
        '<rule family="ipv6"><icmp-type name="redirect"/><accept/></rule></policy>',
    )
    + xml(
        "/usr/lib/firewalld/policies/libvirt-to-host.xml",
        '<policy target="REJECT"><ingress-zone name="libvirt-routed"/><egress-zone name="HOST"/></policy>',
    )
)
DROP_SSH = '<rule family="ipv4"><service name="ssh"/><drop/></rule>'
A_SERVICE = '<service><include service="a"/><include service="ssh"/></service>'
LAUGHS = '<!DOCTYPE zone [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>\n<zone>&b;</zone>'

CASES = {
    "as it is installed": (STOCK, MET, "/usr/lib/firewalld/zones/public.xml lets SSH in"),
    "no SSH": (
        STOCK + zone('<!-- <service name="ssh"/> -->', directory="/etc/firewalld"),
        UNMET,
        '/etc/firewalld/zones/public.xml, line 2: "<zone>" does not let SSH in',
    ),
    "a port": (STOCK + zone('<port port="20-22" protocol="tcp"/>'), MET, "lets SSH in"),
    "a port of UDP": (STOCK + zone('<port port="22" protocol="udp"/>'), UNMET, "does not let SSH in"),
    "a protocol": (STOCK + zone('<protocol value="tcp"/>'), MET, "lets SSH in"),
    "everything": (STOCK + zone(target="ACCEPT"), MET, "lets SSH in"),
    "SSH beside DROP": (STOCK + zone(SSH, target="DROP"), MET, "lets SSH in"),
    "SSH at another port": (
        STOCK + xml("/etc/firewalld/services/ssh.xml", SSH_SERVICE.replace("22", "2222")),
        UNMET,
        '/usr/lib/firewalld/zones/public.xml, line 2: "<zone>" does not let SSH in',
    ),
    "a service that includes it": (
        STOCK + zone('<service name="a"/>') + xml("/etc/firewalld/services/a.xml", A_SERVICE),
        MET,
        "lets SSH in",
    ),
    "a service that is not there": (
        STOCK + zone('<service name="b"/>'),
        NOT_ASSESSED,
        'it depends on "the service b, which is not there" in "<service name=\'b\'>"',
    ),
    "dropped beside the service": (
        STOCK + zone(SSH, DROP_SSH),
        UNMET,
        "/usr/lib/firewalld/zones/public.xml, line 5: \"<rule family='ipv4'> <service name='ssh'> <drop>\""
        " does not let SSH in",
    ),
    "rejected, all of it": (
        STOCK + zone(SSH, '<rule><source address="0.0.0.0/0"/><reject/></rule>'),
        UNMET,
        "does not let SSH in",
    ),
    "dropped for some": (
        STOCK + zone(SSH, '<rule family="ipv4"><source address="10.0.0.0/8"/><drop/></rule>'),
        NOT_ASSESSED,
        "it depends on \"<source address='10.0.0.0/8'>\" in",
    ),
    "dropped for a set": (
        STOCK + zone(SSH, '<rule><source ipset="bad"/><drop/></rule>'),
        NOT_ASSESSED,
        "<source ipset='bad'>",
    ),
    "dropped for IPv6": (STOCK + zone(SSH, '<rule family="ipv6"><drop/></rule>'), MET, "lets SSH in"),
    "dropped, but late": (STOCK + zone(SSH, '<rule priority="9"><drop/></rule>'), MET, "lets SSH in"),
    "accepted before": (
        STOCK + zone(DROP_SSH, '<rule priority="-9"><port port="22" protocol="tcp"/><accept/></rule>'),
        MET,
        "lets SSH in",
    ),
    "written to a log": (STOCK + zone(SSH, '<rule><service name="ssh"/><log/></rule>'), MET, "lets SSH in"),
    "forwarded": (
        STOCK + zone(SSH, '<forward-port port="22" protocol="tcp" to-addr="10.0.0.9"/>'),
        NOT_ASSESSED,
        "<forward-port port='22'",
    ),
    "another is forwarded": (
        STOCK + zone(SSH, '<forward-port port="80" protocol="tcp" to-port="8080"/>'),
        MET,
        "lets SSH in",
    ),
    "a zone of one's own": (
        STOCK
        + file("/etc/firewalld/firewalld.conf", "DefaultZone=mine")
        + zone(name="mine", directory="/etc/firewalld"),
        UNMET,
        '/etc/firewalld/zones/mine.xml, line 2: "<zone>" does not let SSH in',
    ),
    "no such zone": (
        STOCK + file("/etc/firewalld/firewalld.conf", "\nDefaultZone=mine"),
        NOT_ASSESSED,
        "firewalld.conf, line 2: whether SSH gets in cannot be told, for there is no zone mine",
    ),
    "a zone has the interface": (
        STOCK + zone('<interface name="eth0"/>', name="drop", target="DROP", directory="/etc/firewalld"),
        UNMET,
        "/etc/firewalld/zones/drop.xml, line 2: \"<zone target='DROP'>\" does not let SSH in",
    ),
    "a zone has another": (
        STOCK + zone('<interface name="docker0"/>', name="docker", target="DROP", directory="/etc/firewalld"),
        MET,
        "/usr/lib/firewalld/zones/public.xml lets SSH in",
    ),
    "a zone by NetworkManager": (
        STOCK + file("/etc/NetworkManager/system-connections/a.nmconnection", "[connection]\nzone=drop"),
        UNMET,
        "/usr/lib/firewalld/zones/drop.xml, line 2",
    ),
    "a zone by ifcfg": (
        STOCK + file("/etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nZONE=block"),
        UNMET,
        "/usr/lib/firewalld/zones/block.xml, line 2",
    ),
    "a zone for a source": (
        STOCK
        + zone('<source address="10.0.0.0/8"/>', name="drop", target="DROP", directory="/etc/firewalld"),
        NOT_ASSESSED,
        "/etc/firewalld/zones/drop.xml, line 4: whether it lets SSH in cannot be told",
    ),
    "a policy": (
        STOCK + policy(),
        UNMET,
        "/etc/firewalld/policies/mine.xml, line 2: \"<policy target='DROP' priority='-1'>\" does not"
        " let 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP (UDP 67 of",
    ),
    "a policy for the zone": (
        STOCK + policy(egress="public", target="REJECT"),
        UNMET,
        "does not let 168.63.129.16:80",
    ),
    "a policy for another zone": (
        STOCK + policy(egress="drop"),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "a policy that accepts": (
        STOCK
        + policy(
            '<rule><destination address="168.63.129.16"/><accept/></rule>',
            '<rule><destination address="169.254.169.254"/><accept/></rule>',
        ),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "a policy that refuses some": (
        STOCK + policy('<rule><destination address="169.254.0.0/16"/><reject/></rule>', target="CONTINUE"),
        UNMET,
        "does not let 169.254.169.254:80",
    ),
    "a policy that is late": (STOCK + policy(priority="9"), UNMET, "does not let 168.63.129.16:80"),
    "a policy inwards": (STOCK + policy(ingress="ANY", egress="HOST"), UNMET, "mine.xml, line 2"),
    "a policy inwards that is late": (
        STOCK + policy(ingress="ANY", egress="HOST", priority="9"),
        MET,
        "lets SSH in",
    ),
    "a policy to a zone of sources": (
        STOCK
        + zone('<source address="168.63.129.16"/>', name="azure", directory="/etc/firewalld")
        + policy(egress="azure"),
        UNMET,
        "does not let 168.63.129.16:80",
    ),
    "a policy that is off": (
        STOCK + policy("<disable/>"),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "a policy without a number": (
        STOCK + policy(priority="high"),
        NOT_ASSESSED,
        "mine.xml, line 2: the priority high is no number",
    ),
    "directly": (
        STOCK + direct(direct_rule("-d 169.254.0.0/16 -j DROP")),
        UNMET,
        'direct.xml, line 3: "-A OUTPUT -d 169.254.0.0/16 -j DROP" does not let 169.254.169.254:80',
    ),
    "directly, in order": (
        STOCK
        + direct(direct_rule("-j DROP", 9), direct_rule("-m state --state NEW,ESTABLISHED -j ACCEPT", 1)),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "directly, a chain": (
        STOCK
        + direct(
            '<chain ipv="ipv4" table="filter" chain="azure"/>',
            direct_rule("-j azure"),
            direct_rule("-p tcp --dport 32526 -j DROP").replace("OUTPUT", "azure"),
        ),
        UNMET,
        "does not let 168.63.129.16:32526",
    ),
    "directly, for IPv6": (
        STOCK + direct(direct_rule("-j DROP").replace("ipv4", "ipv6")),
        MET,
        "lets SSH in",
    ),
    "passed through": (
        STOCK + direct('<passthrough ipv="ipv4">-t mangle -I OUTPUT -d 168.63.129.16 -j DROP</passthrough>'),
        UNMET,
        '"-I OUTPUT -d 168.63.129.16 -j DROP" does not let 168.63.129.16:80',
    ),
    "nothing is passed through": (
        STOCK + direct('<passthrough ipv="ipv4"></passthrough>'),
        NOT_ASSESSED,
        "hvprep does not follow nothing",
    ),
    "what is directly accepted is refused later": (
        STOCK + zone() + direct(direct_rule("-p tcp --dport 22 -j ACCEPT").replace("OUTPUT", "INPUT")),
        UNMET,
        "does not let SSH in",
    ),
    "what is directly accepted by iptables": (
        STOCK
        + zone()
        + file("/etc/firewalld/firewalld.conf", "FirewallBackend=iptables")
        + direct(direct_rule("-p tcp --dport 22 -j ACCEPT").replace("OUTPUT", "INPUT")),
        MET,
        "lets SSH in",
    ),
    "what laughs": (
        STOCK + xml("/etc/firewalld/zones/public.xml", LAUGHS),
        NOT_ASSESSED,
        "/etc/firewalld/zones/public.xml, line 2: hvprep reads no document type",
    ),
    "what looks elsewhere": (
        STOCK + xml("/etc/firewalld/direct.xml", '<!DOCTYPE direct SYSTEM "file:///etc/shadow"><direct/>'),
        NOT_ASSESSED,
        "/etc/firewalld/direct.xml, line 2: hvprep reads no document type",
    ),
    "half a zone": (
        STOCK + xml("/etc/firewalld/zones/public.xml", "<zone>"),
        NOT_ASSESSED,
        "public.xml, line 3: it is no XML",
    ),
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


@pytest.mark.parametrize(("text", "verdict", "because"), CASES.values(), ids=CASES.keys())
def test_what_gets_through(rig: Rig, text: str, verdict: Verdict, because: str) -> None:
    expect(rig, text, verdict, because)


def test_what_is_asked_for(rig: Rig) -> None:
    add_to_tree(rig.root, STOCK)
    assert rig.finding(ID).because == (
        "/usr/lib/firewalld/zones/public.xml lets SSH in",
        "/usr/lib/firewalld/zones/public.xml lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80"
        " and DHCP (UDP 67 of 168.63.129.16) out",
    )
