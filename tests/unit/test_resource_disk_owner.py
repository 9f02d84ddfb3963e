"""Whose the temporary disk is, told by the files of the system; and what prepare does about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Collection

import pytest
from hvprep.engine.planner import make_plan
from hvprep.facts.block_devices import BlockDevice, Partition, Transport
from hvprep.facts.gather import gather
from hvprep.facts.resource_disk_owner import find_owner
from hvprep.model.change import Write
from hvprep.model.finding import Finding, Verdict
from hvprep.model.node import GuestPath
from hvprep.settings import Settings
from hvprep.settings.resource_disk import SwapSize
from hvprep.steps.resource_disk import RESOURCE_DISK
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

DEFAULTS = Settings()
SYSTEMD = "file /lib/systemd/system/basic.target\n|[Unit]\n"
CLOUD_INIT = (
    SYSTEMD + "elf /usr/bin/cloud-init x86_64\nfile /lib/systemd/system/cloud-init-local.service\n|[Unit]\n"
    "link /etc/systemd/system/cloud-init.target.wants/cloud-init-local.service /lib/x\n"
    "elf /lib/systemd/system-generators/cloud-init-generator x86_64\n"
)
OFF = "file /etc/cloud/cloud-init.disabled\n|x\n"
WAAGENT = (
    SYSTEMD + "elf /usr/sbin/waagent x86_64\nfile /lib/systemd/system/walinuxagent.service\n|[Unit]\n"
    "link /etc/systemd/system/multi-user.target.wants/walinuxagent.service /lib/x\n"
)
#: Of before it asked for cloud-init (WALinuxAgent 2.2.x).
OLD_WAAGENT = (
    WAAGENT + "file /usr/sbin/waagent 755\n|#!/usr/bin/python3.6\nelf /usr/bin/python3.6 x86_64\n"
    "file /usr/lib/python3.6/site-packages/azurelinuxagent/__init__.py\n|#\n"
    "file /usr/lib/python3.6/site-packages/azurelinuxagent/daemon/resourcedisk/default.py\n|x = None\n"
)
ONE_FILE = 'file /usr/sbin/waagent 755\n|#!/usr/bin/python3\n|GuestAgentVersion = "WALinuxAgent-2.0.18"\n'
#: Microsoft, "Configure swap files for Linux Azure virtual machines" (cloud-init).
RECIPE = """\
file /etc/cloud/cloud.cfg.d/00-azure-swap.cfg
|disk_setup:
|  ephemeral0: {table_type: mbr, layout: [66, [33, 82]], overwrite: true}
|fs_setup:
|  - {device: ephemeral0.1, filesystem: ext4}
|  - {device: ephemeral0.2, filesystem: swap}
|mounts:
|  - ["ephemeral0.1", "/mnt"]
|  - ["ephemeral0.2", "none", "swap", "sw,nofail", "0", "0"]
"""
FORMATS = (
    "file /etc/waagent.conf\n|ResourceDisk.Format=y\n|ResourceDisk.EnableSwap=y\n|ResourceDisk.SwapSizeMB=1\n"
)
VM_UTILS = (
    SYSTEMD + "file /usr/lib/systemd/system/azure-ephemeral-disk-setup.service\n|[Unit]\n"
    "link /etc/systemd/system/basic.target.wants/azure-ephemeral-disk-setup.service /x\n"
)
SERVICE = SYSTEMD + "file /usr/lib/systemd/system/hvprep-resource-disk.service\n|[Unit]\n"
ENABLED = "link /etc/systemd/system/multi-user.target.wants/hvprep-resource-disk.service /x\n"

PART = Partition("sdb1", GuestPath("/dev/sdb1"), "8:17", 1, 1 << 20, 1 << 30)
DISK = BlockDevice(
    "sdb", GuestPath("/dev/sdb"), "8:16", 1 << 31, GuestPath("/sys/x"), Transport.SCSI, partitions=(PART,)
)
NVME = dataclasses.replace(DISK, name="nvme0n1", path=GuestPath("/dev/nvme0n1"), transport=Transport.NVME)


def owner(
    path: Path, text: str, settings: Settings = DEFAULTS, disks: Collection[BlockDevice] = (DISK,)
) -> str:
    add_to_tree(path, text)
    found = find_owner(Root(path), None, settings, disks)
    return f"{found.kind.value}{' with swap' if found.makes_swap else ''}: {found.because}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "hvprep"),
        (CLOUD_INIT, "cloud-init"),
        (CLOUD_INIT + OFF, "hvprep"),
        (CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|datasource_list: [ NoCloud, None ]\n", "hvprep"),
        (WAAGENT, "hvprep"),
        (WAAGENT + FORMATS, "waagent with swap"),
        (WAAGENT + "file /etc/waagent.conf\n|ResourceDisk.Format=n\n", "hvprep"),
        (WAAGENT + "file /etc/waagent.conf\n|ResourceDisk.Format=yes\n", "hvprep"),
        (WAAGENT + "file /etc/waagent.conf\n|ResourceDisk.Format=y\n", "waagent"),
        (
            WAAGENT + "file /etc/waagent.conf\n|ResourceDisk.Format=y\n"
            "|ResourceDisk.EnableSwap=y\n|ResourceDisk.SwapSizeMB=00\n",
            "waagent",
        ),
        (CLOUD_INIT + WAAGENT + FORMATS, "cloud-init"),
        # waagent asks whether the unit is enabled, and knows nothing of that file.
        (CLOUD_INIT + OFF + WAAGENT + FORMATS, "hvprep"),
        (CLOUD_INIT + OFF + OLD_WAAGENT + FORMATS, "waagent with swap"),
        (CLOUD_INIT + OFF + WAAGENT + ONE_FILE + FORMATS, "waagent with swap"),
        (
            CLOUD_INIT
            + "remove /etc/systemd/system/cloud-init.target.wants/cloud-init-local.service\n"
            + WAAGENT
            + FORMATS,
            "waagent with swap",
        ),
        # cloud-init starts and looks elsewhere; waagent leaves the disk to it all the same.
        (
            CLOUD_INIT
            + "file /etc/cloud/cloud.cfg\n|datasource_list: [ NoCloud, None ]\n"
            + WAAGENT
            + FORMATS,
            "hvprep",
        ),
        (WAAGENT + FORMATS + "link /etc/systemd/system/walinuxagent.service /dev/null\n", "hvprep"),
        (FORMATS, "hvprep"),
        (VM_UTILS, "hvprep"),
        (
            VM_UTILS
            + 'file /etc/azure-ephemeral-disk-setup.conf\n|AZURE_EPHEMERAL_DISK_SETUP_SCSI_RESOURCE="true"\n',
            "azure-vm-utils",
        ),
        ("file /etc/fstab\n|/dev/sdb1 /data ext4 defaults 0 0\n", "the administrator"),
        ("file /etc/fstab\n|/dev/sdb /data ext4 defaults 0 0\n", "the administrator"),
        ("file /etc/fstab\n|/dev/sdbx /data ext4 defaults 0 0\n", "hvprep"),
        ("file /etc/fstab\n|/dev/sdb1 none swap sw 0 0\n", "the administrator"),
        ("file /etc/fstab\n|/dev/sdz1 /mnt/resource/ ext4 defaults 0 0\n", "the administrator"),
        ("file /etc/fstab\n|/dev/sdz1 /mnt ext4 defaults 0 0\n", "hvprep"),
        ("file /etc/fstab\n|LABEL=hvprep-temp /mnt/resource ext4 nofail,comment=hvprep 0 0\n", "hvprep"),
        (
            "file /etc/fstab\n"
            "|/dev/disk/cloud/azure_resource-part1 /mnt auto defaults,comment=cloudconfig 0 2\n",
            "cloud-init",
        ),
        (
            "file /etc/fstab\n|/dev/disk/azure/resource-part1 /scratch auto defaults 0 2\n",
            "the administrator",
        ),
        (
            "file /dev/sdb1\n|x\nlink /dev/disk/by-uuid/1-2 ../../sdb1\n"
            "file /etc/fstab\n|UUID=1-2 /scratch auto defaults 0 2\n",
            "the administrator",
        ),
        (
            "file /dev/sda1\n|x\nlink /dev/disk/by-uuid/1-2 ../../sda1\n"
            "file /etc/fstab\n|UUID=1-2 / auto defaults 0 2\n",
            "hvprep",
        ),
        ("file /etc/systemd/system/mnt-resource.mount\n|[Mount]\n", "the administrator"),
        ("file /etc/systemd/system/mnt.mount\n|[Mount]\n", "hvprep"),
    ],
)
def test_owners(tmp_path: Path, text: str, kind: str) -> None:
    assert owner(tmp_path, text).partition(":")[0] == kind


def test_nvme_disks_are_azure_vm_utils_business(tmp_path: Path) -> None:
    assert owner(tmp_path, VM_UTILS, disks=(NVME,)).startswith("azure-vm-utils: /etc/systemd")
    assert owner(tmp_path, "").startswith("hvprep")


def test_format_n_is_nobodys_unless_somebody_else_has_it(tmp_path: Path) -> None:
    settings = Settings(resource_disk_format=False)
    assert owner(tmp_path, "", settings).startswith("nobody: ResourceDisk.Format=n")
    assert owner(tmp_path, CLOUD_INIT, settings).startswith("cloud-init")


def test_a_mount_point_below_a_link_is_the_same_one(tmp_path: Path) -> None:
    text = (
        "dir /var/mnt\nlink /mnt var/mnt\nfile /etc/fstab\n|/dev/sdz1 /var/mnt/resource ext4 defaults 0 0\n"
    )
    assert owner(tmp_path, text).startswith("the administrator: line 1 of /etc/fstab")
    unit = "dir /var/mnt\nlink /mnt var/mnt\nfile /etc/systemd/system/var-mnt-resource.mount\n|[Mount]\n"
    (tmp_path / "etc/fstab").unlink()
    assert "var-mnt-resource.mount mounts there" in owner(tmp_path, unit)


# What prepare does.


def find(path: Path, text: str, settings: Settings = DEFAULTS) -> Finding:
    add_to_tree(path, text)
    root = Root(path)
    (finding,) = make_plan((RESOURCE_DISK,), root, gather(root, False, settings), settings).findings
    return finding


def written(finding: Finding) -> str:
    (change,) = finding.changes
    assert isinstance(change, Write)
    assert change.path == GuestPath("/etc/waagent.conf")
    return change.content.decode()


SHIPPED = """\
file /etc/waagent.conf
|# Format if unformatted. If 'n', resource disk will not be mounted.
|ResourceDisk.Format=n
|ResourceDisk.Filesystem=ext4
|ResourceDisk.MountPoint=/mnt/resource
|# Create and use swapfile on resource disk.
|ResourceDisk.EnableSwap=n
|ResourceDisk.SwapSizeMB=0
|ResourceDisk.MountOptions=None
|OS.EnableFIPS=n
"""


def test_waagent_alone_gets_the_five_lines(tmp_path: Path) -> None:
    finding = find(tmp_path, WAAGENT + SHIPPED)
    assert finding.verdict is Verdict.UNMET
    assert written(finding) == (
        "# Format if unformatted. If 'n', resource disk will not be mounted.\n"
        "ResourceDisk.Format=y\n"
        "ResourceDisk.Filesystem=ext4\n"
        "ResourceDisk.MountPoint=/mnt/resource\n"
        "# Create and use swapfile on resource disk.\n"
        "ResourceDisk.EnableSwap=y\n"
        "ResourceDisk.SwapSizeMB=2048\n"
        "ResourceDisk.MountOptions=None\n"
        "OS.EnableFIPS=n\n"
    )
    assert "Format=y ResourceDisk.EnableSwap=y ResourceDisk.SwapSizeMB=2048" in finding.because[-1]


def test_and_then_it_is_met_and_hvprep_yields(tmp_path: Path) -> None:
    content = written(find(tmp_path, WAAGENT + SERVICE + ENABLED + SHIPPED))
    (tmp_path / "etc/waagent.conf").write_text(content)
    finding = find(tmp_path, "")
    assert (finding.verdict, finding.changes) == (Verdict.MET, ())
    assert owner(tmp_path, "").startswith("waagent with swap")


def test_the_settings_of_hvprep_are_waagents(tmp_path: Path) -> None:
    settings = Settings(
        resource_disk_filesystem="xfs",
        resource_disk_mount_point=GuestPath("/mnt"),
        resource_disk_mount_options=("noatime", "nodev"),
        resource_disk_swap_size=SwapSize(mib=512),
    )
    lines = written(find(tmp_path, WAAGENT + SHIPPED, settings)).splitlines()
    assert [line.partition(".")[2] for line in lines if line.startswith("ResourceDisk")] == [
        "Format=y",
        "Filesystem=xfs",
        "MountPoint=/mnt",
        "EnableSwap=y",
        "SwapSizeMB=512",
        "MountOptions=noatime,nodev",
    ]


@pytest.mark.parametrize(
    "settings",
    [Settings(resource_disk_enable_swap=False), Settings(resource_disk_swap_size=SwapSize(mib=0))],
)
def test_without_swap(tmp_path: Path, settings: Settings) -> None:
    assert "ResourceDisk.EnableSwap=n\n" in written(find(tmp_path, WAAGENT + SHIPPED, settings))


@pytest.mark.parametrize("size", [SwapSize(), SwapSize(percent=50)])
def test_sizes_that_waagent_does_not_know(tmp_path: Path, size: SwapSize) -> None:
    finding = find(tmp_path, WAAGENT + SHIPPED, Settings(resource_disk_swap_size=size))
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert f"knows no SwapSizeMB={size}" in finding.because[0]


@pytest.mark.parametrize(
    ("text", "settings", "verdict", "because"),
    [
        ("", Settings(resource_disk_format=False), Verdict.NOT_APPLICABLE, "ResourceDisk.Format=n"),
        ("", Settings(), Verdict.UNMET, "no program in this system"),
        (SERVICE, Settings(), Verdict.UNMET, "is not enabled"),
        (SERVICE + ENABLED, Settings(), Verdict.MET, "sets it up at boot"),
        (
            CLOUD_INIT + WAAGENT + SHIPPED + SERVICE + ENABLED,
            Settings(),
            Verdict.MET,
            "puts swap on it at boot",
        ),
        (CLOUD_INIT + WAAGENT + SHIPPED, Settings(), Verdict.UNMET, "nothing puts swap on it"),
        (CLOUD_INIT + SERVICE, Settings(), Verdict.UNMET, "nothing puts swap on it"),
        (CLOUD_INIT, Settings(resource_disk_enable_swap=False), Verdict.MET, "it is cloud-init's"),
        (CLOUD_INIT, Settings(resource_disk_swap_size=SwapSize(mib=0)), Verdict.MET, "it is cloud-init's"),
        (
            CLOUD_INIT + "file /etc/fstab\n|/mnt/resource/swapfile none swap nofail 0 0\n",
            Settings(),
            Verdict.MET,
            "line 1 of /etc/fstab has swap on it",
        ),
        (
            CLOUD_INIT + "file /etc/fstab\n|/dev/zram0 none swap x 0 0\n",
            Settings(),
            Verdict.UNMET,
            "nothing puts",
        ),
        (CLOUD_INIT + RECIPE, Settings(), Verdict.MET, "line 8: cloud-init swaps to ephemeral0.2"),
        (
            CLOUD_INIT + "file /etc/systemd/system/mnt-swapfile.swap\n|[Swap]\n|What=/mnt/swapfile\n"
            "link /etc/systemd/system/swap.target.wants/mnt-swapfile.swap ../mnt-swapfile.swap\n",
            Settings(),
            Verdict.MET,
            "mnt-swapfile.swap swaps to /mnt/swapfile",
        ),
        (
            CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|mounts: !x\n",
            Settings(),
            Verdict.NOT_ASSESSED,
            "cloud.cfg",
        ),
        (
            CLOUD_INIT + OFF + RECIPE + "file /etc/fstab\n|/dev/sdz1 /mnt/resource ext4 defaults 0 0\n",
            Settings(),
            Verdict.UNMET,
            "nothing puts swap on it",
        ),
        # waagent would leave the disk alone, so it is not told to take it.
        (CLOUD_INIT + OFF + WAAGENT + SHIPPED, Settings(), Verdict.UNMET, "no program in this system"),
        (WAAGENT, Settings(), Verdict.UNMET, "has no /etc/waagent.conf"),
        (
            WAAGENT + SHIPPED + "file /etc/fstab\n|/dev/disk/azure/resource-part1 /x auto defaults 0 0\n",
            Settings(resource_disk_enable_swap=False),
            Verdict.MET,
            "it is the administrator's",
        ),
        # Nobody knows whether this one starts: it is not told to take the disk.
        ("elf /usr/sbin/waagent x86_64\n" + SHIPPED + SERVICE + ENABLED, Settings(), Verdict.MET, "at boot"),
    ],
)
def test_other_systems(tmp_path: Path, text: str, settings: Settings, verdict: Verdict, because: str) -> None:
    finding = find(tmp_path, text, settings)
    assert (finding.verdict, finding.changes) == (verdict, ())
    assert because in "; ".join(finding.because)
