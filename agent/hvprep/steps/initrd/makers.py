"""The generators of initrds that hvprep knows how to ask."""

from __future__ import annotations

from collections.abc import Mapping

from hvprep.facts.initrd_tools import Generator
from hvprep.steps.initrd import (
    booster,
    dracut,
    initramfs_tools,
    mkinitcpio,
    mkinitfs,
    nash_mkinitrd,
    suse_mkinitrd,
)
from hvprep.steps.initrd.maker import Maker

MAKERS: Mapping[Generator, Maker] = {
    Generator.INITRAMFS_TOOLS: initramfs_tools.MAKER,
    Generator.DRACUT: dracut.MAKER,
    Generator.MKINITCPIO: mkinitcpio.MAKER,
    Generator.MKINITFS: mkinitfs.MAKER,
    Generator.BOOSTER: booster.MAKER,
    Generator.SUSE_MKINITRD: suse_mkinitrd.MAKER,
    Generator.NASH_MKINITRD: nash_mkinitrd.MAKER,
}
