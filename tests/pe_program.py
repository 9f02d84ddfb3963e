"""PE programs as a linker lays them out: headers, then each section filled up to 512 bytes."""

from __future__ import annotations

import struct

#: The machines of the PE format.
X86_64, AARCH64, I386 = 0x8664, 0xAA64, 0x14C
#: Where its header starts, and the magic numbers of its optional header.
START = 128
PE32, PE32_PLUS = 0x10B, 0x20B


def program(
    *sections: tuple[bytes, bytes], machine: int = X86_64, certificates: int = 0, magic: int = PE32_PLUS
) -> bytes:
    """`certificates` is the size of a signature, in bytes; 0 for a program without one."""
    directories_at = {PE32: 92}.get(magic, 108)
    optional = struct.pack("<H", magic).ljust(directories_at, b"\0") + struct.pack("<I", 16) + b"\0" * 32
    optional += struct.pack("<II", 4096, certificates) + b"\0" * 88
    header = b"PE\0\0" + struct.pack("<HH12xHH", machine, len(sections), len(optional), 0x22) + optional
    offset = -(-(START + len(header) + 40 * len(sections)) // 512) * 512
    table, body = b"", b""
    for name, content in sections:
        raw = -(-len(content) // 512) * 512
        table += struct.pack("<8sIIII16x", name, len(content), 0x1000, raw, offset + len(body))
        body += content.ljust(raw, b"\0")
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", START)
    return (dos.ljust(START, b"\0") + header + table).ljust(offset, b"\0") + body
