"""The one table of settings, from which the parser, the shipped conf file and the man page are made.

The table is the fields of `Settings`: each says its key, its form, its default and its help. To add a
setting is to add a field, and a line to SECTIONS where its section is new.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from hvprep.settings.forms import AUTO, CONSOLE, MODULES, PARAMETERS, SWITCH, Form, number, one_of

T = TypeVar("T")


SECTIONS = {
    "Image": "What the image is made for.",
    "Hardening": "Rules of hardening guides that break provisioning.",
    "Kernel": "The kernel's command line.",
    "Initrd": "The initial RAM disk of every installed kernel.",
    "Swap": "Swap on the system's own disk.",
    "SerialGrub": "The boot menu on the serial console.",
    "SerialGetty": "Logging in on the serial console.",
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
        "How long the kernel may wait for the root file system (rootdelay=). 0 adds no such parameter. A boot"
        " entry without an initrd gets rootwait instead: the kernel itself would sleep the whole time.",
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
