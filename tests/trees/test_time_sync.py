"""time-sync: whether chrony follows the clock of the host, and what prepare adds."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "time-sync"
CLOCK = "refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2"
STEP = "makestep 1.0 -1"
DEBIAN, EL = "/etc/chrony/chrony.conf", "/etc/chrony.conf"
#: Debian 12 reads its drop-ins first, Debian 13 last; EL 9 has none; SLES 15 includes them.
DEBIAN_12 = (
    SYSTEMD
    + started("chrony")
    + file(DEBIAN, "confdir /etc/chrony/conf.d\npool x iburst\nmakestep 1 3\nrtcsync")
)
DEBIAN_13 = (
    SYSTEMD + started("chrony") + file(DEBIAN, "pool x iburst\nmakestep 1 3\nconfdir /etc/chrony/conf.d")
)
EL_9 = SYSTEMD + started("chronyd") + file(EL, "pool x iburst\nsourcedir /run/chrony-dhcp\nmakestep 1.0 3")
SLES_15 = SYSTEMD + started("chronyd") + file(EL, "makestep 1.0 3\ninclude /etc/chrony.d/*.conf")
OWN = "/etc/chrony/conf.d/hvprep.conf"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


MET = {
    "EL 9": EL_9 + file(EL, f"{CLOCK}\n{STEP}"),
    "EL 9, in other words": EL_9 + file(EL, "RefClock  PHC /dev/ptp_hyperv poll 2\nmakestep 0.5 -1"),
    "Debian 13": DEBIAN_13 + file("/etc/chrony/conf.d/a.conf", f"{CLOCK}\n{STEP}"),
    "SLES 15": SLES_15 + file("/etc/chrony.d/a.conf", f"{CLOCK}\n{STEP}"),
    "timesyncd": SYSTEMD + started("systemd-timesyncd"),
    "ntpd": SYSTEMD + started("ntpd"),
    "timesyncd, chrony off": SYSTEMD
    + started("systemd-timesyncd")
    + file("/usr/lib/systemd/system/chrony.service", "[Install]\nWantedBy=multi-user.target")
    + file(DEBIAN, "pool x"),
}


@pytest.mark.parametrize("text", MET.values(), ids=MET.keys())
def test_it_does(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.MET, ()), finding


FIXED = {
    "Debian 12": (
        DEBIAN_12,
        {OWN: STEP, DEBIAN: f"confdir /etc/chrony/conf.d\npool x iburst\n{STEP}\nrtcsync"},
    ),
    "Debian 13": (DEBIAN_13, {OWN: STEP}),
    "Debian 13, another file comes later": (
        DEBIAN_13 + file("/etc/chrony/conf.d/x.conf", "makestep 1 3"),
        {OWN: STEP, "/etc/chrony/conf.d/x.conf": STEP},
    ),
    "EL 9": (EL_9, {EL: STEP}),
    "SLES 15": (SLES_15, {"/etc/chrony.d/hvprep.conf": STEP}),
    "SLES 15, of other names": (
        SLES_15 + file(EL, "include /etc/chrony.d/a*.conf\nmakestep 1 -1"),
        {EL: STEP},
    ),
    "another clock": (EL_9 + file(EL, f"refclock PHC /dev/ptp0\n#{CLOCK}\n{STEP}"), {EL: STEP}),
    "the clock alone": (EL_9 + file(EL, CLOCK), {EL: f"{CLOCK}\n{STEP}"}),
    "chrony is off": (
        SYSTEMD
        + file("/usr/lib/systemd/system/chronyd.service", "[Install]\nWantedBy=multi-user.target")
        + file(EL, f"{CLOCK}\n{STEP}"),
        {},
    ),
    "odd numbers": (EL_9 + file(EL, f"{CLOCK}\nmakestep x -1 3"), {EL: f"{CLOCK}\n{STEP}"}),
}


@pytest.mark.parametrize(("text", "expected"), FIXED.values(), ids=FIXED.keys())
def test_it_is_made_to(rig: Rig, text: str, expected: Dict[str, str]) -> None:
    add_to_tree(rig.root, text)
    before = take_snapshot(rig.root)
    rig.prepare()
    for path, end in expected.items():
        assert (rig.root / path[1:]).read_text().rstrip("\n").endswith(end)
    after = take_snapshot(rig.root)
    files = [path for path in after if before.get(path) != after[path] and after[path].kind == "file"]
    assert sorted(files) == sorted(expected)
    assert rig.plan().changes == ()
    assert rig.finding(ID).verdict is Verdict.MET
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_nothing_keeps_the_clock(rig: Rig) -> None:
    add_to_tree(rig.root, SYSTEMD)
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert "install chrony" in (finding.remedy or "")


def test_a_running_system_elsewhere_keeps_its_clock(rig: Rig) -> None:
    """The verdict is that of the image; only the change waits."""
    add_to_tree(rig.root, EL_9)
    rig.live = RUNNING
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert "/dev/ptp_hyperv is not here" in finding.because[0]
    (rig.root / "dev/ptp_hyperv").touch()
    assert rig.finding(ID).changes


def test_on_a_hyper_v_of_ones_own_the_host_may_offer_none(rig: Rig) -> None:
    add_to_tree(rig.root, EL_9 + file("/etc/hvprep.conf", "Image.Profile=hyperv"))
    assert rig.finding(ID).verdict is Verdict.NOT_APPLICABLE


def test_files_that_include_each_other_are_not_judged(rig: Rig) -> None:
    add_to_tree(rig.root, EL_9 + file(EL, f"include {EL}"))
    assert rig.finding(ID).verdict is Verdict.NOT_ASSESSED


def test_a_nul_is_not_judged(rig: Rig) -> None:
    add_to_tree(rig.root, EL_9 + f"nul {EL}\n|pool x\n")
    assert rig.finding(ID).verdict is Verdict.NOT_ASSESSED
