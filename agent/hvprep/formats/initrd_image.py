"""What is inside an initrd: every segment of the file, to its end.

Source of the facts: Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c and
lib/decompress.c of Linux: an image is any number of cpio archives, compressed ones and NUL bytes. Debian 13
keeps all modules in an uncompressed archive before the compressed one, microcode stands first, anything may
stand last, so nothing is left out. gzip, bzip2, xz and lzma are unpacked by the standard library; for the
others a tool is asked, and the headers of their blocks are walked to know where the stream ends.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, ContextManager, NamedTuple, Optional

from hvprep.errors import CommandFailed, FormatError
from hvprep.formats.cpio import DAMAGED, Readable, Source, Unpacked, iterate_archive, iterate_members

#: Bounds for what a damaged or hostile file may ask for; real images stay below a tenth of each.
UNPACKED_LIMIT_BYTES = 4 * 1024**3
NAMES_LIMIT_BYTES = 64 * 1024**2
MEMBERS_LIMIT = 500_000
FILES_LIMIT_BYTES = 4 * 1024**2
SEGMENTS_LIMIT = 100
BLOCKS_LIMIT = 1_000_000
LZMA_LIMIT_BYTES = 256 * 1024**2

#: Gives the plain bytes of one compressed stream ("zstd", "lz4", "lz4-frame" or "lzop") while the context
#: lasts; None where the tool is not installed. Reading raises FormatError where the stream is damaged and
#: CommandFailed where the tool came to grief for another reason.
Decompress = Callable[[str, Readable], Optional[ContextManager[Readable]]]

_MAGICS = (
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"]\0\0", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x04\x22\x4d\x18", "lz4-frame"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop"),
)
_FOREIGN = (
    (b"MZ", "a PE program (a unified kernel image?)"),
    (b"hsqs", "a squashfs file system"),
    (b"070707", "a cpio archive of the old portable kind"),
    (b"\xc7\x71", "a cpio archive of the old binary kind"),
    (b"\x71\xc7", "a cpio archive of the old binary kind"),
)
#: Where dracut's modules `squash`, `squash-squashfs` and `squash-erofs` hide almost everything.
_INNER_IMAGES = frozenset(("squash-root.img", "squashfs-root.img", "erofs-root.img"))
_WANTED = re.compile(
    r"init|conf/[^/]+|conf/conf\.d/[^/]+|VERSION|buildconfig|(usr/)?lib/dracut/(dracut-[^/]+|[^/]+\.txt)"
    r"|(usr/)?(lib|etc)/(modprobe|modules-load|cmdline)\.d/[^/]+|(usr/lib|etc)/initrd-release|etc/modules"
)


__all__ = ["Decompress", "InitrdContents", "Segment", "read_initrd", "wants_file"]


class Segment(NamedTuple):
    """A stretch of the file: a compression, "cpio", "padding" or "bootconfig"; its size there, in bytes."""

    kind: str
    size: int


@dataclass(frozen=True)
class InitrdContents:
    """What `read_initrd` found.

    names           every member of every archive, without leading "./" or "/"
    files           small configuration files and marks of the generator: name to content
    segments        what the file is made of, in order
    unpacked_bytes  all archives together, decompressed
    unreadable      why there may be more than `names` tells, in words ("zstd is not installed"); None means
                    that everything was read, so that a name that is not there is missing from the image
    """

    names: frozenset[str]
    files: Mapping[str, bytes]
    segments: tuple[Segment, ...]
    unpacked_bytes: int
    unreadable: str | None = None


def wants_file(name: str) -> bool:
    """Whether the content of this member tells how the image was configured or who made it.

    >>> wants_file("etc/modprobe.d/hv.conf"), wants_file("conf/modules"), wants_file("bin/sh")
    (True, True, False)
    """
    return _WANTED.fullmatch(name) is not None


def read_initrd(
    stream: BinaryIO, decompress: Decompress, wants: Callable[[str], bool] = wants_file
) -> InitrdContents:
    """Read a whole image from a file that can seek; at most some 10 MB are held, whatever its size.

    Three answers are kept apart. A file that is cut short, damaged or empty raises FormatError. What cannot
    be looked into, be it for a disk that fails, is told in `unreadable`. Else `names` tells what is missing.
    """
    reader = _Reader(stream, decompress, wants)
    try:
        reader.read()
    except OSError as error:
        reader.give_up(f"the initrd cannot be read: {error.strerror}")
    names, segments = frozenset(reader.names), tuple(reader.segments)
    return InitrdContents(names, reader.files, segments, reader.unpacked_bytes, reader.unreadable)


class _Reader:
    """One pass over one image; collects what InitrdContents holds."""

    def __init__(self, stream: BinaryIO, decompress: Decompress, wants: Callable[[str], bool]) -> None:
        self._stream = stream
        self._decompress = decompress
        self._wants = wants
        self._room = [MEMBERS_LIMIT, NAMES_LIMIT_BYTES, FILES_LIMIT_BYTES]
        self.names: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.segments: list[Segment] = []
        self.unpacked_bytes = 0
        self.unreadable: str | None = None

    def read(self) -> None:
        size = self._stream.seek(0, io.SEEK_END)
        end = _find_bootconfig(self._stream, size)
        position = 0
        while position < end:
            kind, stop = self._read_segment(position, end)
            self.segments.append(Segment(kind, stop - position))
            position = stop
            if len(self.segments) > SEGMENTS_LIMIT:
                raise FormatError(f"the initrd has more than {SEGMENTS_LIMIT} segments", DAMAGED)
        if end < size:
            self.segments.append(Segment("bootconfig", size - end))
        if not self.names and self.unreadable is None:
            raise FormatError("the initrd is empty", DAMAGED)
        if inner := _INNER_IMAGES & self.names:
            self.give_up(f"the files are inside {min(inner)}, a file system image of dracut's")

    def _read_segment(self, position: int, end: int) -> tuple[str, int]:
        source = Source.of_file(self._stream, "the initrd", position, end)
        head = source.peek(9)
        if head.startswith(b"\0"):
            source.skip_nuls()
            return "padding", source.position
        kind = next((kind for magic, kind in _MAGICS if head.startswith(magic)), "unknown")
        if kind == "cpio":
            self._keep(iterate_archive(source, self._wants))
            self.unpacked_bytes += source.position - position
        elif kind in _DECODERS:
            unpacked = Unpacked(_DECODERS[kind](), source)
            self._read_plain(unpacked, kind, position)
            return kind, unpacked.stop
        elif kind in _WALKS:
            for count, _ in enumerate(_WALKS[kind](source)):
                if count > BLOCKS_LIMIT:
                    raise source.broken(f"has too many {kind} blocks")
            self._read_with_tool(kind, position, source.position)
        else:
            what = next(
                (what for magic, what in _FOREIGN if head.startswith(magic)), f"unknown data: {head!r}"
            )
            self.give_up(f"at offset {position} of the initrd stands {what}")
            return kind, end
        return kind, source.position

    def _read_with_tool(self, kind: str, position: int, stop: int) -> None:
        context = self._decompress(kind, Source.of_file(self._stream, "the initrd", position, stop))
        if context is None:
            return self.give_up(f"{kind.partition('-')[0]} is not installed")
        try:
            with context as plain:
                self._read_plain(plain, kind, position)
        except CommandFailed as error:
            self.give_up(error.sentence)

    def give_up(self, why: str) -> None:
        self.unreadable = self.unreadable or why

    def _read_plain(self, plain: Readable, kind: str, position: int) -> None:
        label = f"the {kind} part at offset {position} of the initrd"
        source = Source(plain, label, UNPACKED_LIMIT_BYTES - self.unpacked_bytes)
        self._keep(iterate_members(source, self._wants))
        if not source.position:
            raise source.broken("holds nothing")
        self.unpacked_bytes += source.position

    def _keep(self, members: Iterator[tuple[Any, bytes | None]]) -> None:
        for member, content in members:
            self._take_room(0, 1)
            self._take_room(1, len(member.name))
            self.names.add(member.name)
            if content is not None:
                self._take_room(2, len(content))
                self.files[member.name] = content

    def _take_room(self, which: int, amount: int) -> None:
        self._room[which] -= amount
        if self._room[which] < 0:
            raise FormatError(
                "the initrd has more or longer members than any that a generator makes", DAMAGED
            )


_DECODERS: Mapping[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, LZMA_LIMIT_BYTES),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, LZMA_LIMIT_BYTES),
}


def _skip_zstd(source: Source) -> Iterator[None]:
    """Past one frame: RFC 8878, section 3.1.1."""
    descriptor = source.take(5)[4]
    single_segment = descriptor >> 5 & 1
    source.skip(
        1 - single_segment + (0, 1, 2, 4)[descriptor & 3] + (single_segment, 2, 4, 8)[descriptor >> 6]
    )
    last = 0
    while not last:
        head = int.from_bytes(source.take(3), "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind == 3 or size > 128 * 1024:
            raise source.broken("has a zstd block that is none")
        source.skip(1 if kind == 1 else size)
        yield
    source.skip(descriptor & 4)  # bit 2: a checksum of four bytes


def _skip_lz4(source: Source) -> Iterator[None]:
    """Past a legacy stream (doc/lz4_Frame_format.md of lz4): blocks of 8 MiB, packed, until there is none."""
    source.skip(4)
    while 0 < (size := int.from_bytes(source.peek(4), "little")) <= 8 * 1024**2 * 256 // 255 + 16:
        source.skip(4 + size)
        yield


def _skip_lz4_frame(source: Source) -> Iterator[None]:
    """Past one frame: doc/lz4_Frame_format.md of lz4."""
    flags = source.take(6)[4]
    source.skip((flags & 8) + 4 * (flags & 1) + 1)  # size of the content, dictionary, checksum of the header
    while size := int.from_bytes(source.take(4), "little") & 0x7FFFFFFF:
        if size > 4 * 1024**2:
            raise source.broken("has an lz4 block that is none")
        source.skip(size + (flags >> 2 & 4))  # bit 4: a checksum of four bytes for every block
        yield
    source.skip(flags & 4)  # bit 2: one for the content


def _skip_lzop(source: Source) -> Iterator[None]:
    """Past one file of lzop: its src/lzop.c and src/conf.h, and lib/decompress_unlzo.c of Linux."""
    version = int.from_bytes(source.take(11)[9:], "big")
    source.skip(6 if version >= 0x940 else 3)  # library's version, version needed, method, level
    flags = int.from_bytes(source.take(4), "big")
    source.skip((4 if flags & 0x800 else 0) + (12 if version >= 0x940 else 8))  # filter, mode, mtime
    source.skip(source.take(1)[0] + 4)  # name, checksum of the header
    if flags & 0x40:
        source.skip(int.from_bytes(source.take(4), "big") + 4)
    while plain_bytes := int.from_bytes(source.take(4), "big"):
        size = int.from_bytes(source.take(4), "big")
        if not 0 < size <= plain_bytes <= 64 * 1024**2:
            raise source.broken("has an lzop block that is none")
        sums = (0x1, 0x100) if size == plain_bytes else (0x1, 0x100, 0x2, 0x200)
        source.skip(size + 4 * sum(1 for bit in sums if flags & bit))
        yield


_WALKS: Mapping[str, Callable[[Source], Iterator[None]]] = {
    "zstd": _skip_zstd,
    "lz4": _skip_lz4,
    "lz4-frame": _skip_lz4_frame,
    "lzop": _skip_lzop,
}


def _find_bootconfig(stream: BinaryIO, size: int) -> int:
    """Where the archives end: before a boot configuration (Documentation/admin-guide/bootconfig.rst), if any.

    Data, its size, a checksum (four bytes each, little endian), "#BOOTCONFIG\\n", up to three NULs of GRUB's.
    """
    start = stream.seek(max(0, size - 23))
    tail = stream.read(23)
    mark = tail.rfind(b"#BOOTCONFIG\n")
    if mark < 8 or tail[mark + 12 :].strip(b"\0"):
        return size
    begin = start + mark - 8 - int.from_bytes(tail[mark - 8 : mark - 4], "little")
    return begin if begin >= 0 else size
