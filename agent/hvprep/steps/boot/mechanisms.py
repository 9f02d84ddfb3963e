"""The boot loaders that hvprep knows how to change."""

from __future__ import annotations

from collections.abc import Mapping

from hvprep.facts.boot_loaders import LoaderKind
from hvprep.steps.boot import bls, extlinux, grub2, grub_legacy, systemd_boot, unified
from hvprep.steps.boot.mechanism import Mechanism

MECHANISMS: Mapping[LoaderKind, Mechanism] = {
    LoaderKind.GRUB2: Mechanism(grub2.read_boots, grub2.plan),
    LoaderKind.GRUB2_BLS: Mechanism(bls.read_boots, bls.plan),
    LoaderKind.GRUB_LEGACY: Mechanism(grub_legacy.read_boots, grub_legacy.plan),
    LoaderKind.SYSTEMD_BOOT: Mechanism(systemd_boot.read_boots, systemd_boot.plan),
    LoaderKind.EXTLINUX: Mechanism(extlinux.read_boots, extlinux.plan),
    LoaderKind.UNIFIED_KERNEL_IMAGE: Mechanism(unified.read_boots, unified.plan),
}
