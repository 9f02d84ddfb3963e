"""The reader of partition tables against sfdisk, and against damage."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Callable, List, Tuple

import pytest
from hvprep.formats.partition_table import (
    MICROSOFT_RESERVED,
    PartitionTable,
    TableEntry,
    TableKind,
    read_partition_table,
)
from hypothesis import given, settings
from hypothesis import strategies as st

MIB = 1 << 20
DISK_BYTES = 64 * MIB
#: Of the disk that is damaged, which is small because it is copied often.
GPT_BYTES = 3 * MIB
LAST = GPT_BYTES - 512

#: As Windows lays out a disk of more than 2 TiB.
WINDOWS_GPT = f"""label: gpt
first-lba: 34
start=34, size=32M, type={MICROSOFT_RESERVED.upper()}, name="Microsoft reserved partition"
type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name="Basic data partition"
"""


def sfdisk(path: Path, script: str, size_bytes: int = DISK_BYTES) -> bytes:
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    argv = ["sfdisk", "--quiet", str(path)]
    subprocess.run(argv, input=script.encode(), check=True, capture_output=True)
    return path.read_bytes()


def read(content: bytes, sector_bytes: int = 512) -> PartitionTable:
    def read_at(offset: int, size_bytes: int) -> bytes:
        assert offset >= 0
        assert offset + size_bytes <= len(content)
        return content[offset : offset + size_bytes]

    return read_partition_table(read_at, len(content), sector_bytes)


def listed(path: Path) -> Tuple[str, List[TableEntry]]:
    """What sfdisk itself reads."""
    done = subprocess.run(["sfdisk", "--json", str(path)], check=True, capture_output=True)
    table = json.loads(done.stdout)["partitiontable"]
    unit = table.get("sectorsize", 512)
    rows = [
        TableEntry(
            int(row["node"][len(str(path)) :]),
            row["start"] * unit,
            row["size"] * unit,
            row["type"].lower(),
            row.get("name", ""),
        )
        for row in table.get("partitions", [])
    ]
    return table["label"], rows


@pytest.mark.parametrize(
    "script",
    [
        "label: dos\n start=128, type=7\n",
        "label: dos\n",
        "label: dos\n size=8M, type=7\n size=8M, type=83\n size=8M, type=82\n type=c\n",
        "label: gpt\n",
        'label: gpt\n name="hvprep-resource"\n',
        WINDOWS_GPT,
        'label: gpt\n size=1M, name="\u00e9\u20ac\U0001f4be"\n size=1M\n size=1M\n',
        "label: gpt\ntable-length: 256\n" + " size=1M\n" * 40,
        "label: gpt\n2 : size=1M\n7 : size=1M\n",
    ],
)
def test_what_sfdisk_makes_is_read_as_sfdisk_reads_it(tmp_path: Path, script: str) -> None:
    table = read(sfdisk(tmp_path / "disk", script))
    assert (table.kind.value, list(table.entries)) == listed(tmp_path / "disk")
    assert table.damage == ()


def test_an_extended_partition_is_one_entry(tmp_path: Path) -> None:
    table = read(sfdisk(tmp_path / "disk", "label: dos\n type=5\n size=8M, type=83\n size=8M, type=83\n"))
    assert [(entry.number, entry.type) for entry in table.entries] == [(1, "5")]
    assert len(listed(tmp_path / "disk")[1]) == 3


def test_windows_reserved_partition_is_no_data(tmp_path: Path) -> None:
    table = read(sfdisk(tmp_path / "disk", WINDOWS_GPT))
    assert [entry.name for entry in table.data_entries] == ["Basic data partition"]
    assert len(table.entries) == 2


def test_no_table() -> None:
    for content in (bytes(GPT_BYTES), b"x" * GPT_BYTES, bytes(1024), b""):
        assert read(content) == PartitionTable(TableKind.NONE)


def test_large_sectors(tmp_path: Path) -> None:
    content = on_large_sectors(sfdisk(tmp_path / "disk", "label: gpt\n size=1M\n", size_bytes=GPT_BYTES))
    table = read(content, 4096)
    assert (table.kind, table.damage, len(table.entries)) == (TableKind.GPT, (), 1)
    assert read(content, 512).damage, "with the wrong size of sectors there is a protective MBR alone"


def on_large_sectors(content: bytes) -> bytes:
    """The same GPT as a disk with sectors of 4096 bytes would have it: with the same numbers of sectors."""
    large = bytearray(8 * len(content))
    for lba in (0, 1, len(content) // 512 - 1):
        large[4096 * lba : 4096 * lba + 512] = content[512 * lba : 512 * lba + 512]
    for header in (1, len(content) // 512 - 1):
        (entries,) = struct.unpack_from("<Q", content, 512 * header + 72)
        large[4096 * entries : 4096 * entries + 16384] = content[512 * entries : 512 * entries + 16384]
    return bytes(large)


# Damage.


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sfdisk(
        tmp_path_factory.mktemp("gpt") / "disk",
        'label: gpt\nlabel-id: 2B0E6C5A-71E3-4F0D-9A0B-0C5D1E2F3A4B\n name="hvprep-unfinished"\n',
        size_bytes=GPT_BYTES,
    )


def edited(content: bytes, offset: int, value: bytes) -> bytes:
    return content[:offset] + value + content[offset + len(value) :]


def sealed(content: bytes, lba: int = 1) -> bytes:
    """With the checksums of the entries and of the header made right."""
    at = 512 * lba
    table_lba, count, each = struct.unpack_from("<QII", content, at + 72)
    array = content[512 * table_lba : 512 * table_lba + count * each]
    content = edited(content, at + 88, struct.pack("<I", zlib.crc32(array)))
    header = content[at : at + 16] + bytes(4) + content[at + 20 : at + 92]
    return edited(content, at + 16, struct.pack("<I", zlib.crc32(header)))


DAMAGE: List[Tuple[str, Callable[[bytes], bytes], str]] = [
    (
        "first header",
        lambda disk: edited(disk, 512 + 56, b"xx"),
        "header in sector 1 does not have its checksum",
    ),
    ("second header", lambda disk: edited(disk, LAST + 56, b"xx"), "does not have its checksum"),
    ("entries", lambda disk: edited(disk, 1024 + 56, b"x"), "entries that do not have their checksum"),
    ("no first header", lambda disk: edited(disk, 512, bytes(512)), "stands only once, at the end"),
    ("no second header", lambda disk: edited(disk, LAST, bytes(512)), "stands only once, at the beginning"),
    ("no MBR", lambda disk: edited(disk, 0, bytes(512)), "there is no protective MBR"),
    ("a header elsewhere", lambda disk: sealed(edited(disk, 512 + 24, b"\2")), "says that it is in sector 2"),
    (
        "copies of two disks",
        lambda disk: sealed(edited(disk, 512 + 56, b"xx")),
        "the two copies of the GPT differ",
    ),
    ("other entries", lambda disk: sealed(edited(disk, 1024 + 56, b"x")), "the two copies of the GPT differ"),
    ("a large header", lambda disk: edited(disk, 512 + 12, b"\1\2"), "has 513 bytes"),
    ("a small header", lambda disk: edited(disk, 512 + 12, b"\x5b"), "has 91 bytes"),
    ("too many entries", lambda disk: sealed(edited(disk, 512 + 80, b"\1\4")), "1025 entries of 128 bytes"),
    ("odd entries", lambda disk: sealed(edited(disk, 512 + 84, b"\x81")), "entries of 129 bytes"),
    ("no entries", lambda disk: sealed(edited(disk, 512 + 84, b"\0")), "entries of 0 bytes"),
    ("far entries", lambda disk: sealed(edited(disk, 512 + 72, b"\0\0\x10")), "beyond the end of the disk"),
]


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_a_damaged_gpt_is_told(gpt: bytes, change: Callable[[bytes], bytes], words: str) -> None:
    table = read(change(gpt))
    assert table.kind is TableKind.GPT
    assert any(words in each for each in table.damage), table.damage


def test_sealing_alone_damages_nothing(gpt: bytes) -> None:
    assert sealed(gpt) == gpt
    assert read(gpt).damage == ()


def test_a_copy_that_is_left_is_read(gpt: bytes) -> None:
    for lost in (512, LAST):
        assert [entry.name for entry in read(edited(gpt, lost, bytes(512))).entries] == ["hvprep-unfinished"]


def test_a_protective_mbr_alone(gpt: bytes) -> None:
    table = read(edited(edited(gpt, 512, bytes(512)), LAST, bytes(512)))
    assert (table.kind, table.entries) == (TableKind.GPT, ())
    assert table.damage == ("there is a protective MBR, and no GPT",)


def test_damaged_headers_without_an_mbr(gpt: bytes) -> None:
    table = read(edited(edited(edited(gpt, 512 + 56, b"x"), LAST + 56, b"x"), 0, bytes(512)))
    assert table.kind is TableKind.GPT
    assert len(table.damage) == 2


def test_an_mbr_before_the_rest_of_a_gpt(gpt: bytes, tmp_path: Path) -> None:
    """What a tool leaves that knows nothing of the second copy: both claim the disk."""
    mbr = sfdisk(tmp_path / "disk", "label: dos\n start=2048, type=7\n", size_bytes=GPT_BYTES)
    table = read(mbr[:1024] + gpt[1024:])
    assert table.kind is TableKind.HYBRID
    assert table.damage


def test_a_hybrid_mbr(gpt: bytes) -> None:
    second = struct.pack("<4xB3xII", 7, 2048, 4096)
    assert read(edited(gpt, 446 + 16, second)).kind is TableKind.HYBRID


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(2048, GPT_BYTES // 512)], "does not fit on the disk"),
        ([(2048, 0)], "does not fit on the disk"),
        ([(2048, 1024), (2560, 1024)], "partition 2 overlaps another"),
        ([(2560, 1024), (2048, 1024)], "partition 1 overlaps another"),
    ],
)
def test_partitions_that_are_out_of_place(rows: List[Tuple[int, int]], words: str) -> None:
    content = edited(bytes(GPT_BYTES), 510, b"\x55\xaa")
    for number, (start, size) in enumerate(rows):
        content = edited(content, 446 + 16 * number, struct.pack("<4xB3xII", 7, start, size))
    assert any(words in each for each in read(content).damage)


@settings(deadline=None)
@given(data=st.data())
def test_any_damage_of_a_gpt_is_seen_or_harmless(gpt: bytes, data: st.DataObject) -> None:
    """Both checksums cover all that is read, so that no byte of it changes unseen (but the boot code)."""
    places = st.integers(512, 603) | st.integers(1024, 1024 + 16383) | st.integers(LAST, LAST + 91)
    at = data.draw(places | st.integers(446, 511))
    value = data.draw(st.integers(0, 255))
    table = read(edited(gpt, at, bytes([value])))
    if gpt[at] != value and at >= 512:
        assert table.damage or table.kind is TableKind.HYBRID


@settings(deadline=None)
@given(st.binary(min_size=512, max_size=512), st.binary(min_size=92, max_size=92), st.booleans())
def test_noise(mbr: bytes, header: bytes, is_sealed: bool) -> None:
    content = mbr[:510] + b"\x55\xaa" + b"EFI PART" + header[8:] + bytes(MIB)
    table = read(content)
    assert len(table.entries) <= 1024


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(min_size=72, max_size=72))
    ),
)
def test_entries_of_any_numbers(gpt: bytes, rows: List[Tuple[int, int, bytes]]) -> None:
    array = bytearray(gpt[1024 : 1024 + 128 * 128])
    for number, (first, last, name) in enumerate(rows[:128]):
        struct.pack_into("<16s16sQQQ72s", array, 128 * number, b"x" * 16, b"", first, last, 0, name)
    table = read(sealed(edited(gpt, 1024, bytes(array))))
    for entry in table.entries:
        assert entry.size_bytes >= 0
        assert entry.start_bytes + entry.size_bytes <= GPT_BYTES or table.damage


def test_a_backup_that_is_not_at_the_end_is_told(gpt: bytes) -> None:
    """The disk was made larger: others might put the table there, we only say so."""
    assert read(gpt + bytes(MIB)).damage == ("the GPT stands only once, at the beginning",)
