"""mkinitcpio: Arch and its kin."""

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

CONFIG = GuestPath("/etc/mkinitcpio.conf")
DROP_IN = GuestPath("/etc/mkinitcpio.conf.d/90-hvprep.conf")
PRESETS = GuestPath("/etc/mkinitcpio.d")

_PRESET_CONFIG = re.compile(r"^[ \t]*(\w+)_config=[\"']?([^\"'\s#]+)", re.MULTILINE)
_MODULES = re.compile(r"^[ \t]*MODULES(\+?)=(?:\(([^)]*)\)|([\"']?)([^\"'\n(]*)\3)", re.MULTILINE)


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
        text = read_text(view, path)
        held, is_array = _modules(text)
        missing = " ".join(name for name in modules if name not in held)
        line = f"MODULES+=({missing})" if is_array else f'MODULES="$MODULES {missing}"'
        if missing:
            yield from plan_text(view, path, appended(text, line))


def _modules(text: str) -> tuple[set[str], bool]:
    """What MODULES holds at the end, and whether it is an array."""
    held: set[str] = set()
    is_array = True
    for appends, array, _, string in _MODULES.findall(text):
        is_array = is_array if appends else not string
        words = set(re.sub("[\"']", "", array or string).replace("-", "_").split())
        held = words | held if appends or "$MODULES" in words else words
    return held, is_array


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
