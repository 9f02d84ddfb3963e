"""The reader of NTFS against volumes of mkntfs and ntfscp, and against what damage and malice make of them.

tests/chroot/test_resource_disk_ntfs.py compares with ntfsls on every geometry.
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.ntfs import DIRECTORY_LIMIT_BYTES, NtfsEntry, NtfsVolume, read_ntfs
from hypothesis import given, settings
from hypothesis import strategies as st

VOLUME_BYTES = 4 << 20
MIB = 1 << 20


@dataclass(frozen=True)
class Image:
    """A volume's bytes, and those pieces of it that reading it looks at."""

    content: bytes
    pieces: Tuple[Tuple[int, int], ...]

    def read(self, size_bytes: int = 0) -> NtfsVolume:
        return read_ntfs(reader(self.content), size_bytes or len(self.content))

    def edited(self, offset: int, value: bytes) -> Image:
        return Image(self.content[:offset] + value + self.content[offset + len(value) :], self.pieces)

    def refusal(self) -> str:
        with pytest.raises(FormatError) as caught:
            self.read()
        return caught.value.sentence


def reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, size_bytes: content[offset : offset + size_bytes]


def make_volume(path: Path, names: Sequence[str], *options: str, label: str = "Temporary Storage") -> Image:
    with path.open("wb") as stream:
        stream.truncate(VOLUME_BYTES)
    run("mkntfs", "-Q", "-F", "-L", label, *options, str(path))
    empty = path.with_name("empty")
    empty.write_bytes(b"x")
    for name in names:
        run("ntfscp", str(path), str(empty), name)
    content = path.read_bytes()
    pieces: List[Tuple[int, int]] = []

    def read_at(offset: int, size_bytes: int) -> bytes:
        pieces.append((offset, size_bytes))
        return content[offset : offset + size_bytes]

    read_ntfs(read_at, len(content))
    return Image(content, tuple(pieces))


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


MANY = [f"a file with a long name {number:03}" for number in range(60)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Image]:
    """new: as Azure's hosts leave it; small: the index is one block; large: it is a tree."""
    directory = tmp_path_factory.mktemp("ntfs")
    return {
        "new": make_volume(directory / "new", ["DATALOSS_WARNING_README.txt"]),
        "small": make_volume(directory / "small", ["data", "\u00fcnic\u00f6de \U0001f600"]),
        "large": make_volume(directory / "large", MANY),
    }


def test_a_new_volume(images: Dict[str, Image]) -> None:
    assert images["new"].read() == NtfsVolume(
        "Temporary Storage", (NtfsEntry("DATALOSS_WARNING_README.txt", False),)
    )


def test_names_of_any_script(images: Dict[str, Image]) -> None:
    assert images["small"].read().names == ("data", "\u00fcnic\u00f6de \U0001f600")


def test_a_directory_of_several_blocks(images: Dict[str, Image]) -> None:
    assert images["large"].read().names == tuple(MANY)
    assert len(images["large"].pieces) > 5


@pytest.mark.parametrize("label", ["", "\u00dcmlaut \U0001f4be", "x" * 128])
def test_the_label(tmp_path: Path, label: str) -> None:
    assert make_volume(tmp_path / "volume", [], label=label).read().label == label


@pytest.mark.parametrize("options", [("-s", "4096", "-c", "4096"), ("-c", "512"), ("-c", "65536"), ("-C",)])
def test_geometries(tmp_path: Path, options: Tuple[str, ...]) -> None:
    names = MANY[:12]
    assert make_volume(tmp_path / "volume", names, *options).read().names == tuple(names)


def test_a_partition_may_be_larger_than_its_volume_and_not_smaller(images: Dict[str, Image]) -> None:
    image = Image(images["new"].content + bytes(MIB), ())
    assert image.read().names == ("DATALOSS_WARNING_README.txt",)
    (sectors,) = struct.unpack_from("<Q", image.content, 0x28)
    assert image.read(512 * sectors).names
    with pytest.raises(FormatError, match="sectors, and its partition"):
        image.read(512 * sectors - 1)


def test_what_is_read_is_bounded(images: Dict[str, Image]) -> None:
    assert sum(size for _, size in images["large"].pieces) < 128 * 1024


# Edits, each of which a reader that looks less closely would take for an empty directory or read wrongly.


def records(image: Image) -> int:
    """Where the file records begin."""
    sector_bytes, per_cluster = struct.unpack_from("<HB", image.content, 0x0B)
    (cluster,) = struct.unpack_from("<Q", image.content, 0x30)
    return int(cluster) * int(sector_bytes) * int(per_cluster)


def attribute(image: Image, number: int, kind: int) -> int:
    """Where the first attribute of that type of a file record begins."""
    record = records(image) + 1024 * number
    at = record + struct.unpack_from("<H", image.content, record + 0x14)[0]
    while True:
        found, length = struct.unpack_from("<II", image.content, at)
        assert found != 0xFFFFFFFF
        if found == kind:
            return int(at)
        at += length


def test_helpers_of_this_test_find_their_way(images: Dict[str, Image]) -> None:
    image = images["new"]
    assert image.content[records(image) : records(image) + 4] == b"FILE"
    assert image.content[attribute(image, 5, 0x90) + 24 :][:8] == "$I30".encode("utf-16-le")


EDITS: Dict[str, Callable[[Image], Image]] = {
    "another boot sector": lambda image: image.edited(3, b"MSDOS5.0"),
    "no end of the boot sector": lambda image: image.edited(510, b"\0\0"),
    "sectors of 3 bytes": lambda image: image.edited(0x0B, b"\3\0"),
    "sectors of 8 KiB": lambda image: image.edited(0x0B, b"\0\x20"),
    "clusters of 3 sectors": lambda image: image.edited(0x0D, b"\3"),
    "clusters of 0 sectors": lambda image: image.edited(0x0D, b"\0"),
    "clusters of 4 MiB": lambda image: image.edited(0x0D, b"\xf3"),
    "no sectors": lambda image: image.edited(0x28, bytes(8)),
    "too many sectors": lambda image: image.edited(0x28, struct.pack("<Q", VOLUME_BYTES // 512 + 1)),
    "records of no size": lambda image: image.edited(0x40, b"\0"),
    "records of 2^120 bytes": lambda image: image.edited(0x40, b"\x88"),
    "records beyond the end": lambda image: image.edited(0x30, struct.pack("<Q", 1 << 40)),
    "no record of the root": lambda image: image.edited(records(image) + 5 * 1024, b"BAAD"),
    "a torn record of the root": lambda image: image.edited(records(image) + 5 * 1024 + 1022, b"\xaa\xaa"),
    "the root is not in use": lambda image: image.edited(records(image) + 5 * 1024 + 0x16, b"\2\0"),
    "the root is no directory": lambda image: image.edited(records(image) + 5 * 1024 + 0x16, b"\1\0"),
    "the root continues another": lambda image: image.edited(records(image) + 5 * 1024 + 0x20, b"\7"),
    "the root has another number": lambda image: image.edited(records(image) + 5 * 1024 + 0x2C, b"\6"),
    "an attribute list": lambda image: image.edited(attribute(image, 5, 0x10), b"\x20"),
    "no index": lambda image: image.edited(attribute(image, 5, 0x90), b"\x91"),
    "an index of something else": lambda image: image.edited(attribute(image, 5, 0x90) + 32, b"\x31"),
    "index blocks of 3 bytes": lambda image: image.edited(attribute(image, 5, 0x90) + 40, b"\3\0\0\0"),
    "no blocks": lambda image: image.edited(attribute(image, 5, 0xA0), b"\xa1"),
    "no bitmap": lambda image: image.edited(attribute(image, 5, 0xB0), b"\xb1"),
    "a bitmap without the block": lambda image: image.edited(attribute(image, 5, 0xB0) + 32, b"\0"),
    "a block that nothing leads to": lambda image: image.edited(attribute(image, 5, 0xB0) + 32, b"\xff"),
    "blocks that are compressed": lambda image: image.edited(attribute(image, 5, 0xA0) + 12, b"\1"),
    "blocks that are encrypted": lambda image: image.edited(attribute(image, 5, 0xA0) + 13, b"\x40"),
    "blocks that are too few": lambda image: image.edited(attribute(image, 5, 0xA0) + 48, bytes(8)),
    "clusters that do not add up": lambda image: image.edited(attribute(image, 5, 0xA0) + 24, b"\x7f"),
    "blocks that begin later": lambda image: image.edited(attribute(image, 5, 0xA0) + 16, b"\1"),
    "clusters without an end": lambda image: image.edited(attribute(image, 5, 0xA0) + 32, b"\xff\0"),
    "a volume that says nothing": lambda image: image.edited(attribute(image, 3, 0x70), b"\x71"),
    "attributes without an end": lambda image: image.edited(attribute(image, 5, 0x90) + 4, b"\0\0\0\0"),
    "attributes that leave the record": lambda image: image.edited(
        attribute(image, 5, 0x90) + 4, b"\0\x10\0\0"
    ),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("which", ["new", "small"])
def test_an_edit_is_refused(images: Dict[str, Image], which: str, name: str) -> None:
    assert EDITS[name](images[which]).refusal()


def index_block(image: Image) -> int:
    return image.content.index(b"INDX")


BLOCK_EDITS: Dict[str, Callable[[Image], Image]] = {
    "no block": lambda image: image.edited(index_block(image), b"BAAD"),
    "a torn block": lambda image: image.edited(index_block(image) + 4094, b"\xaa\xaa"),
    "another block": lambda image: image.edited(index_block(image) + 16, b"\7"),
    "no entries": lambda image: image.edited(index_block(image) + 28, bytes(4)),
    "entries beyond the block": lambda image: image.edited(index_block(image) + 28, b"\0\x20\0\0"),
    "entries before the block": lambda image: image.edited(index_block(image) + 24, bytes(4)),
    "the first entry is the last": lambda image: image.edited(first_entry(image) + 12, b"\2"),
    "the first entry has no length": lambda image: image.edited(first_entry(image) + 8, b"\0\0"),
    "the first entry is of odd length": lambda image: image.edited(first_entry(image) + 8, b"\x55\0"),
    "the first entry has a child": lambda image: image.edited(first_entry(image) + 12, b"\1"),
    "the first name is too long": lambda image: image.edited(first_entry(image) + 16 + 64, b"\xff"),
    "the first name is empty": lambda image: image.edited(first_entry(image) + 16 + 64, b"\0"),
    "the first key is short": lambda image: image.edited(first_entry(image) + 10, b"\x40\0"),
    "the first key is long": lambda image: image.edited(first_entry(image) + 10, b"\xff\x0f"),
}


def first_entry(image: Image, block: int = 0) -> int:
    block = block or index_block(image)
    return block + 24 + int(struct.unpack_from("<I", image.content, block + 24)[0])


@pytest.mark.parametrize("name", BLOCK_EDITS)
@pytest.mark.parametrize("which", ["new", "small", "large"])
def test_an_edit_of_a_block_is_refused(images: Dict[str, Image], which: str, name: str) -> None:
    assert BLOCK_EDITS[name](images[which]).refusal()


def test_an_index_that_leads_in_a_circle(images: Dict[str, Image]) -> None:
    """Two children of its inner block are made one, which is then met twice."""
    image = images["large"]
    inner = image.pieces[4][0]
    at = first_entry(image, inner)
    length = struct.unpack_from("<H", image.content, at + 8)[0]
    child = image.content[at + length - 8 : at + length]
    following = struct.unpack_from("<H", image.content, at + length + 8)[0]
    circle = image.edited(at + length + following - 8, child)
    assert circle.content != image.content
    assert "astray" in circle.refusal()


def test_a_directory_that_is_too_large(images: Dict[str, Image]) -> None:
    image = images["small"]
    at = attribute(image, 5, 0x90)
    last = at + struct.unpack_from("<I", image.content, at + 4)[0] - 8
    far = image.edited(last, struct.pack("<Q", DIRECTORY_LIMIT_BYTES // 4096))
    blocks = far.edited(attribute(image, 5, 0xA0) + 48, struct.pack("<Q", 1 << 40))
    assert "too large" in blocks.refusal()


def test_flags_of_the_root_are_for_new_files(images: Dict[str, Image]) -> None:
    """Windows marks the root of the index where `format /c` or cipher(1) was used: its names are plain."""
    image = images["new"]
    for flags in (b"\1\0", b"\0\x40"):
        edited = image.edited(attribute(image, 5, 0x90) + 12, flags)
        assert edited.read() == image.read()


def test_a_volume_that_was_not_unmounted(images: Dict[str, Image]) -> None:
    image = images["new"]
    assert image.edited(attribute(image, 3, 0x70) + 24 + 10, b"\1").read().is_dirty


def test_a_file_that_only_calls_itself_like_ntfs_own(images: Dict[str, Image], tmp_path: Path) -> None:
    volume = make_volume(tmp_path / "volume", ["$Quota", "$MFT2", ".hidden"])
    assert volume.read().names == ("$MFT2", "$Quota", ".hidden")


def test_own_files_are_known_by_their_records(images: Dict[str, Image]) -> None:
    """A name of a user's in an own record is shown: nothing hides behind a damaged number."""
    image = images["new"]
    name = "DATALOSS_WARNING_README.txt".encode("utf-16-le")
    entry = image.content.index(name, index_block(image)) - 66 - 16
    assert image.edited(entry, struct.pack("<Q", 5)).read().names == ("DATALOSS_WARNING_README.txt",)


@pytest.mark.parametrize("which", ["new", "small", "large"])
@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_damage_is_refused_or_read_and_nothing_else(
    images: Dict[str, Image], which: str, data: st.DataObject
) -> None:
    """Never another exception, and never endless, whatever stands where the reader looks."""
    content = bytearray(images[which].content)
    for _ in range(data.draw(st.integers(1, 4))):
        offset, size = data.draw(st.sampled_from(images[which].pieces))
        at = offset + data.draw(st.integers(0, size - 1))
        value = data.draw(st.binary(min_size=1, max_size=9))
        content[at : at + len(value)] = value
    total = [0]

    def read_at(offset: int, size_bytes: int) -> bytes:
        assert offset >= 0
        assert offset + size_bytes <= len(images[which].content)
        total[0] += size_bytes
        assert total[0] <= 2 * DIRECTORY_LIMIT_BYTES
        return bytes(content[offset : offset + size_bytes])

    with contextlib.suppress(FormatError):
        assert isinstance(read_ntfs(read_at, len(images[which].content)), NtfsVolume)


@given(st.binary(max_size=2048))
def test_noise(noise: bytes) -> None:
    boot = b"\xeb\x52\x90NTFS    " + noise
    for content in (noise, boot.ljust(510, b"\0")[:510] + b"\x55\xaa" + noise):
        with pytest.raises(FormatError):
            read_ntfs(reader(content), len(content))


@pytest.mark.parametrize("which", ["new", "large"])
def test_a_volume_that_is_cut_off(images: Dict[str, Image], which: str) -> None:
    image = images[which]
    ends = sorted({offset + size - 1 for offset, size in image.pieces})
    for end in (0, *ends):
        with pytest.raises(FormatError):
            read_ntfs(reader(image.content[:end]), VOLUME_BYTES)


def test_an_error_of_the_disk_is_not_hidden(images: Dict[str, Image]) -> None:
    def read_at(offset: int, size_bytes: int) -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        read_ntfs(read_at, VOLUME_BYTES)
