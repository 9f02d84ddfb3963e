"""kernel-parameters: the serial console on every boot entry, and nothing that hides the boot from it."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.formats.kernel_cmdline import LIMIT_CHARACTERS, length_of
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.doubts import find_doubts, rules_for
from hvprep.steps.boot.mechanism import boot_problems
from hvprep.steps.boot.mechanisms import MECHANISMS
from hvprep.steps.boot.root_delay import find_sleeper


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    doubts = tuple(find_doubts(view, facts, settings))
    if len(facts.image.boot_loaders) == 1:
        yield from _plan_loader(view, facts, settings, facts.image.boot_loaders[0], bool(doubts))
    yield from doubts


def _plan_loader(
    view: View, facts: Facts, settings: Settings, loader: BootLoader, is_in_doubt: bool
) -> Iterator[Outcome]:
    mechanism = MECHANISMS[loader.kind]
    boots = mechanism.read_boots(view, facts, loader)
    if not boots:
        return
    rules = rules_for(view, facts, settings, boots)
    problems = boot_problems(boots, rules)
    for problem in problems:
        yield Note(Verdict.UNMET, problem)
    if not problems:
        yield Note(
            Verdict.MET, f"all {len(boots)} boot entries of {loader.config} carry {' '.join(rules.words)}"
        )
    cut_off = [boot for boot in boots if length_of(rules.edit(boot.words)) > LIMIT_CHARACTERS]
    for boot in cut_off:
        yield Note(
            Verdict.UNMET,
            f'entry "{boot.title}" would have {length_of(rules.edit(boot.words))} characters for the kernel, '
            f"which reads {LIMIT_CHARACTERS} and drops the rest",
            "take words out of it that are not needed, then run hvprep prepare again",
        )
    if not is_in_doubt and not cut_off:
        yield from mechanism.plan(view, facts, loader, rules)
    sleeper = find_sleeper(view, facts, tuple(boots))
    if sleeper is not None:
        yield Note(Verdict.MET, f"rootwait instead of rootdelay: {sleeper}")


KERNEL_PARAMETERS: Step[Facts, Settings] = Step(
    id="kernel-parameters",
    title="every boot entry has the serial console, and nothing that hides the boot from it",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (console, earlyprintk, rootdelay; not rhgb, quiet, crashkernel=auto)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("B01", "B02", "B03", "B05", "B06", "B07", "B08", "B09", "B10", "B12"),
)
