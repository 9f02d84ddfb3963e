"""The version that a kernel image carries, for images whose names do not tell it (vmlinuz-linux).

Source: Documentation/arch/x86/boot.rst of Linux, section "The real-mode kernel header": the magic "HdrS" at
0x202, and at 0x20e the offset, less 0x200, of a text with the version ("kernel_version"). Images of other
architectures have no such field.
"""

from __future__ import annotations

import re

#: As much of an image as can hold the text: 0x200, the greatest offset, and the text.
HEAD_BYTES = 0x200 + 0xFFFF + 256

#: Of uname(2): __NEW_UTS_LEN in include/uapi/linux/utsname.h.
_RELEASE_CHARACTERS = 64
_TEXT = re.compile(rb"[\x20-\x7e]*")
_VERSION = re.compile(r"[0-9]+\.[0-9][\w.+~-]*", re.ASCII)


def find_banner(head: bytes) -> str:
    r"""The text in the first HEAD_BYTES of an image: version, who built it and when; "" where it has none.

    >>> head = bytearray(0x300)
    >>> head[0x202:0x206], head[0x20e:0x210], head[0x280:0x293] = b"HdrS", b"\x80\0", b"6.6.8-arch1-1 (a@b)\0"
    >>> find_banner(bytes(head)), find_version(bytes(head)), find_version(b"MZ")
    ('6.6.8-arch1-1 (a@b)', '6.6.8-arch1-1', None)
    """
    offset = int.from_bytes(head[0x20E:0x210], "little")
    if head[0x202:0x206] != b"HdrS" or not offset:
        return ""
    match = _TEXT.match(head, 0x200 + offset)
    return match[0].decode("ascii") if match else ""


def find_version(head: bytes) -> str | None:
    """The version as uname(2) gives it, from the first HEAD_BYTES of an image; None where it has none."""
    match = _VERSION.match(find_banner(head)[:_RELEASE_CHARACTERS])
    return match[0] if match else None
