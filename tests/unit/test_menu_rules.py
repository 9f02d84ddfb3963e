"""The boot menu on the serial port: what is wanted of it, and what a grub.cfg says."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.facts.architecture import Architecture
from hvprep.settings import Settings
from hvprep.steps.boot.grub_menu import edit_menu, menu_problems
from hvprep.steps.boot.menu_rules import (
    MenuRules,
    choose_menu_rules,
    is_menu_want,
    menu_from_wants,
    menu_to_wants,
)

RULES = MenuRules("serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1")
FIRMWARE = MenuRules("")
BEGIN, END = "### BEGIN /etc/grub.d/00_header ###\n", "### END /etc/grub.d/00_header ###\n"
TIMES = "if [ x$feature_timeout_style = xy ] ; then\n  set timeout_style={}\n  set timeout={}\n"
RIGHT = f"{RULES.serial}\nterminal_input console serial\nterminal_output console serial\n"


def header(text: str, after: str = "") -> str:
    return f"{BEGIN}{text}{END}menuentry 'x' {{\n}}\n{after}"


@pytest.mark.parametrize(
    ("console", "machine", "serial"),
    [
        ("auto", "x86_64", "serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1"),
        ("auto", "aarch64", ""),
        ("ttyS1,57600e7", "x86_64", "serial --speed=57600 --unit=1 --word=7 --parity=even --stop=1"),
        ("ttyS2,38400o8r", "x86_64", "serial --speed=38400 --unit=2 --word=8 --parity=odd --stop=1"),
        ("ttyS0", "x86_64", "serial --speed=9600 --unit=0 --word=8 --parity=no --stop=1"),
        ("hvc0", "x86_64", ""),
        ("ttyAMA0,115200", "x86_64", ""),
    ],
)
def test_the_port_is_that_of_the_kernels_console(console: str, machine: str, serial: str) -> None:
    settings = Settings(kernel_console=console)
    assert choose_menu_rules(settings, Architecture(machine, True, "")) == MenuRules(serial)


@pytest.mark.parametrize("rules", [RULES, FIRMWARE])
def test_wants_are_what_they_were(rules: MenuRules) -> None:
    wants = menu_to_wants(rules)
    assert all(map(is_menu_want, wants))
    assert menu_from_wants([*wants, *wants]) == rules


@pytest.mark.parametrize(
    "wants", [("menu serial --unit=0", "menu console"), ("menu ",), ("menu rm -rf /",), ("menu serial",)]
)
def test_wants_that_mean_nothing_are_refused(wants: tuple[str, ...]) -> None:
    with pytest.raises(FormatError, match="means nothing"):
        menu_from_wants(wants)


def test_nothing_wanted() -> None:
    assert menu_from_wants(()) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (RIGHT, None),
        (RIGHT + TIMES.format("menu", 5), None),
        (RIGHT + TIMES.format("countdown", 3), None),
        (RIGHT.replace("console serial", "serial"), None),
        (RIGHT.replace("output console serial", "output gfxterm serial"), None),
        ("terminal_output gfxterm\n" + RIGHT, None),
        ("serial --speed=115200\nterminal_input --append serial\nterminal_output --append serial\n", None),
        (
            RIGHT.replace("output console serial", "output console\nterminal_output --append serial"),
            None,
        ),
        (RIGHT + "if [ x${boot_once} = xtrue ]; then\n  set timeout=0\nelse\n  set timeout=8\nfi\n", None),
        (RIGHT + "if sleep --verbose --interruptible 5 ; then\n  set timeout=0\nfi\n", None),
        ("", "no serial port is opened"),
        (RIGHT.replace("serial --speed=115200 --unit=0", "serial --speed=9600 --unit=0"), "--speed=9600"),
        (RIGHT.replace("--unit=0", "--unit=1"), "--unit=1 --word=8"),
        (RIGHT.replace("input console serial", "input console"), "its input is on console, not on serial"),
        (RIGHT.replace("output console serial", "output gfxterm"), "its output is on gfxterm, not on serial"),
        (RIGHT.replace("input console serial", "input gfxterm serial"), "gfxterm is no input"),
        (RIGHT + "terminal_output console\n", "its output is on console"),
        (RIGHT + TIMES.format("hidden", 5), "hidden"),
        (RIGHT + TIMES.format("menu", 0), "hidden"),
        (RIGHT + 'if [ "${recordfail}" = 1 ] ; then\n  set timeout=0\nfi\n', "hidden"),
        (RIGHT + "if sleep --interruptible 3 ; then\n  set timeout=0\nfi\n", "hidden"),
    ],
)
def test_what_is_wrong_with_a_menu(text: str, problem: str | None) -> None:
    found = menu_problems(header(text), RULES)
    if problem is None:
        assert found == ()
    else:
        assert len([each for each in found if problem in each]) == 1
    edited = edit_menu(header(text), RULES)
    assert menu_problems(edited, RULES) == ()
    assert edit_menu(edited, RULES) == edited
    if problem is None:
        assert edited == header(text)


def test_where_the_firmware_has_the_port() -> None:
    assert menu_problems(header(""), FIRMWARE) == ()
    assert menu_problems(header("terminal_output console\n"), FIRMWARE) == ()
    assert menu_problems(header("terminal_output gfxterm\n"), FIRMWARE) != ()
    edited = edit_menu(header("terminal_output gfxterm\n"), FIRMWARE)
    assert menu_problems(edited, FIRMWARE) == ()
    assert "serial" not in edited


def test_what_hides_the_menu_after_good_boots_only_may_stay() -> None:
    """12_menu_auto_hide of Fedora and EL 8."""
    after = "### BEGIN /etc/grub.d/12_menu_auto_hide ###\n  set timeout_style=hidden\n  set timeout=1\n"
    assert menu_problems(header(RIGHT, after), RULES) == ()


def test_a_later_script_that_takes_the_terminals_away_is_found() -> None:
    text = header(RIGHT, "terminal_output gfxterm\n")
    assert menu_problems(text, RULES) == ("the menu: its output is on gfxterm, not on serial",)
    assert menu_problems(edit_menu(text, RULES), RULES) != ()


def test_without_a_header_of_grub_mkconfig_nothing_is_added() -> None:
    text = "set timeout=5\nmenuentry 'x' {\n}\n"
    assert edit_menu(text, RULES) == text
