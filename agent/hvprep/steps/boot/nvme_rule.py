"""Whether udev gives NVMe disks the time that Azure's need, so that the kernel's line need not."""

from __future__ import annotations

import re

from hvprep.model.view import View

#: As azure-vm-utils has it, in 80-azure-disk.rules: 240 s, in milliseconds.
_RULE = re.compile(r'^[^#\n]*ATTR\{queue/io_timeout\}\s*=\s*"240000"', re.MULTILINE)
#: A file in an earlier one masks its namesakes in later ones: udev(7).
_DIRECTORIES = (
    "/etc/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)


def has_nvme_rule(view: View) -> bool:
    """Whether a rule sets queue/io_timeout of disks."""
    paths = [path for directory in reversed(_DIRECTORIES) for path in view.glob(f"{directory}/*.rules")]
    effective = {path.name: path for path in paths}.values()
    return any(_RULE.search((view.read(path) or b"").decode("utf-8", "replace")) for path in effective)
