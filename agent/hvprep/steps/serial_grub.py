"""serial-grub: the boot menu on the serial console, where somebody can choose another kernel.

An image for a cloud often hides its menu or shows it for no time. It is then shown for five seconds, each
boot being that much longer: without it nobody can help a machine whose newest kernel does not boot, for a
cloud has no keyboard to hold a key on. SerialGrub.Enable=n keeps such a menu hidden.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.menu_rules import choose_menu_rules
from hvprep.steps.boot.menus import MENUS


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    loaders = facts.image.boot_loaders
    if not settings.serial_grub_enable:
        yield Note(Verdict.NOT_APPLICABLE, "SerialGrub.Enable=n in /etc/hvprep.conf")
    elif len(loaders) != 1:
        because = "there are several boot loaders" if loaders else "there is no boot loader that hvprep knows"
        yield Note(Verdict.NOT_ASSESSED, because, "see kernel-parameters")
    elif loaders[0].kind not in MENUS:
        yield Note(Verdict.NOT_APPLICABLE, f"{loaders[0].kind.value} has no menu on a serial port of its own")
    else:
        rules = choose_menu_rules(settings, facts.image.architecture)
        yield from MENUS[loaders[0].kind](view, facts, loaders[0], rules)


SERIAL_GRUB: Step[Facts, Settings] = Step(
    id="serial-grub",
    title="the boot menu is on the serial console, and there is time to see it",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="GRUB_TERMINAL, GRUB_SERIAL_COMMAND, GRUB_TIMEOUT",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("B11",),
)
