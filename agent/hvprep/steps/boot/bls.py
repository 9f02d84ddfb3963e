"""GRUB 2 with Boot Loader Specification entries: Fedora, EL 8 and later, Amazon Linux 2023.

The words of an entry are its `options`, and what GRUB's variables hold: `$kernelopts` in grubenv (EL 8), with
a fallback in grub.cfg. grub2-mkconfig is not run: from EL 9.3 on it changes no entry, on Fedora it overwrites
every one. Rescue entries are changed like all others: they are what boots when nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hvprep.errors import in_file
from hvprep.facts.boot_loaders import BLS_ENTRIES, BootLoader
from hvprep.facts.gather import Facts
from hvprep.facts.kernels import version_key
from hvprep.formats import bls, grub_cfg
from hvprep.formats.bls import Entry
from hvprep.formats.grub_cfg import GrubCfg
from hvprep.formats.kernel_cmdline import parameter_name
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.entry_files import read_entries
from hvprep.steps.boot.grub2 import (
    boots_of_menu,
    edit_menu,
    find_dangling,
    find_hand_made,
    how_to_make,
    read_cfg,
)
from hvprep.steps.boot.grub_defaults import plan_defaults
from hvprep.steps.boot.grub_entries import is_there, own_kernels
from hvprep.steps.boot.grub_variables import (
    Variables,
    assigned_in,
    edit_fallback,
    read_variables,
    uses_options,
)
from hvprep.steps.boot.kernel_install import plan_cmdline
from hvprep.steps.boot.mechanism import Boot, boot_problems, missing_kernel
from hvprep.steps.boot.none_found import kargs_command
from hvprep.steps.boot.rules import EntryRules

_SHOWS_ENTRIES = re.compile(r"^[ \t]*blscfg\b", re.MULTILINE)


@dataclass(frozen=True)
class _Sources:
    """All that the command lines are made of: the entries of this system's kernels, and each grub.cfg."""

    kernels: Sequence[str]
    entries: Mapping[GuestPath, Entry]
    menus: Sequence[tuple[GrubCfg, Variables]]

    def boots(self) -> list[Boot]:
        """Every way in which one of the kernels is booted."""
        found = [boot for path in self.entries for boot in self.boots_of(path)]
        for cfg, variables in self.menus:
            found += boots_of_menu(cfg, variables, self.kernels)
        return found

    def boots_of(self, path: GuestPath) -> list[Boot]:
        """The same for one entry: with each grub.cfg's variables."""
        entry = self.entries[path]
        title, kernel = entry.title or path.name, (entry.linux or "").rpartition("/")[2]
        readings = [each for _, variables in self.menus for each in variables.readings(entry.options)]
        return [
            Boot(title + suffix, kernel, words, bool(entry.initrds), path)
            for suffix, words in dict.fromkeys(readings)
        ]


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism."""
    return _read(view, loader).boots()


def find_doubts(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Note]:
    """See Mechanism."""
    for path, entry in read_entries(view, BLS_ENTRIES).items():
        if entry.linux is not None and not is_there(view, entry.linux):
            yield missing_kernel(str(path), entry.linux, f"remove {path}")
    before = _read(view, loader)
    words = {parameter_name(word) for entry in before.entries.values() for word in entry.options}
    if "ostree" in words:
        yield Note(
            Verdict.UNMET,
            f"the entries in {BLS_ENTRIES} are ostree's, which makes them anew",
            kargs_command(rules),
        )
        return
    pairs = zip(before.menus, _edited(view, before, rules).menus)
    changed = [variables.config for (old, variables), (new, _) in pairs if new.text != old.text]
    for cfg, variables in before.menus:
        if not _SHOWS_ENTRIES.search(cfg.text) and not boots_of_menu(cfg, variables, before.kernels):
            yield Note(
                Verdict.UNMET,
                f"{variables.config} neither shows the entries in {BLS_ENTRIES}, for want of blscfg,"
                " nor boots a kernel of this system",
                f"make it anew{how_to_make(facts, variables.config)}, then try again",
            )
    doubt = find_dangling(view, loader.configs[1]) or find_hand_made(view, facts, changed)
    if doubt is not None:
        yield doubt


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism."""
    before = _read(view, loader)
    after = _edited(view, before, rules)
    problems = boot_problems(after.boots(), rules)
    if problems:
        yield Note(
            Verdict.UNMET,
            f"{problems[0]}, and that comes from a variable of GRUB's in its options",
            "see grub2-editenv list; $tuned_params is set by the profile of tuned",
        )
        return
    yield from _changes(before, after)
    if facts.image.grub is not None:
        yield from plan_defaults(view, facts.image.grub, rules)
    yield from plan_cmdline(view, rules, _booted(after))


def _read(view: View, loader: BootLoader) -> _Sources:
    kernels = own_kernels(view)
    entries = {
        path: entry
        for path, entry in read_entries(view, BLS_ENTRIES).items()
        if entry.linux is not None
        and entry.linux.rpartition("/")[2] in kernels
        and is_there(view, entry.linux)
    }
    menus = [(read_cfg(view, path), read_variables(view, path)) for path in loader.configs[1:]]
    return _Sources(kernels, entries, menus)


def _edited(view: View, sources: _Sources, rules: EntryRules) -> _Sources:
    """The sources with the words that `rules` ask for, as far as words can be changed."""

    def edit(words: Sequence[str]) -> Sequence[str]:
        return rules.edit(words) if rules.problems(words) else words

    menus = []
    for cfg, variables in sources.menus:
        menu = edit_menu(view, grub_cfg.parse(edit_fallback(cfg.text, edit)), rules)
        menus.append((menu, replace(variables.with_options(edit), assigned=assigned_in(menu.text))))
    result = replace(sources, menus=menus)
    entries = {
        path: _edited_entry(path, entry, rules) if boot_problems(result.boots_of(path), rules) else entry
        for path, entry in sources.entries.items()
    }
    return replace(result, entries=entries)


def _edited_entry(path: GuestPath, entry: Entry, rules: EntryRules) -> Entry:
    """Ours are in $kernelopts already where the entry has it: what comes after must not undo them."""

    def edit(words: Sequence[str]) -> Sequence[str]:
        if not uses_options(words):
            head = len(words)
            while head and words[head - 1].startswith("$"):
                head -= 1
            return (
                *rules.edit(words[:head]),
                *words[head:],
            )  # $tuned_params stays the last, as in new entries
        kept = [word for word in words if not rules.is_unwanted(word)]
        consoles = [word for word in kept if parameter_name(word) == "console"]
        return (*consoles, *(word for word in kept if word not in consoles))

    with in_file(path):
        return entry.edit_options(edit)


def _changes(before: _Sources, after: _Sources) -> Iterator[Write]:
    for path, entry in after.entries.items():
        if entry != before.entries[path]:
            yield _write(path, entry.render(), f"{path.name} gets the parameters")
    blocks: dict[GuestPath, Write] = {}  # two grub.cfg may share one
    for (old, variables), (new, edited) in zip(before.menus, after.menus):
        if new.text != old.text:
            why = f"{variables.config} gets the parameters where it has words of its own"
            yield _write(variables.config, new.text, why)
        blocks.update((write.path, write) for write in edited.writes(variables))
    yield from blocks.values()


def _write(path: GuestPath, text: str, why: str) -> Write:
    return Write(path, text.encode("utf-8", "surrogateescape"), why)


def _booted(sources: _Sources) -> Sequence[str] | None:
    """The words of the default entry: the saved one, or the newest; None where $kernelopts holds them."""
    saved = {variables.values.get("saved_entry") for _, variables in sources.menus}

    def rank(path: GuestPath) -> tuple[object, ...]:
        name = bls.parse_file_name(path.name)
        is_kernel = name is not None and not name.is_rescue
        return is_kernel, path.stem in saved, version_key(name.version if name is not None else "")

    path = max(sources.entries, key=rank, default=None)
    words = sources.entries[path].options if path is not None else ()
    return words if words and not uses_options(words) else None
