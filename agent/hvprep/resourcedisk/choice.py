"""Which of several disks is used: one, not all."""

from __future__ import annotations

from collections.abc import Sequence

from hvprep.resourcedisk.locate import Located
from hvprep.resourcedisk.verdict import FILE_SYSTEM_LABEL, Action, Decision


def choose(located: Located, decisions: Sequence[Decision]) -> Decision:
    """The one of `decisions` (of `located.candidates`, in order) that is carried out: one disk, not all.

    One that is mounted first (ours before others), then one to mount (likewise), then one to format; else the
    first refusal. NOTHING where there is no such disk.
    """
    ours = [decision for decision in decisions if decision.is_ours]
    if len(ours) > 1:
        names = " and ".join(str(decision.device.path) for decision in ours if decision.device)
        return Decision(
            Action.REFUSE,
            f"{names} all have the label {FILE_SYSTEM_LABEL}, by which hvprep mounts",
            "give all but one of them another label",
        )
    for action in (Action.USE_MOUNTED, Action.MOUNT, Action.FORMAT, Action.REFUSE, Action.NOTHING):
        fitting = sorted(
            (each for each in decisions if each.action is action), key=lambda each: not each.is_ours
        )
        if fitting:
            return fitting[0]
    if located.excluded:
        words = (f"{each.device.path} is left alone: {each.because}" for each in located.excluded)
        return Decision(Action.NOTHING, "; ".join(words))
    return Decision(Action.NOTHING, "this machine has no temporary disk")
