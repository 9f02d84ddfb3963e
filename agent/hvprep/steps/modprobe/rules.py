"""Every rule about the loading of modules: modprobe.d, its copy in an initrd, the kernel's own line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hvprep.facts.initrds import Initrd
from hvprep.facts.tools import find_program
from hvprep.formats.modprobe_conf import Reach, Rule, parse, parse_words
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.modprobe.requests import Request

#: A file in an earlier one masks its namesakes in later ones: modprobe.d(5).
_DIRECTORIES = (
    "etc/modprobe.d",
    "run/modprobe.d",
    "usr/local/lib/modprobe.d",
    "usr/lib/modprobe.d",
    "lib/modprobe.d",
)
#: These read *.conf only; module-init-tools, before them, every file, and /etc/modprobe.conf.
_READS_CONF_ONLY = ("kmod", "busybox")


@dataclass(frozen=True)
class Placed:
    """A rule and where it stands.

    where   for people
    remedy  how a person takes it out
    path    the system's own file with that line; None for a copy in an initrd, or a word
    source  of a copy in an initrd: the file of the system that it was made from, if that is there
    image   the file name of the kernel that it holds for, "" where it holds for all
    """

    rule: Rule
    where: str
    remedy: str
    path: GuestPath | None = None
    source: GuestPath | None = None
    image: str = ""


def read_rules(view: View, boots: Sequence[Boot]) -> tuple[Placed, ...]:
    """The rules of the system in the order of modprobe, and those that its boot entries give the kernel."""
    remedy = "take that word out of the boot entry and of its source"
    return (
        *(
            Placed(rule, f"{path}:{rule.line}", "take that line out", path)
            for path in rule_files(view)
            for rule in parse(read_text(view, path))
        ),
        *(
            Placed(rule, f'{boot.where}, entry "{boot.title}"', remedy, image=boot.kernel)
            for boot in boots
            for rule in parse_words(boot.words)
        ),
    )


def rules_in(initrd: Initrd) -> tuple[Placed, ...]:
    """The rules in an initrd's own modprobe.d."""
    files = initrd.contents.files if initrd.contents is not None else {}
    remedy = "take the line out of the system's configuration, then make that image anew"
    return tuple(
        Placed(rule, f"{initrd.path}, /{name}:{rule.line}", remedy, source=GuestPath("/") / name)
        for name in _in_order(files)
        for rule in parse(files[name].decode("utf-8", "surrogateescape"))
    )


def find_bans(rules: Iterable[Placed], request: Request, image: str = "") -> tuple[Placed, ...]:
    """Those of the rules that keep the module from being loaded for that request, by the kernel `image`."""
    own = [placed for placed in rules if placed.image in ("", image)]
    commands = [
        placed
        for name in sorted(request.needs)
        for placed in _until_loaded(each for each in own if each.rule.is_about(name))
    ]
    commands += _until_loaded(each for each in own if each.rule.name == request.asked)
    return tuple(placed for placed in own if placed in commands or _forbids(placed.rule, request))


def rule_files(view: View) -> Iterator[GuestPath]:
    """Every file that modprobe reads, in its order: that of the names, whatever directory they are in."""
    program = find_program(view, "modprobe")
    is_old = program is not None and view.resolve(program).name not in _READS_CONF_ONLY
    paths = [
        path
        for directory in _DIRECTORIES
        for path in view.glob(f"/{directory}/*" if is_old else f"/{directory}/*.conf")
    ]
    yield from sorted({path.name: path for path in reversed(paths)}.values(), key=lambda path: path.name)
    if is_old:
        yield GuestPath("/etc/modprobe.conf")


def read_text(view: View, path: GuestPath) -> str:
    """The text of such a file; every byte of it comes back when it is encoded the same way."""
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")


def _in_order(files: Mapping[str, bytes]) -> Iterator[str]:
    found: dict[str, str] = {}
    for directory in reversed(_DIRECTORIES):
        for name in files:
            parent, _, base = name.rpartition("/")
            if parent == directory:
                found[base] = name
    for base in sorted(found):
        yield found[base]


def _until_loaded(rules: Iterable[Placed]) -> Iterator[Placed]:
    """The commands before one that loads the module: of several, modprobe runs the first."""
    for placed in rules:
        if placed.rule.reach is Reach.LOADS:
            return
        if placed.rule.reach is Reach.COMMAND:
            yield placed


def _forbids(rule: Rule, request: Request) -> bool:
    if rule.reach is Reach.KERNEL:
        return rule.name in request.needs
    if rule.reach is Reach.ASKED:
        return rule.is_about(request.asked)
    if rule.reach is Reach.ALIAS or (rule.reach is Reach.INITRD and request.is_early):
        return request.is_alias and rule.name == request.module
    return False
