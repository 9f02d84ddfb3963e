"""A change as a person reads it: a unified diff, or the command and what it makes."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence
from functools import reduce

from hvprep.model.change import CANDIDATE, CANDIDATE_NAME, SCRATCH, Build, Change, Link, Run, Write, target_of
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View


def describe(change: Change) -> str:
    """One line: what is done to what."""
    if isinstance(change, Run):
        return f"run {shlex.join(change.argv)}"
    if isinstance(change, Build):
        return f"build {change.target} with: {join_argv(change.argv)}"
    verbs = {"Write": "write", "Link": "link", "Remove": "remove", "Purge": "purge (cannot be undone)"}
    return f"{verbs[type(change).__name__]} {target_of(change)}"


def join_argv(argv: Sequence[str]) -> str:
    """A command as a person reads it, with words for what is not known before it runs."""
    stand_ins = ((CANDIDATE, "NEW"), (CANDIDATE_NAME, "NEW"), (SCRATCH, "TEMPORARY"))
    return shlex.join(reduce(lambda word, pair: word.replace(*pair), stand_ins, word) for word in argv)


def name_of(change: Change) -> str:
    """What is done to what, without the command."""
    if isinstance(change, Build):
        return f"build {change.target}"
    return describe(change)


def conditions_of(change: Change) -> Iterator[str]:
    """What else a person has to know to agree to the change: what is demanded of a new file, how its
    generator is started, and what a program may touch."""
    if isinstance(change, Run):
        yield f"it may change {' '.join(map(str, change.writes)) or 'nothing'}"
    if not isinstance(change, Build):
        return
    if change.subject:
        yield f"must hold: {' '.join(change.wants)}"
    else:
        kinds = [(kind, word) for kind, _, word in (want.partition(" ") for want in change.wants)]
        carried = [word for kind, word in kinds if kind in ("console", "present")]
        lacking = [word for kind, word in kinds if kind == "absent"]
        yield f"every entry must carry {' '.join(carried)}, and none of {' '.join(lacking)}"
    if change.check:
        yield f"it must please: {shlex.join(change.check).replace(CANDIDATE, 'NEW')}"
    for source, name in change.copy:
        yield f"the generator gets a copy of {source} as {name}"
    for name, text in change.scratch:
        yield f"the generator gets {name}: {text.strip()}"
    if change.env:
        yield f"in its environment: {' '.join('='.join(pair) for pair in change.env)}"


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
