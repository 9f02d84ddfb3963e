"""dracut since 004: Fedora, EL 6 and later, SUSE 12 and later, Azure Linux, Amazon Linux; others by choice.

What a dracut knows is asked of itself: it is a script, and names its options and its directories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.formats import default_grub
from hvprep.formats.kernel_cmdline import parameter_name
from hvprep.model.change import CANDIDATE, SCRATCH
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import (
    HEADING,
    appended,
    loadable_modules,
    plan_text,
    read_text,
    with_lines,
)
from hvprep.steps.initrd.maker import Command, Maker, Order, Swap, always

DROP_IN = GuestPath("/etc/dracut.conf.d/90-hvprep.conf")
#: Where there is no directory for drop-ins: upstream's 004; EL 6 has one by a patch of its own.
MAIN_FILE = GuestPath("/etc/dracut.conf")
RESUME_DROP_IN = DROP_IN.with_name("90-hvprep-resume.conf")

_NO_RESUME = 'omit_dracutmodules+=" resume "  # by hvprep: swap is on a disk that comes and goes'
_RESUMES = re.compile(r"^[ \t]*kernel_cmdline\b.*\bresume", re.MULTILINE)
_WHY_NO_RESUME = "the initrds of later kernels resume from no swap device"

_OURS = re.compile(rf"^{re.escape(HEADING)}\nadd_drivers\+=.*\n", re.MULTILINE)


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """dracut.conf(5): blanks inside the quotes, or two such lines run together into one wrong name."""
    modules = loadable_modules(kernels, names, everywhere=True)
    if not modules:
        return
    line = f'add_drivers+=" {" ".join(modules)} "'
    if _has_drop_ins(view, tool):
        yield from plan_text(view, DROP_IN, appended("", line))
    else:
        yield from plan_text(view, MAIN_FILE, appended(_OURS.sub("", read_text(view, MAIN_FILE)), line))


def _command(view: View, order: Order) -> Command:
    """Offline, host-only would look at the builder's devices and write the builder's root= into the image.

    Live, the system's own configuration says whether the image is host-only.
    """
    options: list[tuple[str, ...]] = []
    if order.generic:
        options += [("--no-hostonly",), ("--no-hostonly-cmdline",)]
    if order.modules:
        options.append(("--add-drivers", " ".join(order.modules)))
    options.append(("--tmpdir", SCRATCH))
    known = [
        word
        for option in options
        if _knows(view, order.tool, rf"{option[0].replace('--', '--(?:long )?', 1)}(?![\w-])")
        for word in option
    ]
    return Command((str(order.tool.program), "--force", *known, CANDIDATE, order.kernel.version))


def _plan_no_resume(view: View, tool: InitrdTool, swap: Swap) -> Iterator[Outcome]:
    """Its module `resume` left out, where a host-only image would get the swap partition of a temporary disk;
    and no resume= among the words that its configuration puts into every image.

    Swap that is gone from /etc/fstab, or noauto, needs no words: dracut takes what is both there and in
    /proc/swaps (059, seen). Whether the image is free of it, the judge sees.
    """
    for path in (MAIN_FILE, *view.glob(f"{DROP_IN.parent}/*.conf")):
        text = read_text(view, path)
        if _RESUMES.search(text):
            edited = default_grub.parse(text, is_bash=True).remove_words("kernel_cmdline", _is_resume)
            yield from plan_text(view, path, edited.render(), _WHY_NO_RESUME)
    if not swap.stays:
        return
    if _has_drop_ins(view, tool):
        yield from plan_text(view, RESUME_DROP_IN, f"{_NO_RESUME}\n", _WHY_NO_RESUME)
    elif _NO_RESUME not in (text := read_text(view, MAIN_FILE)):
        yield from plan_text(view, MAIN_FILE, with_lines(text, _NO_RESUME), _WHY_NO_RESUME)


def _is_resume(word: str) -> bool:
    return parameter_name(word) in ("resume", "resume_offset")


def _has_drop_ins(view: View, tool: InitrdTool) -> bool:
    directory = view.node(view.resolve(DROP_IN.parent))
    return _knows(view, tool, r"dracut\.conf\.d") or bool(directory and directory.kind is Kind.DIRECTORY)


def _knows(view: View, tool: InitrdTool, words: str) -> bool:
    """Whether its script speaks of it; what is no script is newer than all of this."""
    script = view.read(tool.program) or b""
    return not script.startswith(b"#!") or re.search(words.encode(), script) is not None


MAKER = Maker("initramfs-{}.img", _plan, _command, False, always, _plan_no_resume)
