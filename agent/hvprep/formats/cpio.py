"""cpio archives of the newc kind ("070701", with checksums "070702"), read in one pass and never held whole.

Source of the facts: Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c of Linux.
A member is a header of 110 bytes (six of magic, thirteen numbers of eight hexadecimal digits), the name with
a NUL, and the content; name and content end on a multiple of four. A member named TRAILER!!! ends an archive.
The kernel reads an uncompressed archive without it; here its absence is how a file that was cut short shows,
and every known generator writes it.
"""

from __future__ import annotations

import lzma
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from hvprep.errors import FormatError

#: What is read at once from a file (content is seeked over) and from a pipe (content must be read).
FILE_BLOCK_BYTES = 8 * 1024
PIPE_BLOCK_BYTES = 64 * 1024
#: PATH_MAX of Linux: the kernel skips longer names, no generator writes them.
NAME_LIMIT_BYTES = 4096
#: A wanted member that is larger is not configuration; its content is skipped.
CONTENT_LIMIT_BYTES = 64 * 1024

DAMAGED = "The file was cut short or damaged; build it anew."

_HEADER = re.compile(rb"07070[12][0-9A-Fa-f]{104}")
_HEADER_BYTES = 110
_TRAILER = "TRAILER!!!"


class Readable(Protocol):
    """The part of BinaryIO that is used of a pipe."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none only at the end."""


class Seekable(Readable, Protocol):
    """The part of BinaryIO that is used of a file."""

    def seek(self, offset: int, /) -> int:
        """Go to the offset from the beginning, in bytes."""


class Source:
    """Bytes in order from a pipe or a file, counted, with cheap skipping.

    `label` names the source in errors. Every method raises FormatError where the bytes end too early.
    """

    def __init__(self, stream: Readable, label: str, limit: int) -> None:
        """From where the stream stands, which counts as position 0; more than `limit` bytes are an error."""
        self._stream = stream
        self._seek: Callable[[int], int] | None = None
        self._label = label
        self._limit = limit
        self._block = b""
        self._base = 0  # position of the block's first byte
        self._at = 0  # the next byte, within the block

    @classmethod
    def of_file(cls, stream: Seekable, label: str, position: int, end: int) -> Source:
        """The bytes [position, end) of a file, where skipping is seeking. Positions count from its start."""
        source = cls(stream, label, end)
        source._seek = stream.seek
        source._base = stream.seek(position)
        return source

    @property
    def position(self) -> int:
        """Offset of the next byte."""
        return self._base + self._at

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end."""
        if len(self._block) - self._at < count:
            self._fill(count)
        return self._block[self._at : self._at + count]

    def take(self, count: int) -> bytes:
        """The next `count` bytes, and go past them."""
        data = self.peek(count)
        if len(data) < count:
            raise self.broken("ends in the middle")
        self._at += count
        return data

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none only at the end. So a Source is a Readable itself."""
        data = self._block[self._at : self._at + size]
        if data:
            self._at += len(data)
        else:
            data = self._read(size)
            self._base, self._block, self._at = self.position + len(data), b"", 0
        return data

    def skip(self, count: int) -> None:
        """Go `count` bytes on."""
        if self._at + count <= len(self._block):
            self._at += count
            return
        target = self.position + count
        if self._seek is not None:
            if target > self._limit:
                raise self.broken("ends in the middle")
            self._base, self._block, self._at = self._seek(target), b"", 0
            return
        while self._base + len(self._block) < target:
            self._base, self._at = self._base + len(self._block), 0
            self._block = self._read(PIPE_BLOCK_BYTES)
            if not self._block:
                raise self.broken("ends in the middle")
        self._at = target - self._base

    def skip_nuls(self) -> bool:
        """Go past NUL bytes; whether anything is left then."""
        while self.peek(1) == b"\0":
            block = self._block[self._at :]
            self._at += len(block) - len(block.lstrip(b"\0"))
        return bool(self.peek(1))

    def broken(self, what: str) -> FormatError:
        """The error that says what is wrong at this position."""
        return FormatError(f"{self._label} {what} (offset {self.position})", DAMAGED)

    def _fill(self, count: int) -> None:
        block = self._block[self._at :]
        while len(block) < count:
            data = self._read(FILE_BLOCK_BYTES if self._seek else PIPE_BLOCK_BYTES, len(block))
            if not data:
                break
            block = block + data if block else data
        self._base += self._at
        self._block, self._at = block, 0

    def _read(self, size: int, held: int = 0) -> bytes:
        if self._seek is not None:
            return self._stream.read(min(size, self._limit - self._base - self._at - held))
        data = self._stream.read(size)
        if self._base + len(data) > self._limit:
            raise self.broken(f"unpacks to more than {self._limit >> 20} MiB")
        return data


class Unpacked:
    """The plain bytes of a stream that the standard library unpacks: gzip, bzip2, xz, lzma.

    `decoder` is a new zlib.decompressobj, BZ2Decompressor or LZMADecompressor. `stop` is the position in
    `packed` where the stream ends, once `read` has given the last byte. Reading raises FormatError.
    """

    def __init__(self, decoder: Any, packed: Source) -> None:
        self._decoder = decoder
        self._packed = packed
        self._waiting = b""
        self.stop = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none only at the end."""
        plain = b""
        while not plain and not self._decoder.eof:
            try:
                plain = self._decoder.decompress(self._waiting, size)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                raise self._packed.broken(f"does not unpack: {error}") from error
            self._waiting = getattr(self._decoder, "unconsumed_tail", b"")  # only zlib leaves the rest to us
            if self._decoder.eof:
                self.stop = self._packed.position - len(self._decoder.unused_data)
            elif not plain:
                self._waiting = self._waiting or self._packed.read(PIPE_BLOCK_BYTES)
                if not self._waiting:
                    raise self._packed.broken("ends in the middle")
        return plain


@dataclass(frozen=True)
class Member:
    """One name in an archive. `size` is that of the content in bytes, `inode` tells hard links together.

    cpio gives the content of hard links with the last of their names only (GNU cpio, `-H newc`).
    """

    name: str
    mode: int
    size: int
    links: int
    inode: tuple[int, int, int]

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)


def normalise_name(name: str) -> str:
    """The name without a leading ./ or /, as all generators but one would have written it.

    >>> normalise_name("./lib/modules"), normalise_name("/init"), normalise_name(".")
    ('lib/modules', 'init', '.')
    """
    while name.startswith(("./", "/")):
        name = name[2:].lstrip("/") if name[0] == "." else name.lstrip("/")
    return name or "."


def iterate_members(source: Source, wants: Callable[[str], bool]) -> Iterator[tuple[Member, bytes | None]]:
    """The members of all archives up to the end of the source, NUL padding between them.

    See `iterate_archive`. Raises FormatError.
    """
    while source.skip_nuls():
        yield from iterate_archive(source, wants)


def iterate_archive(source: Source, wants: Callable[[str], bool]) -> Iterator[tuple[Member, bytes | None]]:
    """The members of one archive but its trailer, with the content of small regular files that are wanted.

    `wants` is asked with the normalised name. A wanted hard link whose content comes with a later name is
    handed out again, then with its content. Leaves the source behind the trailer. Raises FormatError where
    the archive is cut short or garbled, or begins at an offset where the kernel would not find it.
    """
    if source.position % 4:
        raise source.broken("has a cpio archive that does not begin on a multiple of four")
    waiting: dict[tuple[int, int, int], list[Member]] = {}
    while True:
        member = _read_header(source)
        if member.name == _TRAILER:
            source.skip(member.size)
            padding = source.peek(-source.position % 4)
            source.skip(len(padding) - len(padding.lstrip(b"\0")))
            return
        small = member.is_file and member.size <= CONTENT_LIMIT_BYTES
        linked = waiting.pop(member.inode, []) if small and member.size and member.links > 1 else []
        if small and (linked or wants(member.name)):
            content = source.take(member.size)
            source.skip(-member.size % 4)
            yield member, content if wants(member.name) else None
            for earlier in linked:
                yield earlier, content
            if member.links > 1 and not member.size:
                waiting.setdefault(member.inode, []).append(member)
        else:
            source.skip(member.size + -member.size % 4)
            yield member, None


def _read_header(source: Source) -> Member:
    raw = source.take(_HEADER_BYTES)
    if not _HEADER.match(raw):
        raise source.broken("has no cpio header where one should be, just before this")
    name_bytes = int(raw[94:102], 16)
    if not 0 < name_bytes <= NAME_LIMIT_BYTES:
        raise source.broken(f"has a cpio member with a name of {name_bytes} bytes")
    name = source.take(name_bytes)
    if name[-1]:
        raise source.broken("has a cpio member whose name has no end, just before this")
    text = name[: name.index(0)].decode("utf-8", "surrogateescape")
    if text != _TRAILER:
        source.skip(-(_HEADER_BYTES + name_bytes) % 4)
        text = normalise_name(text)
    return Member(
        name=text,
        mode=int(raw[14:22], 16),
        size=int(raw[54:62], 16),
        links=int(raw[38:46], 16),
        inode=(int(raw[62:70], 16), int(raw[70:78], 16), int(raw[6:14], 16)),
    )
