"""Every step, in the order in which they are judged: a later one sees what an earlier one would change."""

from __future__ import annotations

from hvprep.facts.gather import Facts
from hvprep.model.finding import Step
from hvprep.settings import Settings
from hvprep.steps.boot.judge_grub_cfg import judge_entries
from hvprep.steps.initrd.judge import judge_initrd
from hvprep.steps.initrd_drivers import INITRD_DRIVERS
from hvprep.steps.kernel_parameters import KERNEL_PARAMETERS
from hvprep.steps.serial_getty import SERIAL_GETTY
from hvprep.steps.serial_grub import SERIAL_GRUB

STEPS: tuple[Step[Facts, Settings], ...] = (INITRD_DRIVERS, KERNEL_PARAMETERS, SERIAL_GRUB, SERIAL_GETTY)

#: Who inspects a Build's candidate, by the name that stands in the plan.
JUDGES = {"boot-entries": judge_entries, "initrd": judge_initrd}
