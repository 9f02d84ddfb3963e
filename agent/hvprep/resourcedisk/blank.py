"""Whether a disk or partition is blank, as far as can be told in a second or two.

A raw disk of a database has no signature: none found is not enough. The first and the last 16 MiB, where
every file system and member keeps something, and 64 samples between have to read as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

EDGE_BYTES = 16 * 1024 * 1024
SAMPLES, SAMPLE_BYTES = 64, 64 * 1024
_CHUNK_BYTES = 1024 * 1024


def is_blank(read_at: Callable[[int, int], bytes], size_bytes: int) -> bool:
    """Whether all that is looked at is zero. Raises what `read_at` raises.

    >>> is_blank(lambda offset, size_bytes: bytes(size_bytes), 1 << 40)
    True
    """
    return all(not any_bit(read_at(offset, size)) for offset, size in pieces(size_bytes))


def pieces(size_bytes: int) -> Iterator[tuple[int, int]]:
    """Offset and size of what is read, in the order of the disk; a small one is read whole.

    >>> list(pieces(3)), len(list(pieces(1 << 40)))
    ([(0, 3)], 96)
    """
    if size_bytes <= 2 * EDGE_BYTES + SAMPLES * SAMPLE_BYTES:
        yield from _chunks(0, size_bytes)
        return
    yield from _chunks(0, EDGE_BYTES)
    step = (size_bytes - 2 * EDGE_BYTES - SAMPLE_BYTES) // (SAMPLES + 1)
    yield from ((EDGE_BYTES + step * number, SAMPLE_BYTES) for number in range(1, SAMPLES + 1))
    yield from _chunks(size_bytes - EDGE_BYTES, size_bytes)


def any_bit(content: bytes) -> bool:
    """Whether there is anything but zeros; as fast as memory."""
    return content.count(0) != len(content)


def _chunks(start: int, end: int) -> Iterator[tuple[int, int]]:
    for offset in range(start, end, _CHUNK_BYTES):
        yield offset, min(_CHUNK_BYTES, end - offset)
