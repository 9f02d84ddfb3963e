"""The type of the root file system: from the mounts of a running system, else from fstab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional, Tuple

import pytest
from hvprep.facts.live import Mount
from hvprep.facts.root_volume import probe_root_volume
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.trees.rig import RUNNING
from tests.trees.tree import add_to_tree


@pytest.mark.parametrize(
    ("fstab", "answer"),
    [
        ("UUID=1 / ext4 defaults 0 1", "ext4"),
        ("UUID=1 / xfs defaults 0 0\\n/dev/sdb1 /mnt ext4", "xfs"),
        ("/dev/sda1 / ext4,btrfs defaults", "ext4"),
        ("/dev/sda1 / auto,xfs defaults", "xfs"),
        ("/dev/sda1 / auto defaults", None),
        ("overlay / overlay lowerdir=/a", None),
        ("UUID=1 /boot ext4 defaults", None),
        ("# nothing", None),
    ],
)
def test_from_fstab(tmp_path: Path, fstab: str, answer: Optional[str]) -> None:
    lines = "".join(f"|{line}\n" for line in fstab.split("\\n"))
    add_to_tree(tmp_path, f"file /etc/fstab\n{lines}")
    volume = probe_root_volume(Root(tmp_path), None)
    assert volume.type == answer
    assert "/etc/fstab" in volume.because


def test_without_fstab(tmp_path: Path) -> None:
    assert probe_root_volume(Root(tmp_path), None).type is None


@pytest.mark.parametrize(
    ("types", "answer"),
    [(("ext4",), "ext4"), (("rootfs", "xfs"), "xfs"), (("xfs", "overlay"), "xfs"), ((), "ext4")],
)
def test_from_the_mounts_of_a_running_system(tmp_path: Path, types: Tuple[str, ...], answer: str) -> None:
    add_to_tree(tmp_path, "file /etc/fstab\n|UUID=1 / ext4 defaults 0 1\n")
    mounts = [Mount("/dev/sda1", GuestPath("/"), kind, ()) for kind in types]
    mounts.append(Mount("/dev/sda2", GuestPath("/boot"), "vfat", ()))
    assert probe_root_volume(Root(tmp_path), replace(RUNNING, mounts=tuple(mounts))).type == answer


@pytest.mark.parametrize(
    ("device", "crypttab", "below"),
    [
        ("/dev/mapper/rl-root", "", ("dm_mod",)),
        ("/dev/VolGroup00/LogVol00", "", ("dm_mod",)),
        ("/dev/mapper/luks-1", "luks-1 UUID=2 none luks", ("dm_mod", "dm_crypt")),
        ("/dev/mapper/luks-1", "# luks-1\n|luks-2 UUID=2", ("dm_mod",)),
        ("/dev/sda1", "", ()),
        ("UUID=1", "", ()),
        ("/dev/disk/by-uuid/1", "", ()),
        ("/dev/md/root", "", ()),
        ("/dev/cciss/c0d0p1", "", ()),
    ],
)
def test_what_it_lies_on(tmp_path: Path, device: str, crypttab: str, below: Tuple[str, ...]) -> None:
    add_to_tree(tmp_path, f"file /etc/fstab\n|{device} / ext4\nfile /etc/crypttab\n|{crypttab}\n")
    assert probe_root_volume(Root(tmp_path), None).below == below
    mounts = (Mount(device, GuestPath("/"), "ext4", ()),)
    assert probe_root_volume(Root(tmp_path), replace(RUNNING, mounts=mounts)).below == below
