"""Inspects a new grub.cfg before it may take the old one's place."""

from __future__ import annotations

from collections.abc import Sequence

from hvprep.errors import FormatError
from hvprep.facts.kernels import kernel_images
from hvprep.formats import grub_cfg
from hvprep.formats.grub_cfg import GrubCfg, is_foreign
from hvprep.model.change import Build
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.entries import Boot, entry_problems, own_boots
from hvprep.steps.entry_rules import rules_from_wants

#: A want: the generator ran on another machine, so other systems that it found are not this machine's.
NO_OTHER_SYSTEMS = "no other systems"


def judge_entries(view: View, candidate: GuestPath, build: Build) -> tuple[str, ...]:
    """What is wrong with the grub.cfg at `candidate`; `build.wants` are rules and NO_OTHER_SYSTEMS."""
    try:
        new, old = _read(view, candidate), _read(view, build.target)
    except FormatError as error:
        return (error.sentence,)
    kernels = [path.name for path in kernel_images(view).values()]
    new_boots, old_boots = list(own_boots(new, kernels)), list(own_boots(old, kernels))
    problems = [*_losses(old_boots, new_boots)]
    if not new_boots and kernels:
        problems.append("it boots none of the kernels in /boot")
    if NO_OTHER_SYSTEMS in build.wants and _count_foreign(new) > _count_foreign(old):
        problems.append("it offers systems of the machine that it was made on")
    rules = rules_from_wants(want for want in build.wants if want != NO_OTHER_SYSTEMS)
    if rules is not None:
        problems += entry_problems(new_boots, rules)
    return tuple(problems)


def _read(view: View, path: GuestPath) -> GrubCfg:
    return grub_cfg.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))


def _losses(old: Sequence[Boot], new: Sequence[Boot]) -> list[str]:
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


def _identities(boots: Sequence[Boot], with_root: bool) -> set[tuple[str, ...]]:
    return {
        (path, *(f"root={root}" for root in roots if with_root), *sorted(uuids))
        for path, roots, uuids in (boot.identity for boot in boots)
    }


def _initrds(boots: Sequence[Boot]) -> set[tuple[str, ...]]:
    """A kernel that had no initrd may get one."""
    return {tuple(boot.line.initrds) for boot in boots if boot.line.initrds}


def _count_foreign(cfg: GrubCfg) -> int:
    return sum(1 for entry in cfg.entries if is_foreign(entry))


def _shown(values: set[tuple[str, ...]]) -> str:
    return " or ".join(sorted(" ".join(value) for value in values)) or "nothing"
