"""cpio archives as GNU cpio writes them are read, whatever their cut, their names and their source.

Longer than most files by the tables of what is refused.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Callable

import pytest
from hvprep.errors import FormatError
from hvprep.formats.cpio import (
    CONTENT_LIMIT_BYTES,
    FILE_BLOCK_BYTES,
    PIPE_BLOCK_BYTES,
    Member,
    Source,
    iterate_archive,
    iterate_members,
    normalise_name,
)
from hypothesis import given, settings
from hypothesis import strategies as st

LIMIT = 1 << 30
NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..", b"TRAILER!!!")
)
CONTENTS = st.binary(max_size=9) | st.integers(0, 3 * PIPE_BLOCK_BYTES).map(lambda size: b"x" * size)
TREES = st.dictionaries(NAMES, CONTENTS, max_size=6)


def pack(tree: Mapping[bytes, bytes], kind: str = "newc", prefix: bytes = b"") -> bytes:
    """An archive of these files, in this order, by the real cpio; directories are made but not packed."""
    with tempfile.TemporaryDirectory() as directory:
        place = os.fsencode(directory)
        for name, content in tree.items():
            path = os.path.join(place, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        names = b"".join(prefix + name + b"\0" for name in tree)
        return run_cpio(place, names, kind)


def run_cpio(place: bytes, names: bytes, kind: str = "newc") -> bytes:
    return subprocess.run(
        ["cpio", "-0", "-o", "-H", kind, "--quiet"],
        input=names,
        cwd=place,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def member(name: bytes, content: bytes = b"", mode: int = 0o100644, **fields: int) -> bytes:
    """One member as the kernel's document describes it; `fields` are set to what no tool would write."""
    numbers = {"ino": 1, "mode": mode, "uid": 0, "gid": 0, "nlink": 1, "mtime": 0, "filesize": len(content)}
    numbers.update(major=0, minor=0, rmajor=0, rminor=0, namesize=len(name) + 1, check=0)
    numbers.update(fields)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers.values()) + name + b"\0"
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)


TRAILER = member(b"TRAILER!!!", mode=0)
SMALL = member(b"init", b"12345") + member(b"x") + TRAILER


class Dribble:
    """A pipe that gives as little as it likes."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream = io.BytesIO(data)
        self._random = random.Random(most)
        self._most = most

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._random.randint(1, self._most)))


def from_file(data: bytes) -> Source:
    return Source.of_file(io.BytesIO(data), "the archive", 0, len(data))


def from_pipe(data: bytes) -> Source:
    return Source(io.BytesIO(data), "the archive", LIMIT)


def from_dribble(data: bytes) -> Source:
    return Source(Dribble(data, 7 if len(data) < 10_000 else 70_000), "the archive", LIMIT)


SOURCES = (from_file, from_pipe, from_dribble)
everywhere = pytest.mark.parametrize("source", SOURCES)


def members(
    source: Source, wants: Callable[[str], bool] = lambda name: True
) -> list[tuple[Member, bytes | None]]:
    return list(iterate_members(source, wants))


def contents(source: Source) -> dict[bytes, bytes | None]:
    return {os.fsencode(one.name): content for one, content in members(source)}


@everywhere
@pytest.mark.parametrize("kind", ["newc", "crc"])
@settings(max_examples=15, deadline=None)
@given(tree=TREES)
def test_what_cpio_packs_is_read(
    source: Callable[[bytes], Source], kind: str, tree: dict[bytes, bytes]
) -> None:
    wanted = {
        name: content if len(content) <= CONTENT_LIMIT_BYTES else None for name, content in tree.items()
    }
    assert contents(source(pack(tree, kind))) == wanted
    assert [one.size for one, _ in members(source(pack(tree, kind)))] == list(map(len, tree.values()))


@everywhere
def test_archives_one_after_another_with_and_without_padding(source: Callable[[bytes], Source]) -> None:
    first, second = pack({b"a": b"1"}), pack({b"b": b"22"})
    for between in (b"", b"\0" * 4, b"\0" * 512, b"\0" * (PIPE_BLOCK_BYTES + 8)):
        read = contents(source(first.rstrip(b"\0") + b"\0" * 4 + between + second + between))
        assert read == {b"a": b"1", b"b": b"22"}


@everywhere
def test_a_name_is_read_at_every_distance_from_a_block_border(source: Callable[[bytes], Source]) -> None:
    for block in (FILE_BLOCK_BYTES, PIPE_BLOCK_BYTES):
        for size in range(block - 240, block + 16, 4):
            data = member(b"big", b"x" * size) + member(b"after", b"12") + TRAILER
            assert contents(source(data))[b"after"] == b"12", size


@everywhere
def test_links_directories_and_devices_have_no_content(source: Callable[[bytes], Source]) -> None:
    data = member(b"d", mode=0o40755) + member(b"l", b"target", mode=0o120777) + member(b"n", mode=0o20600)
    assert contents(source(data + TRAILER)) == {b"d": None, b"l": None, b"n": None}


@everywhere
def test_only_what_is_wanted_is_handed_out(source: Callable[[bytes], Source]) -> None:
    data = pack({b"a": b"1", b"b": b"2"})
    assert [content for _, content in members(source(data), lambda name: name == "b")] == [None, b"2"]


@everywhere
@pytest.mark.parametrize("wanted", ["one", "two", "three"])
def test_hard_links_have_the_content_of_the_last(
    source: Callable[[bytes], Source], wanted: str, tmp_path: os.PathLike[str]
) -> None:
    place = os.fsencode(tmp_path)
    with open(os.path.join(place, b"one"), "wb") as file:
        file.write(b"content")
    os.link(os.path.join(place, b"one"), os.path.join(place, b"two"))
    os.link(os.path.join(place, b"one"), os.path.join(place, b"three"))
    data = run_cpio(place, b"one\0two\0three\0")
    found = members(source(data), lambda name: name == wanted)
    assert {one.name for one, _ in found} == {"one", "two", "three"}
    assert [c for one, c in found if one.name == wanted][-1] == b"content"
    assert all(c is None for one, c in found if one.name != wanted)


@everywhere
def test_names_lose_what_stands_before_them(source: Callable[[bytes], Source]) -> None:
    data = pack({b"a/b": b"1"}, prefix=b"./") + member(b"/c") + member(b".", mode=0o40755) + TRAILER
    assert list(contents(source(data))) == [b"a/b", b"c", b"."]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("./a", "a"),
        ("/a", "a"),
        (".//./a", "a"),
        ("//a/./b", "a/./b"),
        (".a", ".a"),
        ("..", ".."),
        ("./", "."),
    ],
)
def test_normalise_name(name: str, plain: str) -> None:
    assert normalise_name(name) == plain


@everywhere
def test_an_archive_cut_short_anywhere_is_an_error(source: Callable[[bytes], Source]) -> None:
    data = member(b"init", b"#!/bin/sh") + member(b"x" * 5) + member(b"d", mode=0o40755) + TRAILER
    whole = len(data) - 3  # the padding behind the trailer's name may be missing
    for cut in range(1, whole):
        with pytest.raises(FormatError, match="the archive"):
            members(source(data[:cut]))
    assert len(members(source(data[:whole]))) == 3


@everywhere
def test_content_that_is_skipped_is_missed_when_it_is_cut(source: Callable[[bytes], Source]) -> None:
    data = member(b"big", b"x" * 300_000)
    for cut in (120, FILE_BLOCK_BYTES, 200_000, len(data) - 1, len(data)):
        with pytest.raises(FormatError, match="ends in the middle"):
            members(source(data[:cut]), lambda name: False)


@everywhere
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (member(b"a") + b"070707" + TRAILER, "no cpio header"),
        (member(b"a") + b"\0" * 4 + TRAILER, "no cpio header"),
        (TRAILER.replace(b"070701", b"070703"), "no cpio header"),
        (member(b"a").replace(b"000081A4", b"+00081A4") + TRAILER, "no cpio header"),
        (member(b"a").replace(b"000081A4", b"0_0081A4") + TRAILER, "no cpio header"),
        (member(b"a", namesize=0) + TRAILER, "a name of 0 bytes"),
        (member(b"a", namesize=4097) + b"x" * 9000, "a name of 4097 bytes"),
        (member(b"a", namesize=0xFFFFFFFF) + TRAILER, "a name of 4294967295 bytes"),
        (member(b"abc", namesize=3) + TRAILER, "name has no end"),
        (member(b"a", filesize=0xFFFFFFFF) + TRAILER, "ends in the middle"),
        (b"\0\0" + member(b"a") + TRAILER, "multiple of four"),
        (TRAILER + b"\0\0\0" + TRAILER, "multiple of four"),
    ],
)
def test_what_the_kernel_would_not_read_is_an_error(
    source: Callable[[bytes], Source], data: bytes, words: str
) -> None:
    with pytest.raises(FormatError, match=words) as caught:
        members(source(data))
    assert caught.value.hint


def test_a_name_may_be_long_and_ends_at_its_first_nul() -> None:
    data = member(b"n" * 4095) + member(b"ab\0cd") + TRAILER
    assert list(contents(from_pipe(data))) == [b"n" * 4095, b"ab"]


def test_nothing_at_all_has_no_members() -> None:
    assert [members(source(data)) for source in SOURCES for data in (b"", b"\0" * 100_000)] == [[]] * 6


def test_one_archive_is_read_to_its_trailer_and_not_further() -> None:
    data = member(b"a") + TRAILER
    source = from_file(data + data)
    assert [one.name for one, _ in iterate_archive(source, lambda name: False)] == ["a"]
    assert source.position == len(data)


@everywhere
def test_nothing_is_behind_the_end(source: Callable[[bytes], Source]) -> None:
    for go in (Source.skip, Source.take):
        with pytest.raises(FormatError, match="ends in the middle"):
            go(source(b"12345678"), 9)


def test_a_part_of_a_file_is_read_to_its_end_and_not_further() -> None:
    data = member(b"a") + TRAILER
    stream = io.BytesIO(b"12345678" + data + data)
    source = Source.of_file(stream, "the archive", 8, 8 + len(data))
    assert [one.name for one, _ in iterate_members(source, lambda name: False)] == ["a"]
    with pytest.raises(FormatError):
        members(Source.of_file(stream, "the archive", 8, 8 + len(member(b"a")) + 4))


def test_more_than_the_limit_is_an_error() -> None:
    data = member(b"a", b"x" * 500_000) + TRAILER
    assert len(members(Source(io.BytesIO(data), "it", len(data)))) == 1
    with pytest.raises(FormatError, match="unpacks to more than 0 MiB"):
        members(Source(io.BytesIO(data), "it", len(data) - 1))


@everywhere
def test_a_source_is_read_to_its_end(source: Callable[[bytes], Source]) -> None:
    data = bytes(range(256)) * 1000
    reader = source(data)
    parts = [reader.take(3)]
    while part := reader.read(50_000):
        parts.append(part)
        assert reader.position == sum(map(len, parts))
    assert b"".join(parts) == data
    assert reader.read(1) == b""


@everywhere
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400), after=st.booleans())
def test_random_bytes_give_members_or_a_format_error(
    source: Callable[[bytes], Source], data: bytes, after: bool
) -> None:
    with suppress(FormatError):
        members(source(member(b"a") + data if after else data))


@everywhere
@settings(max_examples=200, deadline=None)
@given(bits=st.sets(st.integers(0, 8 * len(SMALL) - 1), min_size=1, max_size=3))
def test_flipped_bits_give_members_or_a_format_error(
    source: Callable[[bytes], Source], bits: set[int]
) -> None:
    data = bytearray(SMALL)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    with suppress(FormatError):
        members(source(bytes(data)))
