"""no-os-disk-swap: nothing swaps to the system's disk, and nothing waits for it to resume from."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.unit_lines import find_unit_lines
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.doubts import hold_back
from hvprep.steps.swap import calls, cloud_init, programs
from hvprep.steps.swap.active import plan_active
from hvprep.steps.swap.areas import keeps_swap, read_fstab
from hvprep.steps.swap.places import find_places
from hvprep.steps.swap.resume import find_stale, plan_no_resume
from hvprep.steps.swap.tables import find_swap, plan_tables
from hvprep.steps.swap.units import find_asked_for, find_swap_units, plan_units


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if keeps_swap(settings):
        key = "Swap.Keep=y" if settings.swap_keep else f"Image.Profile={settings.image_profile}"
        yield from list(find_stale(view, facts)) or [
            Note(Verdict.NOT_APPLICABLE, f"{key} in /etc/hvprep.conf")
        ]
        return
    table = read_fstab(view)
    places = find_places(view, facts, table, settings)
    units = find_swap_units(view, places)
    removed = [*(entry.spec for entry in find_swap(table, places)), *(unit.what for unit in units)]
    yield from plan_tables(view, places)
    lines = tuple(find_unit_lines(view, "swap"))
    yield from find_asked_for(view, lines, places)
    yield from plan_units(view, units)
    yield from programs.find(view)
    yield from cloud_init.find(view, places)
    yield from calls.find(view, lines, places)
    yield from plan_active(view, facts, removed, places)
    yield from hold_back(view, facts, settings, plan_no_resume(view, facts, settings, bool(removed)))


NO_OS_DISK_SWAP: Step[Facts, Settings] = Step(
    id="no-os-disk-swap",
    title="nothing swaps to the system's disk, for Azure, and nothing waits to resume from one that is gone",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (no swap on the OS disk)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("S01",),
)
