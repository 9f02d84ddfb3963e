"""GRUB legacy's menu on the serial port: its commands before the first title, and no picture in their way.

`terminal` waits for a key on either terminal, and takes the first one after some seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.errors import in_file
from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.facts.grub_legacy import efi_program
from hvprep.formats import grub_legacy
from hvprep.formats.grub_legacy import Menu
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub_legacy import read_menu
from hvprep.steps.boot.menu_rules import VISIBLE_S, MenuRules

#: Pictures that only a screen can show; GRUB then has no other terminal.
_PICTURES = ("splashimage", "gfxmenu")
_HIDING = (*_PICTURES, "hiddenmenu")


def plan_menu(view: View, facts: Facts, loader: BootLoader, rules: MenuRules) -> Iterator[Outcome]:
    """See Menu."""
    for path in loader.configs:
        menu = read_menu(view, path)
        has_port = _drives_ports(view, path)
        problems = _problems(menu, rules, has_port)
        for problem in problems:
            yield Note(Verdict.UNMET, f"{path}: the menu: {problem}")
        if problems:
            yield Write(
                path,
                _edited(path, menu, rules, has_port).encode("utf-8", "surrogateescape"),
                "the menu comes to the serial port",
            )
        else:
            where = "the serial port" if has_port else "the firmware's console, this GRUB drives no port"
            yield Note(Verdict.MET, f"the menu of {path} is on {where}")


def _drives_ports(view: View, path: GuestPath) -> bool:
    """Whether the GRUB that reads this menu has a command `serial`: an unknown one would stop the boot until
    somebody presses a key. It is there in every build for BIOS."""
    program = efi_program(view, path)
    return program is None or b"serial [--unit=" in (view.read(program) or b"")


def _problems(menu: Menu, rules: MenuRules, has_port: bool) -> list[str]:
    found = [f"{name} hides it" for name in _HIDING if menu.argument(name) is not None]
    if _has_no_time(menu):
        found.append("it is not shown for any time (timeout=0)")
    if has_port and rules.serial:
        command = menu.argument("serial")
        if command is None:
            found.append("no serial port is opened")
        elif not rules.is_opened_by(command.split()):
            found.append(f"serial {command.strip()}, not {rules.serial}")
        terminals = (menu.argument("terminal") or "console").split()
        if "serial" not in terminals:
            found.append(f"it is on {' '.join(terminals)}, not on serial")
    return found


def _has_no_time(menu: Menu) -> bool:
    return re.fullmatch(r"\s*0+\s*", menu.argument("timeout") or "") is not None


def _edited(path: GuestPath, menu: Menu, rules: MenuRules, has_port: bool) -> str:
    wanted = [f"timeout {VISIBLE_S}"] if _has_no_time(menu) else []
    if has_port and rules.serial:
        wanted += [rules.serial, f"terminal --timeout={VISIBLE_S} serial console"]
    with in_file(path):
        return grub_legacy.set_directives(menu, wanted, _HIDING).render()
