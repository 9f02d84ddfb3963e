"""The one table of settings, from which the parser, the shipped conf file and the man page are made.

The table is the fields of `Settings`: each says its key, its form, its default and its help. To add a
setting is to add a field, and a line to SECTIONS where its section is new.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hvprep.model.node import GuestPath
from hvprep.settings.resource_disk import SwapSize, parse_mount_options, parse_mount_point, parse_swap_size

T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How the values of a setting are written.

    `expected` says it in words, `parse` raises ValueError (with a sentence or none) for anything else,
    and `render` is its inverse.
    """

    expected: str
    parse: Callable[[str], T]
    render: Callable[[T], str] = str


def _parse_switch(text: str) -> bool:
    if text.lower() not in ("y", "n"):
        raise ValueError
    return text.lower() == "y"


def _number(lowest: int, highest: int, unit: str) -> Form[int]:
    def parse(text: str) -> int:
        if re.fullmatch("[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise ValueError
        return int(text)

    return Form(f"a whole number of {unit} from {lowest} to {highest}", parse)


def _one_of(*words: str) -> Form[str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Form(f"{', '.join(words[:-1])} or {words[-1]}", parse)


def _words(word: str, expected: str, taken: dict[str, str]) -> Form[tuple[str, ...]]:
    """Words with white space between them. `taken` maps words, or names before `=`, to who has them."""

    def parse(text: str) -> tuple[str, ...]:
        words = tuple(text.split())
        for each in words:
            if re.fullmatch(word, each) is None:
                raise ValueError(f"not {shown(each)}")
            owner = taken.get(each) or taken.get(each.partition("=")[0])
            if owner is not None:
                raise ValueError(f"without {shown(each)}: {owner}")
        return words

    return Form(expected, parse, " ".join)


def _parse_console(text: str) -> str:
    # A device and its options: speed, parity, bits, flow control (Linux, admin-guide/serial-console).
    if re.fullmatch(r"auto|[A-Za-z]+[0-9]+(,[0-9]+([noe]([78]r?)?)?)?", text) is None:
        raise ValueError
    return text


_SWITCH = Form("y or n", _parse_switch, lambda value: "y" if value else "n")
_CONSOLE = Form("auto, or a value of console= such as ttyS1,115200n8", _parse_console)
_PARAMETERS = _words(
    # Nothing that a shell (/etc/default/grub is read by one) or GRUB's own language takes for itself.
    r"[A-Za-z0-9_.,:=/@%+~^!-]+",
    "kernel parameters of letters, digits and any of _.,:=/@%+~^!- with blanks between them",
    {
        "console": "Kernel.Console sets it",
        "rootdelay": "Kernel.RootDelay sets it",
        "earlyprintk": "Kernel.EarlyPrintk sets it",
        "crashkernel=auto": "Kernel.KeepCrashkernel keeps it",
        **dict.fromkeys(
            ("rhgb", "quiet", "splash"), "hvprep removes it, so that the serial console shows the boot"
        ),
    },
)
_MODULES = _words("[A-Za-z0-9_-]+", "names of kernel modules with blanks between them", {})

_FILE_SYSTEM = _one_of("ext4", "xfs", "btrfs")
_MOUNT_POINT = Form("the absolute path of a directory", parse_mount_point)
_MOUNT_OPTIONS = Form("options of mount(8) with commas between them", parse_mount_options, ",".join)
_SWAP_SIZE = Form("a whole number of MiB, auto, or 1% to 90% of the disk", parse_swap_size)

SECTIONS = {
    "Kernel": "The kernel's command line.",
    "Initrd": "The initial RAM disk of every installed kernel.",
    "SerialGrub": "The boot menu on the serial console.",
    "SerialGetty": "Logging in on the serial console.",
    "ResourceDisk": "The temporary disk of a size of Azure, and swap on it.",
}


def shown(text: str) -> str:
    """`text` as an error may quote it: short, in quotes, and without control characters."""
    return repr(text if len(text) <= 60 else text[:59] + "\N{HORIZONTAL ELLIPSIS}")


def _setting(key: str, form: Form[T], default: T, help_text: str) -> T:
    """A line of the table. Says T to the type checker, and is the dataclass field that holds the line."""
    metadata = {"key": key, "form": form, "help": help_text}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What the administrator wants. `Settings()` is what holds where no file says anything."""

    kernel_console: str = _setting(
        "Kernel.Console",
        _CONSOLE,
        "auto",
        "The serial console, last of the console= parameters so that it becomes /dev/console. auto is"
        " ttyS0,115200n8 on x86 and ttyAMA0 on aarch64, where Azure's serial console listens.",
    )
    kernel_root_delay_s: int = _setting(
        "Kernel.RootDelay",
        _number(0, 3600, "seconds"),
        300,  # Microsoft, "Information for non-endorsed distributions"
        "How long the kernel may wait for the root file system (rootdelay=). 0 adds no such parameter. A boot"
        " entry without an initrd gets rootwait instead: the kernel itself would sleep the whole time.",
    )
    kernel_early_printk: bool = _setting(
        "Kernel.EarlyPrintk",
        _SWITCH,
        True,
        "Whether the first messages of the kernel go to the serial console (earlyprintk=). Has no meaning on"
        " aarch64.",
    )
    kernel_keep_crashkernel: bool = _setting(
        "Kernel.KeepCrashkernel",
        _SWITCH,
        False,
        "Whether crashkernel=auto stays. It sets 128 MB of memory or more aside for kdump. Other values of"
        " crashkernel= always stay.",
    )
    kernel_extra_parameters: tuple[str, ...] = _setting(
        "Kernel.ExtraParameters",
        _PARAMETERS,
        (),
        "Further parameters that every boot entry shall carry, such as net.ifnames=0.",
    )
    initrd_nvme: bool = _setting(
        "Initrd.NVMe",
        _SWITCH,
        False,
        "Whether every initrd shall hold nvme and pci-hyperv too, for sizes of Azure whose disks are on NVMe"
        " (v6 and later), beside the drivers of SCSI disks.",
    )
    initrd_extra_modules: tuple[str, ...] = _setting(
        "Initrd.ExtraModules",
        _MODULES,
        (),
        "Further kernel modules that every initrd shall hold, beside the Hyper-V drivers and those of the"
        " root file system, such as virtio_blk.",
    )
    initrd_build_timeout_s: int = _setting(
        "Initrd.BuildTimeoutSeconds",
        _number(10, 86400, "seconds"),
        1800,
        "How long dracut or mkinitramfs may take for one image before it is ended and the old image kept.",
    )
    serial_grub_enable: bool = _setting(
        "SerialGrub.Enable",
        _SWITCH,
        True,
        "Whether the boot menu is on the serial console. One that is hidden, or has no time to be seen, is"
        " then shown for five seconds.",
    )
    serial_getty_enable: bool = _setting(
        "SerialGetty.Enable",
        _SWITCH,
        True,
        "Whether a login appears on the serial console after boot.",
    )
    resource_disk_format: bool = _setting(
        "ResourceDisk.Format",
        _SWITCH,
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
        _SWITCH,
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
        _SWITCH,
        False,
        "Whether a temporary disk on NVMe (v6 sizes and others) may be formatted too. It comes without a"
        " partition, as do disks that databases write to directly.",
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
