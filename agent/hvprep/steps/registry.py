"""Every step, in the order in which they are judged: a later one sees what an earlier one would change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Profile, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.agent.cloud_init_azure import CLOUD_INIT_AZURE
from hvprep.steps.agent.cloud_init_settings import CLOUD_INIT_SETTINGS
from hvprep.steps.agent.guest_agent import GUEST_AGENT
from hvprep.steps.agent.waagent import WAAGENT
from hvprep.steps.boot.judge_grub_cfg import judge_entries
from hvprep.steps.cdrom import CDROM
from hvprep.steps.dhcp_client import DHCP_CLIENT
from hvprep.steps.firewall import FIREWALL
from hvprep.steps.floppy_module import FLOPPY_MODULE
from hvprep.steps.fstab_persistent_ids import FSTAB_PERSISTENT_IDS
from hvprep.steps.generalised.registry import GENERALISED
from hvprep.steps.hyperv_daemons import HYPERV_DAEMONS
from hvprep.steps.hyperv_modules import HYPERV_MODULES
from hvprep.steps.hyperv_services import HYPERV_SERVICES
from hvprep.steps.initrd.judge import judge_initrd
from hvprep.steps.initrd_drivers import INITRD_DRIVERS
from hvprep.steps.iso9660 import ISO9660
from hvprep.steps.kernel_config import KERNEL_CONFIG
from hvprep.steps.kernel_fixes import KERNEL_FIXES
from hvprep.steps.kernel_parameters import KERNEL_PARAMETERS
from hvprep.steps.kernel_version import KERNEL_VERSION
from hvprep.steps.network import NETWORK
from hvprep.steps.no_os_disk_swap import NO_OS_DISK_SWAP
from hvprep.steps.partition_layout import PARTITION_LAYOUT
from hvprep.steps.programs import PROGRAMS
from hvprep.steps.resource_disk import RESOURCE_DISK
from hvprep.steps.serial_getty import SERIAL_GETTY
from hvprep.steps.serial_grub import SERIAL_GRUB
from hvprep.steps.sriov import SRIOV
from hvprep.steps.ssh_server import SSH_SERVER
from hvprep.steps.standard_partitions import STANDARD_PARTITIONS
from hvprep.steps.sudo_targetpw import SUDO_TARGETPW
from hvprep.steps.time_sync import TIME_SYNC
from hvprep.steps.udev_rules import UDEV
from hvprep.steps.udf import UDF
from hvprep.steps.uefi_fallback import UEFI_FALLBACK
from hvprep.steps.vfat import VFAT

STEPS: tuple[Step[Facts, Settings], ...] = (
    KERNEL_VERSION,
    KERNEL_FIXES,
    KERNEL_CONFIG,
    HYPERV_MODULES,
    HYPERV_SERVICES,
    UDF,
    VFAT,
    ISO9660,
    CDROM,
    FLOPPY_MODULE,
    GUEST_AGENT,
    CLOUD_INIT_AZURE,
    CLOUD_INIT_SETTINGS,
    RESOURCE_DISK,
    WAAGENT,
    HYPERV_DAEMONS,
    PROGRAMS,
    NO_OS_DISK_SWAP,
    FSTAB_PERSISTENT_IDS,
    INITRD_DRIVERS,
    KERNEL_PARAMETERS,
    SERIAL_GRUB,
    SERIAL_GETTY,
    STANDARD_PARTITIONS,
    PARTITION_LAYOUT,
    UEFI_FALLBACK,
    SSH_SERVER,
    NETWORK,
    SRIOV,
    DHCP_CLIENT,
    FIREWALL,
    TIME_SYNC,
    UDEV,
    SUDO_TARGETPW,
    *GENERALISED,
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
