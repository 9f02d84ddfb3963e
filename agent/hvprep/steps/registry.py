"""Every step, in the order in which they are judged: a later one sees what an earlier one would change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Profile, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.judge_grub_cfg import judge_entries
from hvprep.steps.dhcp_client import DHCP_CLIENT
from hvprep.steps.firewall import FIREWALL
from hvprep.steps.initrd.judge import judge_initrd
from hvprep.steps.initrd_drivers import INITRD_DRIVERS
from hvprep.steps.kernel_parameters import KERNEL_PARAMETERS
from hvprep.steps.network import NETWORK
from hvprep.steps.serial_getty import SERIAL_GETTY
from hvprep.steps.serial_grub import SERIAL_GRUB
from hvprep.steps.sriov import SRIOV
from hvprep.steps.ssh_server import SSH_SERVER
from hvprep.steps.sudo_targetpw import SUDO_TARGETPW
from hvprep.steps.time_sync import TIME_SYNC
from hvprep.steps.udev_rules import UDEV

STEPS: tuple[Step[Facts, Settings], ...] = (
    INITRD_DRIVERS,
    KERNEL_PARAMETERS,
    SERIAL_GRUB,
    SERIAL_GETTY,
    SSH_SERVER,
    NETWORK,
    SRIOV,
    DHCP_CLIENT,
    FIREWALL,
    TIME_SYNC,
    UDEV,
    SUDO_TARGETPW,
)

#: Who inspects a Build's candidate, by the name that stands in the plan.
JUDGES = {"boot-entries": judge_entries, "initrd": judge_initrd}


def for_profile(
    steps: tuple[Step[Facts, Settings], ...], settings: Settings
) -> tuple[Step[Facts, Settings], ...]:
    """The same steps; one that does not count in the profile of the settings only says so."""
    profile = Profile(settings.image_profile)
    return tuple(step if profile in step.profiles else replace(step, plan=_passed_over) for step in steps)


def _passed_over(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield Note(Verdict.NOT_APPLICABLE, f"Image.Profile={settings.image_profile} does not ask for it")
