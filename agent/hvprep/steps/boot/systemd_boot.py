"""systemd-boot: the `options` of each entry in loader/entries, and unified kernel images beside them.

The entry of the next kernel is made by kernel-install, from /etc/kernel/cmdline. An entry stands for a kernel
of this system where the file that it loads is there: nothing else tells, for the machine id in its name is
that of the machine that the image was made on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from hvprep.errors import in_file
from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.efi_partition import PLACES
from hvprep.facts.gather import Facts
from hvprep.facts.kernels import version_key
from hvprep.facts.systemd_boot import ENTRIES
from hvprep.formats import bls
from hvprep.formats.bls import Entry
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot import unified
from hvprep.steps.boot.entry_files import read_entries
from hvprep.steps.boot.kernel_install import plan_cmdline
from hvprep.steps.boot.mechanism import Boot, missing_kernel, unknown_kernels
from hvprep.steps.boot.rules import EntryRules


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism."""
    own = _own_entries(view, loader)
    return [
        *(
            Boot(entry.title or path.name, kernel.name, entry.options, bool(entry.initrds), path)
            for path, (entry, kernel) in own.items()
        ),
        *unified.read_boots(view, facts, loader),
    ]


def find_doubts(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Note]:
    """See Mechanism."""
    for path, entry in _entries(view, loader).items():
        kernel = _kernel(path, entry)
        if kernel is not None and view.node(view.resolve(kernel)) is None:
            yield missing_kernel(str(path), str(kernel), f"remove {path}")


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism. Nothing changes where one of the entries does not read."""
    own = _own_entries(view, loader)
    yield from unknown_kernels(view, facts, [(path, kernel) for path, (_, kernel) in own.items()])
    edited = {path: _edited(path, entry, rules) for path, (entry, _) in own.items()}
    for path, (entry, _) in own.items():
        if edited[path] != entry:
            text = edited[path].render().encode("utf-8", "surrogateescape")
            yield Write(path, text, f"{path.name} gets the parameters")
    yield from unified.plan_images(view, facts, rules)
    yield from plan_cmdline(view, rules, _booted(view, facts, edited))


def _entries(view: View, loader: BootLoader) -> dict[GuestPath, Entry]:
    directories = [path for path in loader.configs if path.parts[-2:] == GuestPath(ENTRIES).parts]
    return {path: entry for each in directories for path, entry in read_entries(view, each).items()}


def _own_entries(view: View, loader: BootLoader) -> dict[GuestPath, tuple[Entry, GuestPath]]:
    """The entries whose kernel is there, with it."""
    own = {}
    for path, entry in _entries(view, loader).items():
        kernel = _kernel(path, entry)
        if kernel is not None and view.node(view.resolve(kernel)) is not None:
            own[path] = entry, kernel
    return own


def _kernel(path: GuestPath, entry: Entry) -> GuestPath | None:
    """Where the kernel of an entry has to be: its paths begin at the root of the partition that it is on."""
    if entry.linux is None:
        return None
    return path.parent.parent.parent / entry.linux.lstrip("/")


def _edited(path: GuestPath, entry: Entry, rules: EntryRules) -> Entry:
    if not rules.problems(entry.options):
        return entry
    with in_file(path):
        return entry.edit_options(rules.edit)


def _booted(view: View, facts: Facts, entries: Mapping[GuestPath, Entry]) -> Sequence[str] | None:
    """The words of the entry that boots by default: the one that loader.conf(5) names, else the newest."""
    patterns = [_default(view, place / "loader/loader.conf") for place in PLACES]

    def rank(path: GuestPath) -> tuple[object, ...]:
        is_default = any(fnmatchcase(path.name, each) or fnmatchcase(path.stem, each) for each in patterns)
        name = bls.parse_file_name(path.name)
        version = entries[path].version or (name.version if name is not None else "")
        return is_default, not (name is not None and name.is_rescue), version_key(version), path

    path = max(entries, key=rank, default=None)
    if path is not None:
        return entries[path].options
    images = [image for image in facts.image.unified_images if image.cmdlines]
    return images[-1].cmdlines[0][1] if images else None


def _default(view: View, path: GuestPath) -> str:
    text = (view.read(path) or b"").decode("utf-8", "replace")
    found = [line.split() for line in text.splitlines()]
    return next((words[1] for words in reversed(found) if words[:1] == ["default"] and len(words) == 2), "")
