"""The fixes that a kernel has to have on Hyper-V, and which kernels are known to have them.

The seven of the mission's document, by their commits there, and the one that the marketplace's list of 2021
asks for (SACK, CVE-2019-11477). What is said of Debian is from the changelog of its package linux (3.0 to
4.19.37-6). Which upstream version has 3e8f4f406590, b12bb60d6c35 and be821fd8e627, which stable updates and
which builds of Red Hat's have the fix for SACK, is from memory, and agrees with what that changelog shows. No
changelog of another vendor's old kernels was at hand, and none is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.kernels import version_key
from hvprep.formats.kernel_release import Release, Vendor


@dataclass(frozen=True)
class Fix:
    """One commit of Linux.

    subject   as changelogs have it, without the rooms before it that some write
    upstream  the first version with it
    stable    the stable updates that brought it to older lines: line and number
    debian    the first of Debian's versions with it, one for each line
    el        the first build of Enterprise Linux with it, one for each release
    broken    the first version that needs it; () where all before `upstream` do
    """

    commit: str
    subject: str
    upstream: tuple[int, ...]
    stable: tuple[tuple[tuple[int, ...], int], ...] = ()
    debian: tuple[str, ...] = ()
    el: tuple[str, ...] = ()
    broken: tuple[int, ...] = ()


DEFER_DISKS = Fix(
    "cd006086fa5d", "ata_piix: defer disks to the Hyper-V drivers by default", (3, 5), debian=("3.2.19-1",)
)
#: WRITE SAME came with Linux 3.7.
FIXES = (
    DEFER_DISKS,
    Fix(
        "5c1b10ab7f93",
        "storvsc: Account for in-transit packets in the RESET path",
        (3, 7),
        stable=(((3, 2), 33),),
        debian=("3.2.32-1",),
    ),
    Fix("3e8f4f406590", "storvsc: avoid usage of WRITE_SAME", (3, 10), broken=(3, 7)),
    Fix(
        "54b2b50c20a6",
        "Disable WRITE SAME for RAID and virtual host adapter drivers",
        (3, 13),
        stable=(((3, 12), 5),),
        broken=(3, 7),
    ),
    Fix("b12bb60d6c35", "storvsc: NULL pointer dereference fix", (3, 14)),
    Fix(
        "e86fb5e8ab95",
        "storvsc: ring buffer failures may result in I/O freeze",
        (3, 19),
        debian=("3.16.7-ckt4-1",),
    ),
    Fix("be821fd8e627", "scsi_sysfs: protect against double execution of __scsi_remove_device", (4, 4)),
    Fix(
        "3b4929f65b0d",
        "tcp: limit payload size of sacked skbs",
        (5, 2),
        stable=(((4, 4), 182), ((4, 9), 182), ((4, 14), 127), ((4, 19), 52), ((5, 1), 11)),
        debian=("4.19.37-4",),
        el=("2.6.32-754.15.3.el6", "3.10.0-957.21.3.el7", "4.18.0-80.4.2.el8"),
    ),
)
#: They take features of later versions back too, so that age says nothing of what a bug needs.
_TAKE_FEATURES_BACK = (Vendor.EL, Vendor.UEK, Vendor.SUSE)


def carries(fix: Fix, release: Release) -> bool | None:
    """Whether a kernel has the fix, or no need of it, by its numbers; None where they do not tell."""
    if release.line >= fix.upstream:
        return None if release.is_candidate and release.line == fix.upstream else True
    if release.line < fix.broken and release.vendor not in _TAKE_FEATURES_BACK:
        return True
    if any(release.line == line and (release.stable or 0) >= number for line, number in fix.stable):
        return True
    if release.vendor is Vendor.EL and any(_is_later(release.text, build) for build in fix.el):
        return True
    for version in fix.debian:
        if release.package and version_key(version)[: len(release.line)] == version_key(release.name):
            return version_key(release.package) >= version_key(version)
    return None


def _is_later(release: str, build: str) -> bool:
    """Whether a build of Enterprise Linux is at least as new as another of the same release."""
    numbers, _, dist = build.rpartition(".")
    base = numbers.partition("-")[0]
    return (
        f".{dist}" in release
        and release.startswith(f"{base}-")
        and version_key(release.partition(".el")[0]) >= version_key(numbers)
    )
