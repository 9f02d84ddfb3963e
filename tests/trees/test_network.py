"""network: whether eth0 of a machine that nobody has seen gets an address, and what prepare does about it."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "network"
MET, UNMET, NOT_ASSESSED = Verdict.MET, Verdict.UNMET, Verdict.NOT_ASSESSED
SCRIPTS = "/etc/sysconfig/network-scripts"
IFCFG = f"{SCRIPTS}/ifcfg-eth0"
#: EL 7: NetworkManager with ifcfg files. EL 6: the service alone.
EL_7 = SYSTEMD + started("NetworkManager") + f"dir {SCRIPTS}\n"
EL_7 += "file /usr/lib64/NetworkManager/1.18.8-2.el7_9/libnm-settings-plugin-ifcfg-rh.so\n"
EL_6 = f"dir {SCRIPTS}\nelf /usr/sbin/init x86_64\nfile /etc/init.d/network\n|#\n"
EL_6 += "link /etc/rc3.d/S10network ../init.d/network\n"
EL_6 += file("/etc/sysconfig/network", "NETWORKING=yes")
#: EL 9 and Fedora: keyfiles.
KEYFILE = "/etc/NetworkManager/system-connections/eth0.nmconnection"
NM = SYSTEMD + started("NetworkManager")
SERVER = file("/usr/lib/NetworkManager/conf.d/00-server.conf", "[main]\nno-auto-default=*\nignore-carrier=*")
DEBIAN = SYSTEMD + started("networking") + "file /usr/lib/udev/ifupdown-hotplug 0755\n"
ALPINE = "elf /usr/sbin/init x86_64\nfile /etc/init.d/networking\n|#!/sbin/openrc-run\n"
ALPINE += "link /etc/runlevels/boot/networking /etc/init.d/networking\n"
INTERFACES = "/etc/network/interfaces"
NETWORKD = SYSTEMD + started("systemd-networkd")
UBUNTU = NETWORKD
NETPLAN = "/etc/netplan/00-installer-config.yaml"
SLES = SYSTEMD + started("wicked") + "file /etc/sysconfig/network/config\n"
SUSE_IFCFG = "/etc/sysconfig/network/ifcfg-eth0"
CLOUD_INIT = started("cloud-init-local")
CLOUD_CFG = "/etc/cloud/cloud.cfg.d/95-site.cfg"
VERSION_1 = "network:\n  version: 1\n  config:\n"
MAC = "52:54:00:12:34:56"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


def find(rig: Rig, text: str) -> Finding:
    add_to_tree(rig.root, text)
    return rig.finding(ID)


def prepared(rig: Rig, text: str) -> Dict[str, str]:
    """The files that prepare wrote, by their path; it is met then, and rollback brings back what was."""
    assert find(rig, text).verdict is UNMET
    before = take_snapshot(rig.root)
    rig.prepare()
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (MET, ()), finding
    after = take_snapshot(rig.root)
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    files = {path: rig.root / path[1:] for path in sorted(changed) if path in after}
    texts = {path: each.read_text() for path, each in files.items() if each.is_file()}
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    return texts


SERVED = {
    "EL 7": EL_7 + file(IFCFG, "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes"),
    "EL 7, quoted, no name": EL_7 + file(IFCFG, "TYPE='Ethernet'\nBOOTPROTO=\"dhcp\""),
    "EL 7, no profile": EL_7,
    "EL 7, a backup": EL_7 + file(f"{IFCFG}.bak", "DEVICE=eth0\nIPADDR=10.0.0.1"),
    "EL 7, another interface": EL_7
    + file(f"{SCRIPTS}/ifcfg-ens3", f"DEVICE=ens3\nHWADDR={MAC}\nIPADDR=10.0.0.1"),
    "EL 7, a bridge": EL_7 + file(f"{SCRIPTS}/ifcfg-br0", "DEVICE=eth0\nTYPE=Bridge\nIPADDR=10.0.0.1"),
    "EL 6": EL_6 + file(IFCFG, "DEVICE=eth0\nBOOTPROTO=dhcp"),
    "keyfile": NM
    + SERVER
    + file(KEYFILE, "[connection]\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto"),
    "keyfile, no ipv4": NM + SERVER + file(KEYFILE, "[connection]\ntype=ethernet"),
    "keyfile, by driver": NM
    + SERVER
    + file(KEYFILE, "[connection]\ntype=802-3-ethernet\n[match]\ndriver=hv_*;"),
    "no keyfile": NM,
    "bound, others served by default": NM
    + file(KEYFILE, f"[connection]\ntype=ethernet\n[ethernet]\nmac-address={MAC}\n[ipv4]\nmethod=manual"),
    "only others may not": NM + file("/etc/NetworkManager/conf.d/a.conf", "[main]\nno-auto-default=eth1"),
    "no-auto-default is taken back": NM
    + SERVER
    + file("/etc/NetworkManager/conf.d/a.conf", "[main]\nno-auto-default-=*"),
    "the server's file is hidden": NM + SERVER + file("/etc/NetworkManager/conf.d/00-server.conf", "#"),
    "all but Ethernet unmanaged": NM
    + file("/etc/NetworkManager/conf.d/a.conf", "[keyfile]\nunmanaged-devices=*;except:type:ethernet"),
    "Debian": DEBIAN + file(INTERFACES, "auto lo\nallow-hotplug eth0\niface eth0 inet dhcp"),
    "Debian, by pattern": DEBIAN
    + file(INTERFACES, "auto /eth*\niface eth0 inet dhcp\niface eth0 inet6 auto"),
    "Debian, in interfaces.d": DEBIAN
    + file(INTERFACES, "source interfaces.d/*")
    + file("/etc/network/interfaces.d/50-x", "auto eth0\niface eth0 inet dhcp"),
    "Debian for clouds": DEBIAN
    + file(INTERFACES, "auto lo")
    + "file /etc/network/cloud-ifupdown-helper 0755\n",
    "Alpine": ALPINE + file(INTERFACES, "auto eth0\niface eth0 inet dhcp"),
    "ifupdown-ng": ALPINE + file(INTERFACES, "auto eth0\niface eth0\n  use dhcp"),
    "networkd": NETWORKD
    + file("/etc/systemd/network/x.network", "[Match]\nName=en* eth*\n[Network]\nDHCP=yes"),
    "networkd, by type": NETWORKD
    + file("/usr/lib/systemd/network/89-e.network", "[Match]\nType=ether\nKind=!*\n[Network]\nDHCP=ipv4"),
    "networkd, another's file comes first": NETWORKD
    + file("/etc/systemd/network/00.network", f"[Match]\nMACAddress={MAC}\n[Network]\nAddress=10.0.0.1/8")
    + file("/etc/systemd/network/01.network", "[Match]\nName=!eth0\n[Network]\nAddress=10.0.0.1/8")
    + file("/etc/systemd/network/02.network", "[Match]\nVirtualization=container\n[Network]\nDHCP=no")
    + file("/etc/systemd/network/03.network", "[Match]\nHost=builder\n[Network]\nDHCP=no")
    + file("/etc/systemd/network/05.network", "[Match]\nDriver=hv_netvsc\n[Network]\nDHCP=yes"),
    "networkd, by a drop-in": NETWORKD
    + file("/usr/lib/systemd/network/x.network", "[Match]\nName=eth0")
    + file("/etc/systemd/network/x.network.d/a.conf", "[Network]\nDHCP=yes"),
    "networkd, masked": NETWORKD
    + file("/usr/lib/systemd/network/01.network", "[Match]\nName=eth0\n[Network]\nDHCP=no")
    + "link /etc/systemd/network/01.network /dev/null\n"
    + file("/etc/systemd/network/02.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes"),
    "netplan": UBUNTU + file(NETPLAN, "network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}"),
    "netplan, by driver": UBUNTU
    + file(NETPLAN, "network:\n  ethernets:\n    x:\n      match: {driver: hv_netvsc}\n      dhcp4: yes"),
    "netplan, two files": UBUNTU
    + file(NETPLAN, "network:\n  ethernets:\n    eth0:\n      dhcp4: false")
    + file("/etc/netplan/90-z.yaml", "network:\n  ethernets:\n    eth0:\n      dhcp4: true"),
    "netplan for NetworkManager": NM + file(NETPLAN, "network:\n  version: 2\n  renderer: NetworkManager"),
    "SLES": SLES + file(SUSE_IFCFG, "BOOTPROTO='dhcp'\nSTARTMODE='auto'"),
    "SLES 10": SLES
    + file(f"/etc/sysconfig/network/ifcfg-eth-id-{MAC}", "BOOTPROTO='static'")
    + file(SUSE_IFCFG, "BOOTPROTO='dhcp4'\nSTARTMODE='onboot'"),
    "dhcpcd": SYSTEMD
    + started("dhcpcd")
    + file("/etc/dhcpcd.conf", "hostname\n#static ip_address=10.0.0.1/8"),
    "dhcpcd, another's address": SYSTEMD
    + started("dhcpcd")
    + file("/etc/dhcpcd.conf", "interface ens3\nstatic ip_address=10.0.0.1/8\ndenyinterfaces ens*"),
    "cloud-init": NETWORKD + CLOUD_INIT,
    "cloud-init, by its own words": NETWORKD
    + CLOUD_INIT
    + file(CLOUD_CFG, "network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}"),
    "cloud-init, by those of version 1": NETWORKD
    + CLOUD_INIT
    + file(CLOUD_CFG, f"{VERSION_1}    - {{type: physical, name: eth0, subnets: [{{type: dhcp}}]}}"),
    "cloud-init, told nothing": NETWORKD + CLOUD_INIT + file(CLOUD_CFG, "network:"),
    "cloud-init, told nothing in braces": NETWORKD + CLOUD_INIT + file(CLOUD_CFG, "network: {}"),
    "networkd, managed": NETWORKD
    + file(
        "/etc/systemd/network/x.network",
        "[Match]\nName=eth0\n[Link]\nUnmanaged=no\nActivationPolicy=always-up\n[Network]\nDHCP=yes",
    ),
    "NetworkManager manages it after all": NM
    + file("/etc/NetworkManager/conf.d/a.conf", "[device-b]\nmatch-device=*\nmanaged=0\n[device]\nmanaged=0")
    + file("/etc/NetworkManager/conf.d/b.conf", "[device-a]\nmatch-device=driver:hv_netvsc\nmanaged=1"),
    "NetworkManager leaves others alone": NM
    + file("/etc/NetworkManager/conf.d/a.conf", "[device-x]\nmatch-device=type:wifi\nmanaged=0"),
    "NetworkManager comes to the nameless section last": NM
    + file("/etc/NetworkManager/conf.d/a.conf", "[device-x]\nmatch-device=*\nmanaged=1")
    + file("/etc/NetworkManager/conf.d/b.conf", "[device]\nmanaged=0"),
    "cloud-init comes before a keyfile for one machine": NM
    + SERVER
    + CLOUD_INIT
    + file(
        KEYFILE,
        f"[connection]\ntype=ethernet\ninterface-name=eth0\n[ethernet]\nmac-address={MAC}\n[ipv4]\nmethod=auto",
    ),
    "cloud-init waits for none that it gives no name": NETWORKD
    + CLOUD_INIT
    + file(
        CLOUD_CFG,
        "network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}\n"
        f"    lan0: {{match: {{macaddress: '{MAC}'}}, dhcp4: true}}",
    ),
    "the search ends before the section that leaves it alone": NM
    + file(
        "/etc/NetworkManager/conf.d/a.conf",
        "[device-x]\nmatch-device=interface-name:eth*\nstop-match=yes\n[device-y]\nmanaged=no",
    ),
    "a link file of Debian's": NM
    + file("/usr/lib/systemd/network/73-usb.link", "[Match]\nPath=*-usb-*\n[Link]\nNamePolicy=mac"),
    "a link file, the last entry of which counts": NM
    + file(
        "/etc/systemd/network/1.link",
        "[Match]\nPath=acpi-VMBUS*\n[Link]\nName=lan0\nName=eth0\nNamePolicy=mac\nNamePolicy=kernel",
    ),
    "a link file that renames nothing": NM
    + file("/etc/systemd/network/1.link", f"[Match]\nMACAddress={MAC}\n[Link]\nName=lan0")
    + file("/etc/systemd/network/2.link", "[Match]\nOriginalName=ens*\n[Link]\nName=lan0")
    + file("/etc/systemd/network/3.link", "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel path")
    + file("/etc/systemd/network/4.link", "[Match]\nOriginalName=*\n[Link]\nName=lan0"),
    "cloud-init has bound it": UBUNTU
    + CLOUD_INIT
    + file(
        "/etc/netplan/50-cloud-init.yaml",
        f"network:\n  ethernets:\n    eth0: {{match: {{macaddress: '{MAC}'}}, addresses: [10.0.0.1/8]}}",
    ),
    "cloud-init has written an ifcfg file": EL_7
    + CLOUD_INIT
    + file(
        IFCFG,
        "# Created by cloud-init on instance boot automatically, do not edit.\n#\nDEVICE=eth0\nIPADDR=10.1",
    ),
}


@pytest.mark.parametrize("text", SERVED.values(), ids=SERVED.keys())
def test_eth0_is_served(rig: Rig, text: str) -> None:
    finding = find(rig, text)
    assert finding.verdict is MET, finding
    assert rig.plan().changes == ()


STATIC = "network:\n  ethernets:\n    eth0:\n      {}"
BOUND = STATIC.format(f"match: {{macaddress: '{MAC}'}}\n      dhcp4: true")
FINDINGS = {
    "EL 7, a fixed address": (
        EL_7 + file(IFCFG, "DEVICE=eth0\nBOOTPROTO=none\nIPADDR0=10.0.0.1\nGATEWAY=10.0.0.254"),
        f"{IFCFG}, line 3: IPADDR0=10.0.0.1 is a fixed address",
    ),
    "EL 7, none": (EL_7 + file(IFCFG, "DEVICE=eth0\nBOOTPROTO=none"), "BOOTPROTO=none gives eth0 no address"),
    "EL 7, bound without a name": (
        EL_7 + SERVER + file(IFCFG, f"HWADDR={MAC}\nBOOTPROTO=dhcp"),
        "nothing gives eth0, the first interface on Hyper-V, an address by DHCP",
    ),
    "EL 6, no networking": (
        EL_6 + file("/etc/sysconfig/network", "NETWORKING=no") + file(IFCFG, "DEVICE=eth0\nBOOTPROTO=dhcp"),
        "/etc/sysconfig/network, line 1: NETWORKING=no starts no interface",
    ),
    "EL 6, a fixed gateway": (
        EL_6
        + file("/etc/sysconfig/network", "GATEWAY=10.0.0.1")
        + file(IFCFG, "DEVICE=eth0\nBOOTPROTO=dhcp"),
        "/etc/sysconfig/network, line 1: GATEWAY=10.0.0.1 is a fixed address",
    ),
    "keyfile, a fixed address": (
        NM + file(KEYFILE, "[connection]\ntype=ethernet\n[ipv4]\nmethod=manual\naddress1=10.0.0.1/8"),
        f"{KEYFILE}, line 5: address1=10.0.0.1/8 is a fixed address",
    ),
    "keyfile, no address": (
        NM + file(KEYFILE, "[connection]\ntype=ethernet\n[ipv4]\nmethod=disabled"),
        f"{KEYFILE}, line 4: method=disabled gives eth0 no address by DHCP",
    ),
    "Debian, a fixed address": (
        DEBIAN + file(INTERFACES, "auto eth0\niface eth0 inet static\n  address 10.0.0.1/8"),
        f"{INTERFACES}, line 3: address 10.0.0.1/8 is a fixed address",
    ),
    "Debian, manual": (
        DEBIAN + file(INTERFACES, "auto eth0\niface eth0 inet manual"),
        f"{INTERFACES}, line 2: iface eth0 inet manual gives eth0 no address by DHCP",
    ),
    "networkd, a fixed address": (
        NETWORKD
        + file("/etc/systemd/network/x.network", "[Match]\nName=eth0\n[Address]\nAddress=10.0.0.1/8"),
        "/etc/systemd/network/x.network, line 4: Address=10.0.0.1/8 is a fixed address",
    ),
    "cloud-init, a fixed address": (
        NETWORKD
        + CLOUD_INIT
        + file(CLOUD_CFG, "network:\n  version: 2\n  ethernets:\n    eth0: {addresses: [10.0.0.1/8]}"),
        f"{CLOUD_CFG}, line 4: 10.0.0.1/8 is a fixed address",
    ),
    "cloud-init, a fixed address of version 1": (
        NETWORKD
        + CLOUD_INIT
        + file(
            CLOUD_CFG, f"{VERSION_1}    - type: physical\n      name: eth0\n      subnets: [{{type: static}}]"
        ),
        f"{CLOUD_CFG}, line 4 gives eth0 no address by DHCP",
    ),
    "cloud-init, another interface, with none to write for eth0": (
        SYSTEMD
        + started("networking")
        + CLOUD_INIT
        + file(INTERFACES, "auto eth0\niface eth0 inet static\n address 10.0.0.1/8")
        + file(CLOUD_CFG, "network:\n  version: 2\n  ethernets:\n    ens3: {dhcp4: true}"),
        f"{INTERFACES}, line 3: address 10.0.0.1/8 is a fixed address",
    ),
    "cloud-init waits for an interface of version 1": (
        NETWORKD
        + CLOUD_INIT
        + file(CLOUD_CFG, f"{VERSION_1}    - {{type: physical, name: lan0, mac_address: '{MAC}'}}")
        + file("/etc/systemd/network/x.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes"),
        f"{CLOUD_CFG}, line 4: mac_address: {MAC}: cloud-init waits for that interface, and fails",
    ),
    "cloud-init waits for one of version 2": (
        NETWORKD
        + CLOUD_INIT
        + file(
            CLOUD_CFG,
            "network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}\n    lan0:\n"
            f"      match: {{macaddress: '{MAC}'}}\n      set-name: lan0",
        ),
        f"{CLOUD_CFG}, line 6: lan0 has macaddress: {MAC}: cloud-init waits for that interface, and fails",
    ),
    "cloud-init, of no version": (
        NETWORKD + CLOUD_INIT + file(CLOUD_CFG, "network:\n  ethernets:\n    eth0: {dhcp4: true}"),
        f"{CLOUD_CFG}: network: is of no version that cloud-init knows",
    ),
    "cloud-init, no mapping": (
        NETWORKD + CLOUD_INIT + file(CLOUD_CFG, "network: [1, 2]"),
        f"{CLOUD_CFG}: network: is of no version that cloud-init knows",
    ),
    "cloud-init, by hand": (
        NETWORKD
        + CLOUD_INIT
        + file(
            CLOUD_CFG,
            f"{VERSION_1}    - {{type: physical, name: eth0, subnets: [{{type: dhcp, control: manual}}]}}",
        ),
        f"{CLOUD_CFG}, line 4 gives eth0 no address by DHCP at boot",
    ),
    "NetworkManager may not, by a pattern": (
        NM + file("/etc/NetworkManager/conf.d/a.conf", "[keyfile]\nunmanaged-devices=interface-name:~eth*"),
        "nothing gives eth0",
    ),
    "NetworkManager may not, by a section in two files": (
        NM
        + file("/etc/NetworkManager/conf.d/a.conf", "[device-x]\nmatch-device=interface-name:~eth0")
        + file("/etc/NetworkManager/conf.d/b.conf", "[device-x]\nmanaged=0"),
        "nothing gives eth0",
    ),
    "networkd, left alone": (
        NETWORKD
        + file(
            "/etc/systemd/network/x.network",
            "[Match]\nName=eth0\n[Network]\nDHCP=yes\n[Link]\nUnmanaged=true",
        ),
        "/etc/systemd/network/x.network, line 6: Unmanaged=true leaves eth0 down",
    ),
    "networkd, by hand": (
        NETWORKD
        + file(
            "/etc/systemd/network/x.network",
            "[Match]\nName=eth0\n[Network]\nDHCP=yes\n[Link]\nActivationPolicy=manual",
        ),
        "/etc/systemd/network/x.network, line 6: ActivationPolicy=manual leaves eth0 down",
    ),
    "netplan, by hand": (
        UBUNTU + file(NETPLAN, STATIC.format("dhcp4: true\n      activation-mode: manual")),
        f"{NETPLAN}, line 5: activation-mode leaves eth0 down",
    ),
    "NetworkManager may not, by a device section": (
        NM + file("/etc/NetworkManager/conf.d/a.conf", "[device-x]\nmatch-device=*\nmanaged=0"),
        "nothing gives eth0",
    ),
    "NetworkManager may not, by the last section": (
        NM + file("/etc/NetworkManager/conf.d/a.conf", "[device]\nmanaged=false"),
        "nothing gives eth0",
    ),
    "a link file gives another name, by path": (
        NM + file("/etc/systemd/network/1.link", "[Match]\nPath=acpi-VMBUS*\n[Link]\nName=lan0"),
        "/etc/systemd/network/1.link, line 4: Name=lan0 gives eth0 another name",
    ),
    "a link file gives another name": (
        NM + file("/etc/systemd/network/1.link", "[Match]\nDriver=hv_netvsc\n[Link]\nName=lan0"),
        "/etc/systemd/network/1.link, line 4: Name=lan0 gives eth0 another name",
    ),
    "a link file gives a name by address": (
        NM + file("/etc/systemd/network/1.link", "[Match]\nOriginalName=*\n[Link]\nNamePolicy=mac"),
        "/etc/systemd/network/1.link, line 4: NamePolicy=mac gives eth0 another name",
    ),
    "networkd, no DHCP": (
        NETWORKD + file("/etc/systemd/network/x.network", "[Match]\nName=eth0\n[Network]\nDHCP=ipv6"),
        "/etc/systemd/network/x.network, line 4: DHCP=ipv6 gives eth0 no address by DHCP",
    ),
    "netplan, a fixed address": (
        UBUNTU + file(NETPLAN, STATIC.format("addresses:\n      - 10.0.0.1/8")),
        f"{NETPLAN}, line 5: 10.0.0.1/8 is a fixed address",
    ),
    "netplan, no DHCP": (
        UBUNTU + file(NETPLAN, STATIC.format("dhcp4: no")),
        "line 4: eth0 gets no address by DHCP",
    ),
    "netplan, a foreign address": (
        UBUNTU + file(NETPLAN, STATIC.format(f"macaddress: {MAC}\n      dhcp4: true")),
        f"{NETPLAN}, line 4: macaddress: {MAC}, which only one machine may have",
    ),
    "netplan, eth0 is bound": (
        SYSTEMD + file(NETPLAN, BOUND),
        "nothing gives eth0",
    ),
    "SLES, a fixed address": (
        SLES + file(SUSE_IFCFG, "BOOTPROTO='static'\nIPADDR='10.0.0.1/8'\nSTARTMODE='auto'"),
        f"{SUSE_IFCFG}, line 2: IPADDR=10.0.0.1/8 is a fixed address",
    ),
    "SLES, a fixed route": (
        SLES
        + file(SUSE_IFCFG, "BOOTPROTO='dhcp'\nSTARTMODE='auto'")
        + file("/etc/sysconfig/network/routes", "10.0.0.0/8 - - eth1\ndefault 10.0.0.254 - -"),
        "/etc/sysconfig/network/routes: a default route to 10.0.0.254 - - is fixed",
    ),
    "dhcpcd, a fixed address": (
        SYSTEMD
        + started("dhcpcd")
        + file("/etc/dhcpcd.conf", "interface eth0\nstatic ip_address=10.0.0.1/8"),
        "/etc/dhcpcd.conf, line 2: static ip_address=10.0.0.1/8: eth0 gets no address by DHCP",
    ),
    "dhcpcd, denied": (
        SYSTEMD + started("dhcpcd") + file("/etc/dhcpcd.conf", "denyinterfaces veth* eth0"),
        "denyinterfaces veth* eth0",
    ),
    "dhcpcd, not allowed": (
        SYSTEMD + started("dhcpcd") + file("/etc/dhcpcd.conf", "allowinterfaces ens3"),
        "allowinterfaces ens3",
    ),
    "NetworkManager may not": (
        NM + file("/etc/NetworkManager/conf.d/a.conf", "[keyfile]\nunmanaged-devices=*,except:type:wifi"),
        "nothing gives eth0",
    ),
    "a name by address": (
        NM
        + file("/etc/udev/rules.d/10-net.rules", f'SUBSYSTEM=="net", ATTR{{address}}=="{MAC}", NAME="lan0"'),
        f"/etc/udev/rules.d/10-net.rules, line 1: the name of an interface hangs on {MAC}",
    ),
    "an old agent": (
        NM
        + 'file /usr/sbin/waagent 0755\n|#!/usr/bin/env python\n|GuestAgentVersion = "WALinuxAgent-2.0.14"\n',
        "waagent 2.0.14 does not go together with NetworkManager",
    ),
}


@pytest.mark.parametrize(("text", "because"), FINDINGS.values(), ids=FINDINGS.keys())
def test_what_a_person_has_to_decide(rig: Rig, text: str, because: str) -> None:
    finding = find(rig, text)
    assert (finding.verdict, finding.changes) == (UNMET, ()), finding
    assert because in "\n".join(finding.because)


UNCLEAR = {
    "EL 7, a bridge": EL_7 + file(IFCFG, "DEVICE=eth0\nBRIDGE=br0"),
    "keyfile, a bond": NM + file(KEYFILE, "[connection]\ntype=ethernet\ninterface-name=eth0\nmaster=bond0"),
    "networkd, a bridge": NETWORKD
    + file("/etc/systemd/network/x.network", "[Match]\nName=eth0\n[Network]\nBridge=b"),
    "netplan, a bridge": UBUNTU
    + file(NETPLAN, "network:\n  bridges:\n    br0:\n      interfaces: [eth0]\n      dhcp4: true"),
    "netplan, not plain": UBUNTU + file(NETPLAN, "network: !x\n  version: 2"),
    "no manager": SYSTEMD,
    "cloud-init, a bond": NETWORKD
    + CLOUD_INIT
    + file(CLOUD_CFG, f"{VERSION_1}    - {{type: bond, name: bond0, bond_interfaces: [eth0, eth1]}}"),
    "cloud-init, twice": NETWORKD
    + CLOUD_INIT
    + file(CLOUD_CFG, "network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}")
    + file("/etc/cloud/cloud.cfg", "network:\n  version: 2"),
    "a name that depends on the architecture": NM
    + file(
        "/etc/systemd/network/1.link",
        "[Match]\nDriver=hv_netvsc\nArchitecture=x86-64\n[Link]\nName=lan0",
    ),
    "cloud-init, not plain": NETWORKD + CLOUD_INIT + file(CLOUD_CFG, "network: !x\n  version: 2"),
    "a NUL": DEBIAN + "nul /etc/network/interfaces\n|auto eth0\n",
}


@pytest.mark.parametrize("text", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_what_cannot_be_told(rig: Rig, text: str) -> None:
    finding = find(rig, text)
    assert (finding.verdict, finding.changes) == (NOT_ASSESSED, ()), finding


def test_the_builders_address_goes_from_ifcfg(rig: Rig) -> None:
    old = f"DEVICE=eth0\nHWADDR={MAC}\nBOOTPROTO=dhcp\nMACADDR='{MAC}'\nONBOOT=no\nNM_CONTROLLED=yes"
    assert prepared(rig, EL_7 + file(IFCFG, old)) == {
        IFCFG: "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\nNM_CONTROLLED=yes\n"
    }


def test_it_goes_from_a_keyfile(rig: Rig) -> None:
    head = "[connection]\nid=x\ntype=ethernet\ninterface-name=eth0\n"
    old = f"{head}autoconnect=false\n[ethernet]\nmac-address={MAC}\ncloned-mac-address={MAC}\n"
    old += "[ipv4]\nmethod=auto"
    assert prepared(rig, NM + SERVER + file(KEYFILE, old)) == {
        KEYFILE: f"{head}[ethernet]\n[ipv4]\nmethod=auto\n"
    }


def test_words_for_an_address_stay_in_a_keyfile(rig: Rig) -> None:
    text = "[connection]\ntype=ethernet\ninterface-name=eth0\n[ethernet]\ncloned-mac-address=preserve"
    assert find(rig, NM + file(KEYFILE, text)).verdict is MET


def test_a_keyfile_for_one_address_alone_stays_and_another_is_added(rig: Rig) -> None:
    old = file(KEYFILE.replace("eth0", "x"), f"[connection]\ntype=ethernet\n[ethernet]\nmac-address={MAC}")
    (path,) = prepared(rig, NM + SERVER + old)
    assert path == KEYFILE
    rig.prepare()
    assert (rig.root / KEYFILE[1:]).stat().st_mode & 0o777 == 0o600


def test_it_goes_from_networkd(rig: Rig) -> None:
    path = "/etc/systemd/network/x.network"
    old = f"[Match]\nName=eth0\nMACAddress={MAC}\n[Link]\nMACAddress={MAC}\n[Network]\nDHCP=yes"
    assert prepared(rig, NETWORKD + file(path, old)) == {
        path: "[Match]\nName=eth0\n[Link]\n[Network]\nDHCP=yes\n"
    }


def test_it_goes_from_interfaces(rig: Rig) -> None:
    old = f"auto lo\niface eth0 inet dhcp\n  hwaddress ether {MAC}\n  metric 1"
    assert prepared(rig, DEBIAN + file(INTERFACES, old)) == {
        INTERFACES: "auto lo\niface eth0 inet dhcp\n  metric 1\nauto eth0\n"
    }


def test_it_goes_from_suse(rig: Rig) -> None:
    old = f"BOOTPROTO='dhcp'\nLLADDR={MAC}\nSTARTMODE='manual'"
    assert prepared(rig, SLES + file(SUSE_IFCFG, old)) == {SUSE_IFCFG: "BOOTPROTO='dhcp'\nSTARTMODE=auto\n"}


def test_it_goes_from_a_link_file(rig: Rig) -> None:
    path = "/etc/systemd/network/10-x.link"
    old = f"[Match]\nOriginalName=*\n[Link]\nMACAddress={MAC}\nMTUBytes=1400"
    assert prepared(rig, NM + file(path, old)) == {path: "[Match]\nOriginalName=*\n[Link]\nMTUBytes=1400\n"}


def test_a_link_file_for_one_machine_does_nothing_on_another(rig: Rig) -> None:
    text = f"[Match]\nMACAddress={MAC}\n[Link]\nMACAddress={MAC}\nName=lan0"
    assert find(rig, NM + file("/etc/systemd/network/10-x.link", text)).verdict is MET


NEW = {
    "EL 7": (EL_7 + SERVER, IFCFG, "BOOTPROTO=dhcp"),
    "EL 6": (EL_6, IFCFG, "ONBOOT=yes"),
    "keyfile": (NM + SERVER, KEYFILE, "method=auto"),
    "plugins without ifcfg": (
        EL_7 + SERVER + file("/etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=keyfile"),
        KEYFILE,
        "method=auto",
    ),
    "Debian": (DEBIAN + file(INTERFACES, "auto lo"), INTERFACES, "auto lo\n# Written by hvprep"),
    "Debian, other names": (
        DEBIAN + file(INTERFACES, "source /etc/network/interfaces.d/*\nauto ens3\niface ens3 inet dhcp"),
        "/etc/network/interfaces.d/hvprep-eth0",
        "allow-hotplug eth0\niface eth0 inet dhcp\n",
    ),
    "Debian, source-directory": (
        DEBIAN
        + file(INTERFACES, "source-directory interfaces.d")
        + file("/etc/network/interfaces.d/a.cfg", "auto eth0\niface eth0 inet dhcp"),
        "/etc/network/interfaces.d/hvprep-eth0",
        "iface eth0 inet dhcp\n",
    ),
    "Alpine": (ALPINE + file(INTERFACES, "auto lo"), INTERFACES, "auto eth0\niface eth0 inet dhcp\n"),
    "networkd": (NETWORKD, "/etc/systemd/network/50-hvprep-eth0.network", "Name=eth0"),
    "networkd, other names": (
        NETWORKD + file("/etc/systemd/network/x.network", "[Match]\nName=ens3\n[Network]\nDHCP=yes"),
        "/etc/systemd/network/50-hvprep-eth0.network",
        "Name=eth0",
    ),
    "networkd, bound": (
        NETWORKD + file("/etc/systemd/network/x.network", f"[Match]\nMACAddress={MAC}\n[Network]\nDHCP=yes"),
        "/etc/systemd/network/50-hvprep-eth0.network",
        "Name=eth0",
    ),
    "netplan": (
        UBUNTU + file(NETPLAN, "network:\n  ethernets:\n    ens3:\n      dhcp4: true\n  version: 2"),
        "/etc/netplan/90-hvprep.yaml",
        "    eth0:\n      dhcp4: true",
    ),
    "netplan, eth0 is bound": (
        UBUNTU + file(NETPLAN, BOUND),
        "/etc/systemd/network/50-hvprep-eth0.network",
        "Name=eth0",
    ),
    "SLES": (SLES, SUSE_IFCFG, "BOOTPROTO='dhcp'"),
    "cloud-init is off": (
        NETWORKD + CLOUD_INIT + "file /etc/cloud/cloud-init.disabled\n",
        "/etc/systemd/network/50-hvprep-eth0.network",
        "eth0",
    ),
    "cloud-init may not": (
        NETWORKD + CLOUD_INIT + file("/etc/cloud/cloud.cfg.d/a.cfg", "network: {config: disabled}"),
        "/etc/systemd/network/50-hvprep-eth0.network",
        "eth0",
    ),
    "cloud-init may not, in lines": (
        NETWORKD
        + CLOUD_INIT
        + file("/etc/cloud/cloud.cfg", "users: []\nnetwork: # mine\n  config: 'disabled'"),
        "/etc/systemd/network/50-hvprep-eth0.network",
        "eth0",
    ),
}


@pytest.mark.parametrize(("text", "path", "line"), NEW.values(), ids=NEW.keys())
def test_a_configuration_is_written_where_there_is_none(rig: Rig, text: str, path: str, line: str) -> None:
    files = prepared(rig, text)
    assert list(files) == [path]
    assert line in files[path]


def test_the_service_network_wants_its_file(rig: Rig) -> None:
    files = prepared(rig, EL_6 + "remove /etc/sysconfig/network\n")
    assert files["/etc/sysconfig/network"] == "NETWORKING=yes\n"


def test_persistent_names_go_and_do_not_come_back(rig: Rig) -> None:
    rules = "/etc/udev/rules.d/70-persistent-net.rules"
    generator = 'file /usr/lib/udev/rules.d/75-persistent-net-generator.rules\n|ACTION!="add"\n'
    line = f'SUBSYSTEM=="net", ATTR{{address}}=="{MAC}", KERNEL=="eth*", NAME="eth0"'
    assert prepared(rig, NM + generator + file(rules, line)) == {}
    rig.prepare()
    assert not (rig.root / rules[1:]).exists()
    mask = rig.root / "etc/udev/rules.d/75-persistent-net-generator.rules"
    assert mask.readlink() == Path("/dev/null")


def test_masked_persistent_names_are_no_names(rig: Rig) -> None:
    text = "".join(
        f"link /etc/udev/rules.d/{name}.rules /dev/null\n"
        for name in ("70-persistent-net", "75-persistent-net-generator")
    )
    text += "file /lib/udev/rules.d/75-persistent-net-generator.rules\n|x\n"
    assert find(rig, NM + text).verdict is MET


def test_rules_that_only_look_like_names_stay(rig: Rig) -> None:
    address = f'ATTR{{address}}=="{MAC}"'
    rules = f'#{address}, NAME="x"\nATTR{{address}}=="?*", NAME="x"\n{address}, NAME=="x"'
    assert find(rig, NM + file("/etc/udev/rules.d/10-x.rules", rules)).verdict is MET


def test_a_new_agent_may_stay_beside_network_manager(rig: Rig) -> None:
    assert find(rig, NM + "file /usr/sbin/waagent 0755\n|import azurelinuxagent.agent\n").verdict is MET


def test_files_that_include_each_other_end(rig: Rig) -> None:
    lines: List[str] = ["source interfaces", "auto eth0", "iface eth0 inet dhcp"]
    assert find(rig, DEBIAN + file(INTERFACES, "\n".join(lines))).verdict is MET


def test_what_an_installer_told_cloud_init_goes(rig: Rig) -> None:
    path = "/etc/cloud/cloud.cfg.d/90-installer-network.cfg"
    text = "network:\n  version: 2\n  ethernets:\n    ens3: {addresses: [10.0.0.1/8]}"
    assert prepared(rig, NETWORKD + CLOUD_INIT + file(path, text)) == {}
    rig.prepare()
    assert not (rig.root / path[1:]).exists()


@pytest.mark.parametrize("more", ["users: []\n", "network: {config: disabled}\n"])
def test_it_stays_where_it_says_more_or_leaves_the_network_to_the_image(rig: Rig, more: str) -> None:
    path = "/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg"
    served = file("/etc/systemd/network/x.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes")
    text = (
        f"network:\n  version: 2\n  ethernets:\n    eth0: {{dhcp4: true}}\n{more}"
        if "users" in more
        else more
    )
    finding = find(rig, NETWORKD + CLOUD_INIT + served + file(path, text))
    assert (finding.verdict, finding.changes) == (MET, ())


def test_without_predictable_names_no_policy_makes_one(tmp_path: Path) -> None:
    rig = Rig(make_tree("debian-11", tmp_path / "root"), only=ID)
    text = NM + file("/etc/systemd/network/1.link", "[Match]\nOriginalName=*\n[Link]\nNamePolicy=mac")
    assert "NamePolicy=mac gives eth0 another name" in "; ".join(find(rig, text).because)
    cfg = rig.root / "boot/grub/grub.cfg"
    cfg.write_text(cfg.read_text().replace(" ro ", " ro net.ifnames=0 "))
    assert rig.finding(ID).verdict is MET


def test_what_does_not_read_hides_no_name_that_hangs_on_an_address(rig: Rig) -> None:
    names = file("/etc/udev/rules.d/10-net.rules", f'SUBSYSTEM=="net", ATTR{{address}}=="{MAC}", NAME="lan0"')
    finding = find(rig, NETWORKD + CLOUD_INIT + names + file(CLOUD_CFG, "network: !x\n  version: 2"))
    assert (finding.verdict, finding.changes) == (UNMET, ())
    assert "the name of an interface hangs on" in finding.because[0]
    assert CLOUD_CFG in finding.because[1]
