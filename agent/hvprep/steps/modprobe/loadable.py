"""Judges whether every installed kernel can load a module when the system asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvprep.facts.gather import Facts
from hvprep.facts.kernels import Kernel
from hvprep.formats.kernel_modules import ModuleIndex
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.modprobe.lifting import explain, plan_lifting
from hvprep.steps.modprobe.requests import Request, find_request, names_of_file_system
from hvprep.steps.modprobe.rules import Placed, find_bans, read_rules

#: What a person can do about a rule.
ALLOW = (
    "if that rule may go, run hvprep prepare --allow-hardening-change, or set Hardening.AllowChange=y in"
    " /etc/hvprep.conf"
)
#: And about a module that is not there.
PACKAGE = (
    "install the package with the other modules of that kernel (linux-modules-extra-VERSION, kernel-modules),"
    " or another kernel"
)
_NO_LOADER = Note(
    Verdict.NOT_ASSESSED,
    "there is no boot loader that hvprep knows, to say what kernels are told",
    "see kernel-parameters",
)
NO_KERNEL = Note(Verdict.NOT_ASSESSED, "there is no kernel in /boot", "see initrd-drivers")


@dataclass(frozen=True)
class Wanted:
    """What every kernel has to have, and the system must be able to load.

    choices      modules of which one is enough; each as the names that it may be asked for by, the first that
                 a kernel knows is the one: a driver by its name, a file system by the alias of a mount
    by_device    whether it is loaded for a device, by an alias, whatever name it is looked up by here
    is_early     whether it is needed before the root file system is there
    is_optional  whether a kernel may be without it
    """

    choices: tuple[tuple[str, ...], ...]
    by_device: bool = True
    is_early: bool = False
    is_optional: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return " or ".join(names[-1] for names in self.choices)


@dataclass(frozen=True)
class Remedies:
    """What a person can do, where a kernel has no such module and where a rule keeps it out."""

    where_absent: str
    where_banned: str = ALLOW


def driver(*names: str, is_early: bool = False, is_optional: bool = False) -> Wanted:
    """A driver that a device asks for; one of several is enough."""
    return Wanted(tuple((name,) for name in names), is_early=is_early, is_optional=is_optional)


def file_system(name: str, module: str = "") -> Wanted:
    """A file system that a mount asks for."""
    return Wanted((names_of_file_system(name, module),), by_device=False)


def plan_loadable(
    view: View, facts: Facts, settings: Settings, wanted: Sequence[Wanted], remedies: Remedies
) -> Iterator[Outcome]:
    """Findings; and changes, where the settings allow them."""
    boots, unknown = read_every_boot(view, facts)
    rules = read_rules(view, boots)
    bans: dict[Placed, str] = {}
    problems = [] if facts.image.all_kernels else [NO_KERNEL]
    for kernel in facts.image.all_kernels:
        if kernel.modules is None:
            problems.append(no_modules(kernel))
            continue
        judged = {each.name: _judge(kernel.modules, kernel.image.name, each, rules) for each in wanted}
        absent = [each.name for each in wanted if judged[each.name] is None and not each.is_optional]
        if absent:
            because = f"kernel {kernel.name} has no {' and no '.join(absent)}, as a module or built in"
            problems.append(Note(Verdict.UNMET, because, remedies.where_absent))
        bans.update((ban, name) for name, found in judged.items() for ban in found or ())
    yield from problems
    yield from unknown if facts.image.boot_loaders else [_NO_LOADER]
    if settings.hardening_allow_change:
        yield from plan_lifting(view, bans)
    else:
        yield from (explain(ban, name, remedies.where_banned) for ban, name in bans.items())
    if not problems and not bans:
        names, count = ", ".join(each.name for each in wanted), len(facts.image.all_kernels)
        yield Note(Verdict.MET, f"nothing keeps {names} out, in any of the kernels ({count})")


def no_modules(kernel: Kernel) -> Note:
    """That a kernel cannot be judged."""
    return Note(Verdict.NOT_ASSESSED, f"kernel {kernel.name}: {kernel.problem}", "see initrd-drivers")


def _judge(
    index: ModuleIndex, image: str, wanted: Wanted, rules: Sequence[Placed]
) -> tuple[Placed, ...] | None:
    """What keeps it out; None where the kernel has none of the choices."""
    answers = [
        find_bans(rules, request, image) if isinstance(request, Request) else ()
        for names in wanted.choices
        for request in [find_request(index, names, wanted.by_device, wanted.is_early)]
        if request is not None
    ]
    return min(answers, key=len) if answers else None
