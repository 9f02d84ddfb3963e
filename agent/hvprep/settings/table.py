"""The one table of settings, from which the parser, the shipped conf file and the man page are made.

The table is the fields of `Settings`: each says its key, its form, its default and its help. To add a
setting is to add a field, and a line to SECTIONS where its section is new.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from hvprep.model.node import GuestPath
from hvprep.settings.forms import AUTO, CONSOLE, MODULES, PARAMETERS, SWITCH, Form, number, one_of
from hvprep.settings.resource_disk import SwapSize, parse_mount_options, parse_mount_point, parse_swap_size

T = TypeVar("T")


_FILE_SYSTEM = one_of("ext4", "xfs", "btrfs")
_MOUNT_POINT = Form("the absolute path of a directory", parse_mount_point)
_MOUNT_OPTIONS = Form("options of mount(8) with commas between them", parse_mount_options, ",".join)
_SWAP_SIZE = Form("a whole number of MiB, auto, or 1% to 90% of the disk", parse_swap_size)

SECTIONS = {
    "Image": "What the image is made for.",
    "Hardening": "Rules of hardening guides that break provisioning.",
    "Kernel": "The kernel's command line.",
    "Initrd": "The initial RAM disk of every installed kernel.",
    "Swap": "Swap on the system's own disk.",
    "SerialGrub": "The boot menu on the serial console.",
    "SerialGetty": "Logging in on the serial console.",
    "ResourceDisk": "The temporary disk of a size of Azure, and swap on it.",
    "Deprovision": "Making an image general again.",
}


def _setting(key: str, form: Form[T], default: T, help_text: str) -> T:
    """A line of the table. Says T to the type checker, and is the dataclass field that holds the line."""
    metadata = {"key": key, "form": form, "help": help_text}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What the administrator wants. `Settings()` is what holds where no file says anything."""

    image_profile: str = _setting(
        "Image.Profile",
        one_of("azure", "hyperv"),
        "azure",
        "Where the image is to run: on Azure, or on a Hyper-V of your own, where what only Azure asks for"
        " does not count.",
    )
    image_generation: str = _setting(
        "Image.Generation",
        one_of(AUTO, "1", "2"),
        AUTO,
        "The generation of the virtual machine: 1 boots by BIOS, 2 by UEFI. auto goes by the firmware of"
        " the running system, or by the boot loaders that an image holds.",
    )
    image_architecture: str = _setting(
        "Image.Architecture",
        one_of(AUTO, "x86_64", "aarch64"),
        AUTO,
        "The processor that the image is made for. auto goes by the image's own programs.",
    )
    hardening_allow_change: bool = _setting(
        "Hardening.AllowChange",
        SWITCH,
        False,
        "Whether hvprep prepare may take out rules of a hardening guide that keep the platform's modules from"
        " being loaded, as --allow-hardening-change does. They are only reported otherwise.",
    )
    kernel_console: str = _setting(
        "Kernel.Console",
        CONSOLE,
        "auto",
        "The serial console, last of the console= parameters so that it becomes /dev/console. auto is"
        " ttyS0,115200n8 on x86 and ttyAMA0 on aarch64, where Azure's serial console listens.",
    )
    kernel_root_delay_s: int = _setting(
        "Kernel.RootDelay",
        number(0, 3600, "seconds"),
        300,  # Microsoft, "Information for non-endorsed distributions"
        "How long the kernel may wait for the root file system (rootdelay=). 0 adds no such parameter. Where"
        " it would be slept at every boot (an entry without an initrd, the init of initramfs-tools) there is"
        " rootwait instead.",
    )
    kernel_early_printk: bool = _setting(
        "Kernel.EarlyPrintk",
        SWITCH,
        True,
        "Whether the first messages of the kernel go to the serial console (earlyprintk=). Has no meaning on"
        " aarch64.",
    )
    kernel_keep_crashkernel: bool = _setting(
        "Kernel.KeepCrashkernel",
        SWITCH,
        False,
        "Whether crashkernel=auto stays. It sets 128 MB of memory or more aside for kdump. Other values of"
        " crashkernel= always stay.",
    )
    kernel_extra_parameters: tuple[str, ...] = _setting(
        "Kernel.ExtraParameters",
        PARAMETERS,
        (),
        "Further parameters that every boot entry shall carry, such as net.ifnames=0.",
    )
    initrd_nvme: bool = _setting(
        "Initrd.NVMe",
        SWITCH,
        False,
        "Whether every initrd shall hold nvme and pci-hyperv too, for sizes of Azure whose disks are on NVMe"
        " (v6 and later), beside the drivers of SCSI disks.",
    )
    initrd_extra_modules: tuple[str, ...] = _setting(
        "Initrd.ExtraModules",
        MODULES,
        (),
        "Further kernel modules that every initrd shall hold, beside the Hyper-V drivers and those of the"
        " root file system, such as virtio_blk.",
    )
    initrd_build_timeout_s: int = _setting(
        "Initrd.BuildTimeoutSeconds",
        number(10, 86400, "seconds"),
        1800,
        "How long dracut or mkinitramfs may take for one image before it is ended and the old image kept.",
    )
    swap_keep: bool = _setting(
        "Swap.Keep",
        SWITCH,
        False,
        "Whether swap on the system's own disk stays, and with it what resumes a hibernated system from it."
        " Azure asks for none: it belongs on the temporary disk. With Image.Profile=hyperv it always stays.",
    )
    serial_grub_enable: bool = _setting(
        "SerialGrub.Enable",
        SWITCH,
        True,
        "Whether the boot menu is on the serial console. One that is hidden, or has no time to be seen, is"
        " then shown for five seconds.",
    )
    serial_getty_enable: bool = _setting(
        "SerialGetty.Enable",
        SWITCH,
        True,
        "Whether a login appears on the serial console after boot.",
    )
    resource_disk_format: bool = _setting(
        "ResourceDisk.Format",
        SWITCH,
        True,
        "Whether the temporary disk is formatted where that loses nothing, and mounted. n leaves the disk to"
        " others. A disk that holds anybody's data is never formatted.",
    )
    resource_disk_filesystem: str = _setting(
        "ResourceDisk.Filesystem", _FILE_SYSTEM, "ext4", "What a new temporary disk is formatted with."
    )
    resource_disk_mount_point: GuestPath = _setting(
        "ResourceDisk.MountPoint",
        _MOUNT_POINT,
        GuestPath("/mnt/resource"),
        "Where the temporary disk is mounted. A directory that holds files is not covered over.",
    )
    resource_disk_mount_options: tuple[str, ...] = _setting(
        "ResourceDisk.MountOptions", _MOUNT_OPTIONS, (), "How the temporary disk is mounted, such as noatime."
    )
    resource_disk_enable_swap: bool = _setting(
        "ResourceDisk.EnableSwap",
        SWITCH,
        True,
        "Whether a swap file lies on the temporary disk, also on one that another program has mounted there.",
    )
    resource_disk_swap_size: SwapSize = _setting(
        "ResourceDisk.SwapSizeMB",
        _SWAP_SIZE,
        SwapSize(mib=2048),
        "How large the swap file is. auto is as much as there is memory, up to 4 GiB of it, and the square"
        " root of its GiB from 16 GiB on. What does not fit beside a tenth of the disk (at most 1 GiB) left"
        " free is cut off.",
    )
    resource_disk_nvme: bool = _setting(
        "ResourceDisk.NVMe",
        SWITCH,
        False,
        "Whether a temporary disk on NVMe (v6 sizes and others) may be formatted too. It comes without a"
        " partition, as do disks that databases write to directly.",
    )

    deprovision_lock_root_password: bool = _setting(
        "Deprovision.LockRootPassword",
        SWITCH,
        True,
        "Whether hvprep deprovision locks the password of root.",
    )
    deprovision_package_caches: bool = _setting(
        "Deprovision.PackageCaches",
        SWITCH,
        False,
        "Whether hvprep deprovision removes packages and package lists that were downloaded, which makes the"
        " image smaller.",
    )
    deprovision_on_reboot: bool = _setting(
        "Deprovision.OnReboot",
        SWITCH,
        False,
        "Whether a system that is armed (hvprep deprovision --at-shutdown) is deprovisioned on a reboot too,"
        " not only when it is powered off or halted. The boot that follows is a first one then.",
    )
    deprovision_timeout_s: int = _setting(
        "Deprovision.TimeoutSeconds",
        number(10, 3600, "seconds"),
        90,
        "How long deprovisioning may take while the system goes down. What is not done by then is told as"
        " failed. The unit itself gives 10 minutes.",
    )


@dataclass(frozen=True)
class Setting:
    """A line of the table. `attribute` is its name in Settings, `form` how its values are written."""

    attribute: str
    key: str
    form: Form[Any]
    default: Any
    help: str

    @property
    def section(self) -> str:
        """The word before the dot, a key of SECTIONS."""
        return self.key.partition(".")[0]


TABLE: tuple[Setting, ...] = tuple(
    Setting(field.name, field.metadata["key"], field.metadata["form"], field.default, field.metadata["help"])
    for field in dataclasses.fields(Settings)
)
