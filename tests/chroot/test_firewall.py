"""What hvprep says of a firewall, and what the kernel does with the same rules."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Dict

import pytest
from hvprep.formats import iptables_rules, nft_rules
from hvprep.formats.packet_filter import Filter
from hvprep.model.finding import Verdict
from hvprep.model.node import GuestPath
from hvprep.steps.firewalls import traffic

from tests.chroot.guest import environment

PATH = GuestPath("/etc/rules")
NOT_ASSESSED = Verdict.NOT_ASSESSED
KEEPS = "ct state established,related accept"


def nft(*rules: str, hook: str = "output", policy: str = "accept", more: str = "") -> str:
    chain = f"type filter hook {hook} priority 0; policy {policy};\n" + "\n".join(rules)
    return f"define WIRE = 168.63.129.16\ntable inet t {{\n{more}\nchain c {{\n{chain}\n}}\n}}\n"


NFT = {
    "nothing": nft(),
    "a prefix": nft("ip daddr 169.254.0.0/16 drop"),
    "a variable": nft("ip daddr $WIRE tcp dport 32526 reject"),
    "a port of anybody": nft("tcp dport 80 drop"),
    "a range of ports": nft("tcp dport 32000-33000 drop"),
    "none but these": nft("ip daddr != { $WIRE, 169.254.169.254 } drop"),
    "a set": nft(
        "ip daddr @h drop", more="set h { type ipv4_addr; flags interval; elements = { 168.63.0.0/16 } }"
    ),
    "a map": nft("tcp dport vmap { 80 : drop, 32526 : accept }"),
    "a chain": nft(
        "jump d", "drop", more="chain d {\nct state established accept\ntcp dport 32526 accept\n}"
    ),
    "goto leaves it": nft("goto d", "drop", more="chain d {\nudp dport 67 drop\n}"),
    "drop by default": nft("ip daddr 168.63.129.16 accept", policy="drop"),
    "drop but for root": nft(KEEPS, "meta skuid 0 accept", policy="drop"),
    "answers are kept back": nft("ct state established drop"),
    "nothing comes in": nft("ct state new drop", hook="input"),
    "answers alone come in": nft(KEEPS, hook="input", policy="drop"),
    "SSH comes in": nft(KEEPS, "tcp dport ssh accept", hook="input", policy="drop"),
    "SSH of one network": nft(KEEPS, "ip saddr 10.0.0.0/8 tcp dport 22 accept", hook="input", policy="drop"),
    "by interface": nft('iifname "eth*" accept', hook="input", policy="drop"),
    "early": nft("udp sport 67 drop", hook="prerouting"),
}
IPTABLES = {
    "multiport": "-A OUTPUT -p tcp -m multiport --dports 22,80:81 -j DROP",
    "negated": "-A OUTPUT ! -d 168.63.129.16/32 -j REJECT",
    "owner": ":OUTPUT DROP [0:0]\n-A OUTPUT -m owner --uid-owner 0 -j ACCEPT\n-A OUTPUT -p tcp -j ACCEPT",
    "chains": ":c - [0:0]\n-A OUTPUT -j c\n-A c -d 169.254.0.0/16 -j DROP\n-A c -p udp -j RETURN\n"
    "-A c -j ACCEPT",
    "states": ":INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "EL 7": "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n"
    "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT\n"
    "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    "no answers": "-A OUTPUT -p tcp --tcp-flags SYN,ACK SYN,ACK -j DROP",
    "what follows": "-A OUTPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP",
}
#: Who logs in from where, and who the DHCP client belongs to, no rule and no image tells.
DOUBTS = {
    **dict.fromkeys((*NFT, *IPTABLES)),
    **dict.fromkeys(("a range of ports", "a set", "SSH of one network"), "SSH"),
    **dict.fromkeys(("drop but for root", "owner"), "DHCP (UDP 67 of 168.63.129.16)"),
}


def came_about(text: str, *loader: str) -> Dict[str, bool]:
    argv = ["unshare", "--net", sys.executable, "-m", "tests.chroot.firewall_world", *loader]
    done = subprocess.run(argv, input=text.encode(), capture_output=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


def judged(filter: Filter) -> Dict[str, Verdict]:
    loaded = traffic.Loaded(PATH, filter)
    exchanges = tuple(traffic.list_exchanges(on_azure=True))
    return {each.name: next(iter(traffic.judge(loaded, [each]))).verdict for each in exchanges}


def agreed(name: str, filter: Filter, real: Dict[str, bool]) -> None:
    """What is judged is so, and there is a doubt where nobody can tell and nowhere else."""
    found = judged(filter)
    told = {each: verdict is Verdict.MET for each, verdict in found.items() if verdict is not NOT_ASSESSED}
    assert told == {each: came for each, came in real.items() if each in told}
    assert found.keys() - told.keys() == {DOUBTS[name]} - {None}


@pytest.mark.parametrize("name", NFT)
def test_nftables(name: str) -> None:
    filter = nft_rules.parse(NFT[name], PATH, lambda name: ())
    agreed(name, filter, came_about(NFT[name], "nft", "--file", "-"))


@pytest.mark.parametrize("name", IPTABLES)
def test_iptables(name: str) -> None:
    text = f"*filter\n{IPTABLES[name]}\nCOMMIT\n"
    filter = iptables_rules.make_filter(iptables_rules.parse(text, PATH))
    agreed(name, filter, came_about(text, "iptables-restore"))
