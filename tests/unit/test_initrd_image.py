"""An initrd is read to its end, by whatever tools its parts were made, and three answers are kept apart.

Longer than most files: one reader, eight kinds of parts, and for each its cuts, its end and its damage.
"""

from __future__ import annotations

import io
import itertools
import struct
import subprocess
import tempfile
import tracemalloc
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import ContextManager, Iterator, Mapping, NamedTuple

import pytest
from hvprep.errors import CommandFailed, FormatError
from hvprep.formats.cpio import Readable
from hvprep.formats.initrd_image import (
    BLOCKS_LIMIT,
    FILES_LIMIT_BYTES,
    NAMES_LIMIT_BYTES,
    SEGMENTS_LIMIT,
    InitrdContents,
    read_initrd,
    wants_file,
)
from hvprep.formats.initrd_modules import modules_in
from hvprep.system.decompressor import decompress
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_cpio import TRAILER, member, pack

PACKERS: Mapping[str, tuple[str, ...]] = {
    "gzip": ("gzip", "-nc"),
    "bzip2": ("bzip2", "-c"),
    "xz": ("xz", "-c"),
    "lzma": ("xz", "--format=lzma", "-c"),
    "zstd": ("zstd", "-qc"),
    "lz4": ("lz4", "-qlc"),
    "lz4-frame": ("lz4", "-qc"),
    "lzop": ("lzop", "-qc"),
}
KINDS = tuple(PACKERS)
TOOL_KINDS = ("zstd", "lz4", "lz4-frame", "lzop")
VARIANTS = [
    ("gzip", "-9"),
    ("xz", "--check=crc32", "--x86", "--lzma2=dict=1MiB"),
    ("xz", "-T2", "--block-size=100KiB"),
    ("xz", "--check=none", "-0"),
    ("zstd", "--no-check"),
    ("zstd", "-19", "--long"),
    ("zstd", "--ultra", "-22"),
    ("zstd", "-T2", "-B512KiB"),
    ("zstd", "FILE"),
    ("zstd", "FILE", "--no-content-size"),
    ("lz4", "-9"),
    ("lz4-frame", "-B4", "-BX"),
    ("lz4-frame", "-B7", "-BD", "--no-frame-crc"),
    ("lz4-frame", "--content-size", "FILE"),
    ("lzop", "-9", "-F"),
    ("lzop", "-CC"),
    ("lzop", "--crc32", "-CC"),
    ("lzop", "-1", "-N", "FILE"),
]
#: Text that packs well, noise that does not, and runs: every type of block that a packer knows.
NOISE = b"".join(struct.pack("<Q", pow(3, n, 2**64 - 59)) for n in range(100_000))
BIG = b"hv_storvsc " * 30_000 + NOISE + b"\0" * 400_000
EARLY = pack({b"kernel/x86/microcode/GenuineIntel.bin": b"microcode"})
MAIN = pack({b"usr/lib/modules/6.1.0/kernel/drivers/hv/hv_vmbus.ko": BIG, b"conf/modules": b"hv_vmbus\n"})
LATE = pack({b"etc/modprobe.d/late.conf": b"options x\n"})
SMALL = pack({b"init": b"#!/bin/sh\n" * 30, b"lib/sd_mod.ko": bytes(range(256))}).rstrip(b"\0") + b"\0" * 4


class NoTool:
    """No decompressor is installed."""

    def __call__(self, kind: str, packed: Readable) -> ContextManager[Readable] | None:
        return None


class BadTool:
    """A decompressor that ends by an accident."""

    def read(self, size: int, /) -> bytes:
        raise CommandFailed("zstd was killed by signal 9")

    @contextmanager
    def _run(self) -> Iterator[Readable]:
        yield self

    def __call__(self, kind: str, packed: Readable) -> ContextManager[Readable] | None:
        return self._run()


@lru_cache
def compress(kind: str, data: bytes, *options: str) -> bytes:
    """What the real packer makes of it; "FILE" among the options has it read a file instead of a pipe."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        argv = [*PACKERS[kind], *(file.name if word == "FILE" else word for word in options)]
        return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


def read(image: bytes) -> InitrdContents:
    return read_initrd(io.BytesIO(image), decompress)


def aligned(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def test_the_magic_of_every_packer_is_known() -> None:
    for kind in KINDS:
        assert [segment.kind for segment in read(compress(kind, SMALL)).segments] == [kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("early", "late"), list(itertools.product([b"", EARLY], [b"", LATE])))
def test_early_packed_and_late_are_all_read(kind: str, early: bytes, late: bytes) -> None:
    packed = compress(kind, MAIN)
    found = read(early + aligned(packed) + late)
    assert found.unreadable is None
    assert found.names == {
        "usr/lib/modules/6.1.0/kernel/drivers/hv/hv_vmbus.ko",
        "conf/modules",
        *(["kernel/x86/microcode/GenuineIntel.bin"] if early else []),
        *(["etc/modprobe.d/late.conf"] if late else []),
    }
    assert found.files["conf/modules"] == b"hv_vmbus\n"
    assert found.files.get("etc/modprobe.d/late.conf") == (b"options x\n" if late else None)
    kinds = [segment.kind for segment in found.segments if segment.kind != "padding"]
    assert kinds == [*(["cpio"] if early else []), kind, *(["cpio"] if late else [])]
    assert (kind, len(packed)) in found.segments
    assert sum(segment.size for segment in found.segments) == len(early + aligned(packed) + late)


@pytest.mark.parametrize(("kind", "options"), [(kind, options) for kind, *options in VARIANTS])
def test_the_end_of_a_stream_is_found_however_it_was_packed(kind: str, options: list[str]) -> None:
    packed = compress(kind, MAIN, *options)
    found = read(aligned(packed) + LATE)
    assert found.segments[0] == (kind, len(packed))
    assert found.names >= {"conf/modules", "etc/modprobe.d/late.conf"}


class Part(NamedTuple):
    kind: str
    padding: int


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(
        st.builds(Part, st.sampled_from(("cpio", *KINDS)), st.sampled_from((0, 4, 512, 9000))),
        min_size=1,
        max_size=5,
    )
)
def test_any_row_of_parts_is_read(parts: list[Part]) -> None:
    image, names = b"", set()
    for number, part in enumerate(parts):
        archive = pack({b"file%d" % number: b"%d" % number}).rstrip(b"\0") + b"\0" * 3
        image += (
            aligned(archive if part.kind == "cpio" else compress(part.kind, archive)) + b"\0" * part.padding
        )
        names.add(f"file{number}")
    found = read(image)
    assert found.names == names
    assert found.unreadable is None
    assert [s.kind for s in found.segments if s.kind != "padding"] == [part.kind for part in parts]
    assert sum(segment.size for segment in found.segments) == len(image)


def test_debian_13_with_all_modules_in_the_middle() -> None:
    modules = pack({b"usr/lib/modules/6.12/kernel/drivers/scsi/hv_storvsc.ko.xz": b"xz"})
    found = read(EARLY + EARLY + modules + compress("zstd", pack({b"init": b"#!/bin/sh"})))
    assert modules_in(found.names) == {"6.12": {"hv_storvsc"}}
    assert found.files == {"init": b"#!/bin/sh"}


def test_unpacked_bytes_are_those_of_all_archives() -> None:
    assert read(SMALL + compress("gzip", SMALL) + compress("zstd", SMALL)).unpacked_bytes in range(
        3 * len(SMALL) - 3, 3 * len(SMALL) + 1
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_part_cut_anywhere_is_an_error(kind: str) -> None:
    packed = compress(kind, SMALL)
    whole = len(packed)
    borders = {
        *range(9 if kind == "lzop" else 6, min(whole, 120)),
        *range(whole - 60, whole),
        *range(120, whole, 37),
    }
    for cut in sorted(borders):
        with pytest.raises(FormatError):
            read(EARLY + packed[:cut])


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_cut_within_its_magic_is_not_readable_but_no_surprise(kind: str) -> None:
    packed = compress(kind, SMALL)
    for cut in range(1, 6):
        with suppress(FormatError):
            assert read(EARLY + packed[:cut]).unreadable


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_stream_of_a_broken_archive_is_an_error(kind: str) -> None:
    for cut in (1, 50, 111, 300, len(SMALL) - 10):
        with pytest.raises(FormatError, match=f"the {kind} part at offset {len(EARLY)} of the initrd"):
            read(EARLY + compress(kind, SMALL[:cut]))


def test_an_uncompressed_image_cut_anywhere_is_an_error() -> None:
    for cut in range(6, len(SMALL) - 4):
        with pytest.raises(FormatError):
            read(SMALL[:cut])


@pytest.mark.parametrize("image", [b"", b"\0", b"\0" * 4096, TRAILER, TRAILER + b"\0" * 512])
def test_an_image_without_a_member_is_an_error(image: bytes) -> None:
    with pytest.raises(FormatError, match="is empty"):
        read(image)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_stream_is_an_error(kind: str) -> None:
    with pytest.raises(FormatError, match="holds nothing"):
        read(aligned(compress(kind, b"")) + LATE)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"MZ\x90\0" + b"x" * 100, "PE program"),
        (b"hsqs" + b"x" * 100, "squashfs"),
        (b"070707" + b"0" * 100, "old portable"),
        (b"\xc7\x71" + b"0" * 100, "old binary"),
        (b"garbage", "unknown data"),
        (b"\x1f\x9e", "unknown data"),
        (b"0", "unknown data"),
    ],
)
@pytest.mark.parametrize("before", [b"", EARLY])
def test_what_has_no_known_beginning_is_unreadable(before: bytes, data: bytes, words: str) -> None:
    found = read(before + data)
    assert words in (found.unreadable or "")
    assert str(len(before)) in (found.unreadable or "")
    assert found.names == ({"kernel/x86/microcode/GenuineIntel.bin"} if before else set())


@pytest.mark.parametrize("kind", TOOL_KINDS)
def test_without_the_tool_the_rest_is_read_and_the_answer_is_unreadable(kind: str) -> None:
    image = EARLY + aligned(compress(kind, MAIN)) + LATE
    found = read_initrd(io.BytesIO(image), NoTool())
    assert found.unreadable == f"{kind.partition('-')[0]} is not installed"
    assert found.names == {"kernel/x86/microcode/GenuineIntel.bin", "etc/modprobe.d/late.conf"}


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "lzma"])
def test_no_tool_is_needed_for_what_the_standard_library_knows(kind: str) -> None:
    assert read_initrd(io.BytesIO(compress(kind, SMALL)), NoTool()).unreadable is None


def test_a_tool_that_comes_to_grief_is_not_a_damaged_image() -> None:
    found = read_initrd(io.BytesIO(EARLY + compress("zstd", SMALL)), BadTool())
    assert found.unreadable == "zstd was killed by signal 9"


@pytest.mark.parametrize("name", [b"squash-root.img", b"squashfs-root.img", b"erofs-root.img"])
def test_a_file_system_inside_hides_what_it_holds(name: bytes) -> None:
    found = read(compress("gzip", pack({b"init": b"", name: b"hsqs"})))
    assert found.unreadable == f"the files are inside {name.decode()}, a file system image of dracut's"


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_a_boot_configuration_at_the_end_is_no_garbage(padding: int) -> None:
    config = aligned(b"kernel.x = y\n")
    tail = config + struct.pack("<II", len(config), sum(config)) + b"#BOOTCONFIG\n" + b"\0" * padding
    found = read(EARLY + tail)
    assert found.unreadable is None
    assert found.segments[-1] == ("bootconfig", len(tail))
    wrong = struct.pack("<II", 1 << 30, 0) + b"#BOOTCONFIG\n"
    assert read(EARLY + wrong).unreadable


def test_small_files_of_configuration_are_captured() -> None:
    tree = {
        b"init": b"#!/bin/nash\ninsmod /lib/sd_mod.ko\n",
        b"conf/modules": b"hv_vmbus",
        b"usr/lib/modprobe.d/a.conf": b"1",
        b"etc/cmdline.d/90-root.conf": b"root=/dev/sda1",
        b"usr/lib/dracut/dracut-059-4": b"dracut-059-4",
        b"usr/lib/dracut/modules.txt": b"base",
        b"VERSION": b"39",
        b"bin/sh": b"ELF",
        b"etc/modprobe.d/huge.conf": b"#" * 70_000,
    }
    found = read(pack(tree))
    wanted = {name.decode(): content for name, content in tree.items()}
    assert found.names == set(wanted)
    assert found.files == {name: wanted[name] for name in list(wanted)[:7]}


@pytest.mark.parametrize(
    "name",
    ["", "etc/modprobe.d", "etc/modprobe.d/a/b", "xinit", "init\n", "lib/dracut/hooks", "usr/etc/modules"],
)
def test_what_is_not_captured(name: str) -> None:
    assert not wants_file(name)


@pytest.mark.parametrize(
    ("names", "modules"),
    [
        ([], {}),
        (["lib/modules/5.4/kernel/drivers/hid/hid-hyperv.ko"], {"5.4": {"hid_hyperv"}}),
        (["usr/lib/modules/5.4/a.ko.xz", "lib/modules/5.4/x/y/b-c.ko.zst"], {"5.4": {"a", "b_c"}}),
        (["lib/modules/1/a.ko.gz", "lib/modules/2/a.ko"], {"1": {"a"}, "2": {"a"}}),
        (["lib/sd_mod.ko", "lib/scsi-mod.ko"], {"": {"sd_mod", "scsi_mod"}}),
        (["lib/modules/1/a.ko.bak", "lib/modules/1/.ko", "a.ko", "x/lib/a.ko"], {}),
        (["usr/lib/modules/hid-hyperv.ko"], {"": {"hid_hyperv"}}),
        (["lib/modules/1/modules.ko/x", "lib/modules/1/a.so", "lib/firmware/a.ko/b"], {}),
        (["lib/modules/1/new\nline/a\nb.ko"], {"1": {"a\nb"}}),
    ],
)
def test_modules_in(names: list[str], modules: dict[str, set[str]]) -> None:
    assert modules_in(names) == modules


def test_too_many_segments_are_an_error() -> None:
    part = member(b"a") + aligned(TRAILER)
    assert len(read(part * SEGMENTS_LIMIT).segments) == SEGMENTS_LIMIT
    with pytest.raises(FormatError, match="segments"):
        read(part * (SEGMENTS_LIMIT + 1))


def test_too_many_long_names_are_an_error() -> None:
    names = [b"%06d" % number + b"n" * 4000 for number in range(NAMES_LIMIT_BYTES // 4000)]
    with pytest.raises(FormatError, match="more or longer members"):
        read(b"".join(map(member, names)) + TRAILER)


def test_too_much_configuration_is_an_error() -> None:
    files = (member(b"conf/%d" % number, b"x" * 60_000) for number in range(FILES_LIMIT_BYTES // 60_000 + 1))
    with pytest.raises(FormatError, match="more or longer members"):
        read(b"".join(files) + TRAILER)


def test_too_many_blocks_are_an_error() -> None:
    with pytest.raises(FormatError, match="too many zstd blocks"):
        read(b"\x28\xb5\x2f\xfd\0\x58" + b"\0\0\0" * (BLOCKS_LIMIT + 2))


@pytest.mark.parametrize(
    "data",
    [
        b"\x28\xb5\x2f\xfd\0\x58\x07\0\0",  # reserved type of block
        b"\x28\xb5\x2f\xfd\0\x58\x05\x00\x20" + b"x" * 300_000,  # a block above 128 KiB
        b"\x04\x22\x4d\x18\x64\x40\xa7\x01\0\x50\0" + b"x" * 6_000_000,  # a block above 4 MiB
        b"\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x01\x05\x03\0\0\1"
        + b"\0" * 17
        + b"\0\0\0\1\0\0\0\2xxxx",
    ],
)
def test_blocks_that_no_packer_makes_are_an_error(data: bytes) -> None:
    with pytest.raises(FormatError, match="that is none"):
        read(data)


class Failing(io.BytesIO):
    """A file on a disk that fails."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_disk_that_fails_is_not_a_damaged_image() -> None:
    found = read_initrd(Failing(SMALL), decompress)
    assert found.unreadable == "the initrd cannot be read: Input/output error"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_does_not_grow_with_the_image(kind: str) -> None:
    image = io.BytesIO(compress(kind, member(b"big", NOISE * 8 + b"\0" * 8_000_000) + TRAILER))
    tracemalloc.start()
    read_initrd(image, decompress)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (12 if kind in ("xz", "lzma") else 4) * 1024**2


@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=200),
    magic=st.sampled_from(
        [compress(kind, SMALL)[:count] for kind in KINDS for count in (9, 25)] + [b"070701", b""]
    ),
)
def test_random_bytes_give_an_answer_or_a_format_error(data: bytes, magic: bytes) -> None:
    with suppress(FormatError):
        read(magic + data)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_flipped_bits_give_an_answer_or_a_format_error(kind: str, data: st.DataObject) -> None:
    image = bytearray(EARLY[:600].rstrip(b"\0") + b"\0" * 4 + compress(kind, SMALL) + b"\0" * 4)
    for bit in data.draw(st.sets(st.integers(0, 8 * len(image) - 1), min_size=1, max_size=4)):
        image[bit // 8] ^= 1 << bit % 8
    with suppress(FormatError):
        read(bytes(image))
