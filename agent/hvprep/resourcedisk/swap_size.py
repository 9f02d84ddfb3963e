"""How large the swap file becomes. Pure; all sizes in bytes, a swap file is whole MiB."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hvprep.settings.resource_disk import SwapSize

MIB = 1024 * 1024
GIB = 1024 * MIB
#: What stays free beside the swap file: a tenth of the file system, but no more than this.
_LARGEST_MARGIN = GIB
#: Less swap than this helps nobody.
SMALLEST = 16 * MIB
#: MemTotal differs by some MiB between kernels: a new kernel must not make the file anew.
_MEMORY_STEP = 256 * MIB


@dataclass(frozen=True)
class Room:
    """The file system that the swap file lies on. `free_bytes` includes what our swap file has now."""

    size_bytes: int
    free_bytes: int


def wanted_bytes(size: SwapSize, room: Room, memory_bytes: int | None) -> int:
    """What the setting asks for, whether it fits or not; 0 for none.

    auto: the memory there is up to 4 GiB, 4 GiB up to 16 GiB, then the square root of the GiB (as cloud-init,
    cc_mounts.py, suggested_swapsize). `memory_bytes` None, which is not known, counts as 2 GiB.
    """
    if size.mib is not None:
        return size.mib * MIB
    if size.percent is not None:
        return _whole(room.size_bytes * size.percent // 100)
    memory = -(-(memory_bytes or 2 * GIB) // _MEMORY_STEP) * _MEMORY_STEP
    if memory <= 16 * GIB:
        return min(memory, 4 * GIB)
    return _whole(int(math.sqrt(memory / GIB) * GIB))


def fitting_bytes(wanted: int, room: Room) -> int:
    """As much of it as leaves the margin free; 0 where that is less than SMALLEST."""
    margin = min(room.size_bytes // 10, _LARGEST_MARGIN)
    size = min(wanted, _whole(max(0, room.free_bytes - margin)))
    return size if size >= SMALLEST else 0


def is_good_enough(existing: int, wanted: int, fitting: int) -> bool:
    """Whether a swap file of `existing` bytes stays as it is.

    One that was once cut to what was free is made anew only for a tenth more: what others write on the disk
    changes from boot to boot, and what it has already is not taken from them.
    """
    if existing == wanted:
        return True
    return existing < wanted and fitting < wanted and fitting <= existing + max(64 * MIB, existing // 10)


def _whole(size: int) -> int:
    return size // MIB * MIB
