"""The boot loaders whose menu hvprep can bring to the serial port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hvprep.facts.boot_loaders import BootLoader, LoaderKind
from hvprep.facts.gather import Facts
from hvprep.model.finding import Outcome
from hvprep.model.view import View
from hvprep.steps.boot import extlinux_menu, grub2_menu, grub_legacy_menu
from hvprep.steps.boot.menu_rules import MenuRules

#: The changes after which a menu is as the rules ask, now and when it is made anew; MET notes where it is so
#: already. An UNMET note where it cannot be changed by a program. Raises FormatError.
Menu = Callable[[View, Facts, BootLoader, MenuRules], Iterator[Outcome]]

MENUS: Mapping[LoaderKind, Menu] = {
    LoaderKind.GRUB2: grub2_menu.plan_menu,
    LoaderKind.GRUB2_BLS: grub2_menu.plan_menu,
    LoaderKind.GRUB_LEGACY: grub_legacy_menu.plan_menu,
    LoaderKind.EXTLINUX: extlinux_menu.plan_menu,
}
