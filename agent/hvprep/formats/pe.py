"""Programs for UEFI (PE files), read only: unified kernel images, their addons, and plain kernels.

Source: the PE format (learn.microsoft.com/windows/win32/debug/pe-format) and the UAPI group's specification
of unified kernel images: the kernel, its command line and its initrd are sections of one program. A signature
covers all of them, so none can be edited in a signed file. Sections behind the first `.profile` replace those
before it when that profile is chosen. Only headers and small texts are read, whatever the file's size.

>>> import io
>>> read_pe(io.BytesIO(b'MZ')).is_uki
Traceback (most recent call last):
hvprep.errors.FormatError: the PE program ends within its headers
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline

#: Bounds for what a damaged or hostile file may ask for. UEFI's own loader takes 96 sections.
SECTIONS_LIMIT = 256
TEXT_LIMIT_BYTES = 64 * 1024
HEADER_LIMIT_BYTES = 1024 * 1024

_TEXTS = frozenset((".cmdline", ".uname", ".osrel", ".profile"))
_OURS = _TEXTS | {".linux", ".initrd", ".ucode", ".dtb", ".splash", ".sbat", ".pcrsig", ".pcrpkey"}
_MACHINES = {0x8664: "x86_64", 0xAA64: "aarch64", 0x14C: "i386"}
#: The magic of the optional header -> where its count of data directories stands, of which the 5th names the
#: certificate table.
_DIRECTORIES = {0x10B: 92, 0x20B: 108}
_CERTIFICATE_TABLE = 4


@dataclass(frozen=True)
class Section:
    """A section: its name, and where its content stands in the file."""

    name: str
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class PeImage:
    """What stands in the file. `texts` are the contents of the sections with texts, in order.

    `is_signed`: there is a signature, which says nothing about whether the firmware would accept it.
    """

    machine: str
    sections: tuple[Section, ...]
    texts: tuple[tuple[str, str], ...]
    is_signed: bool

    @property
    def is_uki(self) -> bool:
        """Whether it is a unified kernel image: it carries a kernel as a section."""
        return self.section(".linux") is not None

    @property
    def is_addon(self) -> bool:
        """Whether it only adds a command line to a unified kernel image (`*.addon.efi`)."""
        return not self.is_uki and self.text(".cmdline") is not None

    def section(self, name: str) -> Section | None:
        """The first section of that name before the first profile, which is the one that counts."""
        names = [section.name for section in self.sections]
        end = names.index(".profile") if ".profile" in names else len(names)
        return next((section for section in self.sections[:end] if section.name == name), None)

    def text(self, name: str) -> str | None:
        """The text of that section before the first profile; None where it is missing."""
        for other, text in self.texts:
            if other == ".profile":
                return None
            if other == name:
                return text
        return None

    @property
    def words(self) -> tuple[str, ...]:
        """The kernel's words in `.cmdline`, none where it is missing: then the boot loader may give some."""
        return kernel_cmdline.parse(self.text(".cmdline") or "").words

    @property
    def uname(self) -> str | None:
        """The kernel's version."""
        return self.text(".uname")

    @property
    def profile_cmdlines(self) -> tuple[str, ...]:
        """The command lines that take the place of `.cmdline` where a profile is chosen."""
        names = [name for name, _ in self.texts]
        start = names.index(".profile") if ".profile" in names else len(names)
        return tuple(text for name, text in self.texts[start:] if name == ".cmdline")


def read_pe(stream: BinaryIO) -> PeImage:
    """The program in the file. Raises FormatError where it is none, or is cut off."""
    size_bytes = stream.seek(0, io.SEEK_END)
    dos = _read(stream, 0, 64)
    if dos[:2] != b"MZ":
        raise FormatError("the file is no PE program: it does not begin with MZ", "Look at it with `file`.")
    (start,) = struct.unpack_from("<I", dos, 60)
    if start > HEADER_LIMIT_BYTES:
        raise FormatError(
            f"the PE header would stand at byte {start}", "Look at the file; no linker writes that."
        )
    header = _read(stream, start, 24)
    if header[:4] != b"PE\0\0":
        raise FormatError("the file is no PE program: its PE header is missing", "Look at it with `file`.")
    machine, count, optional_bytes = struct.unpack_from("<HH12xH", header, 4)
    if count > SECTIONS_LIMIT:
        raise FormatError(f"the PE program has {count} sections", "Look at the file; no linker writes that.")
    optional = _read(stream, start + 24, optional_bytes)
    table = _read(stream, start + 24 + optional_bytes, 40 * count)
    sections = tuple(_section(table[at : at + 40], size_bytes) for at in range(0, len(table), 40))
    texts = tuple((each.name, _text(stream, each)) for each in sections if each.name in _TEXTS)
    return PeImage(_MACHINES.get(machine, hex(machine)), sections, texts, _is_signed(optional))


class SectionFile(io.RawIOBase):
    """The content of one section as a file that can seek; its bytes are read when they are asked for.

    >>> SectionFile(io.BytesIO(b'MZ..initrd..'), Section('.initrd', 4, 6)).read()
    b'initrd'
    """

    def __init__(self, stream: BinaryIO, section: Section) -> None:
        self._stream, self._start, self._size = stream, section.offset, section.size_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer)[: max(0, self._size - self._position)]
        self._stream.seek(self._start + self._position)
        content = self._stream.read(len(wanted))
        wanted[: len(content)] = content
        self._position += len(content)
        return len(content)


def _section(header: bytes, size_bytes: int) -> Section:
    """A section's header. What the linker filled up to a whole block is no content."""
    raw_name, virtual, _, raw, offset = struct.unpack_from("<8sIIII", header)
    name = raw_name.rstrip(b"\0").decode("ascii", "backslashreplace")
    size = min(virtual, raw) if virtual else raw
    if name in _OURS and offset + size > size_bytes:
        raise FormatError(
            f"the section {name} of the PE program ends at byte {offset + size}, the file at {size_bytes}",
            "The file is cut off: make it anew, or copy it again.",
        )
    return Section(name, offset, size)


def _text(stream: BinaryIO, section: Section) -> str:
    """The text of a section, up to its first NUL and without the space around it."""
    if section.size_bytes > TEXT_LIMIT_BYTES:
        raise FormatError(
            f"the section {section.name} of the PE program has {section.size_bytes} bytes",
            "Look at the file; a text there is a few lines long.",
        )
    content = _read(stream, section.offset, section.size_bytes)
    return content.partition(b"\0")[0].decode("utf-8", "surrogateescape").strip()


def _is_signed(optional: bytes) -> bool:
    """Whether the optional header names a certificate table that is not empty."""
    if len(optional) < 2:
        return False
    at = _DIRECTORIES.get(struct.unpack_from("<H", optional)[0])
    if at is None or len(optional) < at + 4:
        return False
    (count,) = struct.unpack_from("<I", optional, at)
    entry = at + 4 + 8 * _CERTIFICATE_TABLE
    if count <= _CERTIFICATE_TABLE or len(optional) < entry + 8:
        return False
    return any(optional[entry + 4 : entry + 8])


def _read(stream: BinaryIO, offset: int, size_bytes: int) -> bytes:
    stream.seek(offset)
    content = stream.read(size_bytes)
    if len(content) != size_bytes:
        raise FormatError("the PE program ends within its headers", "The file is cut off: make it anew.")
    return content
