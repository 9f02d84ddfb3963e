"""Names of systemd's units that stand for a path (systemd.unit(5), systemd-escape(1))."""

from __future__ import annotations

import re
from pathlib import PurePosixPath


def unit_name(path: PurePosixPath, suffix: str) -> str:
    r"""The unit of an absolute path, as systemd-escape(1) --path has it.

    >>> unit_name(PurePosixPath("/mnt/re source/.x-1"), "mount")
    'mnt-re\\x20source-.x\\x2d1.mount'
    >>> unit_name(PurePosixPath("/dev/disk/by-label/hvprep-temp"), "device")
    'dev-disk-by\\x2dlabel-hvprep\\x2dtemp.device'
    """
    text = str(path).strip("/").encode("utf-8", "surrogateescape")
    escaped = re.sub(rb"[^A-Za-z0-9:_./]", lambda match: b"\\x%02x" % match[0][0], text)
    if escaped.startswith(b"."):
        escaped = b"\\x2e" + escaped[1:]
    return f"{escaped.replace(b'/', b'-').decode() or '-'}.{suffix}"
