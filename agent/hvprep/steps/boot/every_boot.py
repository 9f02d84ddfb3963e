"""Every boot entry of every boot loader, for those who only look at its words."""

from __future__ import annotations

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.boot.mechanisms import MECHANISMS


def read_every_boot(view: View, facts: Facts) -> tuple[list[Boot], list[Note]]:
    """The entries of this system's kernels, and why there may be more. Those that are about to be built are
    left out: their words of now mean nothing."""
    boots: list[Boot] = []
    problems: list[str] = []
    for loader in facts.image.boot_loaders:
        if any(view.is_pending(path) for path in loader.configs):
            continue
        try:
            boots += MECHANISMS[loader.kind].read_boots(view, facts, loader)
        except FormatError as error:
            problems.append(error.sentence)
        except PermissionError as error:
            problems.append(f"{error.filename} may not be read by this user")
    return boots, [
        Note(
            Verdict.NOT_ASSESSED,
            f"what boot entries say to the kernel is not known: {problem}",
            "see kernel-parameters, or try as root",
        )
        for problem in problems
    ]
