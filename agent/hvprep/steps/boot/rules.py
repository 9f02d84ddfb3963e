"""Which words a boot entry must carry, and which it must not: the policy of kernel-parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.facts.architecture import Architecture
from hvprep.facts.kernels import Kernel, version_key
from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.settings import Settings
from hvprep.steps.swap.areas import keeps_swap

#: Seed: these hide the messages of the boot from the serial console. SUSE writes splash=silent.
_HIDING = ("rhgb", "quiet", "splash")
#: They keep Hyper-V's devices (which ACPI lists), or its DVD drive, from being found: Microsoft's script for
#: Azure Migrate, and the document for SUSE.
_BLINDING = ("acpi=0", "acpi=off", "libata.atapi_enabled=0", "reserve=0x1f0,0x8")
#: LISA (verify_pmu_disabled_for_arm64).
_NO_PMU = "initcall_blacklist=arm_pmu_acpi_init"
#: The documents for sizes of Azure with NVMe disks.
_NVME_TIMEOUT = "nvme_core.io_timeout=240"
#: Parameters that may be there several times, each with a meaning of its own: those of others stay. Most take
#: lists with commas, and then it does not matter which of the words names a thing.
_MULTIPLE = frozenset(
    (
        *("initcall_blacklist", "modprobe.blacklist", "rd.driver.blacklist", "rd.driver.pre"),
        *("rd.driver.post", "rd.lvm.lv", "rd.lvm.vg", "rd.luks.uuid", "rd.luks.name", "rd.md.uuid"),
        *("rd.dm.uuid", "rd.route", "ip", "ifname", "vlan", "bond", "bridge", "nameserver", "earlycon"),
        *("memmap", "pci", "hugepagesz", "hugepages", "systemd.mask", "systemd.wants", "systemd.setenv"),
    )
)
#: What resumes a hibernated system from swap, which the system's disk is to have none of.
RESUME_PARAMETERS = ("resume", "resume_offset")
#: Seed: "numa=off" is needed before this version, and on EL 6 before this build of 2.6.32.
_NUMA_FIXED, _EL_NUMA_FIXED = "2.6.37", "2.6.32-504"


@dataclass(frozen=True)
class EntryRules:
    """What is judged on every boot entry.

    console  the word that must be there and be the last console= of all
    present  words that must be there; each the only one of its parameter, where that is not in _MULTIPLE
    absent   words that must not be there: whole words if they hold '=', else any word of that parameter
    """

    console: str
    present: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The words that we add, in our order."""
        return (self.console, *self.present)

    def is_unwanted(self, word: str) -> bool:
        """Whether the word has to go from where it stands: forbidden, or of a parameter that is ours."""
        if parameter_name(word) == "console":
            return _device(word) == _device(self.console)
        if parameter_name(word) in _MULTIPLE:
            return self._is_absent(word) or word in self.present
        return self._is_absent(word) or parameter_name(word) in {parameter_name(own) for own in self.present}

    def problems(self, words: Sequence[str]) -> tuple[str, ...]:
        """What is wrong with an entry's words, () where nothing is."""
        found = []
        consoles = [word for word in words if parameter_name(word) == "console"]
        if not consoles or consoles[-1] != self.console:
            last = f"its last console is {consoles[-1]}" if consoles else "it has no console="
            found.append(f"{last}, not {self.console}")
        for own in self.present:
            same = [word for word in words if parameter_name(word) == parameter_name(own)]
            if parameter_name(own) in _MULTIPLE:
                found += [] if _values([own]) <= _values(same) else [f"it lacks {own}"]
            elif same != [own]:
                found.append(f"it carries {' '.join(same)}, not {own}" if same else f"it lacks {own}")
        found += [f"it carries {word}" for word in words if self._is_absent(word)]
        return tuple(found)

    def edit(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words with ours at the end and without what has to go; all others stay, in their order."""
        return (*(word for word in words if not self.is_unwanted(word)), *self.words)

    def _is_absent(self, word: str) -> bool:
        name, value = parameter_name(word), value_of(word)
        return name in self.absent or (word if value is None else f"{name}={value}") in self.absent


def _values(words: Iterable[str]) -> set[str]:
    """What the lists in these words hold."""
    return {value for word in words for value in (value_of(word) or "").split(",")}


def rules_to_wants(rules: EntryRules) -> tuple[str, ...]:
    """The rules as the words that a Build carries for its judge."""
    present = tuple(f"present {word}" for word in rules.present)
    return (f"console {rules.console}", *present, *(f"absent {word}" for word in rules.absent))


def rules_from_wants(wants: Iterable[str]) -> EntryRules | None:
    """What `rules_to_wants` wrote; None where nothing is wanted. Raises FormatError."""
    sorted_words: dict[str, list[str]] = {"console": [], "present": [], "absent": []}
    for want in wants:
        kind, _, word = want.partition(" ")
        if kind not in sorted_words or not word:
            raise FormatError(f"a plan wants {want!r} of a boot entry, which means nothing")
        sorted_words[kind].append(word)
    if not any(sorted_words.values()):
        return None
    if len(sorted_words["console"]) != 1:
        raise FormatError("a plan wants no console or several of a boot entry")
    return EntryRules(
        sorted_words["console"][0], tuple(sorted_words["present"]), tuple(sorted_words["absent"])
    )


def choose_rules(
    settings: Settings,
    architecture: Architecture,
    kernels: Sequence[Kernel],
    has_bare_entry: bool,
    has_nvme_rule: bool = False,
) -> EntryRules:
    """The rules for this system. `has_bare_entry`: an entry boots without an initrd. `has_nvme_rule`: udev
    sees to the time-out of NVMe disks.

    rootdelay=300 is a ceiling with an initrd, yet a sleep of 300 seconds without one (do_mounts.c), and
    entries of one grub-mkconfig share their words; so a single bare entry gives rootwait to all of them.
    """
    console = console_word(settings, architecture)
    present, absent = [], [*_HIDING, *_BLINDING]
    if architecture.is_x86 and settings.kernel_early_printk:
        present.append(f"earlyprintk={_early_device(console)}")
    if has_bare_entry:
        present.append("rootwait")
        absent.append("rootdelay")
    elif settings.kernel_root_delay_s:
        present.append(f"rootdelay={settings.kernel_root_delay_s}")
    if not settings.kernel_keep_crashkernel:
        absent.append("crashkernel=auto")
    if any(needs_numa_off(kernel.version) for kernel in kernels):
        present.append("numa=off")
    if settings.initrd_nvme and not has_nvme_rule:
        present.append(_NVME_TIMEOUT)
    if architecture.name == "aarch64" and settings.image_profile == "azure":
        present.append(_NO_PMU)
    if not keeps_swap(settings):
        absent += RESUME_PARAMETERS
    taken = {parameter_name(word) for word in present} - _MULTIPLE
    present += [word for word in settings.kernel_extra_parameters if parameter_name(word) not in taken]
    return EntryRules(f"console={console}", tuple(present), tuple(absent))


def console_device(settings: Settings, architecture: Architecture) -> str:
    """The serial port of the console: ttyS0, ttyAMA0."""
    return console_word(settings, architecture).partition(",")[0]


def console_word(settings: Settings, architecture: Architecture) -> str:
    """The serial port of the console with its options, as console= has them: ttyS0,115200n8."""
    if settings.kernel_console != "auto":
        return settings.kernel_console
    return "ttyAMA0" if architecture.name == "aarch64" else "ttyS0,115200n8"


def needs_numa_off(version: str) -> bool:
    """Seed: kernels before 2.6.37, except those of EL 6 from 2.6.32-504 on.

    >>> [needs_numa_off(v) for v in ("2.6.32-431.el6.x86_64", "2.6.32-754.el6.x86_64", "2.6.36", "6.1.0")]
    [True, False, True, False]
    """
    if ".el6" in version:
        return version_key(version) < version_key(_EL_NUMA_FIXED)
    return version_key(version) < version_key(_NUMA_FIXED)


def is_console(words: Iterable[str], device: str) -> bool:
    """Whether one of the words makes `device` a console of the kernel."""
    return any(parameter_name(word) == "console" and _device(word) == device for word in words)


def _device(console_word: str) -> str:
    return (value_of(console_word) or "").partition(",")[0]


def _early_device(console: str) -> str:
    """earlyprintk=ttyS0,115200 takes no parity and no bits (kernel-parameters.txt)."""
    device, comma, options = console.partition(",")
    digits = "".join(sign for sign in options.partition("n")[0] if sign.isdigit())
    return f"{device},{digits}" if comma and digits else device
