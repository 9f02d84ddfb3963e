"""serial-grub on GRUB 2: which settings are made, and that both requirements share one grub.cfg."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from hvprep.errors import HvprepError
from hvprep.model.change import Build
from hvprep.model.finding import Verdict
from hvprep.steps.registry import JUDGES

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig, content
from tests.trees.tree import add_to_tree, make_tree

OWN = "etc/default/grub.d/99-hvprep-serial.cfg"
CFG = "boot/grub/grub.cfg"
COMMAND = "serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1"
TERMINALS = f"{COMMAND}\nterminal_input console serial\nterminal_output console serial\n"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("debian-11", tmp_path / "root"))


def settings(path: Path) -> Dict[str, str]:
    """What our lines set."""
    pairs = (line.split("  #")[0].partition("=") for line in path.read_text().splitlines() if "GRUB_" in line)
    return {name: value.strip('"') for name, _, value in pairs}


def default(rig: Rig, text: str) -> None:
    """Settings of the administrator, and the grub.cfg of before."""
    add_to_tree(
        rig.root, "file /etc/default/grub.d/50-mine.cfg\n" + "".join(f"|{x}\n" for x in text.split("\n"))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"GRUB_TERMINAL": "console serial"}),
        ("GRUB_TERMINAL=console", {"GRUB_TERMINAL": "console serial"}),
        ("GRUB_TERMINAL=serial", {}),
        ('GRUB_TERMINAL="gfxterm"', {"GRUB_TERMINAL": "console serial"}),
        ('GRUB_TERMINAL="vga_text morse"', {"GRUB_TERMINAL": "vga_text console serial"}),
        ("GRUB_TERMINAL_OUTPUT=console", {"GRUB_TERMINAL_INPUT": "console serial"}),
        ('GRUB_TERMINAL_OUTPUT="gfxterm serial"', {"GRUB_TERMINAL_INPUT": "console serial"}),
        (
            "GRUB_TERMINAL_INPUT=at_keyboard",
            {"GRUB_TERMINAL_INPUT": "at_keyboard console serial", "GRUB_TERMINAL_OUTPUT": "console serial"},
        ),
        ("GRUB_TERMINAL=serial\nGRUB_TIMEOUT_STYLE=hidden", {"GRUB_TIMEOUT_STYLE": "menu"}),
        ("GRUB_TERMINAL=serial\nGRUB_TIMEOUT_STYLE=countdown", {}),
        ("GRUB_TERMINAL=serial\nGRUB_HIDDEN_TIMEOUT=3", {"GRUB_HIDDEN_TIMEOUT": ""}),
        ("GRUB_TERMINAL=serial\nGRUB_TIMEOUT=0", {"GRUB_TIMEOUT": "5"}),
        ("GRUB_TERMINAL=serial\nGRUB_TIMEOUT=-1", {}),
        ("GRUB_TERMINAL=serial\nGRUB_RECORDFAIL_TIMEOUT=0", {"GRUB_RECORDFAIL_TIMEOUT": "5"}),
    ],
)
def test_settings(rig: Rig, text: str, expected: Dict[str, str]) -> None:
    default(rig, text)
    before = take_snapshot(rig.root)
    rig.prepare(only="serial-grub")
    found = settings(rig.root / OWN)
    assert found.pop("GRUB_SERIAL_COMMAND") == COMMAND
    if text.startswith("GRUB_TERMINAL_OUTPUT=console"):
        assert found.pop("GRUB_TERMINAL_OUTPUT") == "console serial"
    assert found == expected
    assert rig.finding("serial-grub").verdict is Verdict.MET
    assert rig.plan("serial-grub").changes == ()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_later_setting_of_the_administrators_is_found_and_mended(rig: Rig) -> None:
    rig.prepare()
    add_to_tree(rig.root, "file /etc/default/grub.d/99-z.cfg\n|GRUB_TERMINAL=console\n")
    assert rig.finding("serial-grub").verdict is Verdict.UNMET
    rig.prepare(only="serial-grub")
    assert not (rig.root / OWN).exists()
    assert settings(rig.root / "etc/default/grub.d/zz-hvprep-serial.cfg")["GRUB_TERMINAL"] == "console serial"
    assert TERMINALS in (rig.root / CFG).read_text()
    assert rig.plan().changes == ()


def test_one_that_always_comes_last_is_a_finding(rig: Rig) -> None:
    add_to_tree(rig.root, "file /etc/default/grub.d/zzzzz.cfg\n|GRUB_TERMINAL=console\n")
    finding = rig.finding("serial-grub")
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert any("another file after ours sets GRUB_TERMINAL" in reason for reason in finding.because)


def test_both_requirements_have_one_grub_cfg_made(rig: Rig) -> None:
    (build,) = [item for item in rig.plan().changes if isinstance(item.change, Build)]
    assert build.steps == ("kernel-parameters", "serial-grub")
    assert isinstance(build.change, Build)
    assert build.change.otherwise is not None
    text = build.change.otherwise.content.decode()
    assert TERMINALS in text
    assert text.count("console=ttyS0,115200n8") == 3


@pytest.mark.parametrize("fault", ["deaf", "builder", "fails"])
def test_where_the_generator_is_not_believed_the_old_file_gets_both(rig: Rig, fault: str) -> None:
    (rig.root / "usr/sbin/grub-mkconfig.fault").write_text(fault)
    old = (rig.root / CFG).read_text()
    rig.prepare()
    text = (rig.root / CFG).read_text()
    assert len(text.splitlines()) == len(old.splitlines()) + 3
    assert TERMINALS in text
    assert text.count("console=ttyS0,115200n8") == 3
    assert rig.plan().changes == ()


def test_the_judge_refuses_a_menu_that_is_not_there(rig: Rig) -> None:
    """On a running machine, whose 00_header somebody replaced; without the judge it would get through."""
    header = rig.root / "usr/sbin/grub-mkconfig"
    header.write_text(header.read_text().replace('yield f"terminal_output {outputs}"', 'yield "#"'))
    rig.live = RUNNING
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match="its output is on console, not on serial"):
        rig.prepare(only="serial-grub")
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    rig.judges = {**JUDGES, "boot-entries": content}
    with pytest.raises(HvprepError, match="serial-grub"):
        rig.prepare(only="serial-grub")


def test_a_grub_cfg_made_by_hand_is_judged_and_left_alone(rig: Rig) -> None:
    path = rig.root / CFG
    path.write_text(path.read_text().replace("It is automatically generated", "It is made by hand,"))
    finding = rig.finding("serial-grub")
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert "by hand" in (finding.remedy or "")
    path.write_text(TERMINALS + path.read_text().replace("terminal_output gfxterm\n", ""))
    assert rig.finding("serial-grub").verdict is Verdict.MET


def test_a_script_of_somebody_that_takes_the_terminal_away_is_named(rig: Rig) -> None:
    path = rig.root / CFG
    path.write_text(path.read_text() + "terminal_output gfxterm\n")
    finding = rig.finding("serial-grub")
    assert finding.verdict is Verdict.UNMET
    assert any("it is not its 00_header that says so" in reason for reason in finding.because)
    assert not [change for change in finding.changes if isinstance(change, Build)]


def test_on_aarch64_the_firmware_has_the_port(rig: Rig) -> None:
    add_to_tree(rig.root, "elf /usr/bin/bash aarch64\n")
    rig.prepare(only="serial-grub")
    assert settings(rig.root / OWN) == {"GRUB_TERMINAL": "console"}
    text = (rig.root / CFG).read_text()
    assert "terminal_output console\n" in text
    assert "serial " not in text
    assert rig.finding("serial-grub").verdict is Verdict.MET


def test_a_variable_that_no_grub_cfg_reads_stays(tmp_path: Path) -> None:
    rig = Rig(make_tree("el-9", tmp_path / "root"))
    add_to_tree(rig.root, "grubenv /boot/grub2/grubenv 0600\n|menu_auto_hide=1\n")
    before = (rig.root / "boot/grub2/grubenv").read_bytes()
    rig.prepare("serial-grub")
    assert (rig.root / "boot/grub2/grubenv").read_bytes() == before


def test_without_drop_ins_our_lines_end_the_file(tmp_path: Path) -> None:
    rig = Rig(make_tree("sles-15", tmp_path / "root"))
    rig.prepare(only="serial-grub")
    first = (rig.root / "etc/default/grub").read_text()
    tagged = [line for line in first.splitlines() if line.endswith("  # added by hvprep")]
    assert [line.partition("=")[0] for line in tagged] == ["GRUB_TERMINAL", "GRUB_SERIAL_COMMAND"]
    edited = first.replace('GRUB_TERMINAL="console serial"', 'GRUB_TERMINAL="console"')
    (rig.root / "etc/default/grub").write_text(edited + "GRUB_TIMEOUT=0\n")
    rig.prepare(only="serial-grub")
    last = (rig.root / "etc/default/grub").read_text()
    assert last.count("# added by hvprep") == 3, "ours are replaced, not repeated"
    assert rig.plan("serial-grub").changes == ()
