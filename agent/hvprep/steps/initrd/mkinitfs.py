"""Alpine's mkinitfs: lists of features, each a file of paths of modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.formats.kernel_modules import Loadable
from hvprep.model.change import CANDIDATE
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import HEADING, add_to_list, find_module, plan_text, read_text
from hvprep.steps.initrd.maker import Command, Maker, Order, never

CONFIG = GuestPath("/etc/mkinitfs/mkinitfs.conf")
#: No package has a feature of this name.
FEATURE = "hvprep"
FEATURE_FILE = CONFIG.parent / f"features.d/{FEATURE}.modules"


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """mkinitfs(1): paths below /lib/modules/VERSION, with wildcards; what is not there is passed over."""
    indices = [kernel.modules for kernel in kernels if kernel.modules is not None]
    found = [find_module(index, name) for name in names for index in indices]
    paths = [f"{each.path.partition('.ko')[0]}.ko*" for each in found if isinstance(each, Loadable)]
    if paths:
        lines = (HEADING, *dict.fromkeys(paths))
        yield from plan_text(view, FEATURE_FILE, "".join(f"{line}\n" for line in lines))
        yield from plan_text(view, CONFIG, add_to_list(read_text(view, CONFIG), "features", (FEATURE,)))


def _command(view: View, order: Order) -> Command:
    return Command((str(order.tool.program), "-o", CANDIDATE, order.kernel.version))


MAKER = Maker("initramfs-{}", _plan, _command, True, never)
