"""SUSE's mkinitrd: SLES 10 and 11. (That of SLES 12 and 15 calls dracut.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.model.change import CANDIDATE_NAME
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import add_to_list, loadable_modules, plan_text, read_text
from hvprep.steps.initrd.maker import Command, Maker, Order, always

CONFIG = GuestPath("/etc/sysconfig/kernel")


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """mkinitrd(8): loaded in this order. The root's file system it finds by itself."""
    wanted = [name for name in names if not name.startswith("fs-")]
    modules = loadable_modules(kernels, wanted, everywhere=True)
    yield from plan_text(view, CONFIG, add_to_list(read_text(view, CONFIG), "INITRD_MODULES", modules))


def _command(view: View, order: Order) -> Command:
    """Lists of names in /boot that have to pair. -B: the boot loader's configuration is not its business."""
    argv = (str(order.tool.program), "-B", "-k", order.kernel.image.name, "-i", CANDIDATE_NAME)
    return Command(argv)


MAKER = Maker("initrd-{}", _plan, _command, False, always)
