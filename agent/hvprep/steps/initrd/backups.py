"""Backups of initrds whose kernel is not installed any more: they take up room in /boot, and boot nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.efi_partition import PLACES
from hvprep.facts.kernels import Kernel
from hvprep.model.change import BACKUP_SUFFIX, Remove
from hvprep.model.view import View

#: What initrds begin with under every name of distributions.
_INITRDS = ("initrd", "initramfs", "booster")


def plan_stale_backups(view: View, kernels: Sequence[Kernel]) -> Iterator[Remove]:
    """Remove those of kernels that are gone. No requirement asks for it: it goes along with other changes."""
    known = {path for kernel in kernels for path in (*kernel.initrds, *kernel.initrd_names)}
    known.update(kernel.fallback_name for kernel in kernels)
    for pattern in [f"{place}/{below}" for place in PLACES for below in ("*", "*/[0-9]*/*")]:
        for path in view.glob(f"{pattern}{BACKUP_SUFFIX}"):
            initrd = path.with_name(path.name[: -len(BACKUP_SUFFIX)])
            if initrd.name.startswith(_INITRDS) and initrd not in known:
                yield Remove(path, f"the kernel that {path} was for is not installed any more")
