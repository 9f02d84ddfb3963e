"""booster: Arch, Alpine and Void by choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hvprep.errors import FormatError
from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.model.change import CANDIDATE
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import appended, loadable_modules, plan_text, read_text
from hvprep.steps.initrd.maker import Command, Maker, Order, always

CONFIG = GuestPath("/etc/booster.yaml")

_MODULES = re.compile(r"^(modules:[ \t]*)(?:([\"']?)([\w,.*/ \t-]*?)\2[ \t]*)(#.*)?$", re.MULTILINE)


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """booster.yaml: `modules: a,b`, one string. Raises FormatError where it is written in another way."""
    text = read_text(view, CONFIG)
    match = _MODULES.search(text)
    if match is None and re.search(r"^modules\s*:", text, re.MULTILINE):
        raise FormatError(f"{CONFIG} does not read in `modules:`", "write it as one line: modules: a,b")
    held = [word.strip() for word in match[3].split(",") if word.strip()] if match else []
    known = {word.replace("-", "_") for word in held}
    missing = [name for name in loadable_modules(kernels, names, everywhere=True) if name not in known]
    if not missing:
        return
    line = f"modules: {','.join([*held, *missing])}"
    if match is None:
        yield from plan_text(view, CONFIG, appended(text, line))
    else:
        comment = f" {match[4]}" if match[4] else ""
        yield from plan_text(view, CONFIG, text[: match.start()] + line + comment + text[match.end() :])


def _command(view: View, order: Order) -> Command:
    """Host mode, which is the default, looks at the devices and modules of the machine that it runs on."""
    every = ("--universal",) if order.generic else ()
    argv = (str(order.tool.program), "build", "--force", *every, "--kernel-version", order.kernel.version)
    return Command((*argv, CANDIDATE))


MAKER = Maker("booster-{}.img", _plan, _command, False, always)
