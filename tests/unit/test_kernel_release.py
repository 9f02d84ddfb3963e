"""What releases of kernels tell, and which fixes they are known to have: every floor in tables."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import pytest
from hvprep.formats.kernel_release import Vendor, parse_release
from hvprep.steps.kernel.fixes import FIXES, Fix, carries
from hypothesis import given
from hypothesis import strategies as st

BANNER = "3.16.0-4-amd64 (debian-kernel@lists.debian.org) #1 SMP Debian {} (2015-05-24)"


@pytest.mark.parametrize(
    ("release", "vendor", "line", "stable"),
    [
        ("6.1.0-56-amd64", Vendor.DEBIAN, (6, 1), None),
        ("6.12.118+deb13-amd64", Vendor.OTHER, (6, 12), 118),
        ("3.2.0-4-686-pae", Vendor.DEBIAN, (3, 2), None),
        ("6.1.0-56-cloud-amd64", Vendor.DEBIAN, (6, 1), None),
        ("2.6.32-71.el6.x86_64", Vendor.EL, (2, 6, 32), None),
        ("2.6.32-754.35.1.el6.x86_64", Vendor.EL, (2, 6, 32), None),
        ("2.6.18-419.el5", Vendor.EL, (2, 6, 18), None),
        ("3.10.0-1160.119.1.el7.x86_64", Vendor.EL, (3, 10), None),
        ("4.18.0-80.4.2.el8_0.x86_64", Vendor.EL, (4, 18), None),
        ("5.14.0-427.13.1.el9_4.x86_64", Vendor.EL, (5, 14), None),
        ("2.6.39-400.312.2.el6uek.x86_64", Vendor.UEK, (2, 6, 39), None),
        ("3.8.13-118.35.2.el7uek.x86_64", Vendor.UEK, (3, 8), 13),
        ("4.1.12-124.28.3.el7uek.x86_64", Vendor.UEK, (4, 1), 12),
        ("3.0.101-108.95-default", Vendor.SUSE, (3, 0), 101),
        ("2.6.32.59-0.7-default", Vendor.SUSE, (2, 6, 32), 59),
        ("3.12.28-4-default", Vendor.SUSE, (3, 12), 28),
        ("4.12.14-6.15-azure", Vendor.SUSE, (4, 12), 14),
        ("3.2.0-25-generic", Vendor.UBUNTU, (3, 2), None),
        ("3.13.0-170-virtual", Vendor.UBUNTU, (3, 13), None),
        ("4.15.0-1049-azure", Vendor.UBUNTU, (4, 15), None),
        ("6.6.58-0-lts", Vendor.OTHER, (6, 6), 58),
        ("4.14.336-253.554.amzn2.x86_64", Vendor.OTHER, (4, 14), 336),
        ("5.15.158.2-1.cm2", Vendor.OTHER, (5, 15), 158),
        ("3.5.0", Vendor.OTHER, (3, 5), None),
        ("6.18", Vendor.OTHER, (6, 18), None),
    ],
)
def test_releases(release: str, vendor: Vendor, line: Tuple[int, ...], stable: Optional[int]) -> None:
    read = parse_release(release)
    assert read is not None
    assert (read.vendor, read.line, read.stable) == (vendor, line, stable)


@pytest.mark.parametrize("release", ["", "linux", "v3.5", "3", "-3.5"])
def test_what_is_no_release(release: str) -> None:
    assert parse_release(release) is None


def test_the_image_tells_debians_own_version() -> None:
    read = parse_release("3.16.0-4-amd64", BANNER.format("3.16.7-ckt11-1+deb8u3"))
    assert read is not None
    assert (read.vendor, read.package, read.name) == (Vendor.DEBIAN, "3.16.7-ckt11-1+deb8u3", "3.16")


@given(st.text(), st.text())
def test_every_text_is_read(release: str, banner: str) -> None:
    read = parse_release(release, banner)
    if read is not None:
        assert all(carries(fix, read) in (True, False, None) for fix in FIXES)


BY_COMMIT: Dict[str, Fix] = {fix.commit[:4]: fix for fix in FIXES}
HAS, LACKS, UNKNOWN = True, False, None

#: By the first letters of the commit, in the order of FIXES.
FLOORS = [
    # ata_piix leaves the disks alone: 3.5, Debian 3.2.19-1.
    ("cd00", "3.5.0", "", HAS),
    ("cd00", "3.4.113", "", UNKNOWN),
    ("cd00", "3.5.0-rc1", "", UNKNOWN),
    ("cd00", "3.6.0-rc1", "", HAS),
    ("cd00", "3.10.0-123.el7.x86_64", "", HAS),
    ("cd00", "2.6.32-754.el6.x86_64", "", UNKNOWN),
    ("cd00", "3.0.101-108.95-default", "", UNKNOWN),
    ("cd00", "3.12.28-4-default", "", HAS),
    ("cd00", "3.2.0-25-generic", "", UNKNOWN),
    ("cd00", "3.13.0-24-generic", "", HAS),
    ("cd00", "3.2.0-4-amd64", "3.2.41-2", HAS),
    ("cd00", "3.2.0-2-amd64", "3.2.18-1", LACKS),
    ("cd00", "3.2.0-2-amd64", "3.2.19-1", HAS),
    ("cd00", "3.2.0-4-amd64", "", UNKNOWN),
    ("cd00", "2.6.39-400.312.2.el6uek.x86_64", "", UNKNOWN),
    ("cd00", "3.8.13-118.el6uek.x86_64", "", HAS),
    # packets on their way during a reset: 3.7, 3.2.33, Debian 3.2.32-1.
    ("5c1b", "3.7.0", "", HAS),
    ("5c1b", "3.6.11", "", UNKNOWN),
    ("5c1b", "3.2.33", "", HAS),
    ("5c1b", "3.2.32", "", UNKNOWN),
    ("5c1b", "3.3.40", "", UNKNOWN),
    ("5c1b", "3.2.0-4-amd64", "3.2.32-1", HAS),
    ("5c1b", "3.2.0-4-amd64", "3.2.31-1", LACKS),
    ("5c1b", "3.10.0-123.el7.x86_64", "", HAS),
    # WRITE SAME, which there is since 3.7: 3.10 and 3.13.
    ("3e8f", "3.10.0", "", HAS),
    ("3e8f", "3.9.11", "", UNKNOWN),
    ("3e8f", "3.7.0", "", UNKNOWN),
    ("3e8f", "3.6.11", "", HAS),
    ("3e8f", "3.2.0-4-amd64", "3.2.41-2", HAS),
    ("3e8f", "3.2.0-25-generic", "", HAS),
    ("3e8f", "2.6.32-754.el6.x86_64", "", UNKNOWN),
    ("3e8f", "3.0.101-108.95-default", "", UNKNOWN),
    ("3e8f", "3.10.0-123.el7.x86_64", "", HAS),
    ("54b2", "3.13.0-24-generic", "", HAS),
    ("54b2", "3.12.4", "", UNKNOWN),
    ("54b2", "3.12.5", "", HAS),
    ("54b2", "3.12.28-4-default", "", HAS),
    ("54b2", "3.10.0-1160.el7.x86_64", "", UNKNOWN),
    ("54b2", "3.6.11", "", HAS),
    # a NULL pointer: 3.14.
    ("b12b", "3.14.0", "", HAS),
    ("b12b", "3.13.11", "", UNKNOWN),
    ("b12b", "3.12.28-4-default", "", UNKNOWN),
    ("b12b", "3.16.0-4-amd64", "3.16.7-ckt2-1", HAS),
    # I/O that freezes: 3.19, Debian 3.16.7-ckt4-1.
    ("e86f", "3.19.0", "", HAS),
    ("e86f", "3.18.140", "", UNKNOWN),
    ("e86f", "3.16.0-4-amd64", "3.16.7-ckt4-1", HAS),
    ("e86f", "3.16.0-4-amd64", "3.16.7-ckt11-1+deb8u3", HAS),
    ("e86f", "3.16.0-4-amd64", "3.16.7-ckt2-1", LACKS),
    ("e86f", "3.16.0-0.bpo.4-amd64", "3.16.7-ckt11-1~bpo70+1", HAS),
    # a device that is removed twice: 4.4.
    ("be82", "4.4.0-21-generic", "", HAS),
    ("be82", "4.3.6", "", UNKNOWN),
    ("be82", "4.1.12-124.28.3.el7uek.x86_64", "", UNKNOWN),
    ("be82", "3.16.0-4-amd64", "3.16.7-ckt11-1", UNKNOWN),
    ("be82", "4.4.21-69-default", "", HAS),
    # SACK: 5.2, five stable updates, Debian 4.19.37-4, three builds of Enterprise Linux.
    ("3b49", "5.2.0", "", HAS),
    ("3b49", "5.1.10", "", UNKNOWN),
    ("3b49", "5.1.11", "", HAS),
    ("3b49", "4.19.51", "", UNKNOWN),
    ("3b49", "4.19.52", "", HAS),
    ("3b49", "4.14.127", "", HAS),
    ("3b49", "4.14.126", "", UNKNOWN),
    ("3b49", "4.9.182", "", HAS),
    ("3b49", "4.9.181", "", UNKNOWN),
    ("3b49", "4.4.182", "", HAS),
    ("3b49", "4.4.181", "", UNKNOWN),
    ("3b49", "4.18.20", "", UNKNOWN),
    ("3b49", "4.19.0-5-amd64", "4.19.37-4", HAS),
    ("3b49", "4.19.0-5-amd64", "4.19.37-3", LACKS),
    ("3b49", "2.6.32-754.15.3.el6.x86_64", "", HAS),
    ("3b49", "2.6.32-754.14.2.el6.x86_64", "", UNKNOWN),
    ("3b49", "3.10.0-957.21.3.el7.x86_64", "", HAS),
    ("3b49", "3.10.0-957.21.2.el7.x86_64", "", UNKNOWN),
    ("3b49", "3.10.0-862.34.2.el7.x86_64", "", UNKNOWN),
    ("3b49", "3.10.0-1160.el7.x86_64", "", HAS),
    ("3b49", "4.18.0-80.4.2.el8_0.x86_64", "", HAS),
    ("3b49", "4.18.0-80.1.2.el8_0.x86_64", "", UNKNOWN),
    ("3b49", "4.18.0-553.el8_10.x86_64", "", HAS),
    ("3b49", "4.18.0-553.el7.x86_64", "", UNKNOWN),
    ("3b49", "4.15.0-1049-azure", "", UNKNOWN),
    ("3b49", "5.4.17-2136.el8uek.x86_64", "", HAS),
]  # fmt: skip


@pytest.mark.parametrize(("commit", "release", "package", "expected"), FLOORS)
def test_floors(commit: str, release: str, package: str, expected: Optional[bool]) -> None:
    read = parse_release(release, BANNER.format(package) if package else "")
    assert read is not None
    assert carries(BY_COMMIT[commit], read) is expected


@pytest.mark.parametrize(
    "release", ["5.14.0-427.13.1.el9_4.x86_64", "6.1.0-56-amd64", "5.2.0", "6.8.0-60-generic"]
)
def test_what_is_new_has_all(release: str) -> None:
    read = parse_release(release)
    assert read is not None
    assert all(carries(fix, read) for fix in FIXES)
