"""What deprovisioning is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.settings import Settings


@dataclass(frozen=True)
class Request:
    """`users` are to be removed, by their exact names."""

    users: tuple[str, ...]
    settings: Settings
