"""Units of systemd that swap to the system's disk, apart from those that are made of fstab at each boot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvprep.facts.services import UNIT_DIRECTORIES, Service, find_service
from hvprep.model.change import Link, Remove
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.swap.areas import is_temporary

_OWN = GuestPath("/etc/systemd/system")
_WHAT = re.compile(r"^What[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class SwapUnit:
    """A swap unit that boot starts, and what it swaps to."""

    service: Service
    what: str


def find_swap_units(view: View, places: Sequence[GuestPath]) -> tuple[SwapUnit, ...]:
    """Those for the system's disk, each once; `places` are on the temporary one."""
    names = {path.name for directory in UNIT_DIRECTORIES for path in view.glob(f"{directory}/*.swap")}
    found = (_find_unit(view, name) for name in sorted(names))
    return tuple(unit for unit in found if unit is not None and not is_temporary(unit.what, places))


def plan_units(view: View, units: Sequence[SwapUnit]) -> Iterator[Link | Remove]:
    """What the administrator enabled is disabled, as by systemctl; what a package starts is masked."""
    for unit in units:
        service = unit.service
        why = f"{service.name} no longer swaps to {unit.what}"
        if all(_OWN in link.parents for link in service.started_by):
            yield from (Remove(link, why) for link in service.started_by)
        else:
            yield Link(_OWN / service.name, "/dev/null", why)


def _find_unit(view: View, name: str) -> SwapUnit | None:
    service = find_service(view, name)
    if service is None or not service.is_enabled:
        return None
    text = (view.read(service.path) or b"").decode("utf-8", "replace")
    return SwapUnit(service, (_WHAT.findall(text) or [""])[-1])
