"""GRUB legacy: menu.lst or grub.conf, which its stanzas and comments say all of. Nothing is generated here.

The next kernel gets its words from elsewhere: EL's new-kernel-pkg copies the default stanza, Debian's
update-grub has the options between the markers of the same file, SUSE's perl-Bootloader reads
/etc/sysconfig/bootloader. (/etc/sysconfig/grub of EL 5 and 6 has `boot=` and `forcelba=`, and no words.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.errors import in_file
from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.facts.kernels import Kernel
from hvprep.formats import automagic, grub_legacy, sysconfig
from hvprep.formats.automagic import Automagic, Option
from hvprep.formats.grub_legacy import LinuxLine, Menu, Stanza
from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot, missing_kernel
from hvprep.steps.boot.rules import EntryRules

SYSCONFIG = GuestPath("/etc/sysconfig/bootloader")
#: Words for Linux, of the entries that perl-Bootloader makes. XEN_APPEND has those of the hypervisor.
_APPENDED = ("DEFAULT_APPEND", "FAILSAFE_APPEND", "XEN_KERNEL_APPEND")


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism."""
    return [
        Boot(stanza.title, kernel, linux.words, bool(linux.initrds), path)
        for path in loader.configs
        for stanza in read_menu(view, path).stanzas
        for linux, kernel in own_line(view, facts.image.kernels, stanza)
    ]


def find_doubts(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Note]:
    """See Mechanism."""
    for path in loader.configs:
        yield from _missing_kernels(view, facts, path, read_menu(view, path))


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism. Stanzas keep their number and their order, so `default` and `fallback` stay right."""
    for path in loader.configs:
        menu = read_menu(view, path)
        edited = _with_options(_with_words(view, facts, menu, rules), rules)
        if edited != menu.render():
            yield _write(path, edited, "the boot entries get these parameters, also those of later kernels")
    text = view.read(SYSCONFIG)
    if text is not None:
        before = text.decode("utf-8", "surrogateescape")
        after = _with_appended(before, rules)
        if after != before:
            yield _write(SYSCONFIG, after, "the boot entries of later kernels get these parameters")


def read_menu(view: View, path: GuestPath) -> Menu:
    """The menu at `path`. Raises FormatError, with its name."""
    text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
    with in_file(path):
        return grub_legacy.parse(text)


def own_line(view: View, kernels: Sequence[Kernel], stanza: Stanza) -> Iterator[tuple[LinuxLine, str]]:
    """The line of `stanza` that loads one of this system's kernels, with the name of the kernel's image."""
    if stanza.linux is None or stanza.chainloads:
        return
    images = {view.resolve(kernel.image): kernel.image.name for kernel in kernels}
    for path in _places(stanza.linux):
        name = images.get(view.resolve(path))
        if name is not None:
            yield stanza.linux, name
            return


def _places(linux: LinuxLine) -> tuple[GuestPath, ...]:
    """Where the kernel of a line may be: /boot may be a file system of its own, or not."""
    path = GuestPath("/", linux.path)
    return GuestPath("/boot").joinpath(*path.parts[1:]), path


def _missing_kernels(view: View, facts: Facts, path: GuestPath, menu: Menu) -> Iterator[Note]:
    """Entries of this system that boot nothing; those that load from another partition are another's."""
    own = {_device(stanza) for stanza in menu.stanzas if any(own_line(view, facts.image.kernels, stanza))}
    for stanza in menu.stanzas:
        linux = stanza.linux
        if linux is None or stanza.chainloads or _device(stanza) not in own:
            continue
        if all(view.node(view.resolve(place)) is None for place in _places(linux)):
            entry = f'{path}: entry "{stanza.title}"'
            yield missing_kernel(entry, linux.path, "remove that entry (and see to `default` then)")


def _device(stanza: Stanza) -> str:
    """The partition that GRUB loads the kernel from: of the path itself, or of `root`."""
    written = (stanza.linux.kernel if stanza.linux is not None else "").partition(")")
    return written[0] + written[1] if written[1] else (stanza.argument("root") or "").strip()


def _with_words(view: View, facts: Facts, menu: Menu, rules: EntryRules) -> Menu:
    def edit(stanza: Stanza, line: LinuxLine) -> Sequence[str]:
        is_own = any(own_line(view, facts.image.kernels, stanza))
        return rules.edit(line.words) if is_own and rules.problems(line.words) else line.words

    return grub_legacy.edit_words(menu, edit)


def _with_options(menu: Menu, rules: EntryRules) -> str:
    """What update-grub reads: `kopt` is in every entry, and what the other options add comes after it. So
    ours stand in `kopt`, with every console= of the others, one of which would win there."""
    options = automagic.parse(menu.render())
    moved = _consoles(options, rules)

    def edit(option: Option) -> Sequence[str]:
        if not option.name.startswith("kopt"):
            return [word for word in option.words if not _has_to_leave(word, rules)]
        if not moved and not rules.problems(option.words):
            return option.words
        kept = (*option.words, *(word for word in moved if word not in option.words))
        return rules.edit(kept)

    return options.edit_words(edit).render()


def _has_to_leave(word: str, rules: EntryRules) -> bool:
    return rules.is_unwanted(word) or parameter_name(word) == "console"


def _consoles(options: Automagic, rules: EntryRules) -> tuple[str, ...]:
    others = [word for each in options.options if not each.name.startswith("kopt") for word in each.words]
    consoles = [word for word in others if parameter_name(word) == "console" and value_of(word)]
    return tuple(dict.fromkeys(word for word in consoles if not rules.is_unwanted(word)))


def _with_appended(text: str, rules: EntryRules) -> str:
    def edit(words: Sequence[str]) -> Sequence[str]:
        return rules.edit(words) if rules.problems(words) else words

    with in_file(SYSCONFIG):
        for name in _APPENDED:
            text = sysconfig.edit_words(text, name, edit)
    return text


def _write(path: GuestPath, text: str, why: str) -> Write:
    return Write(path, text.encode("utf-8", "surrogateescape"), why)
