"""What has to read as zero for a disk to be blank."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.resourcedisk.blank import EDGE_BYTES, SAMPLE_BYTES, SAMPLES, any_bit, is_blank, pieces
from hypothesis import given
from hypothesis import strategies as st

MIB, TIB = 1 << 20, 1 << 40
WHOLE_BYTES = 2 * EDGE_BYTES + SAMPLES * SAMPLE_BYTES


def is_read(size_bytes: int, at: int) -> bool:
    return any(offset <= at < offset + size for offset, size in pieces(size_bytes))


@pytest.mark.parametrize("size_bytes", [1, 512, 10 * MIB, WHOLE_BYTES, WHOLE_BYTES + 512, 16 << 30, 4 * TIB])
def test_the_first_and_the_last_16_mib_are_read_whole(size_bytes: int) -> None:
    edge = min(EDGE_BYTES, size_bytes)
    for at in {0, edge - 1, edge // 2, size_bytes - 1, size_bytes - edge}:
        assert is_read(size_bytes, at)


def test_one_bit_anywhere_is_not_blank() -> None:
    size_bytes = 16 << 30
    for wanted, _ in pieces(size_bytes):

        def read_at(offset: int, size: int) -> bytes:
            return b"\0" * (size - 1) + (b"\1" if offset == wanted else b"\0")  # noqa: B023

        assert not is_blank(read_at, size_bytes)
    assert is_blank(lambda offset, size: bytes(size), size_bytes)


def test_the_edges_are_those_of_the_rule() -> None:
    assert (EDGE_BYTES, SAMPLES) == (16 * MIB, 64)


@given(st.integers(0, 4 * TIB))
def test_the_pieces(size_bytes: int) -> None:
    found = list(pieces(size_bytes))
    assert all(size > 0 for _, size in found)
    ends = [(offset, offset + size) for offset, size in found]
    assert all(end <= start for (_, end), (start, _) in zip(ends, ends[1:])), "in order, none twice"
    if size_bytes <= WHOLE_BYTES:
        assert sum(size for _, size in found) == size_bytes
        return
    assert sum(size for _, size in found) == WHOLE_BYTES
    between = [piece for piece in ends if piece[0] >= EDGE_BYTES and piece[1] <= size_bytes - EDGE_BYTES]
    assert len(between) == SAMPLES
    assert largest_gap(between, size_bytes) <= (size_bytes - 2 * EDGE_BYTES) // (SAMPLES + 1) + SAMPLE_BYTES


def largest_gap(between: List[Tuple[int, int]], size_bytes: int) -> int:
    bounds = [(0, EDGE_BYTES), *between, (size_bytes - EDGE_BYTES, size_bytes)]
    return max(start - end for (_, end), (start, _) in zip(bounds, bounds[1:]))


@given(st.binary(max_size=300))
def test_any_bit(content: bytes) -> None:
    assert any_bit(content) == any(content)


def test_an_error_of_the_disk_is_no_zero() -> None:
    def read_at(offset: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        is_blank(read_at, MIB)
