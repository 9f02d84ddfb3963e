"""The rules that udev reads, and how one of ours gets among them.

Where hvprep itself is installed in a system, its package brings them in /usr/lib/udev/rules.d. An image that
is prepared from outside gets a copy in /etc/udev/rules.d, and keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.services import is_mask
from hvprep.formats import udev_rules
from hvprep.formats.udev_rules import Rule
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.shipped import read_shipped

_OWN = GuestPath("/etc/udev/rules.d")
#: The one that wins first (udev(7)). /run is not asked: an image has none.
_DIRECTORIES = (
    _OWN,
    *map(GuestPath, ("/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")),
)


def find_rules(view: View) -> Iterator[tuple[GuestPath, tuple[Rule, ...]]]:
    """The files that udev reads, in its order, with their rules."""
    found: dict[str, GuestPath] = {}
    for directory in _DIRECTORIES:
        for path in view.glob(f"{directory}/*.rules"):
            found.setdefault(path.name, path)
    for _, path in sorted(found.items()):
        if not is_mask(view, path):
            yield path, udev_rules.parse((view.read(path) or b"").decode("utf-8", "replace"))


def write_rules(name: str, why: str) -> Write:
    """Our file of that name in conf/, for a system that is not to have our package."""
    return Write(_OWN / name, read_shipped(name), why)
