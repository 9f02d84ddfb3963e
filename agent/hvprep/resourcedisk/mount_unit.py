"""How the disk is mounted at this boot: a mount unit in /run for systemd, or a line of fstab(5). Pure.

The unit is started by hvprep-resource-disk.service, once the disk is proven, and wanted by nothing else: at a
boot without the disk no job waits for it. In /run it ends with the boot, so that none is stale, and none
gets into an image.
"""

from __future__ import annotations

import re

from hvprep.facts.resource_disk_owner import FSTAB_TAG
from hvprep.model.node import GuestPath

UNIT_DIRECTORY = GuestPath("/run/systemd/system")
#: How long systemd may wait for the device (systemd.unit(5), JobRunningTimeoutSec; seconds).
DEVICE_TIMEOUT_S = 2


def render_mount(what: str, where: GuestPath, fstype: str, options: tuple[str, ...]) -> str:
    """The mount unit. Its option nofail keeps local-fs.target from waiting for it (systemd.mount(5))."""
    return f"""\
# Made by hvprep-resource-disk.service for this boot; see hvprep(8).
[Unit]
Description=Temporary disk
Documentation=man:hvprep(8)

[Mount]
What={_specified(what)}
Where={_specified(str(where))}
Type={fstype}
Options={_specified(",".join(_options(options)))}
"""


def render_device_timeout() -> str:
    """A drop-in for the device's unit: whoever asks for the mount without the disk does not wait for long."""
    return f"""\
# Made by hvprep-resource-disk.service for this boot; see hvprep(8).
[Unit]
JobRunningTimeoutSec={DEVICE_TIMEOUT_S}s
"""


def render_fstab_line(spec: str, where: GuestPath, fstype: str, options: tuple[str, ...]) -> str:
    """The line for a system without systemd."""
    words = (spec, str(where), fstype, ",".join((*_options(options), FSTAB_TAG)))
    return " ".join(map(_escaped, words)) + " 0 0\n"


def _options(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(options or ("defaults",)), "nofail")))


def _specified(text: str) -> str:
    """Unit files have specifiers, which start with a percent sign."""
    return text.replace("%", "%%")


def _escaped(word: str) -> str:
    r"""A field of fstab(5).

    >>> _escaped("/mnt/re source")
    '/mnt/re\\040source'
    """
    return re.sub(r"[\s\\#]", lambda match: f"\\{ord(match[0]):03o}", word)
