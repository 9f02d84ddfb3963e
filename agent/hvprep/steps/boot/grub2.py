"""GRUB 2 whose grub.cfg is generated: grub-mkconfig, grub2-mkconfig, update-grub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hvprep.errors import in_file
from hvprep.facts.boot_loaders import GRUB_GENERATED, BootLoader
from hvprep.facts.gather import Facts
from hvprep.formats import grub_cfg
from hvprep.formats.grub_cfg import GrubCfg
from hvprep.formats.grub_menuentries import Entry, LinuxLine
from hvprep.model.change import CANDIDATE, Build, Change, Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub_defaults import plan_defaults
from hvprep.steps.boot.grub_entries import lost_lines, own_kernels, own_lines
from hvprep.steps.boot.grub_variables import Variables, read_variables, uses_options
from hvprep.steps.boot.judge_grub_cfg import NO_OTHER_SYSTEMS
from hvprep.steps.boot.mechanism import Boot, boot_problems, missing_kernel
from hvprep.steps.boot.rules import EntryRules, rules_to_wants

_MIB = 1024 * 1024
_WHY = "the boot entries are made anew, with these parameters"
_WHY_EDITED = "the boot entries get these parameters"
#: Where the tools of EL and Fedora look for the grub.cfg that they keep.
_LINKS = (GuestPath("/etc/grub2.cfg"), GuestPath("/etc/grub2-efi.cfg"))


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism. Entries of several files are told apart by these."""
    boots = [boot for config in loader.configs for boot in read_menu(view, config)]
    if len(loader.configs) == 1:
        return boots
    return [replace(boot, title=f"{boot.title} in {boot.where}") for boot in boots]


def find_doubts(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Note]:
    """See Mechanism. Hand-made files are left alone: the generator would overwrite them."""
    for config in loader.configs:
        variables = read_variables(view, config).values
        for title, kernel in lost_lines(view, read_cfg(view, config), variables):
            remedy = f"make {config} anew{how_to_make(facts, config)}, or remove the entry"
            yield missing_kernel(f'entry "{title}" of {config}', kernel, remedy)
    by_hand = [path for path in _wrong_files(view, loader, rules) if not is_generated(view, path)]
    changeable = [path for path in by_hand if _plan_variables(view, path, rules)]
    doubt = find_dangling(view, loader.config)
    doubt = doubt or find_hand_made(view, facts, [path for path in by_hand if path not in changeable])
    if doubt is not None:
        yield doubt


def how_to_make(facts: Facts, config: GuestPath) -> str:
    """The command that makes a grub.cfg anew, in brackets; "" where there is none."""
    grub = facts.image.grub
    return f" ({grub.mkconfig} -o {config})" if grub is not None and grub.entry_tool is None else ""


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism."""
    wrong = _wrong_files(view, loader, rules)
    for config in wrong:
        if not is_generated(view, config):
            yield from _plan_variables(view, config, rules)
    grub, generated = facts.image.grub, [path for path in loader.configs if is_generated(view, path)]
    outcomes = list(plan_defaults(view, grub, rules)) if grub is not None and generated else []
    yield from outcomes
    has_changes = any(isinstance(outcome, Write) for outcome in outcomes)
    for config in generated:
        if has_changes or config in wrong:
            edited, is_only = _edited(view, config, rules), len(loader.configs) == 1
            yield renew(facts, config, rules_to_wants(rules), edited, _WHY, is_only)


def _wrong_files(view: View, loader: BootLoader, rules: EntryRules) -> list[GuestPath]:
    return [path for path in loader.configs if boot_problems(read_menu(view, path), rules)]


def read_menu(view: View, config: GuestPath) -> list[Boot]:
    """Every way in which one grub.cfg boots this system's kernels."""
    return boots_of_menu(read_cfg(view, config), read_variables(view, config), own_kernels(view))


def boots_of_menu(cfg: GrubCfg, variables: Variables, kernels: Sequence[str]) -> list[Boot]:
    """The same for a grub.cfg that is read already."""
    return [
        Boot(own.title + suffix, own.kernel, words, bool(own.line.initrds), variables.config)
        for own in own_lines(cfg, kernels, variables.values)
        for suffix, words in variables.readings(own.line.words)
    ]


def _plan_variables(view: View, config: GuestPath, rules: EntryRules) -> tuple[Write, ...]:
    """The changes for a file made by hand whose lines have $kernelopts, like Azure Linux 2's: our words go
    there. () where that does not do."""
    cfg, variables, kernels = read_cfg(view, config), read_variables(view, config), own_kernels(view)
    if not any(uses_options(own.line.words) for own in own_lines(cfg, kernels, variables.values)):
        return ()
    edited = variables.with_words(rules)
    return (
        () if boot_problems(boots_of_menu(cfg, edited, kernels), rules) else tuple(edited.writes(variables))
    )


def read_cfg(view: View, path: GuestPath) -> GrubCfg:
    """The grub.cfg at `path`. Raises FormatError, which names it."""
    text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
    with in_file(path):
        return grub_cfg.parse(text)


def edit_menu(view: View, cfg: GrubCfg, rules: EntryRules) -> GrubCfg:
    """With the words of every line that boots this system's kernels edited."""
    ours = {(own.entry, own.line) for own in own_lines(cfg, own_kernels(view))}

    def edit(entry: Entry, line: LinuxLine) -> Sequence[str]:
        return rules.edit(line.words) if (entry, line) in ours else line.words

    return grub_cfg.edit_words(cfg, edit)


def find_dangling(view: View, config: GuestPath) -> Note | None:
    """Where the tools' links all lead nowhere: what boots may be another file than those that are there."""
    links = [path for path in _LINKS if view.node(path) is not None]
    if not links or any(view.node(view.resolve(path)) is not None for path in links):
        return None
    return Note(
        Verdict.UNMET,
        f"{links[0]} leads to {view.resolve(links[0])}, which is not there; nothing tells what boots",
        f"remove the link, or make it lead to {config} if that is what boots; then try again",
    )


def find_hand_made(view: View, facts: Facts, configs: Sequence[GuestPath]) -> Note | None:
    """Where one of these was made by a person: no program may touch it."""
    tool = facts.image.grub.mkconfig.name if facts.image.grub is not None else "grub-mkconfig"
    for config in configs:
        if not is_generated(view, config):
            return Note(
                Verdict.UNMET,
                f"{config} was not made by {tool}, which would overwrite it",
                "add the parameters to it by hand, or move what is yours to /etc/grub.d/40_custom first",
            )
    return None


def is_generated(view: View, config: GuestPath) -> bool:
    """Whether grub-mkconfig made it."""
    return GRUB_GENERATED in (view.read(config) or b"")


def renew(
    facts: Facts, config: GuestPath, wants: tuple[str, ...], edited: Write, why: str, is_only: bool
) -> Change:
    """A Build, with the edited old file for the case that its result is refused: offline grub-mkconfig may
    describe the builder's disks; and one of several files is not for the firmware that this machine has.
    The edited old file alone where the generator cannot run here, or another program keeps the entries."""
    grub, live = facts.image.grub, facts.live is not None
    if grub is None or grub.entry_tool is not None or not facts.image.architecture.runs_here:
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
