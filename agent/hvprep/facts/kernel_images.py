"""Where kernels lie, by the habits of distributions, and which version each of them is.

Source: reference boot.md, sections 1 and 2.6; kernel-install(8) for the layout "bls"; mkinitcpio and pacman's
hooks for pkgbase; Alpine's linux-lts for kernel.release.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from hvprep.facts.efi_partition import readable_paths
from hvprep.formats.kernel_image import HEAD_BYTES, find_version
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_MODULES = GuestPath("/lib/modules")

#: vmlinuz-6.1.0-9-amd64, and vmlinuz-linux or vmlinuz-lts, of which the name is no version.
_NUMBERED = re.compile(r"(?:vmlinu[xz]|kernel|b?z?Image)-(?P<label>[0-9][^/]*)")
_NAMED = re.compile(r"vmlinuz-(?P<label>[A-Za-z][^/]*)")
#: Where kernel-install puts them: MACHINE-ID/VERSION/linux below one of these. openSUSE's sdbootutil has the
#: digest of the content in the name.
_BLS_PLACES = ("/boot", "/efi", "/boot/efi")
_DIGESTED = re.compile(r"(?:linux|initrd)-[0-9a-f]{40,}")
#: Copies that package managers and people leave, which boot loaders' generators skip most of, and SUSE's
#: vmlinux-VERSION.gz for debuggers.
_LEFTOVER = re.compile(
    r"\.(?:dpkg-\w+|rpm(?:save|new|orig)|bak|old|orig|backup|sig|hmac|gz|xz|zst|hvprep-old)$|~$"
)
#: Kernels that boot no system: EL's vmlinuz-0-rescue-MACHINE-ID, SUSE's kernel-kdump.
_NO_SYSTEM = re.compile(r"^0-rescue(?:-|$)|kdump$")


def kernel_images(view: View) -> Mapping[str, GuestPath]:
    """The kernel images by label: what follows the dash in the name, or MACHINE-ID/VERSION. Without the
    copies that package managers and people leave, rescue kernels, and a second name of the same image."""
    found: dict[str, GuestPath] = {}
    for pattern in (_NUMBERED, _NAMED):
        for path in view.glob("/boot/*-*"):
            match = pattern.fullmatch(path.name)
            if (
                match is not None
                and not _LEFTOVER.search(path.name)
                and not _NO_SYSTEM.search(match["label"])
            ):
                _add(view, found, match["label"], path)
    for place in _BLS_PLACES:
        for path in readable_paths(view, f"{place}/*/[0-9]*/linux*"):
            if (path.name == "linux" or is_digested(path)) and not _NO_SYSTEM.search(path.parent.name):
                unique = "" if path.name == "linux" else f"{path.name}/"
                _add(view, found, f"{path.parent.parent.name}/{unique}{path.parent.name}", path)
    return found


def is_digested(path: GuestPath) -> bool:
    """Whether the name of a kernel or initrd holds the digest of its content."""
    return _DIGESTED.fullmatch(path.name) is not None


def _add(view: View, found: dict[str, GuestPath], label: str, path: GuestPath) -> None:
    real = view.resolve(path)
    node = view.node(real)
    others = (view.resolve(other) for known, other in found.items() if known != label)
    if node is not None and node.kind is Kind.FILE and real not in others:
        found[label] = path


def find_image_version(view: View, label: str, image: GuestPath) -> str | None:
    """The version of a kernel: its label, or for labels that are none what the image says, else the package
    of its modules, else the only directory of modules whose name ends like the label."""
    last = label.rpartition("/")[2]
    if last[:1].isdigit():
        return last
    version = None
    with contextlib.suppress(PermissionError), view.open(image) as stream:
        version = find_version(stream.read(HEAD_BYTES))
    return version or _version_by_package(view, label) or _version_by_suffix(view, label)


def _version_by_package(view: View, label: str) -> str | None:
    for path in view.glob(f"{_MODULES}/*/pkgbase"):  # Arch
        if (view.read(path) or b"").decode("utf-8", "replace").strip() == label:
            return path.parent.name
    release = view.read(GuestPath("/usr/share/kernel") / label / "kernel.release")  # Alpine
    return release.decode("utf-8", "replace").strip() or None if release is not None else None


def _version_by_suffix(view: View, label: str) -> str | None:
    versions = [path.name for path in view.glob(f"{_MODULES}/[0-9]*-{label}")]
    return versions[0] if len(versions) == 1 else None
