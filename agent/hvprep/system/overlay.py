"""A View as it would be after the changes planned so far, so that later steps see earlier ones."""

from __future__ import annotations

import io
from fnmatch import fnmatchcase
from typing import BinaryIO

from hvprep.errors import FormatError
from hvprep.model.change import Build, Change, Link, Purge, Remove, Run, Write
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.view import READ_LIMIT_BYTES, View


class Overlay:
    """`below`, with planned changes on top. Paths are kept canonical, as `below` resolves them.

    A link that the plan itself makes is seen at its own path; it is not followed to another planned
    file. No step needs that, and the verifier judges the real machine in any case.
    """

    def __init__(self, below: View) -> None:
        self._below = below
        self._contents: dict[GuestPath, bytes] = {}
        self._nodes: dict[GuestPath, Node | None] = {}
        self._pending: set[GuestPath] = set()

    def apply(self, change: Change) -> None:
        """Take one planned change into account."""
        if isinstance(change, Run):
            return
        if isinstance(change, Build):
            self._pending.add(self._below.resolve(change.target))
        elif isinstance(change, Write):
            path = self._below.resolve(change.path)
            old = self.node(path)
            mode = change.mode if change.mode is not None else (old.mode if old else 0o644)
            self._nodes[path] = Node(
                Kind.FILE, mode, old.uid if old else 0, old.gid if old else 0, len(change.content)
            )
            self._contents[path] = change.content
        elif isinstance(change, Link):
            self._nodes[self._key(change.path)] = Node(Kind.LINK, 0o777, 0, 0, target=change.target)
        elif isinstance(change, (Remove, Purge)):
            self._nodes[self._key(change.path)] = None

    def node(self, path: GuestPath) -> Node | None:
        """See View."""
        key = self._key(path)
        return self._nodes[key] if key in self._nodes else self._below.node(path)

    def resolve(self, path: GuestPath) -> GuestPath:
        """See View."""
        key = self._key(path)
        return key if key in self._nodes else self._below.resolve(path)

    def read(self, path: GuestPath, limit_bytes: int = READ_LIMIT_BYTES) -> bytes | None:
        """See View."""
        key = self._planned(path)
        if key is None:
            return self._below.read(path, limit_bytes)
        content = self._contents.get(key) if self._nodes[key] is not None else None
        if content is not None and len(content) > limit_bytes:
            raise FormatError(f"{path} would be larger than {limit_bytes} bytes, which no such file is")
        return content

    def open(self, path: GuestPath) -> BinaryIO:
        """See View."""
        if self._planned(path) is None:
            return self._below.open(path)
        content = self.read(path)
        if content is None:
            raise FileNotFoundError(str(path))
        return io.BytesIO(content)

    def glob(self, pattern: str) -> tuple[GuestPath, ...]:
        """See View."""
        parts = GuestPath(pattern).parts
        planned = {path for path in self._nodes if _matches(path, parts)}
        found = planned.union(self._below.glob(pattern))
        return tuple(sorted(path for path in found if self.node(path) is not None))

    def is_pending(self, path: GuestPath) -> bool:
        """See View."""
        return self._below.resolve(path) in self._pending

    def _key(self, path: GuestPath) -> GuestPath:
        return self._below.resolve(path.parent) / path.name

    def _planned(self, path: GuestPath) -> GuestPath | None:
        """The key under which a planned regular file or absence stands for `path`, links followed."""
        for key in (self._key(path), self._below.resolve(path)):
            if key in self._nodes:
                return key
        return None


def _matches(path: GuestPath, pattern_parts: tuple[str, ...]) -> bool:
    return len(path.parts) == len(pattern_parts) and all(
        fnmatchcase(name, pattern) for name, pattern in zip(path.parts, pattern_parts)
    )
