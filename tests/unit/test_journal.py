"""The journal: what it keeps, what it reads back, and what it refuses to believe."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Callable

import pytest
from hvprep.engine.journal import (
    Journal,
    State,
    begin,
    find_blob,
    forget,
    read_transactions,
    remove_below,
    reopen,
)
from hvprep.engine.rollback import to_roll_back
from hvprep.errors import FormatError, Refusal
from hvprep.model.node import GuestPath
from hvprep.system.lock import make_state_directory
from hvprep.system.machine import digest_of, take_snapshot
from hvprep.system.root import Root

FILE = GuestPath("/etc/file")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A root with a state directory and one file."""
    root = Root(tmp_path)
    make_state_directory(root)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/file").write_bytes(b"content\n")
    return root


def start(root: Root) -> Journal:
    return begin(root, "2026-01-01T00:00:00+00:00", "1.0")


def log(root: Root, number: int = 1) -> Path:
    return root.host_path / f"var/lib/hvprep/journal/{number:04d}/log.jsonl"


def test_numbers_follow_each_other_and_are_never_used_again(root: Root) -> None:
    assert [start(root).id for _ in range(3)] == ["0001", "0002", "0003"]
    remove_below(root, GuestPath("/var/lib/hvprep/journal/0001"))
    root.remove(GuestPath("/var/lib/hvprep/journal/0001"))
    assert start(root).id == "0004"
    assert [each.id for each in read_transactions(root)] == ["0002", "0003", "0004"]


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ((), State.OPEN),
        (("commit",), State.COMMITTED),
        (("commit", "rolling-back"), State.ROLLING_BACK),
        (("commit", "rolling-back", "rolled-back"), State.ROLLED_BACK),
        (("rolled-back",), State.ROLLED_BACK),
    ],
)
def test_the_last_mark_tells_the_state(root: Root, marks: tuple[str, ...], state: State) -> None:
    journal = start(root)
    for mark in marks:
        journal.add(mark)
    (transaction,) = read_transactions(root)
    assert transaction.state is state
    assert transaction.began == "2026-01-01T00:00:00+00:00"


def test_a_transaction_that_came_no_further_than_its_directory(root: Root) -> None:
    (root.host_path / "var/lib/hvprep/journal/0001").mkdir(parents=True)
    (transaction,) = read_transactions(root)
    assert (transaction.state, transaction.began, transaction.records) == (State.OPEN, "", ())
    reopen(root, transaction).add("rolled-back")
    assert read_transactions(root)[0].state is State.ROLLED_BACK


def test_everything_of_ours_is_for_root_only(root: Root) -> None:
    journal = start(root)
    journal.keep(FILE, take_snapshot(root, FILE))
    for path in log(root).parent.parent.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_torn_line_is_dropped_and_cut_off_before_the_next(root: Root) -> None:
    start(root).add("commit")
    whole = log(root).read_bytes()
    log(root).write_bytes(whole + b'{"op": "rolled-ba')
    (transaction,) = read_transactions(root)
    assert transaction.state is State.COMMITTED
    reopen(root, transaction).add("rolling-back")
    assert log(root).read_bytes().startswith(whole)
    assert [json.loads(line)["op"] for line in log(root).read_bytes().splitlines()] == [
        "begin",
        "commit",
        "rolling-back",
    ]


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"1", b'{"v": 1}', b'{"op": 1, "v": 1}', b'{"op": "x"}', b"\xff"]
)
def test_a_damaged_line_is_named(root: Root, line: bytes) -> None:
    start(root)
    log(root).write_bytes(log(root).read_bytes() + line + b"\n")
    with pytest.raises(FormatError, match=r"/journal/0001/log.jsonl, line 2 does not read") as raised:
        read_transactions(root)
    assert "damaged" in str(raised.value.hint)


def test_a_journal_of_another_version_is_left_alone(root: Root) -> None:
    start(root)
    log(root).write_bytes(b'{"op": "begin", "v": 2}\n')
    with pytest.raises(Refusal, match="another version"):
        read_transactions(root)


def test_keep_refuses_content_that_is_not_what_was_seen(root: Root) -> None:
    journal, seen = start(root), take_snapshot(root, FILE)
    (root.host_path / "etc/file").write_bytes(b"changed\n")
    with pytest.raises(Refusal, match="/etc/file was changed by somebody else"):
        journal.keep(FILE, seen)
    assert list((log(root).parent / "blobs").iterdir()) == []


def test_equal_contents_are_kept_once_and_only_contents_are_kept(root: Root) -> None:
    journal, seen = start(root), take_snapshot(root, FILE)
    for snapshot in (seen, seen, None, take_snapshot(root, GuestPath("/etc"))):
        journal.keep(FILE, snapshot)
    assert len(list((log(root).parent / "blobs").iterdir())) == 1


def test_find_blob_believes_no_name(root: Root) -> None:
    digest = digest_of(root, FILE)
    start(root)
    (log(root).parent / "blobs" / digest).write_bytes(b"rotten")
    assert find_blob(root, digest) is None
    start(root).keep(FILE, take_snapshot(root, FILE))
    assert find_blob(root, digest) == GuestPath(f"/var/lib/hvprep/journal/0002/blobs/{digest}")
    assert find_blob(root, "0" * 64) is None


def test_forget_takes_the_copies_of_one_path_out_of_every_transaction(root: Root) -> None:
    other = GuestPath("/etc/other")
    (root.host_path / "etc/other").write_bytes(b"other\n")
    for content in (b"one\n", b"two\n"):
        (root.host_path / "etc/file").write_bytes(content)
        journal = start(root)
        for path in (FILE, other):
            journal.keep(path, take_snapshot(root, path))
        journal.add("change", path=str(FILE), before={"digest": digest_of(root, FILE)})
        journal.add("run", paths=[{"path": str(other), "before": {"digest": digest_of(root, other)}}])
    forget(root, FILE, None)
    kept = [path.read_bytes() for path in log(root).parent.parent.glob("*/blobs/*")]
    assert kept == [b"other\n", b"other\n"]
    forget(root, other, take_snapshot(root, other))
    assert list(log(root).parent.parent.glob("*/blobs/*")) == []


@pytest.mark.parametrize(
    "make",
    [lambda path: path.mkdir(), lambda path: path.symlink_to("/etc"), lambda path: path.write_text("x")],
)
def test_remove_below_follows_no_link(root: Root, make: Callable[[Path], object]) -> None:
    top = root.host_path / "etc/scratch"
    (top / "a/b").mkdir(parents=True)
    make(top / "a/b/c")
    remove_below(root, GuestPath("/etc/scratch"))
    assert list(top.iterdir()) == []
    assert (root.host_path / "etc/file").exists()
    remove_below(root, GuestPath("/etc/none"))
    remove_below(root, FILE)
    assert (root.host_path / "etc/file").exists()


def test_only_directories_of_digits_are_transactions(root: Root) -> None:
    journals = log(root).parent.parent
    start(root).add("commit")
    (journals / "0001.bak").mkdir()
    (journals / "0002").write_text("a plain file")
    (journals / "123").mkdir()
    (journals / "0003").symlink_to("0001")
    assert [each.id for each in read_transactions(root)] == ["0001"]
    assert start(root).id == "0004"


def test_the_order_is_that_of_numbers(root: Root) -> None:
    for name in ("10000", "9999"):
        (root.host_path / "var/lib/hvprep/journal" / name).mkdir(parents=True)
    assert [each.id for each in read_transactions(root)] == ["9999", "10000"]
    assert start(root).id == "10001"
    assert [each.id for each in to_roll_back(read_transactions(root), "9999")] == ["10001", "10000", "9999"]


@pytest.mark.parametrize("place", ["journal", "journal/0001", "journal/0001/log.jsonl"])
def test_a_journal_that_another_user_could_write_is_not_believed(root: Root, place: str) -> None:
    start(root)
    os.chown(root.host_path / "var/lib/hvprep" / place, 1234, 0)
    with pytest.raises(Refusal, match=f"{place} belongs to user 1234"):
        read_transactions(root)


def test_a_line_nested_too_deeply(root: Root) -> None:
    start(root)
    log(root).write_bytes(b"[" * 100000 + b"\n")
    with pytest.raises(FormatError, match="nested too deeply") as raised:
        read_transactions(root)
    assert "nothing of that transaction can be rolled back" in str(raised.value.hint)
