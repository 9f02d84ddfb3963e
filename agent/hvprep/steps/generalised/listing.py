"""Many paths in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from hvprep.model.node import GuestPath

_SHOWN = 4


def name_some(paths: Iterable[GuestPath]) -> str:
    """The first few in the order of their names, and how many more there are.

    >>> name_some(GuestPath(f"/{name}") for name in "febdac")
    '/a, /b, /c, /d and 2 more'
    """
    ordered = sorted(set(paths))
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return f"{', '.join(map(str, ordered[:_SHOWN]))}{more}"
