r"""What `blkid -o export` writes: a NAME=value on each line (blkid(8)).

>>> parse_export('DEVNAME=/dev/sdb1\nLABEL=Temporary\\ Storage\\x0a\\\\\nTYPE=ntfs\n')['LABEL']
'Temporary Storage\n\\'
"""

from __future__ import annotations

import re

# util-linux, misc-utils/blkid.c, safe_print: a backslash before what a shell takes for itself, \xHH for what
# cannot be printed.
_ESCAPED = re.compile(rb"\\(?:x([0-9a-f]{2})|(.))", re.DOTALL)


def parse_export(text: str) -> dict[str, str]:
    """The values by name. Lines that are none, warnings among them, are passed over."""
    values = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals and re.fullmatch("[A-Z][A-Z0-9_]*", name):
            values[name] = _plain(value)
    return values


def _plain(value: str) -> str:
    raw = value.encode("utf-8", "surrogateescape")
    plain = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else match[2], raw)
    return plain.decode("utf-8", "replace")
