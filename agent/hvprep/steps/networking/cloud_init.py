"""cloud-init: it writes the configuration of the network at the first boot of every machine.

Source: cloud-init, "Network configuration": what disables it; cmd/clean.py: the names of what it writes.
"""

from __future__ import annotations

import re

from hvprep.facts.services import find_service
from hvprep.model.node import GuestPath
from hvprep.model.view import View

_DISABLED = GuestPath("/etc/cloud/cloud-init.disabled")
_CONFIGS = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")
#: network: {config: disabled}, in flow or block style.
_OFF = re.compile(
    r"^network[ \t]*:[ \t]*(?:\{[ \t]*|(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*[ \t]+)"
    r"config[ \t]*:[ \t]*['\"]?disabled\b",
    re.MULTILINE,
)
#: The names of its own files, wherever they lie.
_OWN = re.compile(r"50-cloud-init(\.yaml|\.cfg)?|cloud-init-.+\.nmconnection|10-cloud-init-.+\.network")
#: The line by which it marks the others: ifcfg files, 70-persistent-net.rules.
_MARK = re.compile(
    rb"\A(?:#.*\n){0,3}# (?:Created by cloud-init|This file is generated from information provided)"
)


def find_renderer(view: View) -> str | None:
    """What it will do, in words; None where it is not started at boot, or may not touch the network."""
    service = find_service(view, "cloud-init-local", "cloud-init-main")
    if service is None or not service.is_enabled or view.node(_DISABLED) is not None or _is_off(view):
        return None
    return "cloud-init configures the first interface by DHCP when it first starts on a machine"


def is_rendered(view: View, path: GuestPath) -> bool:
    """Whether cloud-init wrote the file, and will again on another machine."""
    return _OWN.fullmatch(path.name) is not None or _MARK.match(view.read(path) or b"") is not None


def _is_off(view: View) -> bool:
    texts = (view.read(path) or b"" for pattern in _CONFIGS for path in view.glob(pattern))
    return any(_OFF.search(text.decode("utf-8", "replace")) for text in texts)
