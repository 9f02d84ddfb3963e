"""Saved plans from anywhere: read, or refused in one sentence."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from hvprep.errors import FormatError
from hvprep.model.change import Build, Write
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, PlannedChange, plan_from_text, plan_to_json

WRITE = {"kind": "write", "path": "/etc/x", "content": {"base64": ""}, "why": "w"}
RUN = {"kind": "run", "argv": ["x"], "writes": [], "why": "w"}
BUILD = {"kind": "build", "target": "/boot/x", "argv": ["x"], "judge": "j", "why": "w"}
STATE = {"kind": "file", "mode": 0o644, "uid": 0, "gid": 0}


def text_of(change: Any, before: Any = None) -> str:
    steps = [{"steps": ["s"], "change": change}]
    return json.dumps({"version": 1, "changes": steps, "before": {} if before is None else before})


@pytest.mark.parametrize(
    "change",
    [
        {**WRITE, "path": "/etc/\0x"},
        {**WRITE, "path": "/etc/\ud800"},
        {**WRITE, "path": "/" + "a/" * 5000},
        {**WRITE, "path": "/etc/../x"},
        {**WRITE, "mode": float("inf")},
        {"kind": "link", "path": "/x", "target": "a\0b", "why": "w"},
        {"kind": "link", "path": "/x", "target": "\udfff\ud800", "why": "w"},
        {**RUN, "argv": []},
        {**RUN, "argv": [""]},
        {**RUN, "argv": ["x", "\0"]},
        {**BUILD, "argv": []},
        {**BUILD, "env": [["A=B", "c"]]},
        {**BUILD, "env": [["", "c"]]},
        {**BUILD, "env": [["A", "\0"]]},
        {**BUILD, "env": [["A"]]},
        {**BUILD, "scratch": [["../../etc/OWNED", "x"]]},
        {**BUILD, "scratch": [["/etc/OWNED", "x"]]},
        {**BUILD, "scratch": [["a/../../b", "x"]]},
        {**BUILD, "scratch": [["", "x"]]},
        {**BUILD, "scratch": [["a\0", "x"]]},
        {**BUILD, "copy": [["/etc", ".."]]},
        {**BUILD, "copy": [["/etc", "/root"]]},
        {**BUILD, "timeout_s": 10**400},
        {**BUILD, "otherwise": BUILD},
        {**BUILD, "otherwise": []},
        [],
        "write",
        None,
    ],
    ids=lambda change: json.dumps(change)[:60],
)
def test_a_change_that_cannot_be_made(change: Any) -> None:
    with pytest.raises(FormatError) as raised:
        plan_from_text(text_of(change))
    assert len(raised.value.sentence) < 300


@pytest.mark.parametrize(
    "before",
    [
        {"relative": None},
        {"/a/../b": None},
        {"/a\0": None},
        {"/a": {**STATE, "mode": float("inf")}},
        {"/a": {**STATE, "uid": -1}},
        {"/a": {**STATE, "gid": 1 << 40}},
        {"/a": {**STATE, "digest": "../../x"}},
        {"/a": {**STATE, "digest": 5}},
        {"/a": {**STATE, "target": "\0"}},
        {"/a": {**STATE, "xattrs": {"user.x": 5}}},
        {"/a": []},
        [],
    ],
    ids=lambda before: json.dumps(before)[:60],
)
def test_a_state_that_cannot_be(before: Any) -> None:
    with pytest.raises(FormatError):
        plan_from_text(text_of(WRITE, before))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "[" * 100000, '{"a":' * 100000, "\ufeff{}"],
    ids=lambda text: text[:10],
)
def test_a_text_that_is_no_plan(text: str) -> None:
    with pytest.raises(FormatError):
        plan_from_text(text)


def test_deep_nesting_in_a_change() -> None:
    deep: Dict[str, Any] = WRITE
    for _ in range(300):
        deep = {**BUILD, "otherwise": deep}
    with pytest.raises(FormatError):
        plan_from_text(text_of(deep))


def test_what_hvprep_saves_reads_back() -> None:
    raw = GuestPath(b"/etc/\xff".decode("utf-8", "surrogateescape"))
    changes = (
        PlannedChange(Write(raw, b"\0", "w"), ("a",)),
        PlannedChange(
            Build(
                GuestPath("/boot/x"),
                ("x",),
                "j",
                "w",
                env=(("A", "b=c"),),
                copy=((GuestPath("/etc"), "conf"),),
                scratch=(("conf/a.conf", "text\n"),),
            ),
            ("b",),
        ),
    )
    plan = Plan(changes, ((raw, None),))
    assert plan_from_text(json.dumps(plan_to_json(plan))) == plan
