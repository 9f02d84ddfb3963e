"""The real network managers: what they make of our files, and of others that we judged."""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import Any, Dict, Iterator, List

import pytest

from tests.chroot.guest import HERE, Done, Guest, environment, overlaid_guest
from tests.chroot.packages import install
from tests.chroot.test_live import Running
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

SYSTEM = "bookworm-cloud"
MAC = "52:54:00:12:34:56"
NETWORKD = """
install -d -o systemd-network /run/systemd/netif /run/systemd/netif/links /run/systemd/netif/leases \\
    /run/systemd/netif/lldp
timeout 3 /usr/lib/systemd/systemd-networkd 2>&1 || true
"""
OWN = "/etc/systemd/network/50-hvprep-eth0.network"


@contextlib.contextmanager
def configured_by(unit: str) -> Iterator[Guest]:
    """A system where boot starts this, and neither cloud-init nor ifupdown."""
    with overlaid_guest(pristine_root(SYSTEM)) as guest:
        remove_kernels(guest)
        guest.tool("systemctl", "disable", "networking.service", "cloud-init-local.service")
        guest.tool("systemctl", "enable", unit)
        yield guest


def remove_kernels(guest: Guest) -> None:
    """Nothing here asks for them, and initrds take long to read."""
    for path in (guest.root / "boot").glob("*-amd64"):
        path.unlink()


def write(guest: Guest, files: Dict[str, str]) -> None:
    for path, text in files.items():
        target = guest.root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def finding(guest: Guest, step: str) -> Any:
    (found,) = guest.report(step)["findings"]
    return found


def on_network(guest: Guest, script: str) -> Done:
    """A script in the system, where eth0 is."""
    argv = [str(HERE / "netns.sh"), str(guest.root), "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
    return Done(done.returncode, done.stdout, done.stderr)


def prepare(guest: Guest, step: str = "network") -> List[str]:
    """The files that prepare changed."""
    before = take_snapshot(guest.root)
    done = guest.hvprep("prepare", "--yes", "--only", step)
    assert done.status == 0, done
    assert "is left to do" not in done.output
    after = take_snapshot(guest.root)
    changed = (path for path in {*before, *after} if before.get(path) != after.get(path))
    return sorted(path for path in changed if (guest.root / path[1:]).is_file())


FILES = {
    "none": ({}, OWN),
    "for others": (
        {"/etc/systemd/network/10-ens3.network": "[Match]\nName=ens3\n[Network]\nDHCP=yes\n"},
        OWN,
    ),
    "bound alone": (
        {"/etc/systemd/network/10-x.network": f"[Match]\nMACAddress={MAC}\n[Network]\nDHCP=yes\n"},
        OWN,
    ),
    "bound, with a name": (
        {"/etc/systemd/network/10-x.network": f"[Match]\nName=e*\nMACAddress={MAC}\n[Network]\nDHCP=yes\n"},
        "/etc/systemd/network/10-x.network",
    ),
}


@pytest.mark.parametrize(("files", "path"), FILES.values(), ids=FILES.keys())
def test_networkd_takes_the_file(files: Dict[str, str], path: str) -> None:
    with configured_by("systemd-networkd") as guest:
        write(guest, files)
        assert path not in on_network(guest, NETWORKD).output
        assert prepare(guest) == [path]
        assert f"eth0: Configuring with {path}" in on_network(guest, NETWORKD).output


def test_check_and_rollback_leave_nothing_behind() -> None:
    with configured_by("systemd-networkd") as guest:
        write(guest, FILES["bound, with a name"][0])
        before = take_snapshot(guest.root)
        found = finding(guest, "network")
        assert found == finding(Running(guest.root), "network")
        assert f"line 3: MACAddress={MAC} goes" in found["because"][0]
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
        prepare(guest)
        assert guest.hvprep("rollback", "--yes").status == 0
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


CHOSEN = {
    "the first by name": {
        "/etc/systemd/network/20-b.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n",
        "/usr/lib/systemd/network/10-a.network": "[Match]\nName=e*0\n[Network]\nDHCP=ipv4\n",
    },
    "one that another hides": {
        "/etc/systemd/network/10-a.network": "[Match]\nName=ens3\n",
        "/usr/lib/systemd/network/10-a.network": "[Match]\nName=eth0\n[Network]\nDHCP=no\n",
        "/etc/systemd/network/20-b.network": "[Match]\nName=!ens* lo\n[Network]\nDHCP=yes\n",
    },
    "by a drop-in": {
        "/usr/lib/systemd/network/10-a.network": "[Match]\nName=ens3\n",
        "/etc/systemd/network/10-a.network.d/x.conf": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n",
    },
    "an address that nobody has": {
        "/etc/systemd/network/10-a.network": f"[Match]\nPermanentMACAddress={MAC}\n[Network]\nDHCP=no\n",
        "/etc/systemd/network/20-b.network": "[Match]\nType=ether\n[Network]\nDHCP=yes\n",
    },
}


@pytest.mark.parametrize("files", CHOSEN.values(), ids=CHOSEN.keys())
def test_what_we_name_networkd_takes(files: Dict[str, str]) -> None:
    with configured_by("systemd-networkd") as guest:
        write(guest, files)
        found = finding(guest, "network")
        assert found["verdict"] == "met", found
        named = [
            match[1] for match in (re.search(r": (/\S+) gives eth0", x) for x in found["because"]) if match
        ]
        assert f"eth0: Configuring with {named[0]}" in on_network(guest, NETWORKD).output


def test_ifupdown_brings_it_up() -> None:
    with configured_by("networking") as guest:
        assert prepare(guest) == ["/etc/network/interfaces.d/hvprep-eth0"]
        assert "eth0" in guest.tool("ifquery", "--list", "--allow=hotplug").split()
        assert guest.tool("ifquery", "eth0") == ""
        assert prepare(guest, "dhcp-client") == ["/etc/dhcp/dhclient.conf"]
        done = on_network(guest, "timeout 2 dhclient -d -cf /etc/dhcp/dhclient.conf -lf /run/leases eth0")
        assert "DHCPDISCOVER on eth0" in done.errors, done
        assert " line " not in done.errors, done


def test_ifupdown_no_longer_has_the_builders_address() -> None:
    with configured_by("networking") as guest:
        text = f"auto eth0\niface eth0 inet dhcp\n  hwaddress ether {MAC}\n  metric 100\n"
        write(guest, {"/etc/network/interfaces.d/eth0": text})
        assert MAC in guest.tool("ifquery", "eth0")
        assert prepare(guest) == ["/etc/network/interfaces.d/eth0"]
        assert guest.tool("ifquery", "eth0").split() == ["metric:", "100"]


def test_as_debian_ships_it_cloud_init_sees_to_it() -> None:
    with overlaid_guest(pristine_root(SYSTEM)) as guest:
        remove_kernels(guest)
        found = finding(guest, "network")
        assert found["verdict"] == "met"
        assert "cloud-init: it gives eth0 an address by DHCP when it first starts" in found["because"][0]


#: With the libraries that its programs load.
NETWORK_MANAGER = (
    *("network-manager", "libnm0", "libndp0", "libteamdctl0", "libmm-glib0", "libbluetooth3", "libglib2.0-0"),
    *("libcurl3-gnutls", "libpsl5", "libjansson4", "libpolkit-gobject-1-0", "libpolkit-agent-1-0"),
    *(
        "libsasl2-2",
        "libssh2-1",
        "libldap-2.5-0",
        "libnghttp2-14",
        "librtmp1",
        "libslang2",
        "libnewt0.52",
        "libreadline8",
    ),
)


def test_network_manager_reads_what_we_write() -> None:
    """Not on the other system: Debian's waagent and NetworkManager exclude each other."""
    system = "bookworm-initramfs-tools"
    with overlaid_guest(pristine_root(system)) as guest:
        remove_kernels(guest)
        install(guest, system, NETWORK_MANAGER)
        guest.tool("systemctl", "enable", "NetworkManager")
        head = "[connection]\nid=x\ntype=ethernet\n"
        tail = f"[ethernet]\nmac-address={MAC}\n[ipv4]\nmethod=auto\n"
        write(guest, {"/etc/NetworkManager/conf.d/a.conf": "[main]\nno-auto-default=*\n"})
        path = "/etc/NetworkManager/system-connections/x.nmconnection"
        write(guest, {path: head + "interface-name=eth0\n" + tail})
        assert prepare(guest) == [path]
        profile = guest.tool("sh", "-c", f"nmcli --offline connection modify connection.zone z <{path}")
        assert MAC not in profile
        assert "method=auto" in profile
        write(guest, {path: head + tail})
        own = "/etc/NetworkManager/system-connections/eth0.nmconnection"
        assert prepare(guest) == [own]
        assert "interface-name=eth0" in guest.tool(
            "sh", "-c", f"nmcli --offline c modify connection.zone z <{own}"
        )
        assert prepare(guest, "dhcp-client") == ["/etc/NetworkManager/conf.d/90-hvprep-dhcp.conf"]
