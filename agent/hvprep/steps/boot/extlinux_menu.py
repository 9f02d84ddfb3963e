"""The menu of extlinux and syslinux on the serial port: SERIAL before all else, and no MENU HIDDEN."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.formats import extlinux
from hvprep.formats.extlinux import Config
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.view import View
from hvprep.steps.boot.extlinux import read_config
from hvprep.steps.boot.extlinux_settings import ALPINE, assign
from hvprep.steps.boot.menu_rules import MenuRules, serial_options

_WHY = "the menu comes to the serial port"


def plan_menu(view: View, facts: Facts, loader: BootLoader, rules: MenuRules) -> Iterator[Outcome]:
    """See Menu. U-Boot takes no part in this: its console is what it was built with."""
    if not rules.serial:
        yield Note(Verdict.NOT_APPLICABLE, "the console of U-Boot is its own")
        return
    config = read_config(view, loader.config)
    unit, speed = serial_options(rules.serial.split())
    problems = list(_problems(config, unit, speed))
    for problem, remedy in problems:
        yield Note(Verdict.UNMET, f"{loader.config}: the menu: {problem}", remedy)
    shown = extlinux.parse("".join(_without_hiding(config)))
    if not _opens(shown, unit, speed):
        shown = extlinux.set_serial(shown, f"{unit} {speed}")
    if shown != config:
        yield Write(loader.config, shown.render().encode("utf-8", "surrogateescape"), _WHY)
    elif not problems:
        yield Note(Verdict.MET, f"the menu of {loader.config} is on the serial port")
    values = {"serial_port": unit, "serial_baud": speed, "hidden": "0"}
    yield from assign(view, ALPINE, values, "the menu stays on the serial port when it is made anew")


def _problems(config: Config, unit: str, speed: str) -> Iterator[tuple[str, str | None]]:
    """(what is wrong, what a person has to do about it; None where we do)."""
    if not _opens(config, unit, speed):
        yield f"its first line is not SERIAL {unit} {speed}", None
    if _without_hiding(config) != list(config.lines):
        yield "MENU HIDDEN hides it", None
    if any("vesamenu.c32" in directive.argument for directive in config.directives):
        yield (
            "vesamenu.c32 draws it, on a screen only",
            "take menu.c32 in its place (vesa_menu=0 in /etc/update-extlinux.conf)",
        )


def _opens(config: Config, unit: str, speed: str) -> bool:
    """Whether its first directive opens this port; what else stands there is flow control."""
    first = config.directives[0] if config.directives else None
    return first is not None and first.keyword == "serial" and first.argument.split()[:2] == [unit, speed]


def _without_hiding(config: Config) -> list[str]:
    menu = [each for each in config.directives if each.keyword == "menu"]
    hiding = {each.line for each in menu if each.argument.lower().split() == ["hidden"]}
    return [line for number, line in enumerate(config.lines, 1) if number not in hiding]
