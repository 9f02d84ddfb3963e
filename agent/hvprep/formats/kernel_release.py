"""What the release of a kernel (uname -r) tells of its age, and what it does not.

Vendors keep one number for years and take fixes back, so the number is only a floor: what a kernel of 3.10.0
has, it has; what it lacks by its number, it may have all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Vendor(str, Enum):
    """Whose numbering it is; by the release alone, so a kernel that somebody built may look like theirs."""

    EL = "Enterprise Linux"
    UEK = "Oracle UEK"
    SUSE = "SUSE"
    UBUNTU = "Ubuntu"
    DEBIAN = "Debian"
    OTHER = "unknown"


_NUMBERS = re.compile(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?", re.ASCII)
_VENDORS = (
    (re.compile(r"uek\b"), Vendor.UEK),  # 4.1.12-124.28.3.el7uek.x86_64
    (re.compile(r"\.el\d+"), Vendor.EL),  # 3.10.0-1160.el7.x86_64, 4.18.0-80.4.2.el8_0.x86_64
    (re.compile(r"-\d+-(?:cloud-|rt-)?(?:amd64|arm64|686(?:-pae)?|i386)$"), Vendor.DEBIAN),  # 3.16.0-4-amd64
    # 3.13.0-170-generic, 4.15.0-1049-azure
    (re.compile(r"\.0-\d+-(?:generic|azure|virtual|server|lowlatency|aws|gcp|kvm|oem)\b"), Vendor.UBUNTU),
    # 3.0.101-108.95-default, 4.12.14-6.15-azure
    (re.compile(r"-[\d.]+-(?:default|azure|pae|xen|trace|ec2|rt|preempt|desktop|vmi|bigsmp)$"), Vendor.SUSE),
)
#: In the text of Debian's kernel images: "#1 SMP Debian 3.16.7-ckt11-1 (2015-05-24)".
_DEBIAN = re.compile(r" Debian (\d[\w.+~-]{0,99})")
_RC = re.compile(r"-rc\d|~rc\d")


@dataclass(frozen=True)
class Release:
    """A kernel's release, read.

    line     the version that it was made from: (3, 10), and (2, 6, 32) before 3.0
    stable   the number of the stable update after that; None where the release does not tell: Debian, Ubuntu
             and Enterprise Linux write 0 whatever they took in
    package  Debian's own version, "" where the image does not tell
    """

    text: str
    vendor: Vendor
    line: tuple[int, ...]
    stable: int | None
    is_candidate: bool = False
    package: str = ""

    @property
    def name(self) -> str:
        """The version that it was made from, for people."""
        return ".".join(map(str, self.line))


def parse_release(release: str, banner: str = "") -> Release | None:
    """What uname -r, and the text in the kernel's image (see kernel_image.py), tell; None where that is no
    release.

    >>> parse_release("3.12.28-4-default").line, parse_release("3.12.28-4-default").stable
    ((3, 12), 28)
    >>> parse_release("2.6.32-754.el6.x86_64").line, parse_release("3.10.0-1160.el7.x86_64").stable
    ((2, 6, 32), None)
    """
    match = _NUMBERS.match(release)
    if match is None:
        return None
    numbers = [int(number) for number in match.groups() if number is not None]
    size = 3 if numbers[:2] == [2, 6] else 2
    line, rest = tuple(numbers[:size]), numbers[size:]
    vendor = next((vendor for sign, vendor in _VENDORS if sign.search(release)), Vendor.OTHER)
    debian = _DEBIAN.search(banner)
    if debian is not None:
        vendor = Vendor.DEBIAN
    stable = rest[0] if rest and rest[0] else None
    is_candidate = _RC.search(release) is not None
    return Release(release, vendor, line, stable, is_candidate, debian[1] if debian is not None else "")
