"""extlinux, syslinux and U-Boot: the words behind APPEND, in the configuration and the files it includes.

Alpine's update-extlinux and Debian's u-boot-update (extlinux-update before it) write that file anew for the
next kernel, from settings of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError, in_file
from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.extlinux import find_named
from hvprep.facts.gather import Facts
from hvprep.formats import extlinux
from hvprep.formats.extlinux import Config, Entry
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.extlinux_settings import plan_settings
from hvprep.steps.boot.mechanism import Boot, missing_kernel, unknown_kernels
from hvprep.steps.boot.rules import EntryRules


@dataclass(frozen=True)
class _File:
    """One file of the configuration, and its entries whose kernel is there."""

    path: GuestPath
    config: Config
    own: tuple[tuple[Entry, GuestPath], ...]


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism."""
    return [
        Boot(entry.title, kernel.name, entry.words, bool(entry.initrds), file.path)
        for file in _read(view, loader)
        for entry, kernel in file.own
    ]


def find_doubts(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Note]:
    """See Mechanism."""
    for file in _read(view, loader):
        own = {entry.line for entry, _ in file.own}
        for entry in file.config.entries:
            if entry.kernel is not None and entry.line not in own:
                named = f'{file.path}: entry "{entry.title}"'
                yield missing_kernel(named, entry.kernel, "remove that entry")


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism. Nothing changes where one of the files does not read."""
    files = _read(view, loader)
    edited = [_edited(file, rules) for file in files]
    booted = _booted(files)
    settings = [] if booted is None else list(plan_settings(view, rules, booted))
    for file in files:
        yield from unknown_kernels(view, facts, [(file.path, kernel) for _, kernel in file.own])
    for file, text in zip(files, edited):
        if text != file.config.render():
            content = text.encode("utf-8", "surrogateescape")
            yield Write(file.path, content, "the boot entries get these parameters")
    yield from settings


def read_config(view: View, path: GuestPath) -> Config:
    """The configuration at `path`. Raises FormatError, which names it."""
    with in_file(path):
        return extlinux.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))


def _read(view: View, loader: BootLoader) -> list[_File]:
    directory = loader.config.parent
    files = []
    for path in loader.configs:
        config = read_config(view, path)
        found = [(entry, find_named(view, entry.kernel or "", directory)) for entry in config.entries]
        own = tuple((entry, kernel) for entry, kernel in found if entry.kernel and kernel is not None)
        files.append(_File(path, config, own))
    _refuse_shared_words(files)
    return files


def _refuse_shared_words(files: Sequence[_File]) -> None:
    """APPEND above all entries is for those of included files too, which say nothing of it."""
    main, *included = files
    first = main.config.entries[0].line if main.config.entries else len(main.config.lines) + 1
    shared = [d for d in main.config.directives if d.keyword == "append" and d.line < first]
    for file in included if shared else ():
        for entry, _ in file.own:
            if entry.argument("append") is None:
                raise FormatError(
                    f'{file.path}: entry "{entry.label}" has no APPEND of its own, and that of {main.path} '
                    "is for it",
                    f"Give it an APPEND line in {file.path}.",
                )


def _edited(file: _File, rules: EntryRules) -> str:
    own = {entry.line for entry, _ in file.own}

    def edit(entry: Entry) -> Sequence[str]:
        return rules.edit(entry.words) if entry.line in own and rules.problems(entry.words) else entry.words

    with in_file(file.path):
        return extlinux.edit_words(file.config, edit).render()


def _booted(files: Sequence[_File]) -> Sequence[str] | None:
    """The words of the default entry, or of the first; None where no entry is this system's."""
    default = next((file.config.default_entry for file in files if file.config.default_entry), None)
    label = default.label if default is not None else (files[0].config.argument("default") or "").strip()
    own = [entry for file in files for entry, _ in file.own]
    chosen = [entry for entry in own if entry.label == label] or own
    return chosen[0].words if chosen else None
