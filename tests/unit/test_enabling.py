"""The links that have a service started, and where only a person can see to it."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from hvprep.facts.services import find_service
from hvprep.model.change import Link, Remove
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.steps.enabling import plan_enabling
from hvprep.system.overlay import Overlay
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

SYSTEMD = """
file /usr/lib/systemd/system/basic.target
elf /usr/bin/systemctl x86_64
file /usr/lib/systemd/system/x.service
|[Unit]
|WantedBy=wrong.target
|[Install]
"""
SYSV = "elf /usr/sbin/init x86_64\nlink /sbin usr/sbin\nfile /etc/init.d/x 0755\n|#!/bin/sh\n"
HEADER = "|# chkconfig: 2345 7 93\n"
EL = SYSV.replace("/etc/init.d", "/etc/rc.d/init.d") + HEADER + "elf /sbin/chkconfig x86_64\n"


def plan(root: Path, text: str) -> List[Outcome]:
    add_to_tree(root, text)
    view = Overlay(Root(root))
    service = find_service(view, "x")
    assert service is not None
    outcomes = list(plan_enabling(view, service))
    for outcome in outcomes:
        if not isinstance(outcome, Note):
            view.apply(outcome)
    enabled = find_service(view, "x")
    assert enabled is not None
    if not any(isinstance(outcome, Note) for outcome in outcomes):
        assert enabled.is_enabled
        assert list(plan_enabling(view, enabled)) == []
    return outcomes


def links(outcomes: List[Outcome]) -> Dict[str, str]:
    return {str(each.path): each.target for each in outcomes if isinstance(each, Link)}


UNIT = "/usr/lib/systemd/system/x.service"


@pytest.mark.parametrize(
    ("install", "expected"),
    [
        ("|WantedBy=multi-user.target\n", ["multi-user.target.wants/x.service"]),
        (
            "|WantedBy=multi-user.target graphical.target\n",
            ["multi-user.target.wants/x.service", "graphical.target.wants/x.service"],
        ),
        ("|RequiredBy=basic.target\n", ["basic.target.requires/x.service"]),
        ("|UpheldBy=basic.target\n", ["basic.target.upholds/x.service"]),
        (
            "|WantedBy=multi-user.target\n|Alias=y.service\n",
            ["multi-user.target.wants/x.service", "y.service"],
        ),
        ("|WantedBy=multi-user.target\n|Alias=basic.target\n", ["multi-user.target.wants/x.service"]),
        ("|WantedBy=multi-user.target %i.target getty@.service\n", ["multi-user.target.wants/x.service"]),
        ("|WantedBy=../../../evil.target multi-user.target\n", ["multi-user.target.wants/x.service"]),
    ],
)
def test_a_unit(tmp_path: Path, install: str, expected: List[str]) -> None:
    outcomes = plan(tmp_path, SYSTEMD + install)
    assert links(outcomes) == {f"/etc/systemd/system/{name}": UNIT for name in expected}
    assert len(outcomes) == len(expected)


def test_what_a_unit_names_in_also_comes_with_it(tmp_path: Path) -> None:
    text = "|WantedBy=multi-user.target\n|Also=y.socket missing.service x.service\n"
    text += "file /usr/lib/systemd/system/y.socket\n|[Install]\n|WantedBy=sockets.target\n|Also=x.service\n"
    assert set(links(plan(tmp_path, SYSTEMD + text))) == {
        "/etc/systemd/system/multi-user.target.wants/x.service",
        "/etc/systemd/system/sockets.target.wants/y.socket",
    }


def test_openrc(tmp_path: Path) -> None:
    outcomes = plan(tmp_path, SYSV + "dir /etc/runlevels/default\n")
    assert links(outcomes) == {"/etc/runlevels/default/x": "/etc/init.d/x"}


def test_chkconfig(tmp_path: Path) -> None:
    old = "link /etc/rc.d/rc3.d/K93x ../init.d/x\nlink /etc/rc.d/rc3.d/K93xy ../init.d/xy\n"
    old += "link /etc/init.d rc.d/init.d\n"
    outcomes = plan(tmp_path, EL + old)
    assert links(outcomes) == {f"/etc/rc.d/rc{level}.d/S07x": "../init.d/x" for level in "2345"}
    assert [str(each.path) for each in outcomes if isinstance(each, Remove)] == ["/etc/rc.d/rc3.d/K93x"]


@pytest.mark.parametrize(
    ("text", "because", "remedy"),
    [
        (SYSTEMD, "does not say by what x.service is started", "systemctl enable x.service"),
        (
            SYSTEMD + "link /etc/systemd/system/x.service /dev/null\n",
            "/etc/systemd/system/x.service masks x.service",
            "systemctl unmask x.service",
        ),
        (SYSV, "does not say", "have x started at boot"),
        (SYSV + "elf /usr/sbin/update-rc.d x86_64\n", "does not say", "update-rc.d x defaults"),
        (SYSV + HEADER + "elf /sbin/chkconfig x86_64\nlink /etc/rc.d init.d\n", "does", "chkconfig x on"),
        (EL.replace("chkconfig x86_64", "other x86_64") + "link /etc/init.d rc.d/init.d\n", "does", "have x"),
        (SYSV + "file /etc/init/x.conf\n|exec x\n", "no event starts /etc/init/x.conf", "x.override"),
    ],
)
def test_only_a_person_can_see_to_it(tmp_path: Path, text: str, because: str, remedy: str) -> None:
    (note,) = plan(tmp_path, text)
    assert isinstance(note, Note)
    assert note.verdict is Verdict.UNMET
    assert because in note.because
    assert remedy in (note.remedy or "")
