"""The boot loaders that hvprep knows how to change."""

from __future__ import annotations

from collections.abc import Mapping

from hvprep.facts.boot_loaders import LoaderKind
from hvprep.steps.boot import bls, extlinux, grub2, grub_legacy, systemd_boot, unified
from hvprep.steps.boot.mechanism import Mechanism

MECHANISMS: Mapping[LoaderKind, Mechanism] = {
    kind: Mechanism(module.read_boots, module.find_doubts, module.plan)
    for kind, module in (
        (LoaderKind.GRUB2, grub2),
        (LoaderKind.GRUB2_BLS, bls),
        (LoaderKind.GRUB_LEGACY, grub_legacy),
        (LoaderKind.GRUB2_ESP, systemd_boot),
        (LoaderKind.SYSTEMD_BOOT, systemd_boot),
        (LoaderKind.EXTLINUX, extlinux),
        (LoaderKind.UNIFIED_KERNEL_IMAGE, unified),
    )
}
