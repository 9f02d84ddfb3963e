"""What a saved plan may hold; it is read from a file that anybody may have edited."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from hvprep.errors import FormatError
from hvprep.model.change import (
    Build,
    Change,
    Link,
    Purge,
    Remove,
    Run,
    Write,
    change_from_json,
    change_to_json,
)
from hvprep.model.node import GuestPath, Kind
from hvprep.model.plan import plan_from_json
from hvprep.model.snapshot import Snapshot, holds, snapshot_from_json, snapshot_to_json

PATH = GuestPath("/etc/x")
OTHER = Write(PATH, b"\xff\0", "w", 0o600)

CHANGES = (
    OTHER,
    Write(PATH, b"", "w"),
    Link(PATH, "../\udc80", "w"),
    Remove(PATH, "w"),
    Purge(PATH, "w"),
    Run(("a", ""), (PATH,), "w"),
    Build(PATH, ("a",), "j", "w"),
    Build(
        target=PATH,
        argv=("a", "{candidate}"),
        judge="j",
        why="w",
        wants=("b",),
        subject="6.1",
        check=("c",),
        env=(("K", "V"),),
        copy=((PATH, "conf"),),
        scratch=(("name", "text"),),
        otherwise=OTHER,
        size_bytes=1,
        scratch_bytes=2,
        timeout_s=3,
    ),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_there_and_back(change: Change) -> None:
    assert change_from_json(change_to_json(change)) == change


def test_unknown_fields_are_ignored() -> None:
    assert change_from_json({**change_to_json(OTHER), "from-the-future": 1}) == OTHER


WRITE: Dict[str, Any] = change_to_json(OTHER)
BUILD: Dict[str, Any] = change_to_json(CHANGES[-1])


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "chmod"},
        {"kind": "write", "path": "/x"},
        {**WRITE, "path": "etc/x"},
        {**WRITE, "path": "/etc/../x"},
        {**WRITE, "path": 1},
        {**WRITE, "content": "text"},
        {**WRITE, "content": {"base64": "*"}},
        {**WRITE, "mode": -1},
        {**WRITE, "mode": 0o10000},
        {**WRITE, "mode": True},
        {**WRITE, "why": None},
        {**BUILD, "argv": "grub-mkconfig"},
        {**BUILD, "argv": [1]},
        {**BUILD, "env": ["KV"]},
        {**BUILD, "env": [["K"]]},
        {**BUILD, "copy": [["etc", "conf"]]},
        {**BUILD, "otherwise": change_to_json(CHANGES[3])},
        {**BUILD, "size_bytes": "1"},
        {**change_to_json(CHANGES[5]), "writes": "/etc/x"},
    ],
)
def test_what_does_not_read_is_a_format_error(document: Dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        change_from_json(document)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"version": 2, "changes": [], "before": {}},
        {"version": 1, "changes": []},
        {"version": 1, "changes": [{"steps": []}], "before": {}},
        {"version": 1, "changes": [], "before": []},
        {"version": 1, "changes": [], "before": {"/x": {"kind": "file"}}},
        {"version": 1, "changes": [], "before": {"/x": {"kind": "tree", "mode": 0, "uid": 0, "gid": 0}}},
    ],
)
def test_a_plan_that_does_not_read_is_a_format_error(document: Any) -> None:
    with pytest.raises(FormatError):
        plan_from_json(document)


def test_a_state_survives_its_json() -> None:
    for state in (None, Snapshot(Kind.FILE, 0o644, 1, 2, "d" * 64, None, (("trusted.x", b"\xff"),))):
        assert snapshot_from_json(snapshot_to_json(state)) == state


def test_a_label_that_was_not_there_is_no_change() -> None:
    """A file of an image that was prepared offline gets one when SELinux runs."""
    plain = Snapshot(Kind.FILE, 0o644, 0, 0, "d" * 64)
    label = (("security.selinux", b"etc_t"),)
    labelled = Snapshot(Kind.FILE, 0o644, 0, 0, "d" * 64, None, label)
    assert holds(labelled, plain)
    assert not holds(plain, labelled)
    assert not holds(Snapshot(Kind.FILE, 0o644, 0, 0, "d" * 64, None, (("user.x", b""),)), plain)
    assert holds(None, None)
    assert not holds(None, plain)
    assert not holds(plain, None)
