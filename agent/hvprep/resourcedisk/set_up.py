"""The whole way, at every boot: look, decide, plan, carry out; and remember what there is then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hvprep import __version__
from hvprep.facts.resource_disk_owner import FSTAB, OwnerKind
from hvprep.facts.waagent import WAAGENT_CONF
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.resourcedisk.carry_out import Outcome, carry_out
from hvprep.resourcedisk.examine import decide_by_mounts, examine
from hvprep.resourcedisk.mounting import write_fstab_line
from hvprep.resourcedisk.plan import Plan, make_plan
from hvprep.resourcedisk.survey import Survey, make_survey
from hvprep.resourcedisk.swapping import SWAP_NAME
from hvprep.settings import Settings
from hvprep.settings.reader import DROP_INS, MAIN_FILE
from hvprep.system.lock import BOOT_DIRECTORY, lock_for_boot
from hvprep.system.machine import Machine
from hvprep.system.memo import record_directory, record_file, record_line, render_memo
from hvprep.system.root import Root

#: What the last run of this boot has left: `hvprep resource-disk` looks at this before anything else.
MEMO = BOOT_DIRECTORY / "resource-disk.memo"

#: Told in words: what was done, or why something is not done.
Report = Callable[[str], None]

_PRIVATE = Node(Kind.FILE, 0o600, 0, 0)


def plan_disk(machine: Machine, settings: Settings) -> tuple[Survey, Plan]:
    """What there is, and what is to be done about it. Nothing is changed."""
    survey = make_survey(machine.root, settings)
    decision = decide_by_mounts(survey) or examine(survey, settings, machine)
    return survey, make_plan(survey, decision, settings)


def set_up_disk(machine: Machine, settings: Settings, report: Report, explain: Report) -> None:
    """Do it. `report` is told what was done, `explain` why something is left; neither without such a disk.

    Raises HvprepError where a person has to look, or where something failed.
    """
    with lock_for_boot(machine.root, "resource-disk"):
        survey, plan = plan_disk(machine, settings)
        if survey.located.candidates or survey.located.excluded:
            for reason in plan.reasons:
                explain(reason)
        if survey.owner.kind is not OwnerKind.HVPREP:
            write_fstab_line(machine)
        outcome = carry_out(machine, plan, settings, report)
        if outcome is not None and not plan.reasons:
            _remember(machine.root, outcome)


def _remember(root: Root, outcome: Outcome) -> None:
    words = f"nothing to do: {', '.join(outcome.words)}\n"
    content = render_memo(__version__, list(_records(root, outcome)), words)
    root.put(MEMO, content.encode("utf-8", "surrogateescape"), _PRIVATE)


def _records(root: Root, outcome: Outcome) -> Iterator[str]:
    """What the outcome depends on, and what it is."""
    drop_ins = (GuestPath(DROP_INS).parent, *root.glob(DROP_INS))
    for path in (MAIN_FILE, *drop_ins, FSTAB, WAAGENT_CONF):
        yield record_file(str(path))
    yield record_directory(str(outcome.mountpoint))
    yield record_line("/proc/swaps", outcome.swap_line or str(outcome.mountpoint / SWAP_NAME))
