"""On which generation of virtual machines a system starts: by setting, by firmware, by what is installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Set

import pytest
from hvprep.facts.boot_loaders import BootLoader, LoaderKind
from hvprep.facts.generation import probe_generations
from hvprep.facts.live import LiveFacts
from hvprep.model.node import GuestPath
from hvprep.settings import Settings
from hvprep.system.root import Root

from tests.trees.rig import RUNNING
from tests.trees.tree import add_to_tree

CORE_PATH, EFI_PATH = "/boot/grub/i386-pc/core.img", "/boot/efi/EFI/debian/grubx64.efi"
CORE, EFI = f"file {CORE_PATH}\n|core\n", f"file {EFI_PATH}\n|MZ\n"
UEFI_RUNS = "dir /sys/firmware/efi\n"
ARM = replace(RUNNING, machine="aarch64")


def legacy(config: str) -> BootLoader:
    return BootLoader(LoaderKind.GRUB_LEGACY, (GuestPath(config),), "a test")


GRUB2 = BootLoader(LoaderKind.GRUB2, (GuestPath("/boot/grub/grub.cfg"),), "a test")


def numbers(
    root: Path,
    text: str,
    live: Optional[LiveFacts] = None,
    loaders: List[BootLoader] = [],  # noqa: B006  never changed
    generation: str = "auto",
) -> Set[int]:
    (root / "etc").mkdir(parents=True)
    add_to_tree(root, text)
    settings = Settings(image_generation=generation)
    return set(probe_generations(Root(root), live, tuple(loaders), settings).numbers)


@pytest.mark.parametrize(
    ("text", "loaders", "expected"),
    [
        ("", [], set()),
        ("", [GRUB2], set()),
        (CORE, [], {1}),
        (CORE.replace("/grub/", "/grub2/"), [], {1}),
        ("file /boot/extlinux/ldlinux.sys\n|x\n", [], {1}),
        ("", [legacy("/boot/grub/menu.lst")], {1}),
        ("", [legacy("/boot/efi/EFI/redhat/grub.conf")], set()),
        (EFI, [], {2}),
        (EFI.replace(".efi", ".EFI"), [], {2}),
        ("file /efi/EFI/systemd/systemd-bootx64.efi\n|MZ\n", [], {2}),
        ("file /boot/EFI/Linux/a.efi\n|MZ\n", [], {2}),
        ("dir /boot/efi/EFI/debian\n", [], set()),
        ("file /boot/efi/EFI/debian/grub.cfg\n|x\n", [GRUB2], set()),
        ("file /boot/efi/startup.efi\n|MZ\n", [], set()),
        (CORE + EFI, [GRUB2], {1, 2}),
        (EFI, [legacy("/boot/grub/grub.conf")], {1, 2}),
        (UEFI_RUNS, [], set()),
        (UEFI_RUNS + CORE, [], {1}),
    ],
)
def test_an_image_is_told_by_its_boot_loaders(
    tmp_path: Path, text: str, loaders: List[BootLoader], expected: Set[int]
) -> None:
    assert numbers(tmp_path, text, None, loaders) == expected


@pytest.mark.parametrize(
    ("text", "live", "expected"),
    [
        (UEFI_RUNS, RUNNING, {2}),
        (UEFI_RUNS + CORE, RUNNING, {2}),
        ("", RUNNING, {1}),
        ("dir /sys/firmware/acpi\n", RUNNING, {1}),
        (EFI, RUNNING, {1}),
        (CORE + EFI, RUNNING, {1}),
        (UEFI_RUNS, ARM, {2}),
        ("", ARM, set()),
        (EFI, ARM, {2}),
    ],
)
def test_a_running_system_is_told_by_its_firmware(
    tmp_path: Path, text: str, live: LiveFacts, expected: Set[int]
) -> None:
    assert numbers(tmp_path, text, live) == expected


@pytest.mark.parametrize("generation", ["1", "2"])
@pytest.mark.parametrize("text", ["", UEFI_RUNS + EFI, CORE])
def test_the_setting_is_believed(tmp_path: Path, text: str, generation: str) -> None:
    assert numbers(tmp_path, text, RUNNING, [GRUB2], generation) == {int(generation)}
    assert numbers(tmp_path / "offline", text, None, [GRUB2], generation) == {int(generation)}


@pytest.mark.parametrize(
    ("text", "live", "generation", "because"),
    [
        (CORE + EFI, None, "auto", f"generation 1: {CORE_PATH} and generation 2: {EFI_PATH}"),
        (UEFI_RUNS, RUNNING, "auto", "it runs on UEFI: /sys/firmware/efi"),
        ("", RUNNING, "auto", "it runs without UEFI: there is no /sys/firmware/efi"),
        ("", None, "auto", "no boot loader of a BIOS or of UEFI is to be seen"),
        ("", None, "2", "Image.Generation=2 in /etc/hvprep.conf"),
    ],
)  # fmt: skip
def test_it_says_why(
    tmp_path: Path, text: str, live: Optional[LiveFacts], generation: str, because: str
) -> None:
    (tmp_path / "etc").mkdir()
    add_to_tree(tmp_path, text)
    settings = Settings(image_generation=generation)
    assert probe_generations(Root(tmp_path), live, (), settings).because == because


def test_the_loader_is_named_where_no_file_tells(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    found = probe_generations(Root(tmp_path), None, (legacy("/boot/grub/menu.lst"),), Settings())
    assert found.because == "generation 1: GRUB legacy in /boot/grub/menu.lst"


def test_links_are_followed_in_the_root(tmp_path: Path) -> None:
    """/boot/efi is often a link; one that leads out of the root leads nowhere."""
    add_to_tree(tmp_path, "link /boot/grub /data/grub\nfile /data/grub/i386-pc/core.img\n|x\n")
    add_to_tree(tmp_path, "link /boot/efi /../../../usr/lib\n")
    found = probe_generations(Root(tmp_path), None, (), Settings())
    assert found.numbers == {1}
