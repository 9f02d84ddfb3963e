"""Which way the system goes down: systemd has a job for the target then."""

from __future__ import annotations

import re
from enum import Enum

#: bootup(7), systemd.special(7): the targets that end a system. soft-reboot is of systemd 254 and later.
_TARGETS = {
    "poweroff.target": "off",
    "halt.target": "off",
    "reboot.target": "reboot",
    "kexec.target": "reboot",
    "soft-reboot.target": "reboot",
}


class Ending(str, Enum):
    """How the system ends."""

    OFF = "off"
    REBOOT = "reboot"
    NONE = "none"  # it goes on


def read_ending(jobs: str) -> Ending:
    r"""From what `systemctl list-jobs --no-legend` prints: id, unit, type and state in each line.

    >>> read_ending(" 812 poweroff.target       start waiting\n 813 cron.service stop running\n").value
    'off'
    >>> read_ending("812 reboot.target start waiting\n").value, read_ending("No jobs running.\n").value
    ('reboot', 'none')
    """
    found = set()
    for line in jobs.splitlines():
        match = re.match(r"\s*\d+\s+(\S+)\s+start\s", line + " ")
        if match and match[1] in _TARGETS:
            found.add(_TARGETS[match[1]])
    if "reboot" in found:  # of two, the one after which the disk is not looked at from outside
        return Ending.REBOOT
    return Ending.OFF if found else Ending.NONE
