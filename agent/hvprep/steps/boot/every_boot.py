"""How the kernels are booted, by all boot loaders that there are: for requirements that only read it."""

from __future__ import annotations

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.boot.mechanisms import MECHANISMS


def read_every_boot(view: View, facts: Facts) -> tuple[tuple[Boot, ...], Note | None]:
    """The boot entries, and a note where they cannot be known. That is a finding of kernel-parameters too."""
    boots: list[Boot] = []
    problem = None
    if not facts.image.boot_loaders:
        problem = "there is no boot loader that hvprep knows"
    for loader in facts.image.boot_loaders:
        try:
            boots += MECHANISMS[loader.kind].read_boots(view, facts, loader)
        except FormatError as error:
            problem = error.sentence
        except PermissionError as error:
            problem = f"{error.filename} may not be read by this user"
    if problem is None:
        return tuple(boots), None
    because = f"what boot entries say to the kernel is not known: {problem}"
    return tuple(boots), Note(Verdict.NOT_ASSESSED, because, "see kernel-parameters, or try as root")
