"""When a login appears on the serial console."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Tuple

import pytest
from hvprep.engine.planner import make_plan
from hvprep.facts.gather import gather
from hvprep.model.change import Link
from hvprep.model.finding import Finding, Verdict
from hvprep.model.node import GuestPath
from hvprep.settings import Settings
from hvprep.steps.serial_getty import SERIAL_GETTY
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

TEMPLATE = "file /usr/lib/systemd/system/serial-getty@.service\n|[Service]\n"
GENERATOR = "elf /usr/lib/systemd/system-generators/systemd-getty-generator x86_64\n"
GRUB = """elf /usr/sbin/grub-mkconfig x86_64
elf /usr/bin/sh x86_64
link /bin usr/bin
file /boot/vmlinuz-6.1
|x
file /boot/grub/grub.cfg
|menuentry 'One' {{
|  linux /boot/vmlinuz-6.1 console=tty0 {}
|}}
|menuentry 'Two' {{
|  linux /boot/vmlinuz-6.1 console=ttyS0,9600 x
|}}
"""
WANTS = "/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service"


def find(tmp_path: Path, text: str, settings: Settings) -> Finding:
    add_to_tree(tmp_path, text)
    root = Root(tmp_path)
    (finding,) = make_plan((SERIAL_GETTY,), root, gather(root, False, settings), settings).findings
    return finding


def cases() -> Iterator[Tuple[str, Verdict, str]]:
    met, unmet = Verdict.MET, Verdict.UNMET
    prepared, bare = GRUB.format("console=ttyS0"), GRUB.format("")
    yield (
        TEMPLATE + GENERATOR + prepared,
        met,
        "generator starts serial-getty@ttyS0.service for",
    )
    yield TEMPLATE + GENERATOR + bare, unmet, "once every boot entry has console=ttyS0"
    yield TEMPLATE + GENERATOR, unmet, "once every boot entry has console=ttyS0"
    yield TEMPLATE + f"link {WANTS} /usr/lib/systemd/system/serial-getty@.service\n", met, "is enabled"
    yield TEMPLATE, unmet, "serial-getty@ttyS0.service is not enabled, and no generator starts it"
    yield "", Verdict.NOT_ASSESSED, "there is no serial-getty@.service"
    mask = "link /etc/systemd/system/{} /dev/null\n"
    for unit in ("serial-getty@ttyS0.service", "serial-getty@.service", "getty.target"):
        yield TEMPLATE + GENERATOR + prepared + mask.format(unit), unmet, f"{unit} is masked"
    empty = "file /etc/systemd/system/getty.target\n"
    yield TEMPLATE + GENERATOR + prepared + empty, unmet, "getty.target is masked"
    no_generator = "link /etc/systemd/system-generators/systemd-getty-generator /dev/null\n"
    yield TEMPLATE + GENERATOR + prepared + no_generator, unmet, "no generator starts it"


@pytest.mark.parametrize(("text", "verdict", "why"), cases())
def test_verdicts(tmp_path: Path, text: str, verdict: Verdict, why: str) -> None:
    finding = find(tmp_path, text, Settings())
    assert finding.verdict is verdict
    assert why in finding.because[0]


def test_it_is_enabled_where_no_generator_does_it(tmp_path: Path) -> None:
    link = find(tmp_path, TEMPLATE, Settings()).changes[0]
    assert isinstance(link, Link)
    assert (link.path, link.target) == (GuestPath(WANTS), "/usr/lib/systemd/system/serial-getty@.service")


def test_on_the_port_that_the_administrator_names(tmp_path: Path) -> None:
    link = find(tmp_path, TEMPLATE, Settings(kernel_console="ttyS1,9600n8")).changes[0]
    assert isinstance(link, Link)
    assert link.path.name == "serial-getty@ttyS1.service"


def test_who_does_not_want_it(tmp_path: Path) -> None:
    finding = find(tmp_path, TEMPLATE, Settings(serial_getty_enable=False))
    changes: List[object] = [*finding.changes]
    assert (finding.verdict, changes) == (Verdict.NOT_APPLICABLE, [])
