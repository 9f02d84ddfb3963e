"""kernel-parameters: the serial console on every boot entry, and nothing that hides the boot from it."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.lifted_bans import lift_bans
from hvprep.steps.boot.mechanism import Boot, boot_problems
from hvprep.steps.boot.mechanisms import MECHANISMS
from hvprep.steps.boot.none_found import explain_none_found
from hvprep.steps.boot.nvme_rule import has_nvme_rule
from hvprep.steps.boot.rules import choose_rules


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    loaders = facts.image.boot_loaders
    if len(loaders) == 1:
        yield from _plan_loader(view, facts, settings, loaders[0])
    elif not loaders:
        yield explain_none_found(view, facts)
    else:
        names = " and ".join(f"{loader.kind.value} ({loader.because})" for loader in loaders)
        yield Note(
            Verdict.UNMET,
            f"there are several boot loaders, and nothing tells which one boots: {names}",
            "remove the packages and the configuration of those that are not used, then try again",
        )


def _plan_loader(view: View, facts: Facts, settings: Settings, loader: BootLoader) -> Iterator[Outcome]:
    mechanism = MECHANISMS[loader.kind]
    boots = mechanism.read_boots(view, facts, loader)
    if not boots:
        yield Note(
            Verdict.UNMET,
            f"no entry of {loader.config} boots a kernel that is in /boot",
            "make the boot loader's configuration anew with its own tool, and look at what it says",
        )
        return
    bare = [boot.title for boot in boots if not boot.has_initrd and not _gets_initrd(view, facts, boot)]
    rules = choose_rules(
        settings, facts.image.architecture, facts.image.all_kernels, bool(bare), has_nvme_rule(view)
    )
    if settings.hardening_allow_change:
        rules = lift_bans(rules, (word for boot in boots for word in boot.words))
    problems = boot_problems(boots, rules)
    for problem in problems:
        yield Note(Verdict.UNMET, problem)
    if not problems:
        yield Note(
            Verdict.MET, f"all {len(boots)} boot entries of {loader.config} carry {' '.join(rules.words)}"
        )
    yield from mechanism.plan(view, facts, loader, rules)
    if bare:
        yield Note(
            Verdict.MET,
            f'rootwait instead of rootdelay: entry "{bare[0]}" has no initrd, and would sleep that long',
        )


def _gets_initrd(view: View, facts: Facts, boot: Boot) -> bool:
    """Whether the kernel has no initrd yet and is about to get its first."""
    kernels = [kernel for kernel in facts.image.kernels if kernel.image.name == boot.kernel]
    return any(
        kernel.initrd is None and view.is_pending(path) for kernel in kernels for path in kernel.initrd_names
    )


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
