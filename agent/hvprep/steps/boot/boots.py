"""How this system's kernels are booted, for requirements that only want to know."""

from __future__ import annotations

import contextlib

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.boot.mechanisms import MECHANISMS


def read_all_boots(view: View, facts: Facts) -> tuple[Boot, ...]:
    """Every boot of every boot loader. What does not read is a finding of kernel-parameters."""
    boots: list[Boot] = []
    for loader in facts.image.boot_loaders:
        if loader.kind in MECHANISMS:
            with contextlib.suppress(FormatError, PermissionError):
                boots += MECHANISMS[loader.kind].read_boots(view, facts, loader)
    return tuple(boots)
