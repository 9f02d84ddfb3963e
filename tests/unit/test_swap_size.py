"""How large the swap file becomes, and when it stays as it is."""

from __future__ import annotations

from typing import Optional

import pytest
from hvprep.resourcedisk.swap_size import (
    GIB,
    MIB,
    SMALLEST,
    Room,
    fitting_bytes,
    is_good_enough,
    wanted_bytes,
)
from hvprep.settings.resource_disk import SwapSize
from hypothesis import given
from hypothesis import strategies as st

ROOM = Room(32 * GIB, 31 * GIB)
SIZES = st.one_of(
    st.integers(0, 1 << 24).map(lambda mib: SwapSize(mib=mib)),
    st.integers(1, 90).map(lambda percent: SwapSize(percent=percent)),
    st.just(SwapSize()),
)
ROOMS = st.integers(0, 1 << 45).flatmap(lambda size: st.builds(Room, st.just(size), st.integers(0, size)))


@pytest.mark.parametrize(
    ("size", "memory", "wanted"),
    [
        (SwapSize(mib=2048), None, 2 * GIB),
        (SwapSize(mib=0), None, 0),
        (SwapSize(percent=50), None, 16 * GIB),
        (SwapSize(percent=1), None, 327 * MIB),
        (SwapSize(), None, 2 * GIB),
        (SwapSize(), 900 * MIB, 1 * GIB),
        (SwapSize(), 3 * GIB, 3 * GIB),
        (SwapSize(), 3 * GIB - 20 * MIB, 3 * GIB),
        (SwapSize(), 4 * GIB, 4 * GIB),
        (SwapSize(), 16 * GIB, 4 * GIB),
        (SwapSize(), 64 * GIB, 8 * GIB),
        (SwapSize(), 64 * GIB - 100 * MIB, 8 * GIB),
        (SwapSize(), 400 * GIB, 20 * GIB),
    ],
)
def test_what_is_wanted(size: SwapSize, memory: Optional[int], wanted: int) -> None:
    assert wanted_bytes(size, ROOM, memory) == wanted


@pytest.mark.parametrize(
    ("wanted", "room", "fitting"),
    [
        (2 * GIB, ROOM, 2 * GIB),
        (40 * GIB, ROOM, 30 * GIB),
        (2 * GIB, Room(4 * GIB, 2 * GIB), 1638 * MIB),
        (2 * GIB, Room(4 * GIB, 300 * MIB), 0),
        (SMALLEST, ROOM, SMALLEST),
        (SMALLEST - 1, ROOM, 0),
        (64 * MIB, Room(1000 * MIB, 116 * MIB), 16 * MIB),
        (64 * MIB, Room(1000 * MIB, 115 * MIB), 0),
    ],
)
def test_what_fits(wanted: int, room: Room, fitting: int) -> None:
    assert fitting_bytes(wanted, room) == fitting


@pytest.mark.parametrize(
    ("existing", "wanted", "fitting", "stays"),
    [
        (2048, 2048, 2048, True),
        (2048, 2048, 0, True),
        (2048, 1024, 1024, False),
        (2048, 4096, 4096, False),
        (2000, 2048, 2048, False),
        (1000, 2048, 1100, True),
        (1000, 2048, 1101, False),
        (1000, 2048, 500, True),
        (100, 2048, 164, True),
        (100, 2048, 165, False),
        (4096, 2048, 1000, False),
    ],
)
def test_when_it_stays(existing: int, wanted: int, fitting: int, stays: bool) -> None:
    assert is_good_enough(existing * MIB, wanted * MIB, fitting * MIB) is stays


@given(SIZES, ROOMS, st.one_of(st.none(), st.integers(1 << 20, 1 << 44)))
def test_it_leaves_room_and_comes_to_rest(size: SwapSize, room: Room, memory: Optional[int]) -> None:
    wanted = wanted_bytes(size, room, memory)
    fitting = fitting_bytes(wanted, room)
    assert fitting % MIB == 0
    assert fitting == 0 or SMALLEST <= fitting <= wanted
    assert fitting == 0 or room.free_bytes - fitting >= min(room.size_bytes // 10, GIB)
    assert fitting == 0 or is_good_enough(fitting, wanted, fitting)
