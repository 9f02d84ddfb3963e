"""What is said of a system whose boot loader hvprep does not know: what was looked for, and what was seen."""

from __future__ import annotations

from hvprep.facts.boot_loaders import LoaderKind
from hvprep.facts.efi_partition import PLACES
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules


def explain_none_found(view: View, facts: Facts, rules: EntryRules) -> Note:
    """The doubt. Raises PermissionError where this user may not look everywhere."""
    for place in PLACES:
        view.glob(f"{place}/*")
    words = " ".join(rules.words)
    grub, others, deployment = facts.image.grub, facts.image.other_loaders, facts.image.deployment
    if deployment is not None:
        return Note(
            Verdict.UNMET,
            f"this system is deployed from {deployment}, whose tools make its boot entries anew",
            kargs_command(rules),
        )
    if others:
        names = " and ".join(f"{other.name} ({other.because})" for other in others)
        return Note(
            Verdict.UNMET,
            f"the boot loader is one that hvprep does not change: {names}",
            "; ".join(dict.fromkeys(other.remedy.format(words=words) for other in others)),
        )
    if grub is not None:
        return Note(
            Verdict.UNMET,
            f"{grub.mkconfig} is there, but {grub.config} is not",
            f"if this system boots with GRUB, run: {grub.mkconfig} -o {grub.config}",
        )
    kinds = ", ".join(kind.value for kind in LoaderKind)
    return Note(
        Verdict.UNMET,
        f"there is no boot loader that hvprep knows; looked for the files of: {kinds}",
        "mount /boot and the EFI system partition of this system, where it has them; else add "
        f"{words} to your boot loader's configuration by hand",
    )


def kargs_command(rules: EntryRules) -> str:
    """How ostree is told the words."""
    wanted = [f"--append-if-missing={word}" for word in rules.words]
    unwanted = [f"--delete-if-present={word}" for word in rules.absent]
    return f"use: rpm-ostree kargs {' '.join([*wanted, *unwanted])} (bootc: a file in /usr/lib/bootc/kargs.d)"
