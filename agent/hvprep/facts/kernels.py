"""The kernels that this system can boot, with their module indices and initrds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.kernel_modules import ModuleIndex, parse_module_index
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

#: dracut's rescue image is a copy of another kernel, under a name of which there are no modules.
_IMAGE = re.compile(r"(?:vmlinu[xz]|kernel|Image)-(?!0-rescue-)(?P<version>[0-9][^/]*)")
#: Copies that package managers and people leave; boot loaders' generators skip most of them.
_LEFTOVER = re.compile(r"\.(?:dpkg-\w+|rpm(?:save|new|orig)|bak|old|orig|backup|sig|hmac)$|~$")
#: Names of an initrd for a version: Debian, EL and dracut's default, SUSE, EL 5.
_INITRD_NAMES = ("initrd.img-{}", "initramfs-{}.img", "initrd-{}", "initrd-{}.img")
_MODULE_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Kernel:
    """One kernel image in /boot.

    initrd   its initrd by name, existing; None where it has none
    modules  None where /lib/modules/VERSION has no modules.dep, or one that does not read (`problem`)
    """

    version: str
    image: GuestPath
    initrd: GuestPath | None
    modules: ModuleIndex | None
    problem: str | None = None

    @property
    def initrd_names(self) -> tuple[GuestPath, ...]:
        """Where an initrd of this version may be, by the habits of distributions."""
        return tuple(GuestPath("/boot") / name.format(self.version) for name in _INITRD_NAMES)


def probe_kernels(view: View) -> tuple[Kernel, ...]:
    """Every kernel image in /boot, the oldest version first."""
    found = kernel_images(view)
    return tuple(_probe(view, version, found[version]) for version in sorted(found, key=version_key))


def kernel_images(view: View) -> Mapping[str, GuestPath]:
    """The kernel images in /boot by version, without the copies that package managers and people leave."""
    found = {}
    for path in view.glob("/boot/*-*"):
        match = _IMAGE.fullmatch(path.name)
        if match is None or _LEFTOVER.search(path.name):
            continue
        node = view.node(view.resolve(path))
        if node is not None and node.kind is Kind.FILE:
            found[match["version"]] = path
    return found


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Orders versions as `sort -V` does for the versions that kernels have.

    >>> sorted(["6.1.0-9-amd64", "6.1.0-10-amd64", "5.15"], key=version_key)
    ['5.15', '6.1.0-9-amd64', '6.1.0-10-amd64']
    """
    parts = re.findall(r"\d+|[^\d.\-_+~]+", version)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def _probe(view: View, version: str, image: GuestPath) -> Kernel:
    names = Kernel(version, image, None, None).initrd_names
    initrd = next((path for path in names if view.node(path) is not None), None)
    directory = GuestPath("/lib/modules") / version
    listing = view.read(directory / "modules.dep", _MODULE_LIMIT_BYTES)
    if listing is None:
        return Kernel(version, image, initrd, None, f"{directory}/modules.dep is not there")

    def read(name: str) -> bytes:
        return view.read(directory / name, _MODULE_LIMIT_BYTES) or b""

    try:
        modules = parse_module_index(
            listing,
            read("modules.builtin"),
            read("modules.softdep"),
            read("modules.alias"),
            read("modules.builtin.modinfo"),
        )
    except FormatError as error:
        return Kernel(version, image, initrd, None, f"{directory}: {error.sentence}")
    return Kernel(version, image, initrd, modules)
