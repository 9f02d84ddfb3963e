"""GRUB 2 with Boot Loader Specification entries: every place that words come from, and what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Tuple

import pytest
from hvprep.facts.boot_loaders import LoaderKind
from hvprep.formats import bls, grubenv
from hvprep.formats.kernel_cmdline import parse
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.trees.untouched import expect_untouched

STEP = "kernel-parameters"
OURS = ("console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300")
MACHINE = "0123456789abcdef0123456789abcdef"
ENTRIES = "boot/loader/entries"
EL9 = f"{ENTRIES}/{MACHINE}-5.14.0-427.13.1.el9_4.x86_64.conf"
EL8 = f"{ENTRIES}/{MACHINE}-4.18.0-553.el8_10.x86_64.conf"
RESCUE = f"{ENTRIES}/{MACHINE}-0-rescue.conf"
GRUBENV = "boot/efi/EFI/rocky/grubenv"


@pytest.fixture
def el9(tmp_path: Path) -> Rig:
    return Rig(make_tree("el-9", tmp_path / "root"))


@pytest.fixture
def el8(tmp_path: Path) -> Rig:
    return Rig(make_tree("el-8", tmp_path / "root"))


def parameters(rig: Rig) -> Finding:
    return rig.finding(STEP)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes()
    assert old.encode() in text
    path.write_bytes(text.replace(old.encode(), new.encode()))


def options(rig: Rig, name: str) -> Tuple[str, ...]:
    return bls.parse((rig.root / name).read_text()).options


def prepare(rig: Rig) -> List[str]:
    """Prepare, see that nothing is left, take it back; returns what changed."""
    before = take_snapshot(rig.root)
    rig.prepare(STEP)
    assert rig.plan(STEP).changes == ()
    return diff_snapshots(before, take_snapshot(rig.root))


# What is found.


def test_the_wrapper_on_the_esp_is_no_configuration(el9: Rig) -> None:
    (loader,) = el9.session().facts.image.boot_loaders
    assert loader.kind is LoaderKind.GRUB2_BLS
    assert [str(path) for path in loader.configs] == ["/boot/loader/entries", "/boot/grub2/grub.cfg"]
    assert loader.because == "/usr/sbin/grub2-mkconfig for /boot/grub2/grub.cfg, blscfg in it"


def test_two_real_files_are_two_configurations(el8: Rig) -> None:
    (loader,) = el8.session().facts.image.boot_loaders
    assert [path.name for path in loader.configs] == ["entries", "grub.cfg", "grub.cfg"]
    assert str(loader.configs[2]) == "/boot/efi/EFI/rocky/grub.cfg"


def test_entries_that_grub_cfg_does_not_read_yet(el9: Rig) -> None:
    edit(el9.root / "boot/grub2/grub.cfg", "\nblscfg\n", "\n")
    (loader,) = el9.session().facts.image.boot_loaders
    assert loader.kind is LoaderKind.GRUB2_BLS
    edit(el9.root / "etc/default/grub", "GRUB_ENABLE_BLSCFG=true", "GRUB_ENABLE_BLSCFG=false")
    (loader,) = el9.session().facts.image.boot_loaders
    assert loader.kind is LoaderKind.GRUB2


# Where words come from.


@pytest.mark.parametrize("place", ["grubenv", "fallback", "entry"])
def test_every_place_is_judged(el8: Rig, place: str) -> None:
    el8.prepare()
    if place == "grubenv":
        path = el8.root / GRUBENV
        path.write_bytes(
            grubenv.parse(path.read_bytes()).edit_words("kernelopts", lambda w: [*w, "quiet"]).render()
        )
    elif place == "fallback":
        edit(el8.root / "boot/efi/EFI/rocky/grub.cfg", "rootdelay=300 ", "rootdelay=300 quiet ")
    else:
        edit(el8.root / EL8, "$kernelopts", "$kernelopts quiet")
    finding = parameters(el8)
    assert finding.verdict is Verdict.UNMET
    assert any(reason.endswith("it carries quiet") for reason in finding.because)
    prepare(el8)
    assert "quiet" not in (el8.root / EL8).read_text() + (el8.root / GRUBENV).read_text()


def test_the_block_keeps_its_size_and_its_other_variables_and_the_link_stays(el8: Rig) -> None:
    before = grubenv.parse((el8.root / GRUBENV).read_bytes()).variables
    prepare(el8)
    content = (el8.root / GRUBENV).read_bytes()
    assert len(content) == 1024
    after = grubenv.parse(content).variables
    assert list(after) == list(before)
    assert {name for name in after if after[name] != before[name]} == {"kernelopts"}
    assert os.readlink(el8.root / "boot/grub2/grubenv") == "../efi/EFI/rocky/grubenv"
    assert options(el8, EL8) == ("$kernelopts", "$tuned_params"), "variables are never filled in"


def test_without_a_block_the_fallback_is_what_counts(el8: Rig) -> None:
    (el8.root / GRUBENV).unlink()
    differences = prepare(el8)
    assert not [line for line in differences if "grubenv" in line]
    assert " ".join(OURS) in (el8.root / "boot/grub2/grub.cfg").read_text()


def test_kernelopts_that_nobody_sets(el8: Rig) -> None:
    (el8.root / GRUBENV).unlink()
    for name in ("boot/grub2/grub.cfg", "boot/efi/EFI/rocky/grub.cfg"):
        edit(el8.root / name, "  set kernelopts=", "  set other=")
    expect_untouched(el8, "a variable of GRUB's", only=STEP)


def test_a_command_line_that_the_kernel_would_cut_off(el9: Rig) -> None:
    words = " ".join(f"module{number}.option=value" for number in range(90))
    edit(el9.root / EL9, "rhgb quiet", f"rhgb {words} quiet")
    now, gone = len(" ".join(options(el9, EL9))), len("rhgb quiet resume=/dev/mapper/almalinux-swap ")
    says = f"would have {now - gone + 62} characters for the kernel, which reads 2047"
    expect_untouched(el9, says, only=STEP)
    edit(el9.root / EL9, f"rhgb {words[: words.index('module80')]}", "rhgb ")
    assert prepare(el9)


def test_a_console_behind_kernelopts_moves_before_it(el8: Rig) -> None:
    edit(el8.root / EL8, "$kernelopts", "$kernelopts console=tty0 audit=1")
    prepare(el8)
    assert options(el8, EL8) == ("console=tty0", "$kernelopts", "audit=1", "$tuned_params")


def test_words_of_tuned_are_judged_and_not_filled_in(el9: Rig) -> None:
    add_to_tree(
        el9.root,
        "grubenv /boot/grub2/grubenv 0600\n|tuned_params=skew_tick=1 isolcpus=1\n",
    )
    prepare(el9)
    assert options(el9, EL9)[-2:] == ("rootdelay=300", "$tuned_params")
    add_to_tree(el9.root, "grubenv /boot/grub2/grubenv 0600\n|tuned_params=skew_tick=1 quiet\n")
    expect_untouched(el9, "it carries quiet, and that comes from a variable of GRUB's", only=STEP)


def test_entries_that_differ_keep_their_own_words(el9: Rig) -> None:
    edit(el9.root / RESCUE, "rhgb quiet", "rhgb rd.break=pre-mount quiet rootdelay=5")
    edit(el9.root / EL9, "rhgb quiet", 'rhgb quiet mitigations=off dyndbg="file x +p"')
    prepare(el9)
    common = parse((el9.root / "etc/kernel/cmdline").read_text()).words[: -len(OURS)]
    assert options(el9, RESCUE) == (*common, "rd.break=pre-mount", *OURS)
    assert options(el9, EL9) == (*common, "mitigations=off", 'dyndbg="file x +p"', *OURS, "$tuned_params")


def test_entries_of_another_machine_id_are_entries_too(el9: Rig) -> None:
    other = f"{ENTRIES}/{'f' * 32}-5.14.0-427.13.1.el9_4.x86_64.conf"
    (el9.root / other).write_bytes((el9.root / EL9).read_bytes())
    prepare(el9)
    assert set(OURS) <= set(options(el9, other))


def test_an_entry_of_40_custom_in_the_same_menu(el9: Rig) -> None:
    entry = (
        "menuentry 'mine' {\n\tlinux /vmlinuz-5.14.0-427.13.1.el9_4.x86_64 root=/dev/sda3 quiet\n"
        "\tinitrd /initramfs-5.14.0-427.13.1.el9_4.x86_64.img\n}\n"
    )
    path = el9.root / "boot/grub2/grub.cfg"
    path.write_text(path.read_text() + entry)
    assert any('entry "mine"' in reason for reason in parameters(el9).because)
    prepare(el9)
    assert f"root=/dev/sda3 {' '.join(OURS)}\n" in path.read_text()


def test_a_console_that_is_only_planned_starts_no_getty_yet(el9: Rig) -> None:
    """check tells what is: with kernel-parameters before it as without."""
    finding = el9.finding("serial-getty")
    assert (finding.verdict, finding.remedy) == (Verdict.UNMET, "see kernel-parameters")
    (alone,) = el9.plan("serial-getty").findings
    assert alone == finding
    el9.prepare()
    assert el9.finding("serial-getty").verdict is Verdict.MET


# The next kernel.


def test_without_a_cmdline_the_default_entry_says_what_the_next_kernel_gets(el9: Rig) -> None:
    (el9.root / "etc/kernel/cmdline").unlink()
    edit(el9.root / RESCUE, "rhgb quiet", "rescue")
    edit(el9.root / EL9, "rhgb quiet", f"rhgb quiet systemd.machine_id={MACHINE}")
    differences = prepare(el9)
    assert "added /etc/kernel/cmdline (file 0644)" in differences
    words = (el9.root / "etc/kernel/cmdline").read_text().split()
    assert words == [word for word in options(el9, EL9) if word[0] != "$" and "machine_id" not in word]


def test_without_a_script_that_reads_it_no_cmdline_is_made(el9: Rig) -> None:
    (el9.root / "etc/kernel/cmdline").unlink()
    (el9.root / "usr/lib/kernel/install.d/20-grub.install").unlink()
    assert "added /etc/kernel/cmdline (file 0644)" not in prepare(el9)


def test_the_distributions_cmdline_is_copied_and_not_edited(el9: Rig) -> None:
    (el9.root / "etc/kernel/cmdline").rename(el9.root / "usr/lib/kernel/cmdline")
    differences = prepare(el9)
    assert "added /etc/kernel/cmdline (file 0644)" in differences
    assert not [line for line in differences if "/usr/" in line]
    assert (el9.root / "etc/kernel/cmdline").read_text().endswith(f"{' '.join(OURS)}\n")


def test_a_cmdline_with_comments_and_several_lines(el9: Rig) -> None:
    (el9.root / "etc/kernel/cmdline").write_text("# quiet is ours\nroot=/dev/vda2 ro\nquiet audit=1\n")
    prepare(el9)
    expected = f"# quiet is ours\nroot=/dev/vda2 ro\naudit=1 {' '.join(OURS)}\n"
    assert (el9.root / "etc/kernel/cmdline").read_text() == expected


# What is wrong.


def test_only_entries_whose_kernels_are_gone(el9: Rig) -> None:
    for path in (el9.root / "boot").glob("vmlinuz-*"):
        path.unlink()
    (el9.root / "etc/fstab").unlink()  # or /boot would be taken for not mounted
    expect_untouched(el9, "no entry of /boot/loader/entries boots a kernel that is in /boot")


def test_no_entries_at_all(el9: Rig) -> None:
    for path in (el9.root / ENTRIES).iterdir():
        path.unlink()
    expect_untouched(el9, "no entry of /boot/loader/entries boots a kernel that is in /boot")


def test_a_block_without_room(el8: Rig) -> None:
    words = " ".join(f"word{number}=value" for number in range(72))
    text = f"# GRUB Environment Block\nkernelopts=root=/dev/vda1 {words}\n"
    (el8.root / GRUBENV).write_bytes(text.encode().ljust(1024, b"#"))
    expect_untouched(el8, f"/{GRUBENV}: the GRUB environment block would need", Verdict.NOT_ASSESSED)


def test_one_link_that_leads_nowhere_is_the_other_firmware(el9: Rig) -> None:
    (el9.root / "etc/grub2-efi.cfg").unlink()
    (el9.root / "etc/grub2-efi.cfg").symlink_to("../boot/efi/EFI/nowhere/grub.cfg")
    assert prepare(el9)


@pytest.mark.parametrize("kernel", ["/vmlinuz", "/vmlinuz-of-yesterday"])
def test_a_grub_cfg_that_shows_no_entry(el9: Rig, kernel: str) -> None:
    """Whatever boots then, it is none of the entries."""
    (el9.root / "boot/grub2/grub.cfg").write_text(f"menuentry mine {{\n linux {kernel} root=/dev/sda1\n}}\n")
    expect_untouched(el9, "/boot/grub2/grub.cfg neither shows the entries in /boot/loader/entries")


def test_a_grub_cfg_made_by_hand_that_holds_no_words(el9: Rig) -> None:
    (el9.root / "boot/grub2/grub.cfg").write_text("set timeout=5\ninsmod blscfg\nblscfg\n")
    assert prepare(el9)
    assert (el9.root / "boot/grub2/grub.cfg").read_text() == "set timeout=5\ninsmod blscfg\nblscfg\n"
