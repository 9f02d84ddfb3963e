"""Settings of the programs that write an extlinux configuration: shell variables in a file that they source.

update-extlinux   Alpine: /etc/update-extlinux.conf
u-boot-update     Debian's u-boot-menu: /etc/default/u-boot, and fragments that are read after it
extlinux-update   Debian's extlinux until 2013: /etc/default/extlinux
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hvprep.errors import in_file
from hvprep.facts.tools import find_program
from hvprep.formats import default_grub, sysconfig
from hvprep.formats.kernel_cmdline import parameter_name
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.kernel_install import CMDLINE, plan_cmdline
from hvprep.steps.boot.rules import EntryRules

ALPINE = GuestPath("/etc/update-extlinux.conf")
_WHY = "the boot entries of later kernels get these parameters"


@dataclass(frozen=True)
class _Settings:
    """A program, the files that it sources, and the variable with the words of each entry.

    added  parameters that it puts into each entry by itself: no part of the variable's first value
    """

    program: str
    paths: tuple[str, ...]
    name: str
    added: tuple[str, ...]


_SETTINGS = (
    _Settings("update-extlinux", (str(ALPINE),), "default_kernel_opts", ("root", "modules")),
    _Settings("extlinux-update", ("/etc/default/extlinux",), "EXTLINUX_PARAMETERS", ("root",)),
    _Settings(
        "u-boot-update",
        ("/etc/default/u-boot", "/usr/share/u-boot-menu/conf.d/*.conf", "/etc/u-boot-menu/conf.d/*.conf"),
        "U_BOOT_PARAMETERS",
        ("root",),
    ),
)


def plan_settings(view: View, rules: EntryRules, booted: Sequence[str]) -> Iterator[Outcome]:
    """The changes after which the next configuration is as `rules` ask. `booted`: the words of the default
    entry, for a variable that has no value yet."""
    for each in _SETTINGS:
        if find_program(view, each.program) is not None:
            yield from _plan(view, each, rules, booted)


def assign(view: View, path: GuestPath, values: Mapping[str, str], why: str) -> Iterator[Write]:
    """The change after which the file sets these variables; a file that is not there stays so."""
    content = view.read(path)
    if content is None:
        return
    before = text = content.decode("utf-8", "surrogateescape")
    for name, value in values.items():
        text = _assigned(path, text, name, [value])
    if text != before:
        yield Write(path, text.encode("utf-8", "surrogateescape"), why)


def _plan(view: View, settings: _Settings, rules: EntryRules, booted: Sequence[str]) -> Iterator[Outcome]:
    files = _read(view, settings)
    words = _words(list(files.values()), settings.name)
    if not words and settings.program == "u-boot-update" and view.read(CMDLINE) is not None:
        yield from plan_cmdline(view, rules, None)
        return
    if words and not rules.problems(words):
        return
    first = words or [word for word in booted if parameter_name(word) not in settings.added]
    paths = [path for path, text in files.items() if _is_assigned(text, settings.name)]
    path = paths[-1] if paths else GuestPath(settings.paths[0])
    text = _assigned(path, files.get(path, ""), settings.name, rules.edit(first))
    if rules.problems(_words(list({**files, path: text}.values()), settings.name)):
        yield Note(
            Verdict.UNMET,
            f"{settings.name}, which {settings.program} reads, is not what {path} alone says",
            f"set it once, in {path}, and add: {' '.join(rules.words)}",
        )
        return
    yield Write(path, text.encode("utf-8", "surrogateescape"), _WHY)


def _read(view: View, settings: _Settings) -> dict[GuestPath, str]:
    """The files in the order in which they are sourced."""
    paths = [path for pattern in settings.paths for path in view.glob(pattern)]
    return {path: (view.read(path) or b"").decode("utf-8", "surrogateescape") for path in paths}


def _words(texts: Sequence[str], name: str) -> Sequence[str]:
    return default_grub.evaluate([default_grub.parse(text) for text in texts], [name])[name].words


def _is_assigned(text: str, name: str) -> bool:
    return bool(default_grub.parse(text).assignments(name))


def _assigned(path: GuestPath, text: str, name: str, words: Sequence[str]) -> str:
    """`text` with the variable set to these words, in a line of its own where there is none yet."""
    with in_file(path):
        if _is_assigned(text, name):
            return sysconfig.edit_words(text, name, lambda _: words)
        line = f'{name}="{default_grub.quote_words(words)}"'
        return default_grub.parse(text).append_line(line).render()
