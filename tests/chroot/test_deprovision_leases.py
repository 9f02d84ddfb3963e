"""DHCP clients get addresses from a real server on a running system; deprovisioned, nothing tells of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.chroot.container import Container, booted
from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import extended_root

PACKAGES = ("network-manager", "dnsmasq-base", "dhcpcd-base")
#: At the other end of eth0 is a server, in a network namespace of its own.
NETWORK = """
ip link add eth0 address 02:68:76:70:72:01 type veth peer name server
ip netns add elsewhere
ip link set server netns elsewhere
ip -n elsewhere addr add 10.77.0.1/24 dev server
ip -n elsewhere link set server up
ip link set eth0 up
ip netns exec elsewhere dnsmasq --interface=server --bind-interfaces --port=0 --user=root --pid-file= \
    --dhcp-range=10.77.0.50,10.77.0.99,1h --dhcp-leasefile=/run/dnsmasq.leases --dhcp-option=6,10.77.0.1
"""
UUID = "b27edeb4-12d1-3f4b-be67-5c0852f63bc3"
PROFILE = (
    f"[connection]\nid=fabric\nuuid={UUID}\ntype=ethernet\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n"
)
PROFILE_PATH = "etc/NetworkManager/system-connections/fabric.nmconnection"
NETWORKD = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nSendRelease=no\n"
NETWORKD_PATH = "etc/systemd/network/10-eth0.network"
_MANAGED = "systemctl start NetworkManager; nm-online --quiet --timeout=30; systemctl stop NetworkManager"
#: How each client gets a lease, and how it ends.
CLIENTS: Dict[str, str] = {
    "NetworkManager": _MANAGED,
    "NetworkManager, by dhclient": (
        f"printf '[main]\\ndhcp=dhclient\\n' >/etc/NetworkManager/conf.d/a.conf; {_MANAGED}"
    ),
    "systemd-networkd": (
        "systemctl start systemd-networkd;"
        " /lib/systemd/systemd-networkd-wait-online --ipv4 --interface=eth0 --timeout=30;"
        " systemctl stop systemd-networkd.socket systemd-networkd"
    ),
    "dhclient": "dhclient -1 eth0; dhclient -x",
    "dhcpcd": "dhcpcd --oneshot --noarp eth0",
}


@pytest.fixture(scope="module")
def installed() -> Iterator[Guest]:
    with overlaid_guest(extended_root("bookworm-cloud", PACKAGES)) as guest:
        for unit in ("cloud-init", "cloud-init-local", "waagent", "networking", "NetworkManager"):
            guest.tool("systemctl", "disable" if unit == "NetworkManager" else "mask", f"{unit}.service")
        for path, text in ((PROFILE_PATH, PROFILE), (NETWORKD_PATH, NETWORKD)):
            (guest.root / path).write_text(text)
            (guest.root / path).chmod(0o600 if path == PROFILE_PATH else 0o644)
        yield guest


def addresses(container: Container) -> List[str]:
    """Those that the server has given away."""
    return re.findall(r"10\.77\.0\.\d+", container.tool("cat", "/run/dnsmasq.leases"))


def holders(guest: Guest, words: List[str]) -> List[str]:
    """Every file that has one of the words in it, or in its name."""
    patterns = [option for word in words for option in ("-e", word)]
    argv = ["grep", "-rlaF", "--exclude-dir=proc", "--exclude-dir=sys", *patterns, str(guest.root)]
    listed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    named = [str(path) for word in words for path in guest.root.rglob(f"*{word}*")]
    return sorted({*listed, *named})


@pytest.mark.parametrize("client", CLIENTS)
def test_no_lease_is_left(installed: Guest, tmp_path: Path, client: str) -> None:
    with overlaid_guest(installed.root) as guest:
        with booted(guest, tmp_path / "console.log", "--private-network") as container:
            container.tool("sh", "-ec", NETWORK)
            told = container.run("sh", "-c", CLIENTS[client])
            given = addresses(container)
            assert given, (told, container.run("journalctl", "--boot", "--no-pager").output[-3000:])
            container.power_off()
        if client != "systemd-networkd":  # it keeps its leases below /run
            assert guest.hvprep("check", "--only", "dhcp-leases", "--strict").status == 3
        assert guest.hvprep("deprovision", "--force").status == 0
        assert holders(guest, [*given, "02:68:76:70:72:01", "026876707201"]) == []
        assert guest.hvprep("check", "--only", "generalised", "--strict").status == 0
        assert (guest.root / PROFILE_PATH).read_text() == PROFILE
        assert (guest.root / NETWORKD_PATH).read_text() == NETWORKD
