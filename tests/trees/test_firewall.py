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
SSH_IN = "-A INPUT -p tcp --dport 22 -j ACCEPT"
ANSWERS = "-A {} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
#: As the package iptables-services of EL has it.
EL_RULES = (
    "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",
    "-A INPUT -p icmp -j ACCEPT",
    "-A INPUT -i lo -j ACCEPT",
    "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT",
    "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    "-A FORWARD -j REJECT --reject-with icmp-host-prohibited",
)
AGENT_OUT = (
    "-A OUTPUT -d 168.63.129.16 -p tcp -m multiport --dports 80,32526 -j ACCEPT",
    "-A OUTPUT -d 169.254.169.254 -p tcp --dport 80 -j ACCEPT",
)
DHCP_OUT = "-A OUTPUT -p udp --dport 67 -j ACCEPT"


def iptables(path: str, *rules: str, policy: str = "ACCEPT") -> str:
    head = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", f":OUTPUT {policy} [0:0]"]
    return file(path, "\n".join([*head, *rules, "COMMIT"]))


def rules_v4(*rules: str, policy: str = "ACCEPT") -> str:
    return DEBIAN + iptables("/etc/iptables/rules.v4", *EL_RULES, *rules, policy=policy)


def closed(*rules: str) -> str:
    """Nothing goes out but answers and what the rules name."""
    return rules_v4(ANSWERS.format("OUTPUT"), *rules, policy="DROP")


def nft(*out: str, policy: str = "accept", ssh: str = "tcp dport { 22, 80 } accept", more: str = "") -> str:
    return NFT + file(
        "/etc/nftables.conf",
        f"""flush ruleset
{more}
table inet filter {{
  chain input {{
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iif lo accept
    {ssh}
  }}
  chain out {{
    type filter hook output priority 0; policy {policy};
    {chr(10).join(out)}
  }}
}}""",
    )


def ufw(*rules: str, defaults: str = "", before: str = "") -> str:
    """What ufw 0.36 of Debian and Ubuntu has, as far as it is about what comes in and goes out."""
    head = "*filter\n" + "\n".join(
        f":ufw-{each} - [0:0]" for each in ("before-input", "before-output", "not-local")
    )
    return (
        SYSTEMD
        + started("ufw")
        + file("/etc/ufw/ufw.conf", "# /etc/ufw/ufw.conf\nENABLED=yes\nLOGLEVEL=low")
        + file(
            "/etc/default/ufw",
            f'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\n{defaults}',
        )
        + file(
            "/etc/ufw/before.rules",
            f"""{head}
# allow all on loopback
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-output -o lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
{before}
COMMIT""",
        )
        + file(
            "/etc/ufw/after.rules",
            """*filter
:ufw-after-input - [0:0]
-A ufw-after-input -p udp --dport 68 -j ufw-skip-to-policy-input
-A ufw-after-input -m addrtype --dst-type BROADCAST -j ufw-skip-to-policy-input
COMMIT""",
        )
        + file(
            "/etc/ufw/user.rules",
            "\n".join(["*filter", ":ufw-user-input - [0:0]", *rules, *UFW_LOGGING, "COMMIT"]),
        )
    )


UFW_LOGGING = (
    "### LOGGING ###",
    '-A ufw-after-logging-input -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/min --limit-burst 10',
    "-I ufw-logging-deny -m conntrack --ctstate INVALID -j RETURN -m limit --limit 3/min --limit-burst 10",
    "### RATE LIMITING ###",
    '-A ufw-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "',
    "-A ufw-user-limit -j REJECT",
    "-A ufw-user-limit-accept -j ACCEPT",
)
UFW_ALLOW = (
    "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
    "-A ufw-user-input -p tcp --dport 22 -j ACCEPT -m comment --comment 'dapp_OpenSSH'",
)
UFW_LIMIT = (
    "### tuple ### limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
    "-A ufw-user-input -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set",
    "-A ufw-user-input -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30"
    " --hitcount 6 -j ufw-user-limit",
    "-A ufw-user-input -p tcp --dport 22 -j ufw-user-limit-accept",
)


IPTABLES_CASES = {
    "none": (SYSTEMD, MET, "no firewall"),
    "of EL": (
        EL + iptables("/etc/sysconfig/iptables", *EL_RULES),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "off": (SYSTEMD + iptables("/etc/sysconfig/iptables", "-A INPUT -j DROP"), MET, "no firewall"),
    "no SSH": (
        EL + iptables("/etc/sysconfig/iptables", "-A INPUT -j REJECT"),
        UNMET,
        '/etc/sysconfig/iptables, line 5: "-A INPUT -j REJECT" does not let SSH in',
    ),
    "no answers": (
        EL + iptables("/etc/sysconfig/iptables", SSH_IN, "-A INPUT -j DROP"),
        UNMET,
        'line 6: "-A INPUT -j DROP" does not let the answer of 168.63.129.16:80',
    ),
    "nothing after the first packet": (
        EL + iptables("/etc/sysconfig/iptables", EL_RULES[3], "-A INPUT -j DROP"),
        UNMET,
        'line 6: "-A INPUT -j DROP" does not let what follows of SSH in',
    ),
    "no answers but the first": (
        rules_v4("-A OUTPUT -p tcp ! --syn --sport 22 --tcp-flags SYN,ACK ACK -j DROP"),
        UNMET,
        "does not let what follows of SSH out",
    ),
    "closed": (
        rules_v4(policy="DROP"),
        UNMET,
        '/etc/iptables/rules.v4, line 4: "OUTPUT DROP" does not let the answer of SSH out',
    ),
    "closed, open to them": (
        closed(*AGENT_OUT, DHCP_OUT),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "closed, open to one port": (
        closed(AGENT_OUT[0].replace("80,32526", "80"), AGENT_OUT[1], DHCP_OUT),
        UNMET,
        '"OUTPUT DROP" does not let 168.63.129.16:32526',
    ),
    "closed, no DHCP": (closed(*AGENT_OUT), UNMET, "does not let DHCP (UDP 67 of 168.63.129.16) out"),
    "a network": (
        rules_v4("-A OUTPUT -d 169.254.0.0/16 -j DROP"),
        UNMET,
        'line 11: "-A OUTPUT -d 169.254.0.0/16 -j DROP" does not let 169.254.169.254:80',
    ),
    "another network": (
        rules_v4("-A OUTPUT -d 224.0.0.0/4 -j DROP"),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "a network where a client of SSH may be": (
        rules_v4("-A OUTPUT -d 10.0.0.0/8 -j DROP"),
        NOT_ASSESSED,
        'whether it lets the answer of SSH out cannot be told, for it depends on "-d 10.0.0.0/8" in',
    ),
    "a chain of one's own": (
        rules_v4(":azure - [0:0]", "-A OUTPUT -j azure", "-A azure -p tcp --dport 32526 -j DROP"),
        UNMET,
        'line 13: "-A azure -p tcp --dport 32526 -j DROP" does not let 168.63.129.16:32526',
    ),
    "as waagent has it": (
        rules_v4(
            "COMMIT",
            "*security",
            ":OUTPUT ACCEPT [0:0]",
            "-A OUTPUT -d 168.63.129.16/32 -p tcp -m tcp --dport 53 -j ACCEPT",
            "-A OUTPUT -d 168.63.129.16/32 -p tcp -m owner --uid-owner 0 -j ACCEPT",
            "-A OUTPUT -d 168.63.129.16/32 -p tcp -m conntrack --ctstate INVALID,NEW -j DROP",
        ),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "by another owner": (
        closed("-A OUTPUT -m owner --uid-owner waagent -j ACCEPT"),
        NOT_ASSESSED,
        "169.254.169.254:80 and DHCP (UDP 67 of 168.63.129.16) out cannot be told, for it depends on"
        ' "--uid-owner waagent" in "-A OUTPUT -m owner --uid-owner waagent -j ACCEPT"',
    ),
    "broken": (
        EL + iptables("/etc/sysconfig/iptables", "-A INPUT 'x"),
        NOT_ASSESSED,
        "/etc/sysconfig/iptables, line 5 does not read",
    ),
}

NFTABLES_CASES = {
    "of Debian": (
        NFT
        + file(
            "/etc/nftables.conf",
            "flush ruleset\ntable inet filter {\n\tchain input {\n"
            "\t\ttype filter hook input priority filter;\n\t}\n}",
        ),
        MET,
        "/etc/nftables.conf lets SSH in",
    ),
    "of EL": (
        NFT + file("/etc/sysconfig/nftables.conf", '#include "/etc/nftables/main.nft"'),
        MET,
        "/etc/sysconfig/nftables.conf lets SSH in",
    ),
    "off": (SYSTEMD + file("/etc/nftables.conf", "table t {}"), MET, "no firewall"),
    "SSH in": (nft(), MET, "lets SSH in"),
    "by name": (nft(ssh="tcp dport ssh ct state new accept"), MET, "lets SSH in"),
    "no SSH": (nft(ssh="tcp dport 2222 accept"), UNMET, 'line 5: "policy drop" does not let SSH in'),
    "SSH for some": (
        nft(ssh="ip saddr 10.0.0.0/8 tcp dport 22 accept"),
        NOT_ASSESSED,
        'whether it lets SSH in cannot be told, for it depends on "ip saddr 10.0.0.0/8" in',
    ),
    "SSH by a variable": (nft(ssh="tcp dport $p accept", more="define p = { 22 }"), MET, "lets SSH in"),
    "a variable that is not there": (
        nft(ssh="tcp dport $p accept"),
        NOT_ASSESSED,
        "/etc/nftables.conf, line 8: $p is not defined",
    ),
    "closed": (nft(policy="drop"), UNMET, '/etc/nftables.conf, line 11: "policy drop" does not let'),
    "closed, no DHCP": (
        nft(
            "ct state established accept",
            "ip daddr { 168.63.129.16, 169.254.169.254 } tcp dport { 80, 32526 } accept",
            policy="drop",
        ),
        UNMET,
        'line 11: "policy drop" does not let DHCP (UDP 67 of 168.63.129.16) out',
    ),
    "closed, open to them": (
        nft(
            "ct state established accept", "ip daddr { 168.63.129.16, 169.254.169.254 } accept", policy="drop"
        ),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "a network": (
        nft("ip daddr 169.254.0.0/16 drop"),
        UNMET,
        '/etc/nftables.conf, line 12: "ip daddr 169.254.0.0/16 drop" does not let 169.254.169.254:80',
    ),
    "a port": (nft("tcp dport 80 drop"), UNMET, '"tcp dport 80 drop" does not let 168.63.129.16:80'),
    "the other port": (nft("tcp dport 32526 reject"), UNMET, "does not let 168.63.129.16:32526"),
    "counted": (nft("ip daddr 168.63.129.16 counter drop"), UNMET, "does not let 168.63.129.16:80"),
    "not understood": (
        nft("meta cgroup 5 drop"),
        NOT_ASSESSED,
        "/etc/nftables.conf, line 12: whether it lets the answer of SSH out cannot be told, for it depends on"
        ' "meta cgroup 5" in "meta cgroup 5 drop"',
    ),
    "a comment": (
        nft("# ip daddr 168.63.129.16 drop", 'accept comment "drop"'),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "included": (
        NFT
        + file("/etc/sysconfig/nftables.conf", 'include "/etc/nftables/*.nft"')
        + file(
            "/etc/nftables/a.nft",
            "table t {\nchain c {\ntype filter hook output priority 0\ntcp dport 80 drop\n}\n}",
        ),
        UNMET,
        '/etc/nftables/a.nft, line 4: "tcp dport 80 drop" does not let 168.63.129.16:80',
    ),
    "included by a name below /etc": (
        nft('include "azure.nft"') + file("/etc/azure.nft", "drop"),
        UNMET,
        '/etc/azure.nft, line 1: "drop" does not let the answer of SSH out',
    ),
    "none is included": (nft('include "/etc/nftables/*.nft"'), MET, "lets SSH in"),
    "what is included is not there": (
        nft('include "/etc/nftables/a.nft"'),
        NOT_ASSESSED,
        "/etc/nftables/a.nft: an included file is not there",
    ),
    "it includes itself": (
        nft(more='include "/etc/nftables.conf"'),
        NOT_ASSESSED,
        "/etc/nftables.conf, line 2: files include one another too deeply",
    ),
    "by the unit": (
        nft("drop")
        + file("/etc/sysconfig/nftables.conf", "")
        + file(
            "/usr/lib/systemd/system/nftables.service",
            "[Service]\nExecStart=/sbin/nft -f /etc/sysconfig/nftables.conf",
        ),
        MET,
        "/etc/sysconfig/nftables.conf lets SSH in",
    ),
    "the unit's is not there": (
        NFT
        + file(
            "/usr/lib/systemd/system/nftables.service",
            "[Service]\nExecStart=/usr/sbin/nft -f /etc/nftables.conf",
        ),
        MET,
        "no firewall",
    ),
    "another place": (NFT, NOT_ASSESSED, "/usr/lib/systemd/system/nftables.service starts nftables at boot"),
}

UFW_CASES = {
    "as it is installed": (ufw(), UNMET, '/etc/default/ufw, line 2: "INPUT DROP" does not let SSH in'),
    "SSH in": (ufw(*UFW_ALLOW), MET, "/etc/ufw/user.rules lets SSH in"),
    "limited": (ufw(*UFW_LIMIT), MET, "/etc/ufw/user.rules lets SSH in"),
    "older": (
        ufw(*UFW_ALLOW)
        + "remove /etc/ufw/user.rules\n"
        + file("/lib/ufw/user.rules", f"*filter\n:ufw-user-input - [0:0]\n{UFW_ALLOW[1]}\nCOMMIT"),
        MET,
        "/lib/ufw/user.rules lets SSH in",
    ),
    "everything in": (ufw(defaults="DEFAULT_INPUT_POLICY=ACCEPT"), MET, "lets SSH in"),
    "denied": (
        ufw("-A ufw-user-input -p tcp --dport 22 -j DROP", *UFW_ALLOW),
        UNMET,
        '/etc/ufw/user.rules, line 3: "-A ufw-user-input -p tcp --dport 22 -j DROP" does not let SSH in',
    ),
    "SSH for some": (
        ufw("-A ufw-user-input -p tcp -s 10.0.0.0/8 --dport 22 -j ACCEPT"),
        NOT_ASSESSED,
        'it depends on "-s 10.0.0.0/8" in',
    ),
    "closed": (
        ufw(*UFW_ALLOW, defaults='DEFAULT_OUTPUT_POLICY="REJECT"'),
        UNMET,
        '/etc/default/ufw, line 4: "OUTPUT DROP" does not let 168.63.129.16:80',
    ),
    "closed, open to them": (
        ufw(
            *UFW_ALLOW,
            ":ufw-user-output - [0:0]",
            "-A ufw-user-output -d 168.63.129.16 -j ACCEPT",
            "-A ufw-user-output -p tcp -d 169.254.169.254 --dport 80 -j ACCEPT",
            defaults='DEFAULT_OUTPUT_POLICY="DROP"',
        ),
        MET,
        "lets 168.63.129.16:80, 168.63.129.16:32526, 169.254.169.254:80 and DHCP",
    ),
    "denied out": (
        ufw(
            *UFW_ALLOW,
            "### tuple ### deny any any 168.63.129.16 any 0.0.0.0/0 out",
            "-A ufw-user-output -d 168.63.129.16 -j DROP",
        ),
        UNMET,
        '"-A ufw-user-output -d 168.63.129.16 -j DROP" does not let 168.63.129.16:80',
    ),
    "before all others": (
        ufw(*UFW_ALLOW, before="-A ufw-before-output -d 169.254.0.0/16 -j DROP"),
        UNMET,
        'before.rules, line 19: "-A ufw-before-output -d 169.254.0.0/16 -j DROP" does not let 169.254',
    ),
    "a program of one's own": (
        ufw(*UFW_ALLOW) + "file /etc/ufw/before.init 755\n|#!/bin/sh\n",
        NOT_ASSESSED,
        "/etc/ufw/before.init: ufw runs it, and it may load any rule",
    ),
    "a program that is not run": (
        ufw(*UFW_ALLOW) + "file /etc/ufw/before.init 640\n|#!/bin/sh\n",
        MET,
        "lets SSH in",
    ),
    "off": (ufw() + file("/etc/ufw/ufw.conf", "ENABLED=no"), MET, "no firewall"),
}

CASES = {
    **{f"iptables, {name}": case for name, case in IPTABLES_CASES.items()},
    **{f"nftables, {name}": case for name, case in NFTABLES_CASES.items()},
    **{f"ufw, {name}": case for name, case in UFW_CASES.items()},
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


def expect(rig: Rig, text: str, verdict: Verdict, because: str) -> None:
    """A system with that firewall is judged so, and nothing of it is changed."""
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (verdict, ()), finding
    assert because in "\n".join(finding.because)
    assert verdict is MET or finding.remedy


@pytest.mark.parametrize(("text", "verdict", "because"), CASES.values(), ids=CASES.keys())
def test_what_gets_through(rig: Rig, text: str, verdict: Verdict, because: str) -> None:
    expect(rig, text, verdict, because)


def test_one_that_does_not_read_hides_no_other(rig: Rig) -> None:
    add_to_tree(rig.root, nft("add nothing") + rules_v4("-A OUTPUT -d 169.254.169.254 -j DROP"))
    add_to_tree(rig.root, file("/etc/nftables.conf", "unheard of"))
    finding = rig.finding(ID)
    assert finding.verdict is UNMET
    assert "/etc/nftables.conf, line 1: hvprep does not follow: unheard of" in finding.because
    assert any("does not let 169.254.169.254:80" in each for each in finding.because)


def test_on_a_hyper_v_of_ones_own_the_addresses_mean_nothing(rig: Rig) -> None:
    add_to_tree(rig.root, file("/etc/hvprep.conf", "Image.Profile=hyperv"))
    add_to_tree(rig.root, closed())
    finding = rig.finding(ID)
    assert (finding.verdict, finding.because) == (MET, ("/etc/iptables/rules.v4 lets SSH in",))
