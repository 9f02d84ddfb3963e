"""Units of systemd that swap to the system's disk, apart from those that are made of fstab at each boot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hvprep.facts.boot_targets import PULLING
from hvprep.facts.services import Service, find_service, find_unit_file
from hvprep.facts.unit_lines import UNIT_DIRECTORIES, UnitLine
from hvprep.model.change import Link, Remove
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.swap.areas import is_on_temporary_disk, is_temporary

_OWN = GuestPath("/etc/systemd/system")
#: Targets that no boot comes by (systemd.special(7)).
_NOT_AT_BOOT = frozenset(
    f"{name}.target"
    for name in (
        *("emergency", "rescue", "runlevel1", "ctrl-alt-del", "kbrequest", "initrd", "initrd-switch-root"),
        *("shutdown", "umount", "final", "reboot", "poweroff", "halt", "kexec", "soft-reboot"),
        *("sleep", "suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate"),
    )
)
_WHAT = re.compile(r"^What[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class SwapUnit:
    """A swap unit that boot starts, and what it swaps to."""

    service: Service
    what: str


def find_swap_units(view: View, places: Sequence[GuestPath]) -> tuple[SwapUnit, ...]:
    """Those for the system's disk, each once; `places` are on the temporary one."""
    return tuple(unit for unit in _find_units(view) if not is_temporary(unit.what, places))


def find_swap_elsewhere(view: View, places: Sequence[GuestPath]) -> str | None:
    """The unit that swaps to the temporary disk."""
    found = (unit for unit in _find_units(view) if is_on_temporary_disk(unit.what, places))
    return next((f"{unit.service.name} swaps to {unit.what}" for unit in found), None)


def plan_units(view: View, units: Sequence[SwapUnit]) -> Iterator[Link | Remove]:
    """What the administrator enabled is disabled, as by systemctl; what a package starts is masked."""
    for unit in units:
        service = unit.service
        why = f"{service.name} no longer swaps to {unit.what}"
        if all(_OWN in link.parents for link in service.started_by):
            yield from (Remove(link, why) for link in service.started_by)
        else:
            yield Link(_OWN / service.name, "/dev/null", why)


def find_asked_for(view: View, lines: Iterable[UnitLine], places: Sequence[GuestPath]) -> Iterator[Note]:
    """A finding for each of the lines by which another unit has such a unit started, as no link tells. It is
    not masked: what requires it would fail (systemd.unit(5))."""
    for line in lines:
        if line.entry.key not in PULLING or line.unit in _NOT_AT_BOOT:
            continue
        for name in line.entry.value.split():
            service = find_service(view, name) if name.endswith(".swap") else None
            if service is None or service.masked_by is not None:
                continue
            what = read_what(view, name)
            if not is_temporary(what, places):
                yield Note(
                    Verdict.UNMET,
                    f"{line.where}: {line.unit} has {name} started, which swaps to {what}",
                    f"take {name} out of {line.entry.key}= there",
                )


def read_what(view: View, name: str) -> str:
    """What= of the swap or mount unit of that name; "" where it has none."""
    path = find_unit_file(view, name)
    text = (view.read(path) or b"").decode("utf-8", "replace") if path is not None else ""
    found: list[str] = _WHAT.findall(text)
    return found[-1] if found else ""


def _find_units(view: View) -> Iterator[SwapUnit]:
    names = {path.name for directory in UNIT_DIRECTORIES for path in view.glob(f"{directory}/*.swap")}
    yield from filter(None, (_find_unit(view, name) for name in sorted(names)))


def _find_unit(view: View, name: str) -> SwapUnit | None:
    service = find_service(view, name)
    if service is None or not service.is_enabled:
        return None
    return SwapUnit(service, read_what(view, name))
