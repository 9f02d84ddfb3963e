"""How this system's kernels are booted, for requirements that only want to know."""

from __future__ import annotations

import contextlib

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.view import View
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.boot.mechanisms import MECHANISMS


def read_all_boots(view: View, facts: Facts, but_pending: bool = False) -> tuple[Boot, ...]:
    """Every boot of every boot loader. What does not read is a finding of kernel-parameters.

    but_pending  without those whose configuration is going to be made anew: its bytes mean nothing
    """
    boots: list[Boot] = []
    for loader in facts.image.boot_loaders:
        if loader.kind not in MECHANISMS or but_pending and any(map(view.is_pending, loader.configs)):
            continue
        with contextlib.suppress(FormatError, PermissionError):
            boots += MECHANISMS[loader.kind].read_boots(view, facts, loader)
    return tuple(boots)
