"""partition-layout: size and partition table of the disk that a running system is on."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Optional, Sequence, Tuple

import pytest
from hvprep.model.finding import Finding, Verdict

from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.unit.sysfs import GIB, Machine, Part

STEP = "partition-layout"
MIB = 1 << 20
ESP, LINUX, BIOS_BOOT = (
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "0fc63daf-8483-4772-8e79-3d69d8477de4",
    "21686148-6449-6e6f-744e-656564454649",
)
BIOS = "file /etc/hvprep.conf\n|Image.Generation=1\n"
UEFI = "file /etc/hvprep.conf\n|Image.Generation=2\n"
GRUB = "dir /boot/grub\nfile /boot/grub/grub.cfg\n|menuentry x {\n|}\n"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    root = make_tree("small-system", tmp_path / "root")
    (root / "etc").mkdir()
    return Rig(root, only=STEP, live=RUNNING)


def disk(
    rig: Rig,
    size_bytes: int = 30 * GIB,
    starts: Sequence[int] = (MIB, 2 * MIB),
    table: Optional[str] = "dos",
    types: Sequence[str] = ("0x83", "0x83"),
) -> Finding:
    """Judged with such a disk; / is on its last partition. Another one beside it is nobody's business."""
    machine = Machine(rig.root)
    shutil.rmtree(rig.root / "sys")
    (rig.root / "sys").mkdir()
    parts: Tuple[Part, ...] = tuple((at, start, MIB) for at, start in enumerate(starts, 1))
    machine.disk("sys/devices/a/vda", "vda", "252:0", parts, size_bytes=size_bytes)
    machine.disk("sys/devices/b/vdb", "vdb", "252:16", ((1, 512, MIB),), size_bytes=5000 * GIB + 512)
    machine.mounts(f"252:{len(parts)} / ext4 /dev/vda{len(parts)}", "252:17 /data ext4 /dev/vdb1")
    machine.swaps()
    if table is not None:
        add_to_tree(rig.root, f"file /run/udev/data/b252:0\n|E:ID_PART_TABLE_TYPE={table}\n")
    for at, kind in enumerate(types, 1):
        add_to_tree(rig.root, f"file /run/udev/data/b252:{at}\n|E:ID_PART_ENTRY_TYPE={kind}\n")
    finding = rig.finding(STEP)
    assert finding.changes == ()
    return finding


def test_an_image_does_not_show_its_disk(rig: Rig) -> None:
    rig.live = None
    finding = rig.finding(STEP)
    assert finding.verdict is Verdict.NOT_ASSESSED
    assert "sfdisk -l" in (finding.remedy or "")


def test_a_disk_that_is_not_to_be_seen(rig: Rig) -> None:
    Machine(rig.root).mounts("0:30 / overlay overlay")
    assert rig.finding(STEP).verdict is Verdict.NOT_ASSESSED


def test_generation_1_with_an_mbr(rig: Rig) -> None:
    add_to_tree(rig.root, BIOS + GRUB)
    finding = disk(rig)
    assert (finding.verdict, finding.because) == (
        Verdict.MET,
        ("/dev/vda has 30720 MiB", "/dev/vda has an MBR"),
    )


def test_generation_2_with_a_gpt(rig: Rig) -> None:
    add_to_tree(rig.root, UEFI + GRUB)
    finding = disk(rig, table="gpt", types=(ESP.upper(), LINUX))
    assert (finding.verdict, finding.because) == (
        Verdict.MET,
        ("/dev/vda has 30720 MiB", "/dev/vda has a GPT"),
    )


@pytest.mark.parametrize(
    ("types", "verdict"), [((BIOS_BOOT, LINUX), Verdict.MET), ((LINUX, LINUX), Verdict.UNMET)]
)
def test_generation_1_with_a_gpt(rig: Rig, types: Sequence[str], verdict: Verdict) -> None:
    add_to_tree(rig.root, BIOS + GRUB)
    assert disk(rig, table="gpt", types=types).verdict is verdict


def test_only_grub_needs_a_partition_for_itself(rig: Rig) -> None:
    add_to_tree(rig.root, BIOS)
    assert disk(rig, table="gpt", types=(LINUX, LINUX)).verdict is Verdict.MET


@pytest.mark.parametrize(
    ("table", "types", "words"),
    [
        ("dos", ("0xef", "0x83"), "an MBR, and generation 2 wants a GPT"),
        ("dos", ("0x83", "0x83"), "an MBR, and generation 2 wants a GPT"),
        ("gpt", (LINUX, LINUX), "no EFI system partition"),
    ],
)
def test_generation_2_without_what_it_needs(rig: Rig, table: str, types: Sequence[str], words: str) -> None:
    add_to_tree(rig.root, UEFI)
    finding = disk(rig, table=table, types=types)
    assert finding.verdict is Verdict.UNMET
    assert any(f"/dev/vda has {words}" in each for each in finding.because)
    assert (
        not any("has a GPT" in each or each.endswith("has an MBR") for each in finding.because)
        or table == "gpt"
    )


def test_a_disk_for_both_generations(rig: Rig) -> None:
    rig.live = replace(RUNNING, machine="aarch64")  # whose firmware does not say what the other one needs
    core, loader = "file /boot/grub/i386-pc/core.img\n|x\n", "file /boot/efi/EFI/BOOT/BOOTX64.EFI\n|x\n"
    add_to_tree(rig.root, GRUB + core + loader)
    assert disk(rig, table="gpt", types=(ESP, BIOS_BOOT)).verdict is Verdict.MET
    assert disk(rig, table="gpt", types=(ESP, LINUX)).verdict is Verdict.UNMET
    assert disk(rig, table="gpt", types=(LINUX, BIOS_BOOT)).verdict is Verdict.UNMET


@pytest.mark.parametrize(
    ("start", "verdict"),
    [(MIB, Verdict.MET), (MIB - 512, Verdict.UNMET), (63 * 512, Verdict.UNMET), (2 * MIB, Verdict.MET)],
)
def test_the_first_mib_is_free(rig: Rig, start: int, verdict: Verdict) -> None:
    """The first by its place, whatever its number."""
    finding = disk(rig, starts=(3 * MIB, start))
    assert finding.verdict is verdict
    assert (
        f"/dev/vda2 begins at byte {start}: the first MiB of the disk is to be free" in finding.because
    ) is (verdict is Verdict.UNMET)


@pytest.mark.parametrize(
    ("rest", "verdict"), [(0, Verdict.MET), (512, Verdict.UNMET), (MIB - 512, Verdict.UNMET)]
)
def test_a_whole_number_of_mib(rig: Rig, rest: int, verdict: Verdict) -> None:
    finding = disk(rig, size_bytes=10 * GIB + rest)
    assert finding.verdict is verdict
    assert verdict is Verdict.MET or "qemu-img resize FILE 10241M" in (finding.remedy or "")


LARGE = "larger than the 1023 GiB"


@pytest.mark.parametrize(
    ("table", "generation", "profile", "gib", "verdict", "words"),
    [
        ("dos", 1, "azure", 1023, Verdict.MET, ""),
        ("dos", 1, "azure", 1024, Verdict.MET, LARGE),
        ("dos", 1, "azure", 2048, Verdict.MET, LARGE),
        ("dos", 1, "azure", 2049, Verdict.UNMET, "what an MBR can address is 2048 GiB"),
        ("dos", 1, "hyperv", 2049, Verdict.UNMET, "what an MBR can address is 2048 GiB"),
        ("gpt", 1, "azure", 2049, Verdict.UNMET, "the largest disk of a system on Azure is 2048 GiB"),
        ("gpt", 2, "azure", 4095, Verdict.MET, LARGE),
        ("gpt", 2, "azure", 4096, Verdict.UNMET, "the largest disk of a system on Azure is 4095 GiB"),
        ("gpt", 2, "hyperv", 4096, Verdict.MET, ""),
        ("gpt", 1, "hyperv", 4096, Verdict.MET, ""),
    ],
)
def test_sizes(
    rig: Rig, table: str, generation: int, profile: str, gib: int, verdict: Verdict, words: str
) -> None:
    add_to_tree(
        rig.root, f"file /etc/hvprep.conf\n|Image.Profile={profile}\n|Image.Generation={generation}\n"
    )
    types = ("0x83", "0x83") if table == "dos" else (ESP, BIOS_BOOT)
    finding = disk(rig, size_bytes=gib * GIB, table=table, types=types)
    assert finding.verdict is verdict, finding
    said = " ".join(finding.because)
    assert words in said
    assert words == LARGE or LARGE not in said


@pytest.mark.parametrize(
    ("table", "types", "verdict"),
    [
        (None, ("0x83", "0x83"), Verdict.NOT_ASSESSED),
        ("dos", (), Verdict.NOT_ASSESSED),
        ("sun", ("0x83", "0x83"), Verdict.UNMET),
    ],
)
def test_what_udev_says(rig: Rig, table: Optional[str], types: Sequence[str], verdict: Verdict) -> None:
    assert disk(rig, table=table, types=types).verdict is verdict


def test_a_disk_without_partitions(rig: Rig) -> None:
    finding = disk(rig, starts=(), table=None, types=())
    assert finding.verdict is Verdict.UNMET
    assert "/dev/vda has no partitions" in finding.because


def test_a_generation_that_nothing_tells(rig: Rig) -> None:
    rig.live = replace(RUNNING, machine="aarch64")
    assert disk(rig).verdict is Verdict.MET
