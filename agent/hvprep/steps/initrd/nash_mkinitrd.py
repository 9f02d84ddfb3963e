"""mkinitrd with nash: EL 5.

Its images load what init names with insmod, flat in /lib. It has no way to be told not to look at the devices
of the machine: the judge compares what init does about the root volume.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.model.change import CANDIDATE
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import appended, loadable_modules, plan_text, read_text
from hvprep.steps.initrd.maker import Command, Maker, Order, always

CONFIG = GuestPath("/etc/modprobe.conf")

#: Loaded before the drivers of emulated disks, which would take the root volume first (mkinitrd
#: 5.1.19.6-79.el5: "load Hyper-V modules first", rhbz#852686).
_FIRST = ("hv_vmbus", "hv_storvsc")
#: What needs no line: it comes with the others.
_IMPLIED = ("hv_vmbus", "sd_mod")
_ALIAS = re.compile(r"^[ \t]*alias[ \t]+scsi_hostadapter(\d*)[ \t]+(\S+)", re.MULTILINE)


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """mkinitrd(8) takes every `alias scsi_hostadapterN MODULE`; the root's file system is in fstab."""
    text = read_text(view, CONFIG)
    found = _ALIAS.findall(text)
    held = {module.replace("-", "_") for _, module in found}
    wanted = [name for name in names if not name.startswith("fs-") and name not in _IMPLIED]
    missing = [name for name in loadable_modules(kernels, wanted, everywhere=True) if name not in held]
    first = max((int(number or 0) + 1 for number, _ in found), default=0)
    lines = [f"alias scsi_hostadapter{at or ''} {name}" for at, name in enumerate(missing, first)]
    if lines:
        yield from plan_text(view, CONFIG, appended(text, *lines))


def _command(view: View, order: Order) -> Command:
    early = [f"--preload={name}" for name in _FIRST if name in order.modules]
    late = [f"--with={name}" for name in order.modules if name not in _FIRST]
    return Command((str(order.tool.program), "-f", *early, *late, CANDIDATE, order.kernel.version))


MAKER = Maker("initrd-{}.img", _plan, _command, False, always)
