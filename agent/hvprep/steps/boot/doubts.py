"""Where it is not clear what boots a system, nothing is changed of what a boot depends on.

Two boot loaders, an entry whose kernel is gone, a file that reads in two ways: whatever is done then may be
done to the wrong file. And an initrd may not be made anew where a boot loader is not known: LILO and zipl
find theirs by its blocks on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.lifted_bans import lift_bans
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.boot.mechanisms import MECHANISMS
from hvprep.steps.boot.none_found import explain_none_found
from hvprep.steps.boot.nvme_rule import has_nvme_rule
from hvprep.steps.boot.root_delay import find_sleeper
from hvprep.steps.boot.rules import EntryRules, choose_rules

_HELD_BACK = "nothing is changed before it is clear what boots: see kernel-parameters"


def find_doubts(view: View, facts: Facts, settings: Settings) -> Iterator[Note]:
    """Why it is not clear, each with what to do; nothing where it is. Raises FormatError where a boot
    configuration does not read, and PermissionError where this user may not read it."""
    loaders = facts.image.boot_loaders
    if not loaders:
        yield explain_none_found(view, facts, rules_for(view, facts, settings, ()))
    elif len(loaders) > 1:
        names = " and ".join(f"{loader.kind.value} ({loader.because})" for loader in loaders)
        yield Note(
            Verdict.UNMET,
            f"there are several boot loaders, and nothing tells which one boots: {names}",
            "remove the packages and the configuration of those that are not used, then try again",
        )
    else:
        (loader,) = loaders
        boots = MECHANISMS[loader.kind].read_boots(view, facts, loader)
        if not boots:
            yield Note(
                Verdict.UNMET,
                f"no entry of {loader.config} boots a kernel that is in /boot",
                "make the boot loader's configuration anew with its own tool, and look at what it says",
            )
            return
        rules = rules_for(view, facts, settings, boots)
        yield from MECHANISMS[loader.kind].find_doubts(view, facts, loader, rules)


def hold_back(view: View, facts: Facts, settings: Settings, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """What a step says; where there are doubts, its changes as findings."""
    is_held = _has_doubts(view, facts, settings)
    for outcome in outcomes:
        if is_held and not isinstance(outcome, Note):
            yield Note(Verdict.UNMET, outcome.why, _HELD_BACK)
        else:
            yield outcome


def rules_for(view: View, facts: Facts, settings: Settings, boots: Sequence[Boot]) -> EntryRules:
    """What these entries have to carry."""
    sleeps = find_sleeper(view, facts, tuple(boots)) is not None
    rules = choose_rules(
        settings, facts.image.architecture, facts.image.all_kernels, sleeps, has_nvme_rule(view)
    )
    if settings.hardening_allow_change:
        rules = lift_bans(rules, (word for boot in boots for word in boot.words))
    return rules


def _has_doubts(view: View, facts: Facts, settings: Settings) -> bool:
    """Who may not read the configuration may not change anything either, and is told what there is to do."""
    try:
        return any(True for _ in find_doubts(view, facts, settings))
    except FormatError:
        return True
    except PermissionError:
        return False
