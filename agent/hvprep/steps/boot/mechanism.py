"""What every boot loader can be asked: which of this system's kernels it boots with which words, and how
these words are changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules


@dataclass(frozen=True)
class Boot:
    """One way in which a boot loader starts one of this system's kernels.

    title   as its menu shows it, with the submenus around it
    kernel  the file name of the kernel's image
    words   of the kernel command line, variables of the boot loader left as they are written
    where   the file that says so
    """

    title: str
    kernel: str
    words: tuple[str, ...]
    has_initrd: bool
    where: GuestPath


@dataclass(frozen=True)
class Mechanism:
    """A boot loader's way.

    read_boots  every Boot of this system's kernels, recovery included, others' systems and tools left out.
                Raises FormatError where its configuration does not read
    find_doubts UNMET notes where it is not clear what boots, or whose business that is: then nothing is
                changed, see doubts.py. Raises FormatError as read_boots does
    plan        the changes after which every Boot is as the rules ask, now and for later kernels; nothing
                where it is so already. An UNMET note where it cannot be changed by a program. Asked for where
                there is no doubt
    """

    read_boots: Callable[[View, Facts, BootLoader], Sequence[Boot]]
    find_doubts: Callable[[View, Facts, BootLoader, EntryRules], Iterator[Note]]
    plan: Callable[[View, Facts, BootLoader, EntryRules], Iterator[Outcome]]


def missing_kernel(entry: str, kernel: str, remedy: str) -> Note:
    """The doubt about an entry whose kernel is gone."""
    return Note(
        Verdict.UNMET,
        f"{entry} boots {kernel}, which is not there",
        f"install that kernel again, or {remedy}; then run hvprep prepare again",
    )


def boot_problems(boots: Sequence[Boot], rules: EntryRules) -> tuple[str, ...]:
    """One sentence for each entry whose words are not as `rules` ask for."""
    return tuple(
        f'entry "{boot.title}": {"; ".join(found)}'
        for boot in boots
        for found in [rules.problems(boot.words)]
        if found
    )


def unknown_kernels(view: View, facts: Facts, found: Sequence[tuple[GuestPath, GuestPath]]) -> Iterator[Note]:
    """For each (configuration, kernel that it boots) with a kernel that lies where none is looked for: nobody
    judged its initrd."""
    known = {view.resolve(kernel.image) for kernel in facts.image.kernels}
    for where, kernel in dict.fromkeys(found):
        if view.resolve(kernel) not in known:
            yield Note(
                Verdict.NOT_ASSESSED,
                f"{where} boots {kernel}, at no usual place for a kernel: its initrd was not looked into",
                "look into its initrd for hv_vmbus, hv_storvsc and hv_netvsc yourself",
            )
