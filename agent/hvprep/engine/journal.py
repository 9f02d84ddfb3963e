"""The write-ahead journal: what was there before each change, on disk before the change is made.

    /var/lib/hvprep/journal/0001/log.jsonl      one JSON object a line, each fsynced before its change
    /var/lib/hvprep/journal/0001/blobs/SHA256   before-images; mode 0600
    /var/lib/hvprep/journal/0001/scratch/       room for generators, removed at the end

Paths are guest paths, so what was prepared offline can be rolled back after it booted, and the reverse.
A line that was cut off by a crash was being written before its change began: it is dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from hvprep.errors import FormatError, Refusal
from hvprep.model.document import read_json
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.snapshot import Snapshot
from hvprep.system.lock import STATE_DIRECTORY, is_root
from hvprep.system.machine import digest_of
from hvprep.system.root import Root

JOURNAL_VERSION = 1
JOURNALS = STATE_DIRECTORY / "journal"

_ID = re.compile("[0-9]{4,9}")
_LOG_LIMIT_BYTES = 1 << 28
_PRIVATE_FILE = Node(Kind.FILE, 0o600, 0, 0)
_PRIVATE_DIRECTORY = Node(Kind.DIRECTORY, 0o700, 0, 0)

Record = Mapping[str, Any]


class State(str, Enum):
    """How far a transaction came."""

    OPEN = "open"  # applying it was interrupted
    COMMITTED = "committed"
    ROLLING_BACK = "rolling back"  # taking it back was interrupted
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Transaction:
    """One transaction as its journal tells it."""

    id: str
    records: tuple[Record, ...]

    @property
    def directory(self) -> GuestPath:
        """Where its journal is kept."""
        return JOURNALS / self.id

    @property
    def number(self) -> int:
        """Its place in the order."""
        return int(self.id)

    @property
    def state(self) -> State:
        """How far it came: the last mark decides."""
        marks = {
            "commit": State.COMMITTED,
            "rolling-back": State.ROLLING_BACK,
            "rolled-back": State.ROLLED_BACK,
        }
        found = [marks[record["op"]] for record in self.records if record["op"] in marks]
        return found[-1] if found else State.OPEN

    @property
    def began(self) -> str:
        """When it began, in UTC (ISO 8601); "" where even that was not written any more."""
        return str(self.records[0].get("time", "")) if self.records else ""


def is_meant(transaction_id: str, name: str) -> bool:
    """Whether a person who writes `name` means that transaction.

    >>> is_meant("0001", "1"), is_meant("0001", "0001"), is_meant("0010", "1")
    (True, True, False)
    """
    return name.lstrip("0") == transaction_id.lstrip("0")


def read_transactions(root: Root) -> tuple[Transaction, ...]:
    """Every transaction of this machine, oldest first. Raises FormatError, Refusal (a newer version)."""
    return tuple(_read(root, path) for path in _directories(root))


def _directories(root: Root) -> list[GuestPath]:
    """The directories of all transactions in order; what else somebody put beside them is not ours."""
    refuse_others_journal(root, JOURNALS)
    found = [JOURNALS / name for name in root.names(JOURNALS) if _ID.fullmatch(name)]
    directories = [path for path in found if _kind(root, path) is Kind.DIRECTORY]
    for path in directories:
        refuse_others_journal(root, path)
        refuse_others_journal(root, path / "log.jsonl")
    return sorted(directories, key=lambda path: int(path.name))


def _kind(root: Root, path: GuestPath) -> Kind | None:
    node = root.node(path)
    return None if node is None else node.kind


def refuse_others_journal(root: Root, path: GuestPath) -> None:
    """Raise Refusal where root would follow orders that another user can write."""
    node = root.node(path)
    if node is not None and node.uid != 0 and is_root():
        raise Refusal(
            f"{path} belongs to user {node.uid}, who could have written anything into it",
            "look at it; if it is sound: chown -R 0:0 " + str(path),
        )


def _read(root: Root, directory: GuestPath) -> Transaction:
    content = root.read(directory / "log.jsonl", _LOG_LIMIT_BYTES) or b""
    records: list[Record] = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        records.append(_parse(line, f"{directory}/log.jsonl, line {number}"))
    return Transaction(directory.name, tuple(records))


def _parse(line: bytes, where: str) -> Record:
    hint = (
        "the journal was damaged; restore the machine from a backup, or remove that directory, "
        "and nothing of that transaction can be rolled back any more"
    )
    record = read_json(line, where, hint)
    try:
        if not isinstance(record["op"], str):
            raise TypeError("op")
        version = record["v"]
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(
            f"{where} does not read: {error}",
            hint,
        ) from error
    if version != JOURNAL_VERSION:
        raise Refusal(f"{where} was written by another version of hvprep", "use that version to roll it back")
    return cast(Record, record)


class Journal:
    """The journal of one transaction, open for writing."""

    def __init__(self, root: Root, directory: GuestPath) -> None:
        self._root = root
        self.directory = directory
        self.id = directory.name
        self.scratch = directory / "scratch"

    def add(self, op: str, **fields: Any) -> None:
        """Append one record; it is on the disk when this returns. It must tell no content of files."""
        line = json.dumps({"v": JOURNAL_VERSION, "op": op, **fields}, sort_keys=True)
        self._root.append(self.directory / "log.jsonl", line.encode() + b"\n")

    def keep(self, path: GuestPath, snapshot: Snapshot | None) -> None:
        """Keep the content of `path`, which has the state `snapshot`, as a blob; durable.

        Raises Refusal where the content is no longer what the snapshot says.
        """
        if snapshot is None or snapshot.digest is None:
            return
        blob = self.directory / "blobs" / snapshot.digest
        if self._root.node(blob) is not None:
            return
        with self._root.open(path) as stream:
            self._root.put(blob, stream, _PRIVATE_FILE)
        if digest_of(self._root, blob) != snapshot.digest:
            self._root.remove(blob)
            raise Refusal(f"{path} was changed by somebody else while hvprep was at work", "try again")


def begin(root: Root, time: str, version: str) -> Journal:
    """A new, open transaction. Raises Refusal where the journal cannot be written."""
    try:
        return _begin(root, time, version)
    except OSError as error:
        raise Refusal(
            f"{JOURNALS} cannot be written: {error.strerror}", "look whether that volume is read-only or full"
        ) from error


def _begin(root: Root, time: str, version: str) -> Journal:
    if root.node(JOURNALS) is None:
        root.make_directory(JOURNALS, _PRIVATE_DIRECTORY)
    numbers = [int(name) for name in root.names(JOURNALS) if _ID.fullmatch(name)]  # any that is taken
    directory = JOURNALS / f"{max(numbers, default=0) + 1:04d}"
    root.make_directory(directory, _PRIVATE_DIRECTORY)
    for name in ("blobs", "scratch"):
        root.make_directory(directory / name, _PRIVATE_DIRECTORY)
    journal = Journal(root, directory)
    journal.add("begin", time=time, hvprep=version)
    return journal


def reopen(root: Root, transaction: Transaction) -> Journal:
    """The journal of a transaction that exists, to add to it; a line cut off by a crash is dropped first."""
    log = transaction.directory / "log.jsonl"
    content = root.read(log, _LOG_LIMIT_BYTES)
    if content is not None and not content.endswith(b"\n"):
        root.truncate(log, content.rfind(b"\n") + 1)
    return Journal(root, transaction.directory)


def find_blob(root: Root, digest: str) -> GuestPath | None:
    """The kept content with this digest, from whichever transaction has it whole."""
    for directory in _directories(root):
        path = directory / "blobs" / digest
        if _kind(root, path) is Kind.FILE and digest_of(root, path) == digest:
            return path
    return None


def forget(root: Root, path: GuestPath, now: Snapshot | None) -> None:
    """Remove every copy that the journals keep of what `path` holds (`now`) or once held."""
    digests = {now.digest} if now is not None else set()
    for transaction in read_transactions(root):
        for record in transaction.records:
            for item in record.get("paths", (record,)):
                if item.get("path") == str(path) and item.get("before"):
                    digests.add(item["before"].get("digest"))
    for digest in sorted(filter(None, digests)):
        for directory in _directories(root):
            root.remove(directory / "blobs" / digest)


def remove_below(root: Root, directory: GuestPath) -> None:
    """Empty a directory of ours, however deep a killed generator left it; nothing to do for a file."""
    node = root.node(directory)
    if node is None or node.kind is not Kind.DIRECTORY:
        return
    for name in root.names(directory):
        remove_below(root, directory / name)
        root.remove(directory / name)
