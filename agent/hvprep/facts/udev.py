"""What udev knows of the block devices of the running machine, read from its files: no program is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hvprep.errors import HvprepError
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: Where udev keeps the links by these tags of fstab(5) and of the kernel's root=.
_BY_TAG = {
    "UUID": "by-uuid",
    "LABEL": "by-label",
    "PARTUUID": "by-partuuid",
    "PARTLABEL": "by-partlabel",
}
#: What udev leaves as it is in a name (systemd, src/basic/utf8.c, ALLOWED_CHARS); the rest is written \xNN.
_PLAIN = re.compile(r"[0-9A-Za-z#+\-.:=@_]|[^\x00-\x7f]")


def read_properties(view: View, device_number: str) -> Mapping[str, str]:
    """ID_FS_UUID, ID_PART_ENTRY_TYPE and so on of the block device with that number ("8:1"); nothing where
    udev has not seen it. Source of the form: systemd, src/libsystemd/sd-device/device-private.c.
    """
    try:
        content = view.read(GuestPath(f"/run/udev/data/b{device_number}")) or b""
    except (OSError, HvprepError):
        return {}
    lines = content.decode("utf-8", "replace").split("\n")
    pairs = (line[2:].partition("=") for line in lines if line.startswith("E:"))
    return {name: value for name, _, value in pairs}


def node_of(view: View, spec: str) -> GuestPath:
    """The device or file that a name in fstab(5) leads to, as the kernel calls it. A tag that leads nowhere
    is given as the link that would do it.

    >>> from pathlib import Path
    >>> from hvprep.system.root import Root
    >>> str(node_of(Root(Path("/")), 'LABEL="my swap"'))
    '/dev/disk/by-label/my\\\\x20swap'
    """
    tag, sign, value = spec.partition("=")
    if sign and tag in _BY_TAG:
        return view.resolve(GuestPath("/dev/disk") / _BY_TAG[tag] / _encoded(value.strip("\"'")))
    return view.resolve(GuestPath("/") / spec)


def _encoded(name: str) -> str:
    return "".join(
        sign
        if _PLAIN.fullmatch(sign)
        else "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape"))
        for sign in name
    )
