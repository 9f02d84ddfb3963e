"""What lies on the disk that tells of a kernel's fixes, where its number does not."""

from __future__ import annotations

import zlib
from contextlib import suppress

from hvprep.errors import FormatError
from hvprep.facts.kernels import Kernel
from hvprep.formats.kernel_image import HEAD_BYTES, find_banner
from hvprep.model.view import View
from hvprep.steps.kernel.fixes import DEFER_DISKS, Fix

#: The parameter of ata_piix that came with the fix (drivers/ata/ata_piix.c).
_PARAMETER = b"prefer_ms_hyperv"
_CHANGELOG_LIMIT_BYTES = 64 * 1024 * 1024


def read_banner(view: View, kernel: Kernel) -> str:
    """The text in the kernel's image, "" where it has none or may not be read."""
    with suppress(OSError), view.open(kernel.image) as stream:
        return find_banner(stream.read(HEAD_BYTES))
    return ""


def read_changelog(view: View, kernel: Kernel) -> str:
    """The changelog in Debian's or Ubuntu's package of the kernel, in one line and lower case; "" where the
    system has none: many images are without documentation."""
    for path in view.glob(f"/usr/share/doc/linux-*{kernel.version}/changelog*.gz"):
        with suppress(zlib.error, FormatError, OSError):
            packed = view.read(path) or b""
            text = zlib.decompressobj(wbits=31).decompress(packed, _CHANGELOG_LIMIT_BYTES)
            return " ".join(text.decode("utf-8", "replace").lower().split())
    return ""


def shows(view: View, kernel: Kernel, fix: Fix, changelog: str) -> bool | None:
    """Whether the files show that the kernel has the fix; None where they do not tell."""
    if fix is DEFER_DISKS:
        module = kernel.modules.path_of("ata_piix") if kernel.modules is not None else None
        if module is not None and module.endswith(".ko"):
            content = view.read(kernel.directory / module)
            if content is not None:
                return _PARAMETER in content
    subject = fix.subject.lower()
    is_named = subject in changelog and f'revert "{subject}' not in changelog
    return True if is_named else None
