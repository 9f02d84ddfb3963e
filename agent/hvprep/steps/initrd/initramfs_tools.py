"""initramfs-tools: Debian, Ubuntu."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.formats import default_grub
from hvprep.model.change import CANDIDATE, SCRATCH
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import appended, loadable_modules, plan_text, read_text
from hvprep.steps.initrd.maker import Command, Maker, Order

MODULES_FILE = GuestPath("/etc/initramfs-tools/modules")


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """initramfs-tools(7): one module a line; the file has no drop-in directory in /etc."""
    text = read_text(view, MODULES_FILE)
    listed = {line.split()[0].replace("-", "_") for line in text.splitlines() if line.split()}
    missing = [name for name in loadable_modules(kernels, names, everywhere=False) if name not in listed]
    if missing:
        yield from plan_text(view, MODULES_FILE, appended(text, *missing))


def _command(view: View, order: Order) -> Command:
    """Not update-initramfs: with update_initramfs=no it makes nothing, with exit status 0.

    Offline, MODULES=dep asks for the devices of the machine it runs on, which is the builder: a copy of
    the configuration in which it says most is handed over (mkinitramfs(8), -d). The system's own stays.
    """
    program, version = str(order.tool.program), order.kernel.version
    if not order.generic:
        return Command((program, "-o", CANDIDATE, version))
    return Command(
        (program, "-d", f"{SCRATCH}/conf", "-o", CANDIDATE, version),
        copy=((MODULES_FILE.parent, "conf"),),
        scratch=(("conf/conf.d/zzz-hvprep-offline", 'test "$MODULES" != dep || MODULES=most\n'),),
    )


def _looks_at_devices(view: View) -> bool:
    """With MODULES=dep: initramfs.conf(5); conf.d is read after the main file, in the order of the names."""
    directory = MODULES_FILE.parent
    files = [directory / "initramfs.conf", *view.glob(f"{directory}/conf.d/*")]
    parsed = [default_grub.parse(read_text(view, path)) for path in files]
    value = default_grub.evaluate(parsed, ["MODULES"])["MODULES"]
    return value.text == "dep" or not value.certain


MAKER = Maker("initrd.img-{}", _plan, _command, True, _looks_at_devices)
