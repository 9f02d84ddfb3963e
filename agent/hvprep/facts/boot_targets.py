"""Which units of systemd a boot comes by on its way to a running system.

Source: systemd.special(7), systemd.unit(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.unit_lines import UNIT_DIRECTORIES, find_unit_lines
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: Of NAME.KIND/, the directories of links by which NAME pulls other units in.
LINKS = ("wants", "requires", "upholds")
#: The same as entries of a unit file.
PULLING = ("Wants", "Requires", "BindsTo", "Upholds")
#: Targets that every boot comes by, or that udev and generators pull in, of which an image tells nothing.
_AT_BOOT = frozenset(
    f"{name}.target"
    for name in (
        *("default", "multi-user", "runlevel2", "runlevel3", "runlevel4", "runlevel5", "basic", "sysinit"),
        *("getty", "sockets", "timers", "paths", "local-fs", "remote-fs", "swap", "network"),
        *("network-online", "cryptsetup", "cloud-init"),
    )
)
_GRAPHICAL = "graphical.target"


def is_reached(view: View, unit: str) -> bool:
    """Whether a boot comes by it. Units that are neither targets nor services are taken for reached."""
    seen: set[str] = set()
    todo = [unit]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in _AT_BOOT or not name.endswith((".target", ".service")) or _is_default(view, name):
            return True
        todo += _pulled_in_by(view, name)
    return False


def _is_default(view: View, name: str) -> bool:
    paths = (GuestPath(directory) / "default.target" for directory in UNIT_DIRECTORIES)
    link = next((path for path in paths if view.node(path) is not None), None)
    if link is None:
        return name == _GRAPHICAL
    return name == view.resolve(link).name


def _pulled_in_by(view: View, unit: str) -> Iterator[str]:
    for directory in UNIT_DIRECTORIES:
        for kind in LINKS:
            yield from (link.parent.stem for link in view.glob(f"{directory}/*.{kind}/{unit}"))
    for line in find_unit_lines(view, unit):
        if line.entry.key in PULLING and unit in line.entry.value.split():
            yield line.unit
