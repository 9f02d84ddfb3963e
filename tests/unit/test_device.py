"""Opening what a disk's node leads to: never a link, never something else, never beyond its end.

tests/chroot/test_resource_disk_evidence.py does the same with real block devices.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hvprep.errors import FormatError, Refusal
from hvprep.model.node import GuestPath
from hvprep.system.device import open_device
from hvprep.system.root import Root

IMAGE = GuestPath("/dev/image")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/image").write_bytes(b"0123456789")
    return Root(tmp_path)


def test_a_piece_of_an_image(root: Root) -> None:
    with open_device(root, IMAGE, None) as reader:
        assert (reader.size_bytes, reader.is_free) == (10, True)
        assert reader.read_at(3, 4) == b"3456"
        assert reader.read_at(0, 10) == b"0123456789"
        assert reader.read_at(10, 0) == b""


@pytest.mark.parametrize(("offset", "size"), [(-1, 2), (0, 11), (10, 1), (0, -1), (1 << 70, 1)])
def test_nothing_is_read_beyond_its_ends(root: Root, offset: int, size: int) -> None:
    with open_device(root, IMAGE, None) as reader, pytest.raises(FormatError, match="has 10 bytes"):
        reader.read_at(offset, size)


def test_a_device_that_shrinks_is_an_error_of_the_disk(root: Root) -> None:
    with open_device(root, IMAGE, None) as reader:
        os.truncate(root.host_path / "dev/image", 4)
        with pytest.raises(OSError, match="Input/output error"):
            reader.read_at(2, 6)


def test_a_link_is_not_followed(root: Root) -> None:
    (root.host_path / "dev/link").symlink_to("image")
    with pytest.raises(Refusal, match="not a regular file"), open_device(root, GuestPath("/dev/link"), None):
        pass


@pytest.mark.parametrize("number", ["8:0", "0:0", "7:3"])
def test_a_file_is_no_block_device(root: Root, number: str) -> None:
    with pytest.raises(Refusal, match=f"not the block device {number}"), open_device(root, IMAGE, number):
        pass


def test_what_would_hang_is_not_opened(root: Root) -> None:
    os.mkfifo(root.host_path / "dev/fifo")
    for number in (None, "8:0"):
        with pytest.raises(Refusal), open_device(root, GuestPath("/dev/fifo"), number):
            pass


def test_a_character_device_with_the_same_number_is_another_one() -> None:
    with pytest.raises(Refusal), open_device(Root(Path("/")), GuestPath("/dev/null"), "1:3"):
        pass


def test_a_node_that_is_missing(root: Root) -> None:
    with pytest.raises(FileNotFoundError), open_device(root, GuestPath("/dev/none"), "8:0"):
        pass
    with pytest.raises(FileNotFoundError), open_device(root, GuestPath("/none/sdb"), "8:0"):
        pass


def test_the_descriptor_is_closed(root: Root) -> None:
    with open_device(root, IMAGE, None) as reader:
        pass
    with pytest.raises(OSError, match="Bad file descriptor"):
        reader.read_at(0, 1)
