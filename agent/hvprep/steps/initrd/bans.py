"""Drivers that are there and that nothing loads: modprobe.d, its copy in an initrd, the kernel's own line.

Such a driver counts as absent. It is not mended here: mostly it is a rule of somebody's hardening.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.facts.tools import find_program
from hvprep.formats.kernel_modules import Closure, Loadable, normalise_alias
from hvprep.formats.modprobe_conf import Ban, parse, parse_words
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.initrd.configuration import find_module

#: A file in an earlier one masks its namesakes in later ones: modprobe.d(5).
_DIRECTORIES = (
    "etc/modprobe.d",
    "run/modprobe.d",
    "usr/local/lib/modprobe.d",
    "usr/lib/modprobe.d",
    "lib/modprobe.d",
)


@dataclass(frozen=True)
class PlacedBan:
    """A ban and where it stands, in words. `image`: the kernel's file name, "" where it holds for all."""

    ban: Ban
    where: str
    remedy: str
    image: str = ""


def read_bans(view: View, boots: Sequence[Boot]) -> tuple[PlacedBan, ...]:
    """Every ban of the system, and of the lines that its boot entries give to the kernel."""
    texts = {str(path): view.read(path) or b"" for path in _files(view)}
    remedy = "take that word out of the boot entry and of its source"
    return (
        *_place(texts, "", "remove the line, and then make the initrds anew"),
        *(
            PlacedBan(ban, f'{boot.where}, entry "{boot.title}"', remedy, boot.kernel)
            for boot in boots
            for ban in parse_words(boot.words)
        ),
    )


def plan_bans(
    bans: Collection[PlacedBan],
    kernel: Kernel,
    names: tuple[str, ...],
    closure: Closure,
    initrds: Collection[Initrd],
) -> Iterator[Note]:
    """A Note for each ban of a driver that this kernel has as a module."""
    found = [find_module(kernel.modules, name) for name in names] if kernel.modules is not None else []
    asked = {each.name for each in found if isinstance(each, Loadable)}
    any_way = closure.modules | {normalise_alias(name) for name in names if name[:3] == "fs-"}
    for placed in (*bans, *(each for initrd in initrds for each in _bans_in(initrd))):
        reached = asked if placed.ban.reach == "alias" else any_way
        if placed.ban.module in reached and placed.image in ("", kernel.image.name):
            yield Note(
                Verdict.UNMET,
                f"{placed.ban.module} counts as absent: {placed.where}: {placed.ban.text}",
                placed.remedy,
            )


def _files(view: View) -> Iterator[GuestPath]:
    """Every file that modprobe reads. kmod reads *.conf only; module-init-tools, before it, all of them, and
    /etc/modprobe.conf."""
    program = find_program(view, "modprobe")
    is_kmod = program is None or view.resolve(program).name == "kmod"
    known = set()
    for directory in _DIRECTORIES:
        for path in view.glob(f"/{directory}/*.conf" if is_kmod else f"/{directory}/*"):
            if path.name not in known:
                known.add(path.name)
                yield path
    if not is_kmod:
        yield GuestPath("/etc/modprobe.conf")


def _bans_in(initrd: Initrd) -> Iterator[PlacedBan]:
    files = initrd.contents.files if initrd.contents is not None else {}
    known = set()
    texts = {}
    for directory in _DIRECTORIES:
        for name in sorted(files):
            parent, _, base = name.rpartition("/")
            if parent == directory and base not in known:
                known.add(base)
                texts[name] = files[name]
    yield from _place(
        texts,
        f"{initrd.path}, /",
        "take the line out of the system's configuration, then make that image anew",
    )


def _place(texts: Mapping[str, bytes], prefix: str, remedy: str) -> Iterator[PlacedBan]:
    for name, content in texts.items():
        for ban in parse(content.decode("utf-8", "replace")):
            yield PlacedBan(ban, f"{prefix}{name}:{ban.line}", remedy)
