"""The read-only face of a machine: all that steps may see of it."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from hvprep.model.node import GuestPath, Node

#: Text files larger than this are not configuration; reading one whole is refused.
READ_LIMIT_BYTES = 16 * 1024 * 1024


class View(Protocol):
    """A root as it is (`system.root.Root`) or as it would be after a plan (`system.overlay.Overlay`).

    Symbolic links are followed inside the root, as a chroot would: no path leads out of it.
    """

    def node(self, path: GuestPath) -> Node | None:
        """What stands at `path` (links in its parents are followed, the last name is not), or None."""

    def resolve(self, path: GuestPath) -> GuestPath:
        """`path` with every symbolic link followed inside the root; what does not exist stays as it is."""

    def read(self, path: GuestPath, limit_bytes: int = READ_LIMIT_BYTES) -> bytes | None:
        """The content of a regular file, links followed; None where there is none.

        Raises FormatError where the file is larger than `limit_bytes`.
        """

    def open(self, path: GuestPath) -> BinaryIO:
        """The content as a stream, links followed. Raises FileNotFoundError."""

    def glob(self, pattern: str) -> tuple[GuestPath, ...]:
        """Existing paths that match, sorted. `*` and `?` do not cross a slash (glob(7)); no `**`."""

    def is_pending(self, path: GuestPath) -> bool:
        """Whether a Build of the plan is going to make this file anew: its bytes of now mean nothing."""

    def is_changed(self, path: GuestPath) -> bool:
        """Whether the plan changes what stands at `path`, or below it: it is not so yet."""
