"""Inspects a new grub.cfg before it may take the old one's place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.errors import FormatError
from hvprep.formats import grub_cfg
from hvprep.formats.grub_cfg import GrubCfg, is_foreign
from hvprep.formats.kernel_cmdline import parameter_name
from hvprep.model.change import Build
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub_entries import OwnLine, own_kernels, own_lines
from hvprep.steps.boot.grub_menu import menu_problems
from hvprep.steps.boot.menu_rules import is_menu_want, menu_from_wants
from hvprep.steps.boot.rules import EntryRules, rules_from_wants

#: A want: the generator ran on another machine, so other systems that it found are not this machine's.
NO_OTHER_SYSTEMS = "no other systems"


def judge_entries(view: View, candidate: GuestPath, build: Build) -> tuple[str, ...]:
    """What is wrong with the grub.cfg at `candidate`; `build.wants` are rules of both kinds and
    NO_OTHER_SYSTEMS."""
    try:
        new, old = _read(view, candidate), _read(view, build.target)
    except FormatError as error:
        return (error.sentence,)
    kernels = own_kernels(view)
    new_lines, old_lines = list(own_lines(new, kernels)), list(own_lines(old, kernels))
    problems = [*_losses(old_lines, new_lines)]
    if not new_lines and kernels:
        problems.append("it boots none of the kernels in /boot")
    if NO_OTHER_SYSTEMS in build.wants and _count_foreign(new) > _count_foreign(old):
        problems.append("it offers systems of the machine that it was made on")
    menu = menu_from_wants(want for want in build.wants if is_menu_want(want))
    if menu is not None:
        problems += menu_problems(new.text, menu)
    others = [want for want in build.wants if want != NO_OTHER_SYSTEMS and not is_menu_want(want)]
    rules = rules_from_wants(others)
    if build.wants:  # a rollback wants nothing, and takes words away
        problems += _lost_words(old_lines, new_lines, rules)
    if rules is not None:
        for own in new_lines:
            problems += [f'entry "{own.title}": {problem}' for problem in rules.problems(own.line.words)]
    return tuple(problems)


def _read(view: View, path: GuestPath) -> GrubCfg:
    return grub_cfg.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))


def _losses(old: Sequence[OwnLine], new: Sequence[OwnLine]) -> list[str]:
    """Entries that disappear, and kept ones that would boot from elsewhere."""
    problems = []
    for kernel in dict.fromkeys(boot.kernel for boot in old):
        before = [boot for boot in old if boot.kernel == kernel]
        after = [boot for boot in new if boot.kernel == kernel]
        if not after:
            problems.append(f"the entries of {kernel} disappear from it")
            continue
        # Without an initrd root= can be no UUID; with its first one grub-mkconfig makes it one.
        gets_first = not _initrds(before) and all(boot.line.initrds for boot in after)
        for what, old_values, new_values in (
            (
                "kernel path, root= or volume",
                _identities(before, not gets_first),
                _identities(after, not gets_first),
            ),
            ("initrd", _initrds(before), _initrds(after)),
        ):
            if old_values and old_values != new_values:
                problems.append(
                    f"the {what} of {kernel} becomes {_shown(new_values)} and was {_shown(old_values)}"
                )
    return problems


def _lost_words(old: Sequence[OwnLine], new: Sequence[OwnLine], rules: EntryRules | None) -> Iterator[str]:
    """What somebody wrote into an entry and into no file that it is made from. Entries are found again by
    their titles, and by their kernel where the title is another one now."""
    told = set()
    for before in old:
        same = [own for own in new if own.kernel == before.kernel]
        after = [own for own in same if own.title == before.title] or same
        kept = {word for own in after for word in own.line.words}
        lost = " ".join(word for word in before.line.words if word not in kept and not _may_go(word, rules))
        if lost and after and (before.title, lost) not in told:
            told.add((before.title, lost))
            yield (
                f'entry "{before.title}" loses {lost}, which stands in no file that it is made from: add '
                "what is wanted to /etc/default/grub; what is not goes once you make grub.cfg anew yourself"
            )


def _may_go(word: str, rules: EntryRules | None) -> bool:
    """Whether it is unwanted, or judged elsewhere."""
    return parameter_name(word) == "root" or (rules is not None and rules.is_unwanted(word))


def _identities(boots: Sequence[OwnLine], with_root: bool) -> set[tuple[str, ...]]:
    return {
        (path, *(f"root={root}" for root in roots if with_root), *sorted(uuids))
        for path, roots, uuids in (boot.identity for boot in boots)
    }


def _initrds(boots: Sequence[OwnLine]) -> set[tuple[str, ...]]:
    """A kernel that had no initrd may get one."""
    return {tuple(boot.line.initrds) for boot in boots if boot.line.initrds}


def _count_foreign(cfg: GrubCfg) -> int:
    return sum(1 for entry in cfg.entries if is_foreign(entry))


def _shown(values: set[tuple[str, ...]]) -> str:
    return " or ".join(sorted(" ".join(value) for value in values)) or "nothing"
