"""A change as a person reads it: a unified diff, or the command and what it makes."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator

from hvprep.model.change import CANDIDATE, CANDIDATE_NAME, SCRATCH, Build, Change, Link, Run, Write, target_of
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View


def describe(change: Change) -> str:
    """One line: what is done to what."""
    if isinstance(change, Run):
        return f"run {shlex.join(change.argv)}"
    if isinstance(change, Build):
        words = [
            word.replace(CANDIDATE, "NEW").replace(CANDIDATE_NAME, "NEW").replace(SCRATCH, "TEMPORARY")
            for word in change.argv
        ]
        return f"build {change.target} with: {shlex.join(words)}"
    verbs = {"Write": "write", "Link": "link", "Remove": "remove", "Purge": "purge (cannot be undone)"}
    return f"{verbs[type(change).__name__]} {target_of(change)}"


def name_of(change: Change) -> str:
    """What is done to what, without the command."""
    if isinstance(change, Build):
        return f"build {change.target}"
    return describe(change)


def diff_of(view: View, change: Change) -> str | None:
    """A unified diff of a Write or Link; None where there is none to show.

    What is not readable by everybody is never shown, only counted.
    """
    if isinstance(change, Link):
        return f"{change.path} -> {change.target}"
    if isinstance(change, Build):
        return diff_of(view, change.otherwise) if change.otherwise is not None else None
    if not isinstance(change, Write):
        return None
    node = view.node(view.resolve(change.path))
    is_file = node is not None and node.kind is Kind.FILE
    old = _lines(view.read(change.path) or b"") if is_file else []
    new = _lines(change.content)
    kept = node.mode if node is not None and is_file else 0o644
    mode = kept if change.mode is None else kept & change.mode
    lines = list(difflib.unified_diff(old, new, _name(change.path, is_file), str(change.path), n=2))
    if not mode & 0o004:
        count = sum(1 for line in lines[2:] if line[:1] in "+-")
        return f"{count} lines change (not shown: the file is not readable by everybody)"
    return "".join(_ended(lines))


def _name(path: GuestPath, exists: bool) -> str:
    return str(path) if exists else "/dev/null"


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines(keepends=True)


def _ended(lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
