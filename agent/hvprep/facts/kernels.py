"""The kernels that this system can boot, with their module indices and initrds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hvprep.errors import FormatError
from hvprep.facts.kernel_images import find_image_version, is_digested, kernel_images
from hvprep.formats.kernel_config import builtin_modules
from hvprep.formats.kernel_modules import ModuleIndex, parse_module_index
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: Names of an initrd beside its kernel, in the order in which grub-mkconfig looks for them (10_linux.in of
#: GRUB 2.06); the last one is booster's.
_INITRD_NAMES = (
    "initrd.img-{}",
    "initrd-{}.img",
    "initrd-{}",
    "initramfs-{}",
    "initramfs-{}.img",
    "booster-{}.img",
)
#: A second image that some boot entries use: mkinitcpio's, without the devices of this machine in mind.
_FALLBACK_NAME = "initramfs-{}-fallback.img"
_MODULE_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Kernel:
    """One kernel image.

    version    as uname(2) gives it; "" where it is not known
    initrd     its initrd by name, existing; None where it has none
    modules    None where /lib/modules/VERSION has no modules.dep, or one that does not read (`problem`)
    label      what its own file name and its initrd's have in common, where that is not the version
    fallbacks  further initrds of it, existing
    """

    version: str
    image: GuestPath
    initrd: GuestPath | None
    modules: ModuleIndex | None
    problem: str | None = None
    label: str = ""
    fallbacks: tuple[GuestPath, ...] = ()

    @property
    def name(self) -> str:
        """What tells it from the others: its version, or its label where that is a name."""
        return self.label or self.version

    @property
    def directory(self) -> GuestPath:
        """Where its modules are."""
        return GuestPath("/lib/modules") / self.version

    @property
    def initrds(self) -> tuple[GuestPath, ...]:
        """Every initrd that it may be booted with."""
        return (*((self.initrd,) if self.initrd is not None else ()), *self.fallbacks)

    @property
    def initrd_names(self) -> tuple[GuestPath, ...]:
        """Where an initrd of this version may be, by the habits of distributions."""
        words = tuple(name.format(self.name) for name in _INITRD_NAMES)
        if self.image.name == "linux":
            words = ("initrd", *words)
        return tuple(self.image.parent / word for word in words)

    @property
    def fallback_name(self) -> GuestPath:
        """Where its second image may be."""
        return self.image.parent / _FALLBACK_NAME.format(self.name)


def probe_kernels(view: View) -> tuple[Kernel, ...]:
    """Every kernel image, the oldest version first."""
    kernels = [probe_kernel(view, label, image) for label, image in kernel_images(view).items()]
    return tuple(sorted(kernels, key=lambda kernel: (version_key(kernel.version), str(kernel.image))))


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Orders versions as `sort -V` does for the versions that kernels have.

    >>> sorted(["6.1.0-9-amd64", "6.1.0-10-amd64", "5.15"], key=version_key)
    ['5.15', '6.1.0-9-amd64', '6.1.0-10-amd64']
    """
    parts = re.findall(r"\d+|[^\d.\-_+~]+", version)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def probe_kernel(view: View, label: str, image: GuestPath) -> Kernel:
    """What there is of the kernel in `image`; `label` as `kernel_images` gives it."""
    version = find_image_version(view, label, image) or ""
    name = "" if label.rpartition("/")[2] == version else label
    kernel = Kernel(version, image, None, None, label=name)
    initrd, fallbacks = _find_initrds(view, kernel)
    kernel = replace(kernel, initrd=initrd, fallbacks=fallbacks)
    if not version:
        return replace(kernel, problem=f"neither {image} nor /lib/modules tells its version")
    try:
        modules = _read_modules(view, kernel)
    except FormatError as error:
        return replace(kernel, problem=f"{kernel.directory}: {error.sentence}")
    problem = f"{kernel.directory}/modules.dep is not there" if modules is None else None
    return replace(kernel, modules=modules, problem=problem)


def _find_initrds(view: View, kernel: Kernel) -> tuple[GuestPath | None, tuple[GuestPath, ...]]:
    """(its initrd by name, further ones), existing."""
    if is_digested(kernel.image):
        found = [path for path in view.glob(f"{kernel.image.parent}/initrd-*") if is_digested(path)]
        return (found[0] if found else None), tuple(found[1:])
    initrd = next((path for path in kernel.initrd_names if view.node(path) is not None), None)
    fallback = kernel.fallback_name
    return initrd, ((fallback,) if view.node(fallback) is not None else ())


def _read_modules(view: View, kernel: Kernel) -> ModuleIndex | None:
    def read(name: str) -> bytes:
        return view.read(kernel.directory / name, _MODULE_LIMIT_BYTES) or b""

    listing = view.read(kernel.directory / "modules.dep", _MODULE_LIMIT_BYTES)
    if listing is None:
        config = view.read(GuestPath("/boot") / f"config-{kernel.name}") or b""
        builtin = builtin_modules(config.decode("utf-8", "replace"))
        return (
            parse_module_index(b"", "".join(f"{name}.ko\n" for name in builtin).encode()) if builtin else None
        )
    return parse_module_index(
        listing,
        read("modules.builtin"),
        read("modules.softdep"),
        read("modules.alias"),
        read("modules.builtin.modinfo"),
    )
