"""GRUB legacy that is not as its maker left it: what counts, what is said, and what is left alone."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import List

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.trees.untouched import expect_untouched

OURS = "console=ttyS0,115200n8 earlyprintk=ttyS0,115200 rootdelay=300"


def make_rig(tmp_path: Path, name: str, text: str = "") -> Rig:
    rig = Rig(make_tree(name, tmp_path / "root"))
    add_to_tree(rig.root, text)
    return rig


def edit(rig: Rig, name: str, old: str, new: str) -> None:
    path = rig.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def loader(rig: Rig) -> str:
    found = rig.report()["machine"]["boot_loader"]
    return found["name"] if found else ""


def lines(rig: Rig, name: str, only: str) -> List[str]:
    """What a requirement adds to a file, and takes away, without the words of ours."""
    before = (rig.root / name).read_text()
    rig.prepare(only=only)
    after = (rig.root / name).read_text()
    found = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line.replace(OURS, "OURS") for line in found if line[0] in "+-"]


def expect_nothing_touched(rig: Rig) -> None:
    before = take_snapshot(rig.root)
    for step in ("kernel-parameters", "serial-grub"):
        finding = rig.finding(step)
        assert (finding.verdict is not Verdict.MET, finding.changes) == (True, ())
        assert finding.remedy
        assert rig.prepare(only=step).changes == ()
    assert diff_snapshots(before, take_snapshot(rig.root, ("/run", "/var/lib/hvprep"))) == []


def test_a_menu_without_its_program_boots_nothing(tmp_path: Path) -> None:
    """What grub-legacy-ec2 keeps, and what is left of a GRUB that was taken away."""
    rig = make_rig(
        tmp_path, "el-6", "remove /boot/grub/stage2\nremove /usr/share/grub/x86_64-redhat/stage2\n"
    )
    assert loader(rig) == ""
    expect_nothing_touched(rig)


def test_beside_grub_2_a_package_is_no_boot_loader(tmp_path: Path) -> None:
    rig = make_rig(
        tmp_path, "debian-8", "file /usr/lib/grub/x86_64-pc/stage2\n|x\nfile /boot/grub/menu.lst\n|x\n"
    )
    assert loader(rig) == "GRUB 2"


def test_a_link_that_leads_nowhere_is_no_menu(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6", "remove /boot/grub/grub.conf\n")
    assert (rig.root / "boot/grub/menu.lst").is_symlink()
    assert loader(rig) == ""
    expect_nothing_touched(rig)


def test_of_two_menus_both_are_right_afterwards(tmp_path: Path) -> None:
    """Which one a stage2 reads is written inside it."""
    rig = make_rig(tmp_path, "el-6")
    menu = (rig.root / "boot/grub/grub.conf").read_text()
    (rig.root / "boot/grub/menu.lst").unlink()
    (rig.root / "boot/grub/menu.lst").write_text(menu)
    rig.prepare()
    for name in ("grub.conf", "menu.lst"):
        assert OURS in (rig.root / "boot/grub" / name).read_text()
        assert "terminal --timeout=5 serial console\n" in (rig.root / "boot/grub" / name).read_text()


def test_links_stay_links(tmp_path: Path) -> None:
    rig = make_rig(
        tmp_path, "el-6", "remove /boot/grub/grub.conf\nlink /boot/grub/grub.conf ../../srv/menu\n"
    )
    (rig.root / "srv").mkdir()
    (rig.root / "srv/menu").write_text("title x\nkernel /vmlinuz-2.6.32-754.el6.x86_64 ro\ninitrd /i\n")
    rig.prepare()
    assert (rig.root / "boot/grub/grub.conf").is_symlink()
    assert OURS in (rig.root / "srv/menu").read_text()


GONE = "title Gone\n\troot (hd0,0)\n\tkernel /vmlinuz-2.6.32-1.el6.x86_64 ro\n"


def test_an_entry_whose_kernel_is_gone_is_found_and_left_alone(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6-xen")
    path = rig.root / "boot/grub/grub.conf"
    path.write_text(path.read_text() + GONE)
    finding = rig.finding("kernel-parameters")
    why = '/boot/grub/grub.conf: entry "Gone" boots /vmlinuz-2.6.32-1.el6.x86_64, which is not there'
    assert why in finding.because
    assert "(and see to `default` then)" in (finding.remedy or "")
    expect_untouched(rig, why)


@pytest.mark.parametrize("line", ["root (hd1,0)\n\tkernel", "root (hd0,0)\n\tkernel (hd0,5)"])
def test_another_systems_entries_are_its_own(line: str, tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6-xen")
    path = rig.root / "boot/grub/grub.conf"
    path.write_text(path.read_text() + GONE.replace("root (hd0,0)\n\tkernel ", f"{line} "))
    rig.prepare()
    assert rig.finding("kernel-parameters").verdict is Verdict.MET
    assert path.read_text().count(OURS) == 2


def test_entries_that_differ_get_what_each_of_them_lacks(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6-xen")
    edit(rig, "boot/grub/grub.conf", "lv_root rhgb quiet\n\tinitrd", f"lv_root {OURS}\n\tinitrd")
    changed = lines(rig, "boot/grub/grub.conf", "kernel-parameters")
    assert [line.split()[1] for line in changed] == ["module", "module"]


def test_words_after_two_dashes_stay_inits(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-5")
    edit(rig, "boot/grub/grub.conf", "rhgb quiet\n\tinitrd", "quiet -- single\n\tinitrd")
    assert "numa=off -- single" in "".join(lines(rig, "boot/grub/grub.conf", "kernel-parameters"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rhgb quiet\n\tinitrd", "rhgb \\\n\tquiet\n\tinitrd"),
        ("title CentOS", "title\rCentOS"),
        ("rhgb quiet\n\tinitrd", 'dyndbg="file x\n\tinitrd'),
    ],
)
def test_a_menu_that_cannot_be_edited_by_word_is_left_alone(old: str, new: str, tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6")
    edit(rig, "boot/grub/grub.conf", old, new)
    before = take_snapshot(rig.root)
    finding = rig.finding("kernel-parameters")
    assert (finding.verdict, finding.changes) == (Verdict.NOT_ASSESSED, ())
    assert finding.remedy
    rig.prepare(only="kernel-parameters")
    assert diff_snapshots(before, take_snapshot(rig.root, ("/run", "/var/lib/hvprep"))) == []


def test_a_sysconfig_that_a_shell_has_to_read_is_left_alone(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "sles-11")
    edit(rig, "etc/sysconfig/bootloader", 'DEFAULT_APPEND="', 'DEFAULT_APPEND="$MORE ')
    finding = rig.finding("kernel-parameters")
    assert (finding.verdict, finding.changes) == (Verdict.NOT_ASSESSED, ())
    assert finding.because[0].startswith("/etc/sysconfig/bootloader: the value of DEFAULT_APPEND is more")


def test_a_kernel_may_be_named_by_a_link(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "sles-11")
    edit(rig, "boot/grub/menu.lst", "/boot/vmlinuz-3.0.76-0.11-default", "(hd0,1)/boot/vmlinuz")
    rig.prepare()
    assert (rig.root / "boot/grub/menu.lst").read_text().count(OURS) == 3


def test_options_of_update_grub_for_one_version_get_our_words_too(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "debian-5")
    edit(
        rig,
        "boot/grub/menu.lst",
        "# kopt=root=/dev/sda1 ro\n",
        "# kopt=root=/dev/sda1 ro\n# kopt_2_6=ro quiet\n",
    )
    edit(rig, "boot/grub/menu.lst", "single-user mode) single", "single-user mode) single console=tty1")
    changed = lines(rig, "boot/grub/menu.lst", "kernel-parameters")
    assert [line for line in changed if line.startswith("+ #")] == [
        "+ # kopt=root=/dev/sda1 ro console=tty0 console=tty1 OURS numa=off",
        "+ # kopt_2_6=ro console=tty0 console=tty1 OURS numa=off",
        "+ # defoptions=",
        "+ # xenkopt=",
        "+ # altoptions=(single-user mode) single",
    ]
    assert rig.plan(only="kernel-parameters").changes == ()


def test_a_build_for_uefi_without_serial_ports_gets_no_command_for_them(tmp_path: Path) -> None:
    """An unknown command would stop the boot until somebody presses a key."""
    rig = make_rig(tmp_path, "el-6-uefi", "file /boot/efi/EFI/redhat/grub.efi 0700\n|terminal [console]\n")
    assert lines(rig, "boot/efi/EFI/redhat/grub.conf", "serial-grub") == [
        "- timeout=0",
        "+ timeout 5",
        "- splashimage=(hd0,1)/grub/splash.xpm.gz",
        "- hiddenmenu",
    ]
    finding = rig.finding("serial-grub")
    assert (finding.verdict, "drives no port" in finding.because[0]) == (Verdict.MET, True)


def test_what_is_right_already_is_not_touched(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6")
    text = "serial --unit=0 --speed=115200\nterminal --timeout=10 console serial\ntitle"
    edit(rig, "boot/grub/grub.conf", "splashimage=(hd0,0)/grub/splash.xpm.gz\nhiddenmenu\ntitle", text)
    assert rig.finding("serial-grub").verdict is Verdict.MET
    assert rig.plan(only="serial-grub").changes == ()


def test_who_does_not_want_the_menu(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, "el-6", "file /etc/hvprep.conf\n|SerialGrub.Enable=n\n")
    assert rig.finding("serial-grub").verdict is Verdict.NOT_APPLICABLE
    assert rig.plan(only="serial-grub").changes == ()
