"""Every boot entry of every boot loader, for those who only look at its words."""

from __future__ import annotations

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.boot.mechanisms import MECHANISMS


def read_every_boot(view: View, facts: Facts) -> tuple[list[Boot], list[Note]]:
    """The entries of this system's kernels, and what could not be read. An entry that is about to be built is
    left out: its words of now mean nothing."""
    boots: list[Boot] = []
    notes: list[Note] = []
    for loader in facts.image.boot_loaders:
        if any(view.is_pending(path) for path in loader.configs):
            continue
        try:
            boots.extend(MECHANISMS[loader.kind].read_boots(view, facts, loader))
        except FormatError as error:
            notes.append(Note(Verdict.NOT_ASSESSED, error.sentence, error.hint))
    return boots, notes
