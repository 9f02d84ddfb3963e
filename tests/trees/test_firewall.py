"""firewall: whether SSH gets in and the platform's addresses out, by the files that boot loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Verdict

from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "firewall"
MET, UNMET, NOT_ASSESSED = Verdict.MET, Verdict.UNMET, Verdict.NOT_ASSESSED
EL = SYSTEMD + started("iptables")
DEBIAN = SYSTEMD + started("netfilter-persistent")
NFT = SYSTEMD + started("nftables")
UFW = SYSTEMD + started("ufw") + file("/etc/ufw/ufw.conf", "ENABLED=yes")
FIREWALLD = SYSTEMD + started("firewalld")
PUBLIC = '<zone>\n<service name="ssh"/>\n</zone>'
SSH_IN = "-A INPUT -p tcp --dport 22 -j ACCEPT"


def iptables(path: str, *rules: str, policy: str = "ACCEPT") -> str:
    return file(
        path, "\n".join(["*filter", ":INPUT DROP [0:0]", f":OUTPUT {policy} [0:0]", *rules, "COMMIT"])
    )


def nft(output: str, rules: str = "", ssh: str = "tcp dport { 22, 80 } accept") -> str:
    chains = "chain input {{\n  type filter hook input priority 0; policy drop;\n  {}\n}}\n"
    chains += "chain out {{\n  type filter hook output priority 0; policy {};\n  {}\n}}"
    return file("/etc/nftables.conf", f"table inet filter {{\n{chains.format(ssh, output, rules)}\n}}")


CASES = {
    "none": (SYSTEMD, MET, "no firewall"),
    "iptables": (EL + iptables("/etc/sysconfig/iptables", SSH_IN), MET, "lets 168.63.129.16 out"),
    "iptables, off": (SYSTEMD + iptables("/etc/sysconfig/iptables"), MET, "no firewall"),
    "iptables, no SSH": (
        EL + iptables("/etc/sysconfig/iptables"),
        UNMET,
        "/etc/sysconfig/iptables does not let SSH in",
    ),
    "iptables, closed": (
        DEBIAN + iptables("/etc/iptables/rules.v4", SSH_IN, policy="DROP"),
        UNMET,
        "/etc/iptables/rules.v4 does not let 168.63.129.16 out",
    ),
    "iptables, the other one": (
        DEBIAN + iptables("/etc/iptables/rules.v4", SSH_IN, "-A OUTPUT -d 169.254.0.0/16 -j DROP"),
        UNMET,
        "does not let 169.254.169.254 out",
    ),
    "iptables, by owner": (
        DEBIAN
        + iptables(
            "/etc/iptables/rules.v4", SSH_IN, "-A OUTPUT -m owner --uid-owner 0 -j ACCEPT", policy="DROP"
        ),
        NOT_ASSESSED,
        "whether 168.63.129.16 gets out cannot be told",
    ),
    "iptables, broken": (
        EL + iptables("/etc/sysconfig/iptables", "-A INPUT 'x"),
        NOT_ASSESSED,
        "does not read",
    ),
    "nftables": (NFT + nft("accept"), MET, "lets SSH in"),
    "nftables, ssh": (NFT + nft("accept", ssh="tcp dport ssh ct state new accept"), MET, "lets SSH in"),
    "nftables, no SSH": (
        NFT + nft("accept", ssh="tcp dport $ports accept"),
        NOT_ASSESSED,
        "whether SSH gets in",
    ),
    "nftables, closed": (NFT + nft("drop"), NOT_ASSESSED, "whether 168.63.129.16 gets out"),
    "nftables, open to them": (
        NFT + nft("drop", "ip daddr { 168.63.129.16, 169.254.169.254 } accept"),
        MET,
        "lets 169.254.169.254 out",
    ),
    "nftables, dropped": (NFT + nft("accept", "ip daddr 168.63.129.16 counter drop"), UNMET, "168.63.129.16"),
    "nftables, a comment": (
        NFT + nft("accept", "# ip daddr 168.63.129.16 drop"),
        MET,
        "lets 168.63.129.16 out",
    ),
    "nftables, more files": (
        NFT + file("/etc/nftables.conf", 'include "/etc/nftables/*.nft"'),
        NOT_ASSESSED,
        "whether SSH gets in",
    ),
    "ufw": (
        UFW + file("/etc/ufw/user.rules", "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"),
        MET,
        "lets SSH in",
    ),
    "ufw, no SSH": (UFW + file("/etc/ufw/user.rules", "### RULES ###"), NOT_ASSESSED, "whether SSH gets in"),
    "ufw, closed": (
        UFW
        + file("/etc/ufw/user.rules", "### tuple ### limit any 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0")
        + file("/etc/default/ufw", 'DEFAULT_OUTPUT_POLICY="DROP"'),
        NOT_ASSESSED,
        "whether 168.63.129.16 gets out",
    ),
    "ufw, off": (UFW + file("/etc/ufw/ufw.conf", "ENABLED=no"), MET, "no firewall"),
    "firewalld": (FIREWALLD + file("/usr/lib/firewalld/zones/public.xml", PUBLIC), MET, "lets SSH in"),
    "firewalld, a zone of one's own": (
        FIREWALLD
        + file("/etc/firewalld/firewalld.conf", "DefaultZone=mine")
        + file("/usr/lib/firewalld/zones/public.xml", PUBLIC)
        + file("/etc/firewalld/zones/mine.xml", '<zone><!-- <service name="ssh"/> --></zone>'),
        UNMET,
        "/etc/firewalld/zones/mine.xml does not let SSH in",
    ),
    "firewalld, no such zone": (
        FIREWALLD + file("/etc/firewalld/firewalld.conf", "DefaultZone=mine"),
        NOT_ASSESSED,
        "whether SSH gets in",
    ),
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


@pytest.mark.parametrize(("text", "verdict", "because"), CASES.values(), ids=CASES.keys())
def test_what_gets_through(rig: Rig, text: str, verdict: Verdict, because: str) -> None:
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (verdict, ()), finding
    assert because in "\n".join(finding.because)


def test_on_a_hyper_v_of_ones_own_the_addresses_mean_nothing(rig: Rig) -> None:
    add_to_tree(rig.root, file("/etc/hvprep.conf", "Image.Profile=hyperv"))
    add_to_tree(rig.root, DEBIAN + iptables("/etc/iptables/rules.v4", SSH_IN, policy="DROP"))
    assert rig.finding(ID).verdict is MET
