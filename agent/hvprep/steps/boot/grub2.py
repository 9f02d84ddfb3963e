"""GRUB 2 whose grub.cfg is generated: grub-mkconfig, grub2-mkconfig, update-grub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hvprep.errors import FormatError
from hvprep.facts.boot_loaders import GRUB_GENERATED, BootLoader
from hvprep.facts.gather import Facts
from hvprep.facts.kernels import kernel_images
from hvprep.formats import grub_cfg
from hvprep.formats.grub_cfg import Entry, GrubCfg, LinuxLine
from hvprep.model.change import CANDIDATE, Build, Change, Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub_defaults import plan_defaults
from hvprep.steps.boot.grub_entries import own_lines
from hvprep.steps.boot.grub_variables import read_variables
from hvprep.steps.boot.judge_grub_cfg import NO_OTHER_SYSTEMS
from hvprep.steps.boot.mechanism import Boot, boot_problems
from hvprep.steps.boot.rules import EntryRules, rules_to_wants

_MIB = 1024 * 1024
_WHY = "the boot entries are made anew, with these parameters"
_WHY_EDITED = "the boot entries get these parameters"
#: Where the tools of EL and Fedora look for the grub.cfg that they keep.
_LINKS = (GuestPath("/etc/grub2.cfg"), GuestPath("/etc/grub2-efi.cfg"))


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism."""
    return [boot for config in loader.configs for boot in read_menu(view, config)]


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism. Hand-made files are left alone: the generator would overwrite them."""
    refusal = find_refusal(view, facts, loader.configs)
    if refusal is not None:
        yield refusal
        return
    grub = facts.image.grub
    writes = 0
    for outcome in plan_defaults(view, grub, rules) if grub is not None else ():
        writes += isinstance(outcome, Write)
        yield outcome
    for config in loader.configs:
        if writes or boot_problems(read_menu(view, config), rules):
            edited = _edited(view, config, rules)
            is_only = len(loader.configs) == 1
            yield renew(facts, config, rules_to_wants(rules), edited, _WHY, is_only)


def read_menu(view: View, config: GuestPath) -> list[Boot]:
    """Every way in which one grub.cfg boots this system's kernels."""
    cfg, variables = read_cfg(view, config), read_variables(view, config)
    kernels = own_kernels(view)
    return [
        Boot(own.title + suffix, own.kernel, words, bool(own.line.initrds), config)
        for own in own_lines(cfg, kernels, variables.values)
        for suffix, words in variables.readings(own.line.words)
    ]


def own_kernels(view: View) -> list[str]:
    """The file names of the kernels in /boot, the rescue kernel of EL and Fedora too."""
    return [path.name for path in kernel_images(view).values()]


def read_cfg(view: View, path: GuestPath) -> GrubCfg:
    """The grub.cfg at `path`. Raises FormatError, which names it."""
    text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
    try:
        return grub_cfg.parse(text)
    except FormatError as error:
        raise FormatError(f"{path}: {error.sentence}", error.hint) from error


def edit_menu(view: View, cfg: GrubCfg, rules: EntryRules) -> GrubCfg:
    """With the words of every line that boots this system's kernels edited."""
    ours = {(own.entry, own.line) for own in own_lines(cfg, own_kernels(view))}

    def edit(entry: Entry, line: LinuxLine) -> Sequence[str]:
        return rules.edit(line.words) if (entry, line) in ours else line.words

    return grub_cfg.edit_words(cfg, edit)


def find_refusal(view: View, facts: Facts, configs: Sequence[GuestPath]) -> Note | None:
    """Why no program may touch these: their tools' links lead nowhere, or a person made them."""
    links = [path for path in _LINKS if view.node(path) is not None]
    dangling = [path for path in links if view.node(view.resolve(path)) is None]
    if links and links == dangling:
        names = " and ".join(f"{path} leads to {view.resolve(path)}" for path in dangling)
        return Note(
            Verdict.UNMET,
            f"{names}, which is not there: nothing tells whether {configs[0]} is what boots",
            f"make it lead to {configs[0]} if that is so, or remove the link; then try again",
        )
    tool = facts.image.grub.mkconfig.name if facts.image.grub is not None else "grub-mkconfig"
    for config in configs:
        if GRUB_GENERATED not in (view.read(config) or b""):
            return Note(
                Verdict.UNMET,
                f"{config} was not made by {tool}, which would overwrite it",
                "add the parameters to it by hand, or move what is yours to /etc/grub.d/40_custom first",
            )
    return None


def renew(
    facts: Facts, config: GuestPath, wants: tuple[str, ...], edited: Write, why: str, is_only: bool
) -> Change:
    """A Build, with the edited old file for the case that its result is refused: offline grub-mkconfig may
    describe the builder's disks; and one of several files is not for the firmware that this machine has.
    The edited old file alone where the generator cannot run here."""
    grub, live = facts.image.grub, facts.live is not None
    if grub is None or not facts.image.architecture.runs_here:
        return edited
    return Build(
        target=config,
        argv=(str(grub.mkconfig), *grub.options, "-o", CANDIDATE),
        judge="boot-entries",
        why=why,
        wants=wants + (() if live else (NO_OTHER_SYSTEMS,)),
        check=(str(grub.script_check), CANDIDATE) if grub.script_check is not None else (),
        env=() if live else (("GRUB_DISABLE_OS_PROBER", "true"),),
        otherwise=None if live and is_only else replace(edited, why=why),
        size_bytes=_MIB,
    )


def _edited(view: View, config: GuestPath, rules: EntryRules) -> Write:
    text = edit_menu(view, read_cfg(view, config), rules).render()
    return Write(config, text.encode("utf-8", "surrogateescape"), _WHY_EDITED)
