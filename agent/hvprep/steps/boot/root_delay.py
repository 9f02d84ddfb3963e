"""Where rootdelay= is no time that is waited at most, but one that every boot sleeps."""

from __future__ import annotations

import re

from hvprep.facts.gather import Facts
from hvprep.facts.initrd_tools import Generator
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot

#: Copied into every initrd. That of Debian 12 and 13 (initramfs-tools 0.142, 0.148) sleeps before it looks
#: for the root volume, for which it then waits 30 seconds without the parameter too (scripts/local).
_INIT = GuestPath("/usr/share/initramfs-tools/init")
_SLEEP = re.compile(rb'^[^#\n]*\bsleep[ \t]+"?\$\{?ROOTDELAY\b', re.MULTILINE)


def find_sleeper(view: View, facts: Facts, boots: list[Boot] | tuple[Boot, ...]) -> str | None:
    """Who would sleep, in words; None where nobody does."""
    for boot in boots:
        if is_bare_boot(view, facts, boot):
            return f'entry "{boot.title}" has no initrd, and would sleep that long'
    tool = facts.image.initrd_tool
    if (
        tool is not None
        and tool.generator is Generator.INITRAMFS_TOOLS
        and _SLEEP.search(view.read(_INIT) or b"")
    ):
        return f"{_INIT} sleeps for all of it at every boot"
    return None


def is_bare_boot(view: View, facts: Facts, boot: Boot) -> bool:
    """Whether an entry boots without an initrd, and its kernel is not about to get its first."""
    own = [kernel for kernel in facts.image.kernels if kernel.image.name == boot.kernel]
    gets_first = any(
        kernel.initrd is None and view.is_pending(path) for kernel in own for path in kernel.initrd_names
    )
    return not boot.has_initrd and not gets_first
