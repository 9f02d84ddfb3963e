"""What is said of a system whose boot loader hvprep does not know: what was looked for, and what was seen."""

from __future__ import annotations

from hvprep.facts.boot_loaders import LoaderKind
from hvprep.facts.efi_partition import PLACES
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View


def explain_none_found(view: View, facts: Facts) -> Note:
    """The finding. Nothing is changed. Raises PermissionError where this user may not look everywhere."""
    for place in PLACES:
        view.glob(f"{place}/*")
    grub, others, deployment = facts.image.grub, facts.image.other_loaders, facts.image.deployment
    if deployment is not None:
        return Note(
            Verdict.UNMET,
            f"this system is deployed from {deployment}, whose tools make its boot entries anew",
            "use: rpm-ostree kargs --append-if-missing=... --delete-if-present=..., or kargs.d of bootc",
        )
    if others:
        names = " and ".join(f"{other.name} ({other.because})" for other in others)
        return Note(
            Verdict.UNMET,
            f"the boot loader is one that hvprep does not change: {names}",
            "; ".join(dict.fromkeys(other.remedy for other in others)),
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
        "mount /boot and the EFI system partition of this system, where it has them; else add the parameters "
        "to your boot loader's configuration by hand",
    )
