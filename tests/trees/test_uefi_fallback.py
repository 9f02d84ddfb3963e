"""uefi-fallback: what a new machine of generation 2 starts. With real programs: tests/chroot/test_uefi.py."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Optional, Sequence

import pytest
from hvprep.model.finding import Finding, Verdict

from tests.pe_program import AARCH64, I386, X86_64, program
from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.trees.unified import write_image

STEP = "uefi-fallback"
MET, UNMET, NOT_ASSESSED, NOT_APPLICABLE = (
    Verdict.MET,
    Verdict.UNMET,
    Verdict.NOT_ASSESSED,
    Verdict.NOT_APPLICABLE,
)
#: The .sbat sections of shim 16.1 and GRUB 2.06 of Debian 12.
SHIM_SBAT = (
    b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
    b"shim,4,UEFI shim,shim,1,https://github.com/rhboot/shim\n"
    b"shim.debian,1,Debian,shim,16.1,https://tracker.debian.org/pkg/shim\n"
)
GRUB_SBAT = (
    b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
    b"grub,5,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/\n"
)


def made(sbat: bytes = b"", machine: int = X86_64, signed: bool = False) -> bytes:
    """A program with one section."""
    section = (b".sbat" if sbat else b".text", sbat or b"code")
    return program(section, machine=machine, certificates=8 if signed else 0)


SHIM, GRUB = made(SHIM_SBAT, signed=True), made(GRUB_SBAT, signed=True)
PLAIN_GRUB = made(GRUB_SBAT)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    root = make_tree("small-system", tmp_path / "root")
    add_to_tree(root, "file /etc/hvprep.conf\n|Image.Generation=2\n")
    return Rig(root, only=STEP)


def put(rig: Rig, name: str, content: bytes = b"x") -> None:
    path = rig.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def judged(rig: Rig) -> Finding:
    before = take_snapshot(rig.root)
    finding = rig.finding(STEP)
    assert finding.changes == ()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    return finding


def test_generation_1_needs_none(rig: Rig) -> None:
    add_to_tree(rig.root, "file /etc/hvprep.conf\n|Image.Generation=1\n")
    assert judged(rig).verdict is NOT_APPLICABLE


def test_an_image_for_both_generations_needs_it(rig: Rig) -> None:
    add_to_tree(rig.root, "remove /etc/hvprep.conf\nfile /boot/grub/i386-pc/core.img\n|x\n")
    assert judged(rig).verdict is NOT_APPLICABLE
    put(rig, "boot/efi/EFI/debian/grubx64.efi", GRUB)
    assert judged(rig).verdict is UNMET


def test_another_architecture_has_no_generation_2(rig: Rig) -> None:
    add_to_tree(rig.root, "elf /usr/bin/sh x86_64\n")
    (rig.root / "usr/bin/sh").write_bytes(struct.pack("<16sHH", b"\x7fELF\x02\x01\x01", 3, 21) + bytes(44))
    assert judged(rig).verdict is NOT_APPLICABLE


@pytest.mark.parametrize("directory", ["", "boot/efi", "efi", "boot/efi/debian"])
def test_a_partition_that_is_not_mounted_is_not_judged(rig: Rig, directory: str) -> None:
    (rig.root / directory).mkdir(parents=True, exist_ok=True)
    finding = judged(rig)
    assert finding.verdict is NOT_ASSESSED
    assert "mount it" in (finding.remedy or "")


@pytest.mark.parametrize("place", ["boot/efi", "efi", "boot"])
@pytest.mark.parametrize("name", ["EFI/BOOT/BOOTX64.EFI", "efi/boot/bootx64.efi", "EFI/Boot/BootX64.efi"])
def test_any_place_in_any_case(rig: Rig, place: str, name: str) -> None:
    if place == "boot":
        name = f"EFI{name[3:]}"  # /boot/efi is another place
    put(rig, f"{place}/EFI/debian/grubx64.efi".replace("EFI", name.partition("/")[0]), GRUB)
    assert judged(rig).verdict is UNMET
    put(rig, f"{place}/{name}", PLAIN_GRUB)
    finding = judged(rig)
    assert (finding.verdict, finding.because) == (MET, (f"/{place}/{name} is there",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged"),
        (b"MZ", "is damaged"),
        (b"#!/bin/sh\n", "is damaged"),
        (PLAIN_GRUB[:200], "is damaged"),
        (made(machine=I386), "is a program for i386, not x86_64"),
        (made(machine=AARCH64), "is a program for aarch64, not x86_64"),
    ],
)
def test_what_is_no_program_for_this_machine(rig: Rig, content: bytes, words: str) -> None:
    put(rig, "boot/efi/EFI/BOOT/BOOTX64.EFI", content)
    finding = judged(rig)
    assert finding.verdict is UNMET
    assert f"/boot/efi/EFI/BOOT/BOOTX64.EFI {words}" in finding.because[0]


def test_a_directory_of_that_name(rig: Rig) -> None:
    (rig.root / "boot/efi/EFI/BOOT/BOOTX64.EFI").mkdir(parents=True)
    finding = judged(rig)
    assert (finding.verdict, finding.because) == (UNMET, ("/boot/efi/EFI/BOOT/BOOTX64.EFI is no file",))


def test_aarch64(rig: Rig) -> None:
    add_to_tree(rig.root, "elf /usr/bin/sh aarch64\n")
    put(rig, "boot/efi/EFI/BOOT/BOOTX64.EFI", PLAIN_GRUB)
    assert judged(rig).verdict is UNMET
    put(rig, "boot/efi/EFI/BOOT/BOOTAA64.EFI", made(machine=AARCH64))
    assert judged(rig).verdict is MET
    put(rig, "boot/efi/EFI/BOOT/BOOTAA64.EFI", made(SHIM_SBAT, AARCH64))
    assert judged(rig).verdict is UNMET
    put(rig, "boot/efi/EFI/BOOT/grubaa64.efi", made(machine=AARCH64))
    assert judged(rig).verdict is MET


#: Files beside shim, and whether it starts a system.
@pytest.mark.parametrize(
    ("files", "verdict", "words"),
    [
        ([], UNMET, "neither grubx64.efi nor fbx64.efi is beside it"),
        (["EFI/debian/grubx64.efi", "EFI/debian/grub.cfg"], UNMET, "neither grubx64.efi nor fbx64.efi"),
        (["EFI/BOOT/grubx64.efi"], UNMET, "for which there is no /boot/efi/EFI/*/grub.cfg"),
        (["EFI/BOOT/grubx64.efi", "EFI/debian/grub.cfg"], MET, "starts /boot/efi/EFI/BOOT/grubx64.efi"),
        (["EFI/BOOT/GRUBX64.EFI", "EFI/BOOT/GRUB.CFG"], MET, "starts /boot/efi/EFI/BOOT/GRUBX64.EFI"),
        (["EFI/BOOT/fbx64.efi"], UNMET, "finds no /boot/efi/EFI/*/BOOT*.CSV to go by"),
        (["EFI/BOOT/fbx64.efi", "EFI/BOOT/grubx64.efi", "EFI/redhat/grub.cfg"], UNMET, "finds no"),
        (["EFI/BOOT/fbx64.efi", "EFI/redhat/BOOTX64.CSV"], MET, "starts /boot/efi/EFI/BOOT/fbx64.efi"),
    ],
)
def test_shim(rig: Rig, files: Sequence[str], verdict: Verdict, words: str) -> None:
    put(rig, "boot/efi/EFI/BOOT/BOOTX64.EFI", SHIM)
    for name in files:
        put(rig, f"boot/efi/{name}", GRUB if name.lower().endswith(".efi") else b"x")
    finding = judged(rig)
    assert finding.verdict is verdict, finding
    assert words in finding.because[0]


@pytest.mark.parametrize(
    ("second", "verdict"), [(PLAIN_GRUB, MET), (b"x", UNMET), (made(machine=AARCH64, signed=True), UNMET)]
)
def test_what_shim_starts_is_looked_at_too(rig: Rig, second: bytes, verdict: Verdict) -> None:
    """GRUB that grub-install(8) made knows by itself where its configuration is."""
    put(rig, "boot/efi/EFI/BOOT/BOOTX64.EFI", SHIM)
    put(rig, "boot/efi/EFI/BOOT/grubx64.efi", second)
    assert judged(rig).verdict is verdict


def test_the_partition_with_a_program_counts_among_several(rig: Rig) -> None:
    put(rig, "boot/EFI/Linux/a.efi", PLAIN_GRUB)
    assert judged(rig).verdict is UNMET
    put(rig, "boot/efi/EFI/BOOT/BOOTX64.EFI", PLAIN_GRUB)
    assert judged(rig).verdict is MET


@pytest.mark.parametrize(
    ("programs", "remedy"),
    [
        (
            ["grub-install"],
            "run: grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable",
        ),
        (
            ["grub-install", "debconf-set-selections"],
            "run: grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable; and that updates"
            " keep it: echo grub-efi-amd64 grub2/force_efi_extra_removable boolean true"
            " | debconf-set-selections",
        ),
        (["grub2-install", "shim-install"], "run: shim-install --removable"),
        (["grub2-install"], "install shim and GRUB for UEFI again: dnf reinstall 'shim-*' 'grub2-efi-*'"),
    ],
)
def test_the_command_of_the_mechanism(rig: Rig, programs: Sequence[str], remedy: Optional[str]) -> None:
    (rig.root / "boot/efi/EFI").mkdir(parents=True)
    for name in programs:
        add_to_tree(rig.root, f"file /usr/sbin/{name} 0755\n|#!/bin/sh\n")
    assert judged(rig).remedy == remedy


def test_systemd_boot(tmp_path: Path) -> None:
    rig = Rig(make_tree("arch-systemd-boot", tmp_path / "root"), only=STEP)
    (loader,) = rig.session().facts.image.boot_loaders
    assert loader.kind.value == "systemd-boot"
    for path in (rig.root / "boot/EFI/BOOT").glob("*"):
        path.unlink()
    finding = judged(rig)
    assert finding.verdict is UNMET, finding
    assert finding.remedy == "run: bootctl --esp-path=/boot --no-variables install"


def test_unified_images_alone(tmp_path: Path) -> None:
    rig = Rig(make_tree("unified-images", tmp_path / "root"), only=STEP)
    write_image(rig.root, "/efi/EFI/Linux/a.efi", "root=UUID=1")
    finding = judged(rig)
    assert finding.verdict is UNMET
    assert "copy the unified kernel image to /efi/EFI/BOOT/BOOTX64.EFI" in (finding.remedy or "")
    write_image(rig.root, "/efi/EFI/BOOT/BOOTX64.EFI", "root=UUID=1")
    assert judged(rig).verdict is MET
