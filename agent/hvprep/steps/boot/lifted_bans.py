"""Words of the kernel's line that keep the platform's modules out, where the administrator lets them go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.formats.modprobe_conf import parse_words
from hvprep.steps.boot.rules import EntryRules

#: What hyperv-modules, hyperv-services, udf, vfat, iso9660 and cdrom ask for.
PLATFORM_MODULES = frozenset(
    (
        *("hv_vmbus", "hv_storvsc", "hv_netvsc", "sd_mod", "hv_utils", "hv_balloon"),
        *("hyperv_keyboard", "hyperv_drm", "hyperv_fb", "pci_hyperv", "nvme"),
        *("udf", "vfat", "isofs", "sr_mod", "ide_cd_mod", "ata_piix", "pata_acpi", "piix"),
    )
)


def lift_bans(rules: EntryRules, words: Iterable[str]) -> EntryRules:
    """The rules after which no entry keeps such a module out. What else one of these words names stays."""
    absent, present = [*rules.absent], [*rules.present]
    for word in dict.fromkeys(words):
        names = [rule.name for rule in parse_words([word])]
        kept = [name for name in names if name not in PLATFORM_MODULES]
        if kept != names:
            absent.append(f"{parameter_name(word)}={value_of(word)}")
            present += [f"{parameter_name(word)}={','.join(kept)}"] if kept else []
    return replace(rules, present=tuple(dict.fromkeys(present)), absent=tuple(absent))
