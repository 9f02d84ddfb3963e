"""Systems that are damaged, foreign or hostile: a clear finding for each; only what should change does."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Iterator, Tuple

import pytest
from hvprep.errors import HvprepError
from hvprep.model.change import Build, Run, Write
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.standins.initrd_generator import archive
from tests.trees.tree import add_to_tree, make_tree
from tests.trees.untouched import expect_untouched

KERNEL = "6.1.0-56-amd64"
INITRD = f"boot/initrd.img-{KERNEL}"
MODULES = f"usr/lib/modules/{KERNEL}"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Whatever a test does to the image: looking at it changes nothing, and what is said are sentences."""
    rig = Rig(make_tree("debian-12-initramfs-tools", tmp_path / "root"))
    yield rig
    before = take_snapshot(rig.root)
    for finding in rig.plan().findings:
        assert all(reason and "\n" not in reason for reason in finding.because)
        assert finding.verdict is not Verdict.UNMET or finding.remedy
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def drivers(rig: Rig) -> Finding:
    return rig.finding("initrd-drivers")


def parameters(rig: Rig) -> Finding:
    return rig.finding("kernel-parameters")


def expect_nothing_but(rig: Rig, *paths: str) -> None:
    """Prepare, see which paths it changed, and take it back."""
    before = take_snapshot(rig.root)
    rig.prepare()
    differences = diff_snapshots(before, take_snapshot(rig.root))
    assert {line.split()[1] for line in differences} == set(paths)
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


INITRD_PATHS = (f"/{INITRD}", f"/{INITRD}.hvprep-old", "/etc/initramfs-tools/modules")


def test_a_grub_cfg_without_a_generator_is_edited(rig: Rig) -> None:
    """Nothing on the system would overwrite it."""
    (rig.root / "usr/sbin/grub-mkconfig").unlink()
    finding = parameters(rig)
    assert [type(change) for change in finding.changes] == [Write]
    rig.prepare(only="kernel-parameters")
    assert parameters(rig).verdict is Verdict.MET


def test_a_grub_cfg_that_does_not_read(rig: Rig) -> None:
    path = rig.root / "boot/grub/grub.cfg"
    path.write_text(path.read_text() + "'")
    expect_untouched(rig, "/boot/grub/grub.cfg: ", Verdict.NOT_ASSESSED)


def test_no_kernel_at_all(rig: Rig) -> None:
    (rig.root / f"boot/vmlinuz-{KERNEL}").unlink()
    assert drivers(rig).because == ("there is no kernel in /boot",)
    expect_untouched(rig, "no entry of /boot/grub/grub.cfg boots a kernel that is in /boot")


def test_a_kernel_without_its_modules(rig: Rig) -> None:
    text = "file /boot/vmlinuz-5.10.0-1-amd64\n|made up\nfile /boot/initrd.img-5.10.0-1-amd64\n|made up\n"
    add_to_tree(rig.root, text)
    finding = drivers(rig)
    assert finding.verdict is Verdict.UNMET
    why = "kernel 5.10.0-1-amd64 has no usable modules: /lib/modules/5.10.0-1-amd64/modules.dep is not there"
    assert why in finding.because
    assert "install its modules" in (finding.remedy or "")
    targets = [str(change.target) for change in finding.changes if isinstance(change, Build)]
    assert targets == [f"/{INITRD}"], "the other kernel's image is made all the same"


def test_a_modules_dep_that_was_cut_short(rig: Rig) -> None:
    path = rig.root / MODULES / "modules.dep"
    text = path.read_text()
    path.write_text(text[: text.index("/sd_mod.ko:") + 30])
    add_to_tree(rig.root, "elf /usr/sbin/depmod x86_64\n")
    finding = drivers(rig)
    assert finding.verdict is Verdict.UNMET
    (depmod,) = [change for change in finding.changes if isinstance(change, Run)]
    assert depmod.argv == ("/usr/sbin/depmod", "-a", KERNEL)
    assert any("modules.dep does not read" in reason for reason in finding.because), finding.because


@pytest.mark.parametrize("name", ["hv_storvsc", "hv_vmbus"])
def test_a_kernel_that_has_no_such_driver(rig: Rig, name: str) -> None:
    path = rig.root / MODULES / "modules.dep"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if f"/{name}.ko" not in line))
    for file in path.parent.rglob(f"{name}.ko*"):
        file.unlink()
    finding = drivers(rig)
    assert any(f"has no {name}" in reason for reason in finding.because)
    assert "install a kernel that has the Hyper-V drivers" in (finding.remedy or "")
    assert not [change for change in finding.changes if isinstance(change, Build)]


def test_a_kernel_with_everything_built_in_needs_no_initrd(rig: Rig) -> None:
    directory = rig.root / MODULES
    text = (directory / "modules.dep").read_text()
    paths = [line.partition(":")[0] for line in text.splitlines()]
    (directory / "modules.builtin").write_text("\n".join(paths))
    aliases = b"ext4.alias=fs-ext4\0crc32c_intel.alias=crypto-crc32c\0"
    (directory / "modules.builtin.modinfo").write_bytes(aliases)
    (directory / "modules.dep").write_text("")
    finding = drivers(rig)
    assert (finding.verdict, finding.changes) == (Verdict.MET, ())
    assert finding.because == (f"kernel {KERNEL} has all drivers built in",)
    assert finding.remedy is None


@pytest.mark.parametrize("cut", [0, 100, -1], ids=["empty", "the head", "all but a byte"])
def test_a_truncated_initrd_is_built_anew(rig: Rig, cut: int) -> None:
    path = rig.root / INITRD
    path.write_bytes(path.read_bytes()[:cut])
    finding = drivers(rig)
    assert finding.verdict is Verdict.UNMET
    assert any("is damaged: " in reason for reason in finding.because), finding.because
    expect_nothing_but(rig, *INITRD_PATHS, *GRUB_PATHS)


GRUB_PATHS = (
    "/boot/grub/grub.cfg", "/boot/grub/grub.cfg.hvprep-old", "/etc/default/grub",
    "/etc/default/grub.d/99-hvprep.cfg", "/etc/default/grub.d/99-hvprep-serial.cfg",
)  # fmt: skip


def unreadable_images() -> Iterator[Tuple[str, bytes]]:
    yield "squashfs", archive({"init": b"x", "squashfs-root.img": b"hsqs"})
    yield "lz5", b"\x05\x22\x4d\x18" + b"packed by a program that nobody knows" * 9
    yield "a kernel image", b"MZ" + bytes(510)


@pytest.mark.parametrize(("kind", "image"), unreadable_images(), ids=["squash", "unknown", "PE"])
def test_what_cannot_be_read_is_not_assessed(rig: Rig, kind: str, image: bytes) -> None:
    (rig.root / INITRD).write_bytes(image)
    finding = drivers(rig)
    assert any(f"/{INITRD} cannot be read: " in reason for reason in finding.because), (kind, finding.because)
    assert not [change for change in finding.changes if isinstance(change, Build)]
    rig.prepare()
    after = drivers(rig)
    assert (after.verdict, after.changes) == (Verdict.NOT_ASSESSED, ())
    assert (rig.root / INITRD).read_bytes() == image


def test_a_kernel_without_an_initrd_gets_its_first(rig: Rig) -> None:
    """Its entries will have one then: no rootwait."""
    (rig.root / INITRD).unlink()
    rig.machine().runner.check(("/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"), 30)
    assert f"kernel {KERNEL} has no initrd, and its drivers are modules" in drivers(rig).because
    rig.prepare()
    text = (rig.root / "boot/grub/grub.cfg").read_text()
    assert text.count(f"initrd\t/{INITRD}") == text.count("rootdelay=300") == 3
    assert rig.plan().changes == ()


def test_an_image_for_another_processor_is_edited_only(rig: Rig) -> None:
    add_to_tree(rig.root, "elf /usr/bin/dash aarch64\n")
    finding = parameters(rig)
    assert not [change for change in finding.changes if isinstance(change, Build)]
    assert f"/{INITRD} lacks" in " ".join(drivers(rig).because)
    assert "run hvprep prepare inside that machine" in (drivers(rig).remedy or "")
    before = (rig.root / "boot/grub/grub.cfg").read_text()
    rig.prepare(only="kernel-parameters")
    text = (rig.root / "boot/grub/grub.cfg").read_text()
    lines = [line.split() for line in text.splitlines() if line.split()[:1] == ["linux"]]
    assert len(lines) == 3
    for words in lines:
        assert words[-3:] == ["console=ttyAMA0", "rootdelay=300", "initcall_blacklist=arm_pmu_acpi_init"]
        assert not any(word.startswith("earlyprintk") for word in words)
    assert len(text.splitlines()) == len(before.splitlines())
    assert parameters(rig).verdict is Verdict.MET
    rig.prepare(only="initrd-drivers")
    assert not drivers(rig).changes


@pytest.mark.parametrize(
    "path",
    ["boot/grub/grub.cfg", "etc/default/grub", INITRD, "etc/initramfs-tools/modules", "etc/default/grub.d"],
)
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_out_of_the_image_leads_nowhere(rig: Rig, path: str, relative: bool, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target, link = outside / "file", rig.root / path
    link.rename(target)
    link.symlink_to(os.path.relpath(target, link.parent) if relative else target)
    before = take_snapshot(outside)
    with contextlib.suppress(HvprepError):
        rig.prepare()
    assert diff_snapshots(before, take_snapshot(outside)) == []


def test_a_state_directory_that_is_a_link_out_of_the_image(rig: Rig, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (rig.root / "var/lib/hvprep").symlink_to(outside)
    with pytest.raises((HvprepError, OSError)):
        rig.prepare()
    assert list(outside.iterdir()) == []


def test_translated_titles_stay_translated(rig: Rig) -> None:
    """The generators of a running machine get its locale; we look for no word that is translated."""
    program = rig.root / "usr/sbin/grub-mkconfig"
    program.write_text(program.read_text().replace("(recovery mode)", "(Wiederherstellungsmodus)"))
    rig.machine().runner.check(("/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"), 30)
    rig.live = RUNNING
    rig.prepare()
    assert "(Wiederherstellungsmodus)" in (rig.root / "boot/grub/grub.cfg").read_text()
    assert rig.plan().changes == ()


def test_only_one_write_for_each_file(rig: Rig) -> None:
    writes = [item.change.path for item in rig.plan().changes if isinstance(item.change, Write)]
    assert len(writes) == len(set(writes))
