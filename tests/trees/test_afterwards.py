"""What comes after a prepare: new kernels, new boot configurations, backups; and rollback after all that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hvprep.formats.initrd_modules import modules_in
from hvprep.model.change import Remove
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.moment import initrd_listing
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

OLD, NEW = "6.1.0-56-amd64", "6.1.0-57-amd64"
CFG = "boot/grub/grub.cfg"
GENERATORS = {
    "debian-12-initramfs-tools": ("/usr/sbin/mkinitramfs", "-o", f"/boot/initrd.img-{NEW}", NEW),
    "debian-12-dracut": ("/usr/bin/dracut", "--force", f"/boot/initrd.img-{NEW}", NEW),
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("debian-12-initramfs-tools", tmp_path / "root"))


def make_grub_cfg(rig: Rig) -> None:
    """What the kernel's postinst does: in place, not beside."""
    rig.machine().runner.check(("/usr/sbin/grub-mkconfig", "-o", f"/{CFG}"), 30)


def modules(rig: Rig, version: str) -> frozenset[str]:
    listing = initrd_listing((rig.root / f"boot/initrd.img-{version}").read_bytes())
    return modules_in(listing.split("\n"))[version]


@pytest.mark.parametrize("name", GENERATORS)
def test_the_next_kernel_has_the_drivers_too(name: str, tmp_path: Path) -> None:
    rig = Rig(make_tree(name, tmp_path / "root"))
    rig.prepare()
    shutil.copytree(rig.root / f"usr/lib/modules/{OLD}", rig.root / f"usr/lib/modules/{NEW}")
    shutil.copy(rig.root / f"boot/vmlinuz-{OLD}", rig.root / f"boot/vmlinuz-{NEW}")
    rig.machine().runner.check(GENERATORS[name], 30)
    make_grub_cfg(rig)
    assert {"hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc", "ext4"} <= modules(rig, NEW)
    assert [finding.verdict for finding in rig.plan().findings] == [Verdict.MET] * 4
    assert rig.prepare().changes == ()


def test_our_backups_become_no_boot_entries(rig: Rig) -> None:
    """As vmlinuz-*.bak and initrd.img-*.bak of other tools do (boot.md, fact 11)."""
    rig.prepare()
    assert (rig.root / f"boot/initrd.img-{OLD}.hvprep-old").exists()
    before = (rig.root / CFG).read_text()
    make_grub_cfg(rig)
    assert (rig.root / CFG).read_text() == before
    assert rig.plan().changes == ()


def test_a_kernel_that_somebody_kept_a_copy_of_is_judged_once(rig: Rig) -> None:
    """grub-mkconfig offers the copy too: that is its owner's matter."""
    names = (f"vmlinuz-{OLD}.bak", f"initrd.img-{OLD}.bak")
    add_to_tree(rig.root, "".join(f"file /boot/{name}\n|made up\n" for name in names))
    make_grub_cfg(rig)
    assert f"vmlinuz-{OLD}.bak" in (rig.root / CFG).read_text()
    (kernel,) = rig.session().facts.image.kernels
    assert kernel.version == OLD
    rig.prepare()
    assert [finding.verdict for finding in rig.plan().findings] == [Verdict.MET] * 4
    assert "rootwait" not in (rig.root / CFG).read_text()


CUSTOM = """file /etc/grub.d/40_custom 0755
|#!/bin/sh
|exec tail -n +3 $0
|menuentry 'memtest86+' {
|	linux16 /boot/memtest86+x64.bin console=ttyS1
|}
|menuentry 'Windows' {
|	search --fs-uuid --set=root AAAA-BBBB
|	chainloader /EFI/Microsoft/Boot/bootmgfw.efi
|}
|menuentry 'Rescue, by hand' {
|	search --no-floppy --fs-uuid --set=root 6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913
|	linux /boot/vmlinuz-6.1.0-56-amd64 root=UUID=6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913 ro quiet
|	initrd /boot/initrd.img-6.1.0-56-amd64
|}
"""


def test_entries_that_load_no_kernel_of_ours_do_not_count(rig: Rig) -> None:
    add_to_tree(rig.root, CUSTOM.replace("vmlinuz-6.1.0-56-amd64", "vmlinuz-of-another-system"))
    make_grub_cfg(rig)
    custom = (rig.root / CFG).read_text().partition("40_custom ###")[2]
    rig.prepare()
    assert (rig.root / CFG).read_text().partition("40_custom ###")[2] == custom
    assert [finding.verdict for finding in rig.plan().findings] == [Verdict.MET] * 4


def test_an_entry_by_hand_that_loads_our_kernel_is_edited(rig: Rig) -> None:
    """grub-mkconfig cannot change its words, so offline the lines are edited, its own too."""
    add_to_tree(rig.root, CUSTOM)
    make_grub_cfg(rig)
    rig.prepare()
    line = (rig.root / CFG).read_text().partition("'Rescue, by hand'")[2].split("\n")[2]
    assert line.split()[-3:] == ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300"]
    assert rig.plan().changes == ()


@pytest.mark.parametrize(
    ("version", "needed"), [("2.6.32-431.el6.x86_64", True), ("2.6.32-504.el6.x86_64", False)]
)
def test_numa_off_for_old_kernels(rig: Rig, version: str, needed: bool) -> None:
    boot, modules_of = rig.root / "boot", rig.root / "usr/lib/modules"
    (modules_of / OLD).rename(modules_of / version)
    (boot / f"vmlinuz-{OLD}").rename(boot / f"vmlinuz-{version}")
    (boot / f"initrd.img-{OLD}").rename(boot / f"initrd.img-{version}")
    make_grub_cfg(rig)
    rig.prepare()
    assert ("numa=off" in (rig.root / CFG).read_text()) == needed
    assert rig.plan().changes == ()


def test_rollback_after_another_grub_cfg_was_generated(rig: Rig) -> None:
    """No conflict: its sources are restored, and it is generated anew, with what is new in them."""
    rig.prepare()
    add_to_tree(rig.root, "file /etc/grub.d/42_mine 0755\n|#!/bin/sh\n|echo '# mine'\n")
    make_grub_cfg(rig)
    rig.rollback()
    text = (rig.root / CFG).read_text()
    assert "# mine\n" in text
    assert "quiet splash" in text
    assert "ttyS0" not in text
    assert not list((rig.root / "boot").glob("**/*hvprep*"))
    assert not (rig.root / "etc/default/grub.d/99-hvprep.cfg").exists()


def replace_kernel(rig: Rig) -> None:
    """A new kernel comes with its initrd, the old one goes with its own; the boot entries are made anew."""
    shutil.copytree(rig.root / f"usr/lib/modules/{OLD}", rig.root / f"usr/lib/modules/{NEW}")
    shutil.copy(rig.root / f"boot/vmlinuz-{OLD}", rig.root / f"boot/vmlinuz-{NEW}")
    rig.machine().runner.check(GENERATORS["debian-12-initramfs-tools"], 30)
    for name in (f"vmlinuz-{OLD}", f"initrd.img-{OLD}"):
        (rig.root / "boot" / name).unlink()
    shutil.rmtree(rig.root / f"usr/lib/modules/{OLD}")
    make_grub_cfg(rig)


def test_a_backup_of_a_kernel_that_is_gone_goes_with_the_next_changes(rig: Rig) -> None:
    rig.prepare()
    backup = rig.root / f"boot/initrd.img-{OLD}.hvprep-old"
    content = backup.read_bytes()
    replace_kernel(rig)
    for name in (f"vmlinuz-{OLD}.hvprep-old", "initrd-of-mine", f"initrd.img-{NEW}.hvprep-old"):
        (rig.root / "boot" / name).write_text("not ours to remove\n")
    assert [finding.verdict for finding in rig.plan().findings] == [Verdict.MET] * 4
    assert rig.prepare().changes == (), "it is no reason for a change"

    (rig.root / f"boot/initrd.img-{NEW}").write_bytes(b"")
    before = take_snapshot(rig.root)
    plan = rig.prepare()
    removes = [item.change for item in plan.changes if isinstance(item.change, Remove)]
    assert [(change.path.name, change.why) for change in removes] == [
        (backup.name, f"the kernel that /boot/{backup.name} was for is not installed any more")
    ]
    assert not backup.exists()
    assert (rig.root / "boot/initrd-of-mine").exists()
    assert (rig.root / f"boot/vmlinuz-{OLD}.hvprep-old").exists()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    assert backup.read_bytes() == content


def test_where_nothing_may_be_changed_no_backup_goes(rig: Rig) -> None:
    rig.prepare()
    replace_kernel(rig)
    (rig.root / f"boot/initrd.img-{NEW}").write_bytes(b"")
    (rig.root / "boot/grub/grub.cfg").unlink()
    assert rig.prepare().changes == ()


def test_rollback_after_another_initrd_was_generated(rig: Rig) -> None:
    rig.prepare()
    rig.machine().runner.check(("/usr/sbin/mkinitramfs", "-o", f"/boot/initrd.img-{OLD}", OLD), 30)
    add_to_tree(rig.root, "file /etc/initramfs-tools/conf.d/compress\n|COMPRESS=gzip\n")
    rig.machine().runner.check(("/usr/sbin/mkinitramfs", "-o", f"/boot/initrd.img-{OLD}", OLD), 30)
    rig.rollback()
    assert "hv_vmbus" not in modules(rig, OLD)
    assert "ext4" in modules(rig, OLD)


def test_rollback_after_the_kernel_was_removed(rig: Rig) -> None:
    rig.prepare()
    for name in (f"initrd.img-{OLD}", f"vmlinuz-{OLD}"):
        (rig.root / "boot" / name).unlink()
    before = take_snapshot(rig.root)
    rig.rollback()
    added = [line for line in diff_snapshots(before, take_snapshot(rig.root)) if line.startswith("added")]
    assert added == []
    assert not list((rig.root / "boot").glob("**/*hvprep*"))


def test_a_console_that_somebody_adds_behind_ours_is_found(rig: Rig) -> None:
    rig.prepare()
    text = (rig.root / CFG).read_text()
    (rig.root / CFG).write_text(text.replace("rootdelay=300", "rootdelay=300 console=tty0", 1))
    finding = rig.finding("kernel-parameters")
    assert finding.verdict is Verdict.UNMET
    assert "its last console is console=tty0, not console=ttyS0,115200n8" in finding.because[0]
    assert rig.finding("serial-getty").verdict is Verdict.UNMET, "it is judged once grub.cfg is made anew"
    rig.prepare()
    line = text[: text.index("rootdelay=300")].rpartition("\n")[2]
    own = "console=ttyS0,115200n8 earlyprintk=ttyS0,115200 rootdelay=300"
    assert own in f"{line}rootdelay=300"
    # It moves before ours, and stays: no file that grub.cfg is made from has it.
    expected = f"ro console=tty0 {own}"
    assert (rig.root / CFG).read_text() == text.replace(f"ro  {own}", expected, 1)
    assert rig.plan().changes == ()


def test_entries_that_os_prober_wrote_do_not_count(rig: Rig) -> None:
    """They load a kernel of another system, though it may bear the name of ours."""
    foreign = f"linux /boot/vmlinuz-{OLD} root=/dev/sdb1 quiet"
    script = f"|#!/bin/sh\n|echo \"menuentry 'Another (on /dev/sdb1)' {{\"\n|echo '{foreign}'\n|echo '}}'\n"
    add_to_tree(rig.root, f"file /etc/grub.d/30_os-prober 0755\n{script}")
    make_grub_cfg(rig)
    rig.prepare()
    assert foreign in (rig.root / CFG).read_text()
    assert [finding.verdict for finding in rig.plan().findings] == [Verdict.MET] * 4
