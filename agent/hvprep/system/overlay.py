"""A View as it would be after the changes planned so far, so that later steps see earlier ones."""

from __future__ import annotations

import io
from typing import BinaryIO

from hvprep.errors import FormatError
from hvprep.model.change import Build, Change, Link, Purge, Remove, Run, Write
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.view import READ_LIMIT_BYTES, View
from hvprep.system.names import has_wildcard, matches_name

#: Planned links followed before a path is taken as it is.
_LINK_LIMIT = 40


class Overlay:
    """`below`, with planned changes on top. Paths are kept canonical, as `below` resolves them.

    A link that the plan itself makes is followed where it is the last name of a path, not in the middle of
    one. No step needs that, and the verifier judges the real machine in any case.
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
            # It reads as what it becomes where its generator is not believed: another Build adds to that.
            if change.otherwise is not None:
                self.apply(change.otherwise)
            self._pending.add(self.resolve(change.target))
        elif isinstance(change, Write):
            path = self.resolve(change.path)
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
        return self._resolve(path, _LINK_LIMIT)

    def _resolve(self, path: GuestPath, links: int) -> GuestPath:
        key = self._key(path)
        if key not in self._nodes:
            found = self._below.resolve(path)
            if found not in self._nodes:
                return found
            key = found
        node = self._nodes[key]
        if node is None or node.target is None or links == 0:
            return key
        return self._resolve(key.parent / node.target, links - 1)

    def read(self, path: GuestPath, limit_bytes: int = READ_LIMIT_BYTES) -> bytes | None:
        """See View."""
        key = self.resolve(path)
        if key not in self._nodes:
            return self._below.read(key, limit_bytes)
        content = self._contents.get(key) if self._nodes[key] is not None else None
        if content is not None and len(content) > limit_bytes:
            raise FormatError(
                f"{path} would be larger than {limit_bytes} bytes, which no such file is", "look at the plan"
            )
        return content

    def open(self, path: GuestPath) -> BinaryIO:
        """See View."""
        key = self.resolve(path)
        if key not in self._nodes:
            return self._below.open(key)
        content = self.read(path)
        if content is None:
            raise FileNotFoundError(str(path))
        return io.BytesIO(content)

    def glob(self, pattern: str) -> tuple[GuestPath, ...]:
        """See View."""
        wanted = GuestPath(pattern)
        directory = wanted.parent
        if has_wildcard(str(directory)):
            planned = {path for path in self._nodes if _matches(path, wanted)}
        else:
            real = self._below.resolve(directory)
            planned = {directory / path.name for path in self._nodes if _matches(path, real / wanted.name)}
        found = planned.union(self._below.glob(pattern))
        return tuple(sorted(path for path in found if self.node(path) is not None))

    def is_pending(self, path: GuestPath) -> bool:
        """See View."""
        return self.resolve(path) in self._pending or self._below.is_pending(path)

    def is_changed(self, path: GuestPath) -> bool:
        """See View."""
        real = self.resolve(path)
        return any(key.is_relative_to(real) for key in (*self._nodes, *self._pending)) or (
            self._below.is_changed(path)
        )

    def _key(self, path: GuestPath) -> GuestPath:
        return self._below.resolve(path.parent) / path.name


def _matches(path: GuestPath, pattern: GuestPath) -> bool:
    return len(path.parts) == len(pattern.parts) and all(
        matches_name(name, part) for name, part in zip(path.parts, pattern.parts)
    )
