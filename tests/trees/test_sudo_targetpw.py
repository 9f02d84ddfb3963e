"""sudo-targetpw: whose password sudo asks for, and that no edit locks anybody out."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from hvprep.errors import HvprepError
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.parts import SYSTEMD, file
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "sudo-targetpw"
SUDOERS = "/etc/sudoers"
SUDO = SYSTEMD + "elf /usr/bin/sudo x86_64\nprogram /usr/sbin/visudo visudo\n"
DEBIAN = SUDO + file(
    f"{SUDOERS} 0440", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d"
)
SLES = SUDO + file(
    f"{SUDOERS} 0440",
    "Defaults targetpw   # ask for the password of the target user i.e. root\n"
    "ALL   ALL=(ALL) ALL   # WARNING! Only use this together with 'Defaults targetpw'!\n"
    "root ALL=(ALL) ALL",
)
MET, UNMET = Verdict.MET, Verdict.UNMET


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


CASES = {
    "Debian": (DEBIAN, MET, "/etc/sudoers and what it includes"),
    "taken back below": (DEBIAN + file(SUDOERS, "Defaults targetpw\nDefaults !targetpw"), MET, "none of"),
    "a name that sudo passes over": (
        DEBIAN + file("/etc/sudoers.d/a.rpmsave", "Defaults targetpw"),
        MET,
        "none of",
    ),
    "a backup": (DEBIAN + file("/etc/sudoers.d/a~", "Defaults targetpw"), MET, "none of"),
    "no sudo": (SYSTEMD, Verdict.NOT_APPLICABLE, "sudo is not installed"),
    "a rule for all alone": (
        DEBIAN + file("/etc/sudoers.d/a", "ALL ALL=(ALL) ALL"),
        UNMET,
        "/etc/sudoers.d/a, line 1: everybody may do everything",
    ),
    "the vendor's file": (
        SUDO + file("/usr/etc/sudoers", "Defaults targetpw"),
        UNMET,
        "/usr/etc/sudoers, line 1: Defaults targetpw",
    ),
    "no visudo": (SLES + "remove /usr/sbin/visudo\n", UNMET, "/etc/sudoers, line 1: Defaults targetpw"),
    "of another processor": (
        SLES + "elf /usr/bin/sh aarch64\n",
        UNMET,
        "/etc/sudoers, line 1: Defaults targetpw",
    ),
    "files that include each other": (
        SUDO + file(SUDOERS, f"#include {SUDOERS}"),
        Verdict.NOT_ASSESSED,
        "included too deeply",
    ),
    "a NUL": (SUDO + f"nul {SUDOERS}\n|Defaults x\n", Verdict.NOT_ASSESSED, "NUL"),
}


@pytest.mark.parametrize(("text", "verdict", "because"), CASES.values(), ids=CASES.keys())
def test_verdicts(rig: Rig, text: str, verdict: Verdict, because: str) -> None:
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (verdict, ()), finding
    assert because in " ".join(finding.because)


FIXED = {
    "SLES": (
        SLES,
        {
            SUDOERS: "# hvprep: Defaults targetpw   # ask for the password of the target user i.e. root\n"
            "# hvprep: ALL   ALL=(ALL) ALL   # WARNING! Only use this together with 'Defaults targetpw'!\n"
            "root ALL=(ALL) ALL\n"
        },
    ),
    "in a file beside": (
        DEBIAN + file("/etc/sudoers.d/10_x 0440", "Defaults:ann rootpw, env_reset"),
        {"/etc/sudoers.d/10_x": "# hvprep: Defaults:ann rootpw, env_reset\nDefaults:ann env_reset\n"},
    ),
    "several": (
        DEBIAN + file(f"{SUDOERS} 0440", "Defaults runaspw, \\\n  targetpw\nDefaults !rootpw"),
        {SUDOERS: "# hvprep: Defaults runaspw, targetpw\nDefaults !rootpw\n"},
    ),
}


@pytest.mark.parametrize(("text", "expected"), FIXED.values(), ids=FIXED.keys())
def test_it_is_taken_out(rig: Rig, text: str, expected: Dict[str, str]) -> None:
    add_to_tree(rig.root, text)
    before = take_snapshot(rig.root)
    rig.prepare()
    for path, content in expected.items():
        assert (rig.root / path[1:]).read_text() == content
        assert (rig.root / path[1:]).stat().st_mode & 0o777 == 0o440
    assert rig.plan().changes == ()
    assert rig.finding(ID).verdict is MET
    after = take_snapshot(rig.root)
    assert [path for path in after if path not in before] == [], "no candidate is left"
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_what_visudo_refuses_is_never_put_there(rig: Rig) -> None:
    add_to_tree(rig.root, SLES)
    path = rig.root / SUDOERS[1:]
    path.write_text(path.read_text() + "# NOSUCHWORD\n")
    before = take_snapshot(rig.root)
    seen = []
    rig.meanwhile = lambda change: seen.append(path.read_text())
    with pytest.raises(HvprepError, match="visudo.*syntax error"):
        rig.prepare()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    assert len(seen) == 1


def test_on_a_hyper_v_of_ones_own_root_may_have_a_password(rig: Rig) -> None:
    add_to_tree(rig.root, SLES + file("/etc/hvprep.conf", "Image.Profile=hyperv"))
    assert rig.finding(ID).verdict is Verdict.NOT_APPLICABLE
