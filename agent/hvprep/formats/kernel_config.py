"""What a kernel that can load no modules has built in, from its configuration (/boot/config-VERSION).

Such a kernel has no /lib/modules/VERSION, and so no modules.builtin to tell. The names of the options are
those of Linux, in the Kconfig beside each driver.
"""

from __future__ import annotations

import re

#: Module to its option. Since 6.18 HYPERV_VMBUS is an option of its own; before, HYPERV means it.
_OPTIONS = {
    "hv_vmbus": "HYPERV_VMBUS",
    "hv_storvsc": "HYPERV_STORAGE",
    "hv_netvsc": "HYPERV_NET",
    "hv_utils": "HYPERV_UTILS",
    "hv_balloon": "HYPERV_BALLOON",
    "hyperv_keyboard": "HYPERV_KEYBOARD",
    "hyperv_drm": "DRM_HYPERV",
    "hyperv_fb": "FB_HYPERV",
    "sd_mod": "BLK_DEV_SD",
    "sr_mod": "BLK_DEV_SR",
    "ata_piix": "ATA_PIIX",
    "floppy": "BLK_DEV_FD",
    "cifs": "CIFS",
    "nvme": "BLK_DEV_NVME",
    "pci_hyperv": "PCI_HYPERV",
}
_LINE = re.compile(r"^(?:# )?CONFIG_(\w+)(?:=(\S+)| is not set)", re.MULTILINE | re.ASCII)


def parse_options(config: str) -> dict[str, str | None]:
    """Option without CONFIG_ to its value; None where it is not set.

    >>> parse_options("CONFIG_CIFS=m\\n# CONFIG_WATCHDOG is not set\\n")
    {'CIFS': 'm', 'WATCHDOG': None}
    """
    return {match[1]: match[2] for match in _LINE.finditer(config)}


def builtin_modules(config: str) -> tuple[str, ...] | None:
    """The names of what is built in, file systems too; None where this kernel can load modules.

    >>> builtin_modules("# CONFIG_MODULES is not set\\nCONFIG_HYPERV=y\\nCONFIG_EXT4_FS=y\\n")
    ('hv_vmbus', 'ext4')
    >>> builtin_modules("CONFIG_MODULES=y\\nCONFIG_HYPERV=y\\n")
    """
    options = parse_options(config)
    if not options or options.get("MODULES"):
        return None
    options.setdefault("HYPERV_VMBUS", options.get("HYPERV"))
    drivers = (module for module, option in _OPTIONS.items() if options.get(option) == "y")
    systems = (name[:-3].lower() for name, value in options.items() if name[-3:] == "_FS" and value == "y")
    return (*drivers, *systems)
