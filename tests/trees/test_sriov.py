"""sriov: who would configure a virtual function, and what keeps them off."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "sriov"
NM = SYSTEMD + started("NetworkManager")
NETWORKD = SYSTEMD + started("systemd-networkd")
#: A file that takes every interface, as images for other clouds have it.
ALL = NETWORKD + file("/etc/systemd/network/80-dhcp.network", "[Match]\nName=en* eth*\n[Network]\nDHCP=yes")
NETPLAN = SYSTEMD + file(
    "/etc/netplan/01.yaml", "network:\n  ethernets:\n    all:\n      match: {name: 'en*'}\n      dhcp4: true"
)
OLD = "file /usr/lib/systemd/libsystemd-shared-252.so\n"
NEW = "file /usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so\n"
RULES, NETWORK = "/etc/udev/rules.d/68-hvprep-sriov.rules", "/etc/systemd/network/01-hvprep-sriov.network"
#: azure-vm-utils 0.6 (Debian 13), and what Microsoft's page for RHEL writes.
AZURE = 'SUBSYSTEM=="net", DRIVERS=="mana|mlx4_core|mlx5_core", '
AZURE += 'ENV{ID_NET_MANAGED_BY}="unmanaged", ENV{NM_UNMANAGED}="1"'
RHEL = '# SR-IOV\nSUBSYSTEM=="net", DRIVERS=="hv_pci", ACTION=="add", ENV{NM_UNMANAGED}="1"'


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


MET = {
    "azure-vm-utils": NM + file("/usr/lib/udev/rules.d/10-azure-unmanaged-sriov.rules", AZURE),
    "RHEL": NM + file("/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules", RHEL),
    "our package": NM + file("/usr/lib/udev/rules.d/68-hvprep-sriov.rules", AZURE),
    "by driver": NM
    + file(
        "/etc/NetworkManager/conf.d/99-azure.conf",
        "[keyfile]\nunmanaged-devices=driver:mlx4_core;driver:mlx5_core",
    ),
    "networkd for eth0 alone": NETWORKD
    + file("/etc/systemd/network/a.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes"),
    "networkd leaves them": ALL
    + file("/etc/systemd/network/01.network", "[Match]\nDriver=mlx4_core mlx5_core\n[Link]\nUnmanaged=yes"),
    "networkd, new": ALL + NEW + file("/usr/lib/udev/rules.d/10-azure.rules", AZURE),
    "netplan by driver": NETWORKD
    + file(
        "/etc/netplan/01.yaml", "network:\n  ethernets:\n    x: {match: {driver: hv_netvsc}, dhcp4: true}"
    ),
    "nobody": SYSTEMD,
}


@pytest.mark.parametrize("text", MET.values(), ids=MET.keys())
def test_they_are_left_alone(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.MET, ()), finding


UNMET = {
    "NetworkManager": (NM, [RULES]),
    "NetworkManager, one driver of two": (
        NM + file("/etc/NetworkManager/conf.d/a.conf", "[keyfile]\nunmanaged-devices=driver:mlx5_core"),
        [RULES],
    ),
    "a rule for other things": (
        NM
        + file(
            "/usr/lib/udev/rules.d/85-nm-unmanaged.rules", 'ENV{ID_NET_DRIVER}=="veth", ENV{NM_UNMANAGED}="1"'
        ),
        [RULES],
    ),
    "a masked rule": (
        NM
        + file("/usr/lib/udev/rules.d/10-azure.rules", AZURE)
        + "link /etc/udev/rules.d/10-azure.rules /dev/null\n",
        [RULES],
    ),
    "a rule that takes it back": (
        NM + file("/etc/udev/rules.d/10-a.rules", AZURE.replace('="1"', '="0"')),
        [RULES],
    ),
    "networkd, old": (ALL + OLD, [NETWORK, RULES]),
    "networkd, unknown": (ALL, [NETWORK, RULES]),
    "networkd, new": (ALL + NEW, [RULES]),
    "netplan": (NETPLAN + OLD, [NETWORK, RULES]),
    "networkd, old, with the rules": (
        ALL + OLD + file("/usr/lib/udev/rules.d/10-azure.rules", AZURE),
        [NETWORK],
    ),
}


@pytest.mark.parametrize(("text", "paths"), UNMET.values(), ids=UNMET.keys())
def test_rules_are_written(rig: Rig, text: str, paths: list[str]) -> None:
    add_to_tree(rig.root, text)
    before = take_snapshot(rig.root)
    rig.prepare()
    after = take_snapshot(rig.root)
    new = [path for path in sorted(after) if path not in before and after[path].kind == "file"]
    assert [path for path in new if not path.startswith("/var")] == paths
    assert rig.plan().changes == ()
    assert rig.finding(ID).verdict is Verdict.MET
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_netplan_that_does_not_read_is_not_judged(rig: Rig) -> None:
    add_to_tree(rig.root, SYSTEMD + file("/etc/netplan/01.yaml", "network: *x"))
    assert rig.finding(ID).verdict is Verdict.NOT_ASSESSED
