"""Which modules an initrd brings, and which of these it also loads.

Most images hold modules where the root file system has them, and load them by alias. Two kinds are flat:
EL 5's mkinitrd has /lib/NAME.ko, of which its nash script `init` loads those that it names with insmod
(mkinitrd 5.1.19); booster has /usr/lib/modules/NAME.ko and a list of aliases (its generator/kmod.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hvprep.formats.initrd_image import InitrdContents
from hvprep.formats.kernel_modules import module_name

#: The mark of booster's images: what its /init reads.
_BOOSTER = "etc/booster.init.yaml"

_PATH = re.compile(r"(?:usr/)?lib/(?:modules/(?:([^/]+)/(?:.*/)?)?)?([^/]+)", re.DOTALL)
_INSMOD = re.compile(r"^[ \t]*insmod[ \t]+(\S+)", re.MULTILINE)


def modules_in(names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Kernel version to the normalised names of its modules; "" for those that lie flat.

    >>> found = modules_in(["usr/lib/modules/6.1/kernel/hid-hyperv.ko.xz", "lib/sd_mod.ko", "lib/x.so"])
    >>> found["6.1"], found[""]
    (frozenset({'hid_hyperv'}), frozenset({'sd_mod'}))
    """
    found: dict[str, set[str]] = {}
    for name in names:
        if ".ko" in name and (match := _PATH.fullmatch(name)) and (module := module_name(match[2])):
            found.setdefault(match[1] or "", set()).add(module)
    return {version: frozenset(modules) for version, modules in found.items()}


def loaded_modules(contents: InitrdContents, version: str) -> frozenset[str]:
    """The modules that the image can load for a kernel of this version.

    Flat ones carry no version, and count where something loads them.
    """
    found = modules_in(contents.names)
    flat = found.get("", frozenset())
    if flat and _BOOSTER not in contents.names:
        script = contents.files.get("init", b"").decode("utf-8", "replace")
        flat = flat.intersection(filter(None, map(module_name, _INSMOD.findall(script))))
    return found.get(version, frozenset()) | flat
