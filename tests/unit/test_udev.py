"""What udev's files say of a device, and where the names of fstab lead to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.facts.udev import node_of, read_properties
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

#: Of systemd 252, /run/udev/data/b8:2 on a machine of Hyper-V, shortened.
DATA = """dir /run/udev/data
file /run/udev/data/b8:2
|S:disk/by-uuid/6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913
|S:disk/by-partuuid/0b1c2d3e-02
|I:1234567
|E:ID_FS_UUID=6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913
|E:ID_FS_LABEL=a=b
|E:ID_PART_TABLE_TYPE=dos
|G:systemd
"""


def test_properties(tmp_path: Path) -> None:
    add_to_tree(tmp_path, DATA)
    assert read_properties(Root(tmp_path), "8:2") == {
        "ID_FS_UUID": "6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913",
        "ID_FS_LABEL": "a=b",
        "ID_PART_TABLE_TYPE": "dos",
    }
    assert read_properties(Root(tmp_path), "8:3") == {}


def test_what_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "run/udev/data/b8:2").mkdir(parents=True)
    (tmp_path / "run/udev/data/b8:3").write_bytes(b"\0" * (17 << 20))
    assert read_properties(Root(tmp_path), "8:2") == read_properties(Root(tmp_path), "8:3") == {}


@pytest.mark.parametrize(
    ("spec", "node"),
    [
        ("UUID=1-2", "/dev/sda2"),
        ('UUID="1-2"', "/dev/sda2"),
        ("LABEL=my swap", "/dev/sda3"),
        ("LABEL=a/b", "/dev/sda4"),
        ("PARTUUID=none", "/dev/disk/by-partuuid/none"),
        ("PARTLABEL=x", "/dev/disk/by-partlabel/x"),
        ("/dev/mapper/vg-swap", "/dev/dm-1"),
        ("/dev/sda2", "/dev/sda2"),
        ("/swap=file", "/swap=file"),
        ("swapfile", "/swapfile"),
    ],
)
def test_nodes(tmp_path: Path, spec: str, node: str) -> None:
    add_to_tree(
        tmp_path,
        "link /dev/disk/by-uuid/1-2 ../../sda2\n"
        "link /dev/disk/by-label/my\\x20swap ../../sda3\n"
        "link /dev/disk/by-label/a\\x2fb ../../sda4\n"
        "link /dev/mapper/vg-swap ../dm-1\n",
    )
    assert str(node_of(Root(tmp_path), spec)) == node
