"""A whole tree at one moment, and the complete difference between two, for people to read."""

from __future__ import annotations

import difflib
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Mapping

from hvprep.formats.initrd_image import read_initrd
from hvprep.system.decompressor import decompress

from tests.snapshot import Entry, Snapshot, take_snapshot

#: What hvprep keeps for itself: named in a difference, its content is not shown (times, digests).
STATE = "/var/lib/hvprep"


@dataclass(frozen=True)
class Moment:
    """Every path outside /run, and the content of every file."""

    entries: Snapshot
    contents: Mapping[str, bytes]


def take_moment(root: Path) -> Moment:
    entries = take_snapshot(root, left_out=("/run",))
    files = [path for path, entry in entries.items() if entry.kind == "file"]
    return Moment(entries, {path: Path(f"{root}{path}").read_bytes() for path in files})


def initrd_listing(image: bytes) -> str:
    """The segments of an initrd, and the names of its members, sorted."""
    contents = read_initrd(io.BytesIO(image), decompress)
    segments = " ".join(segment.kind for segment in contents.segments)
    return "".join(f"{line}\n" for line in [f"segments: {segments}", *sorted(contents.names)])


def describe_difference(before: Moment, after: Moment) -> str:
    """One paragraph for every path that was added, removed or changed, in the order of the names."""
    paths = sorted(before.entries.keys() | after.entries.keys())
    changed = [path for path in paths if before.entries.get(path) != after.entries.get(path)]
    return "".join(f"{line}\n" for path in changed for line in _paragraph(before, after, path))


def _paragraph(before: Moment, after: Moment, path: str) -> Iterator[str]:
    old, new = before.entries.get(path), after.entries.get(path)
    if old is None and new is not None:
        yield f"added {_name(before, path)} ({_shown(new)})"
    elif new is None and old is not None:
        yield f"removed {path} ({_shown(old)})"
    elif old is not None and new is not None:
        yield f"changed {path} ({_shown(old)} -> {_shown(new)})"
    if path.startswith(STATE):
        return
    twins = [name for name, text in before.contents.items() if text == after.contents.get(path)]
    if twins and old is None:
        yield f"    has the content that {twins[0]} had"
        return
    lines = difflib.unified_diff(
        _lines(before, path), _lines(after, path), "before", "after", n=2, lineterm=""
    )
    yield from (f"    {line}" for line in lines)


def _shown(entry: Entry) -> str:
    link = f" to {entry.data}" if entry.kind == "link" else ""
    return f"{entry.kind} {entry.mode:04o} {entry.uid}:{entry.gid}{link}"


def _lines(moment: Moment, path: str) -> List[str]:
    content = moment.contents.get(path, b"")
    if path.startswith(("/boot/", "/efi/")) and ("/init" in path or "/booster" in path) and content:
        return initrd_listing(content).splitlines()
    return content.decode("utf-8", "backslashreplace").splitlines()


def _name(before: Moment, path: str) -> str:
    """A blob by what it is the copy of."""
    if not path.startswith(STATE):
        return path
    digests: Dict[str, str] = {}
    for name, content in before.contents.items():
        digests.setdefault(hashlib.sha256(content).hexdigest(), name)
    head, _, last = path.rpartition("/")
    return f"{head}/(the old {digests[last]})" if last in digests else path
