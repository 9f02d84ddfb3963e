"""Programs that make swap on the system's disk by themselves, at boot or when memory runs short."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.services import find_service
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View

#: Debian's swapspace, Raspberry Pi OS's dphys-swapfile, systemd-swap of Arch.
_SERVICES = ("swapspace", "dphys-swapfile", "systemd-swap")
_CLOUD_INIT = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")
#: The value of a key at the left margin of cloud-init's configuration, in both styles of YAML.
_SWAP = re.compile(
    r"^swap[ \t]*:(?P<value>[ \t]*\{[^}]*\}|[ \t]*(?:#.*)?\n(?:[ \t]+.*\n|[ \t]*(?:#.*)?\n)*)", re.MULTILINE
)
_FILE = re.compile(r"^[ \t{]*filename[ \t]*:[ \t]*[\"']?(?P<name>[^\s\"'#,}]+)", re.MULTILINE)
_NO_SIZE = re.compile(r"^[ \t{]*size[ \t]*:[ \t]*[\"']?0[\"']?[ \t}]*(?:#.*)?$", re.MULTILINE)


def find(view: View) -> Iterator[Note]:
    """A finding for each that is switched on. hvprep ends no service that is not its own."""
    for name in _SERVICES:
        service = find_service(view, name)
        if service is not None and service.is_enabled:
            yield Note(
                Verdict.UNMET,
                f"{service.name} is started at boot, and makes swap files on the system's disk",
                f"remove its package, or: systemctl disable --now {service.name}",
            )
    for path in (path for pattern in _CLOUD_INIT for path in view.glob(pattern)):
        file = _file_of((view.read(path) or b"").decode("utf-8", "replace"))
        if file is not None:
            yield Note(
                Verdict.UNMET,
                f"{path} has cloud-init make the swap file {file}, which will lie on the system's disk",
                f"take `swap:` out of {path}",
            )


def _file_of(text: str) -> str | None:
    """The file that cloud-init makes, before it mounts anything (cc_mounts.py; canonical/cloud-init#3633).

    >>> _file_of("users: []\\nswap:\\n  size: auto\\n  filename: /swap.img # mine\\n")
    '/swap.img'
    >>> _file_of("swap: {size: 0, filename: /swap.img}"), _file_of("#swap:\\n#  filename: /swap.img")
    (None, None)
    """
    match = _SWAP.search(f"{text}\n")
    if match is None:
        return None
    lines = re.sub("[,{]", "\n", match["value"])
    found = _FILE.search(lines)
    return found["name"] if found is not None and _NO_SIZE.search(lines) is None else None
