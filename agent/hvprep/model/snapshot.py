"""The state of a path at one moment, small enough for a journal: content stands as its digest."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hvprep.errors import FormatError
from hvprep.model.document import as_amount, as_text, shorten
from hvprep.model.node import Kind, Node


@dataclass(frozen=True)
class Snapshot:
    """What stood at a path. `digest` is the SHA-256 of a regular file's content, in hexadecimal."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    digest: str | None = None
    target: str | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()

    def as_node(self) -> Node:
        """The metadata, to make the path anew with."""
        return Node(self.kind, self.mode, self.uid, self.gid, target=self.target, xattrs=self.xattrs)


#: Attributes that a security module puts on new files by itself; on a machine where none runs, nobody does.
_LABELS = ("security.selinux", "security.SMACK64")

_ID_LIMIT = 1 << 32
_DIGEST = re.compile("[0-9a-f]{64}")


def holds(now: Snapshot | None, recorded: Snapshot | None) -> bool:
    """Whether a path that is `now` so is as it was recorded. A label that was not recorded does not count."""
    if now is None or recorded is None:
        return now is recorded
    known = {name for name, _ in recorded.xattrs}
    ours = tuple(pair for pair in now.xattrs if pair[0] in known or pair[0] not in _LABELS)
    return replace(now, xattrs=ours) == recorded


def snapshot_to_json(snapshot: Snapshot | None) -> dict[str, Any] | None:
    """A JSON object; None (nothing stood there) is null."""
    if snapshot is None:
        return None
    document: dict[str, Any] = {
        "kind": snapshot.kind.value,
        "mode": snapshot.mode,
        "uid": snapshot.uid,
        "gid": snapshot.gid,
    }
    if snapshot.digest is not None:
        document["digest"] = snapshot.digest
    if snapshot.target is not None:
        document["target"] = snapshot.target
    if snapshot.xattrs:
        document["xattrs"] = {
            name: base64.b64encode(value).decode("ascii") for name, value in snapshot.xattrs
        }
    return document


def snapshot_from_json(document: Mapping[str, Any] | None) -> Snapshot | None:
    """What `snapshot_to_json` wrote. Raises FormatError."""
    if document is None:
        return None
    try:
        return Snapshot(
            kind=Kind(document["kind"]),
            mode=as_amount(document["mode"], 0o10000),
            uid=as_amount(document["uid"], _ID_LIMIT),
            gid=as_amount(document["gid"], _ID_LIMIT),
            digest=_digest(document.get("digest")),
            target=None if document.get("target") is None else as_text(document["target"]),
            xattrs=tuple(
                (as_text(name), base64.b64decode(value)) for name, value in document.get("xattrs", {}).items()
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"a recorded file state does not read: {error}") from error


def _digest(value: Any) -> str | None:
    if value is not None and not _DIGEST.fullmatch(as_text(value)):
        raise ValueError(f"{shorten(value)} is no digest")
    return None if value is None else str(value)
