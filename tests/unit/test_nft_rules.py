"""What `nft --file` loads, and whether a packet gets through it."""

from __future__ import annotations

import contextlib
from typing import Iterable, Mapping, Optional, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.nft_rules import parse
from hvprep.formats.packet_filter import Fate, Packet
from hvprep.steps.firewalls.traffic import list_exchanges
from hypothesis import given
from hypothesis import strategies as st

SSH, WIRE, *_, DHCP = (each.passages[0].packet for each in list_exchanges(on_azure=True))
ANSWER = next(each for each in list_exchanges(on_azure=True) if each.way == "out").passages[1].packet
#: Debian, package nftables.
DEBIAN = """\
#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
	chain forward {
		type filter hook forward priority filter;
	}
	chain output {
		type filter hook output priority filter;
	}
}
"""
#: EL and Fedora, /etc/nftables/main.nft, which /etc/sysconfig/nftables.conf may include.
MAIN = """\
# drop any existing nftables ruleset
flush ruleset

# a common table for both IPv4 and IPv6
table inet nftables_svc {

	# protocols to allow
	set allowed_protocols {
		type inet_proto
		elements = { icmp, icmpv6 }
	}

	# interfaces to accept any traffic on
	set allowed_interfaces {
		type ifname
		elements = { "lo" }
	}

	# services to allow
	set allowed_tcp_dports {
		type inet_service
		elements = { ssh, 9090 }
	}

	# this chain gathers all accept conditions
	chain allow {
		ct state established,related accept

		meta l4proto @allowed_protocols accept
		iifname @allowed_interfaces accept
		tcp dport @allowed_tcp_dports accept
	}

	# base-chain for traffic to this host
	chain INPUT {
		type filter hook input priority filter + 20
		policy accept

		jump allow
		reject with icmpx type port-unreachable
	}
}

#include "/etc/nftables/router.nft"
"""
#: Arch.
ARCH = """\
destroy table inet filter
table inet filter {
  chain input {
    type filter hook input priority filter
    policy drop

    ct state invalid drop comment "early drop of invalid connections"
    ct state {established, related} accept comment "allow tracked connections"
    iif lo accept comment "allow from loopback"
    ip protocol icmp accept comment "allow icmp"
    meta l4proto ipv6-icmp accept comment "allow icmp v6"
    tcp dport ssh accept comment "allow sshd"
    pkttype host limit rate 5/second counter reject with icmpx type admin-prohibited
    counter
  }
  chain forward {
    type filter hook forward priority filter
    policy drop
  }
}
"""


def judge(text: str, way: str, packet: Packet, files: Mapping[str, str] = {}) -> Fate:
    def include(name: str) -> Iterable[Tuple[str, str]]:
        return [(name, files[name])] if name in files else []

    return parse(text, "nft.conf", include).judge(way, packet)


def output(*rules: str, policy: str = "accept", table: str = "") -> str:
    chains = "chain user { counter; ip daddr 168.63.129.16 drop; }\nchain other { udp dport 67 drop; }\n"
    chain = f"chain out {{\ntype filter hook output priority 0; policy {policy};\n" + "\n".join(rules) + "\n}"
    return f"table inet filter {{\n{table}\n{chains}{chain}\n}}\n"


@pytest.mark.parametrize("text", [DEBIAN, MAIN, ARCH, "", "# nothing\n", "flush ruleset"])
def test_what_distributions_ship_lets_everything_through(text: str) -> None:
    for way, packet in (("in", SSH), ("in", ANSWER), ("out", WIRE), ("out", DHCP)):
        assert judge(text, way, packet).passes is True


def test_what_distributions_ship_with_one_word_less() -> None:
    assert judge(MAIN.replace("ssh, ", ""), "in", SSH).passes is False
    assert judge(ARCH.replace("dport ssh", "dport 2222"), "in", SSH).passes is False
    assert judge(MAIN.replace("established,related", "related"), "in", ANSWER).passes is False
    fate = judge(
        DEBIAN.replace("output priority filter;", "output priority filter; policy drop;"), "out", WIRE
    )
    assert fate.passes is False
    assert fate.rule is not None
    assert (fate.rule.place, fate.rule.text) == ("nft.conf, line 13", "policy drop")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (output(policy="drop"), False),
        (output("ip daddr 168.63.129.16 accept", policy="drop"), True),
        (output("ip daddr { 168.63.129.16, 169.254.169.254 } accept", policy="drop"), True),
        (output("ip daddr 169.254.0.0/16 drop"), True),
        (output("ip daddr 168.63.0.0/16 drop"), False),
        (output("ip daddr 168.63.129.0-168.63.129.255 drop"), False),
        (output("ip daddr != 168.63.129.16 drop"), True),
        (output("ip daddr != { 10.0.0.0/8 } drop"), False),
        (output("ip saddr 10.0.0.0/8 drop"), None),
        (output("ip saddr 127.0.0.0/8 oifname != lo drop"), True),
        (output("ip6 daddr fe80::/10 drop", "ip daddr fe80::1 drop"), True),
        (output("tcp dport 80 drop"), False),
        (output("tcp dport { 22, 80-90 } drop"), False),
        (output("tcp dport http drop"), False),
        (output("tcp dport https drop"), True),
        (output("tcp dport != 443 reject with tcp reset"), False),
        (output("udp dport 80 drop", "th dport 67 drop"), True),
        (output("meta l4proto { tcp, udp } th dport 80 drop"), False),
        (output("tcp dport >= 80 drop"), None),
        (output("tcp dport gt 80 drop"), None),
        (output("tcp dport & 1 == 0 drop"), None),
        (output("ip daddr . tcp dport { 168.63.129.16 . 80 } drop"), None),
        (output("ct state vmap { established : accept, new : drop }"), False),
        (output("ct state vmap { established:accept, invalid:drop }", policy="drop"), False),
        (output("tcp dport vmap { 80 : jump user, 22 : accept }"), False),
        (output("tcp dport vmap { 443 : drop }"), True),
        (output("ip daddr vmap { 168.63.129.16 : goto user, 10.0.0.1 : accept }"), False),
        (output("meta mark vmap { 1 : drop }"), None),
        (output("meta mark vmap { 1:drop }"), None),
        (output("meta mark vmap @m", table="map m { type mark : verdict; elements = { 1 : drop }; }"), None),
        (output("tcp dport vmap @m", table="map m { type x : verdict; elements = { 80 : drop } }"), False),
        (output("tcp dport vmap @gone"), None),
        (output("ip daddr @bad drop", table="set bad { type ipv4_addr; flags interval; }"), True),
        (output("ip daddr @bad drop", table="set bad { type x; elements = { 168.63.129.16 } }"), False),
        (output("ip daddr @bad drop", table="set bad { type ipv4_addr; flags dynamic,timeout; }"), None),
        (output("ip daddr @bad drop", table="set bad { type x; elements = { 1.1.1.1 timeout 1h } }"), None),
        (output("ip daddr @bad drop") + "add element inet filter bad { 168.63.129.16 }", False),
        (output("ip daddr @bad drop"), None),
        (output("jump user"), False),
        (output("jump other"), True),
        (output("goto other", policy="drop"), False),
        (output("jump gone"), None),
        (output("jump { ip daddr 1.2.3.4 accept; drop; }"), None),
        (output("return", "drop"), True),
        (output("continue", "drop"), False),
        (output("meta skuid 0 accept", policy="drop"), True),
        (output("meta skuid root accept", policy="drop"), True),
        (output("meta skuid != 0 ip daddr 168.63.129.16 drop"), True),
        (output("skuid waagent accept", policy="drop"), None),
        (output('oifname "eth*" accept', policy="drop"), True),
        (output("oif lo accept", policy="drop"), False),
        (output('counter packets 3 bytes 4 log prefix "accept " level info drop'), False),
        (output('log prefix "drop"', 'comment "drop"', 'tcp dport 443 drop comment "80"'), True),
        (output("limit rate 10/second accept", policy="drop"), None),
        (output("limit rate over 10/second drop"), None),
        (output("meta mark 1 drop"), None),
        (output("meta mark 1 tcp dport 22 drop"), None),
        (output("tcp dport 22 meta mark 1 drop"), True),
        (output("meta mark set 1", "tcp option maxseg size set rt mtu"), True),
        (output("ip daddr 168.63.129.16 ip daddr set 10.0.0.1"), None),
        (output("udp dport 53 dnat to 10.0.0.1"), True),
        (output("dnat to 10.0.0.1"), None),
        (output("tcp flags syn drop"), None),
        (output("reject with icmpv6 type no-route"), True),
        (output("define x = drop", "tcp dport 80 $x"), False),
        ("define a = 168.63.129.16\ndefine b = { 10.0.0.1, $a }\n" + output("ip daddr $b drop"), False),
        ("define hosts = { 10.0.0.1 }\n" + output("ip daddr { $hosts, 168.63.129.16 } drop"), False),
        (output("ip daddr {\n168.63.129.16, # the wire server\n10.0.0.1\n} drop"), False),
        (output("ip daddr \\\n 168.63.129.16 \\\n drop"), False),
        (output("# drop"), True),
        (output("drop").replace("hook output", "hook postrouting"), False),
        (output("drop").replace("hook output", "hook forward"), True),
        (output("drop").replace("inet filter", "ip6 filter"), True),
        (output("drop").replace("inet filter", "filter"), False),
        (output("drop", table="flags dormant"), True),
        (output(policy="drop").replace("inet", "arp"), False),
        (output("drop").replace("type filter hook output", "type nat hook output"), False),
        (output("drop").replace("inet", "netdev").replace("output", "egress device eth0"), False),
        (output("drop").replace("inet", "netdev").replace("output", "egress device eth1"), True),
        (output("drop") + "flush ruleset", True),
        (output("drop") + "flush ruleset ip6", False),
        (output("drop") + "delete table inet filter", True),
        (output("drop") + "flush table inet filter", True),
        (output("drop") + "flush chain inet filter out", True),
        (output() + "add rule inet filter out drop", False),
        (output() + "insert rule inet filter out tcp dport 80 drop", False),
        (output("accept") + "add rule inet filter out drop", True),
        ("add table ip t\nadd chain ip t o { type filter hook output priority 0 ; policy drop ; }", False),
        ("table ip t; chain ip t o { type filter hook output priority 0; policy drop; }", False),
    ],
)
def test_packets(text: str, expected: Optional[bool]) -> None:
    assert judge(text, "out", WIRE).passes is expected


def test_what_is_doubtful_is_named() -> None:
    fate = judge(output("tcp dport 80 meta mark 1 counter drop"), "out", WIRE)
    assert fate.rule is not None
    assert fate.rule.place == "nft.conf, line 7"
    assert (fate.rule.text, fate.doubt) == ("tcp dport 80 meta mark 1 counter drop", "meta mark 1 counter")


def test_included_files_are_read_where_they_are_included() -> None:
    files = {"/etc/a.nft": "define wire = 168.63.129.16", "/etc/b.nft": "# of mine\nip daddr $wire drop"}
    fate = judge('include "/etc/a.nft"\n' + output('include "/etc/b.nft"'), "out", WIRE, files)
    assert fate.passes is False
    assert fate.rule is not None
    assert fate.rule.place == "/etc/b.nft, line 2"


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("table inet t {\nchain c {\n", "nft.conf, line 2: its brace is not closed"),
        ("define a = { 1.2.3.4\n", "nft.conf, line 1: its brace is not closed"),
        ("table inet t {\n}\n}\n", "nft.conf, line 3: a brace that closes nothing"),
        (
            output("ip daddr { 1.2.3.4"),
            "nft.conf, line 1: its brace is not closed",
        ),
        (output("ip daddr $wire drop"), r"nft.conf, line 7: \$wire is not defined"),
        (output("ip daddr 10.0.0.0/$bits drop"), "line 7: 10.0.0.0/.bits is not defined"),
        (output('comment "x'), 'nft.conf, line 7: a " that does not belong there'),
        ("delete rule inet filter out handle 3", "nft.conf, line 1: hvprep does not follow: delete rule"),
        (output() + "add rule inet filter out index 2 drop", "hvprep does not follow: add rule"),
        ("list ruleset", "hvprep does not follow: list ruleset"),
        ("add", "hvprep does not follow: add"),
        ("{ a }", "hvprep does not follow"),
        ("table inet t { unheard of; }", "hvprep does not follow: unheard of"),
        ("table a { table b { table c { } } }", "hvprep does not follow: table b"),
        ('include "round"', "nft.conf, line 1|round, line 1: files include one another too deeply"),
        ('{"nftables": []}', "hvprep does not follow"),
    ],
)
def test_what_is_not_loaded_or_not_followed_is_refused(text: str, because: str) -> None:
    with pytest.raises(FormatError, match=because):
        judge(text, "out", WIRE, {"round": 'include "round"'})


def test_what_multiplies_is_refused() -> None:
    laughs = "define a0 = { 1.1.1.1, 2.2.2.2 }\n"
    laughs += "".join(f"define a{n + 1} = {{ $a{n}, $a{n} }}\n" for n in range(40))
    with pytest.raises(FormatError, match="nft.conf, line [0-9]+: there is more of it than hvprep reads"):
        judge(laughs, "out", WIRE)
    twice = {f"/{n}": f'include "/{n + 1}"\n' * 8 for n in range(15)}
    with pytest.raises(FormatError, match="more of it than hvprep reads"):
        judge('include "/0"', "out", WIRE, {**twice, "/15": "\n"})
    entries = ", ".join(f"{n} : accept" for n in range(2000))
    many = output(
        *["tcp dport vmap @m"] * 60,
        table=f"map m {{ type inet_service : verdict; elements = {{ {entries} }} }}",
    )
    with pytest.raises(FormatError, match="more rules than hvprep reads"):
        judge(many, "out", WIRE)


WORDS = st.sampled_from(
    [
        *(
            "table",
            "inet",
            "filter",
            "chain",
            "out",
            "{",
            "}",
            "{",
            "}",
            ";",
            ",",
            ":",
            "#",
            "drop",
            "accept",
        ),
        *("vmap", "jump", "log", "!=", "new", "@s", "$x", "80", "1.1.1.1", "\n", "\\\n", "\0", '"', '"a b"'),
        *("ip daddr", "tcp dport", "ct state", "define x =", "goto out", "set s", "elements ="),
        *("type filter hook output priority 0", "policy drop", "limit rate 1/second", "reject with"),
        *("add rule", "flush ruleset", "delete table"),
    ]
)


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_every_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert judge(text, "out", WIRE).passes in (True, False, None)


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_every_rule_that_is_no_comment_and_may_drop_is_seen(words: str) -> None:
    """Whatever stands before a drop: it is not said that everything gets through, unless that is not so."""
    with contextlib.suppress(FormatError):
        fate = judge(output(f"meta mark 1 {words} drop"), "out", WIRE)
        assert fate.passes is not True or any(sign in words for sign in '#"{};\n')


@given(st.text(max_size=60))
def test_garbage_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert judge(text, "out", WIRE).passes in (True, False, None)
