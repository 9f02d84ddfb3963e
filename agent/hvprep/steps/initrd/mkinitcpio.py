"""mkinitcpio: Arch and its kin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hvprep.errors import in_file
from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.formats import default_grub, shell_array
from hvprep.model.change import CANDIDATE
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import appended, loadable_modules, plan_text, read_text
from hvprep.steps.initrd.maker import Command, Maker, Order, always

CONFIG = GuestPath("/etc/mkinitcpio.conf")
DROP_IN = GuestPath("/etc/mkinitcpio.conf.d/90-hvprep.conf")
PRESETS = GuestPath("/etc/mkinitcpio.d")

_PRESET_CONFIG = re.compile(r"^[ \t]*(\w+)_config=[\"']?([^\"'\s#]+)", re.MULTILINE)


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """mkinitcpio.conf(5): MODULES, an array of bash, a string before version 23.

    The drop-ins of version 38 and later are read with the default configuration only: where a preset names
    one (mkinitcpio -c), that file has to say it.
    """
    modules = loadable_modules(kernels, names, everywhere=True)
    configs = sorted(
        {path for preset in view.glob(f"{PRESETS}/*.preset") for path in _configs(view, preset).values()}
    )
    if not modules:
        return
    if not configs and b"mkinitcpio.conf.d" in (view.read(tool.program) or b""):
        yield from plan_text(view, DROP_IN, appended("", f"MODULES+=({' '.join(modules)})"))
        return
    for path in configs or [CONFIG]:
        with in_file(path):
            text = _with_modules(read_text(view, path), modules)
        yield from plan_text(view, path, text)


def _with_modules(text: str, modules: Sequence[str]) -> str:
    """With those that MODULES does not hold yet. Raises FormatError."""
    conf = shell_array.parse(text)
    is_string = any(each.array is None for each in conf.assignments("MODULES"))
    if is_string:
        words = default_grub.evaluate([conf], ["MODULES"])["MODULES"].words
    else:
        words = shell_array.evaluate([conf], "MODULES").words
    held = {word.replace("-", "_") for word in words}
    missing = [name for name in modules if name not in held]
    if missing and is_string:
        return conf.append_assignment("MODULES", missing).render()
    return shell_array.add_words(conf, "MODULES", missing).render()


def _configs(view: View, preset: GuestPath) -> dict[str, GuestPath]:
    """The configuration of each image of a preset, or of ALL of them."""
    return {name: GuestPath(path) for name, path in _PRESET_CONFIG.findall(read_text(view, preset))}


def _command(view: View, order: Order) -> Command:
    """The hook autodetect looks at the devices of the machine; the fallback image is the one without it."""
    is_fallback = order.target.name.endswith("-fallback.img")
    configs = _configs(view, PRESETS / f"{order.kernel.name}.preset")
    config = configs.get("fallback" if is_fallback else "default", configs.get("ALL"))
    options = ("-c", str(config)) if config is not None else ()
    every = ("-S", "autodetect") if order.generic or is_fallback else ()
    return Command((str(order.tool.program), *options, *every, "-k", order.kernel.version, "-g", CANDIDATE))


MAKER = Maker("initramfs-{}.img", _plan, _command, False, always)
