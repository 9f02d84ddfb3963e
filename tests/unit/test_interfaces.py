"""/etc/network/interfaces: what is started, how, and from what other files."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.interfaces import parse
from hypothesis import given
from hypothesis import strategies as st

#: Debian 11, as its installer leaves it, with a fixed address.
DEBIAN = """\
# The loopback network interface
source /etc/network/interfaces.d/*
auto lo
iface lo inet loopback

# The primary network interface
allow-hotplug ens3
iface ens3 inet static
\taddress 192.168.122.10/24
\tgateway \\
192.168.122.1
\t# dns-* options are implemented by the resolvconf package, if installed
\tdns-nameservers 192.168.122.1
iface ens3 inet6 auto
"""


def test_a_file_of_debian() -> None:
    file = parse(DEBIAN)
    assert file.render() == DEBIAN
    assert file.started == ("lo", "ens3")
    assert file.sources == ("/etc/network/interfaces.d/*",)
    assert [(each.name, each.family, each.method, each.line) for each in file.stanzas] == [
        ("lo", "inet", "loopback", 4),
        ("ens3", "inet", "static", 8),
        ("ens3", "inet6", "auto", 14),
    ]
    options = file.stanzas[1].options
    assert [(each.name, each.line) for each in options] == [
        ("address", 9),
        ("gateway", 10),
        ("dns-nameservers", 13),
    ]
    gateway = file.stanzas[1].find("gateway")
    assert gateway is not None
    assert gateway.value == "192.168.122.1"
    assert file.stanzas[1].find("netmask") is None
    assert file.without(10).render() == DEBIAN.replace("\tgateway \\\n192.168.122.1\n", "")


@pytest.mark.parametrize(
    ("text", "started", "stanzas"),
    [
        ("auto eth0 eth1\n", ["eth0", "eth1"], []),
        ("allow-auto eth0\nallow-mine eth1\n", ["eth0"], []),
        ("iface eth0\n  use dhcp\n", [], [("eth0", "", "", ["use"])]),
        ("iface eth0 inet dhcp\nauto eth0\n  metric 1\n", ["eth0"], [("eth0", "inet", "dhcp", [])]),
        ("iface eth0 inherits base\n", [], [("eth0", "", "", [])]),
        ("mapping eth0\n  script /x\n", [], []),
        ("iface\n  address 1\n", [], []),
        ("up true\n", [], []),
        ("#iface eth0 inet dhcp\n", [], []),
        ("# x \\\nauto eth0\n", ["eth0"], []),
        (
            "iface eth0 inet dhcp\nno-auto-down eth0\niface eth0 inet6 auto",
            [],
            [("eth0", "inet", "dhcp", []), ("eth0", "inet6", "auto", [])],
        ),
        ("auto \\\n  eth0\n", ["eth0"], []),
        ("auto eth0\\", ["eth0"], []),
    ],
)
def test_stanzas(text: str, started: List[str], stanzas: List[Tuple[str, str, str, List[str]]]) -> None:
    file = parse(text)
    assert list(file.started) == started
    found = [(each.name, each.family, each.method, [x.name for x in each.options]) for each in file.stanzas]
    assert found == stanzas


def test_sources() -> None:
    assert parse("source /a b/*\nsource-directory c.d\n").sources == ("/a", "b/*", "c.d/")


def test_a_nul_is_refused() -> None:
    with pytest.raises(FormatError, match="NUL"):
        parse("auto \0\n")


WORDS = st.sampled_from(
    ["auto", "iface", "eth0", "inet", "dhcp", "source", "#", "\\", "\n", " ", "\t", "address"]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_every_text_comes_back(text: str) -> None:
    file = parse(text)
    assert file.render() == text
    lines = [option.line for stanza in file.stanzas for option in stanza.options]
    edited = file.without(*lines[:1])
    assert len(edited.stanzas) == len(file.stanzas)
    assert sum(len(each.options) for each in edited.stanzas) == max(0, len(lines) - 1)
