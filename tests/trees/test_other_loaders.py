"""systemd-boot, extlinux, unified kernel images, several loaders, and none that hvprep knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Optional

import pytest
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.command import hvprep_as_nobody
from tests.trees.golden import compare, portable_report, shown
from tests.trees.moment import describe_difference, take_moment
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.trees.unified import write_addon, write_image
from tests.trees.untouched import expect_untouched

AGENT = Path(__file__).parents[2] / "agent"
CHANGED = (
    "debian-12-systemd-boot",
    "alpine-extlinux",
    "alpine-grub",
    "arch-systemd-boot",
    "arch-grub",
    "opensuse-grub2-bls",
)
LEFT_ALONE = ("flatcar-like", "two-loaders")
WORDS = "root=UUID=5c1c9f3e-6f0c-4b52-9c2e-6d6f4f2b1a32 rw quiet"
OURS = "console=ttyS0,115200n8 earlyprintk=ttyS0,115200 rootdelay=300"
DRIVERS = ("hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc", "ext4")
UKI = "/efi/EFI/Linux/particle_6.12.9-1.efi"


def rig_of(name: str, tmp_path: Path) -> Rig:
    return Rig(make_tree(name, tmp_path / "root"))


def findings(rig: Rig) -> Dict[str, Finding]:
    return {finding.id: finding for finding in rig.plan().findings}


@pytest.mark.parametrize("name", CHANGED)
def test_check_prepare_and_rollback(name: str, tmp_path: Path) -> None:
    rig = rig_of(name, tmp_path)
    before = take_moment(rig.root)
    compare(f"{name}/report.json", shown(portable_report(rig.report())))
    assert take_moment(rig.root) == before
    rig.prepare()
    prepared = take_moment(rig.root)
    compare(f"{name}/diff.txt", describe_difference(before, prepared))

    after = rig.plan()
    assert after.changes == ()
    assert Verdict.UNMET not in {finding.verdict for finding in after.findings}, after.findings
    compare(f"{name}/report-after.json", shown(portable_report(rig.report())))
    assert rig.prepare().changes == ()
    rig.rollback()
    assert diff_snapshots(before.entries, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_not_understood_is_named_and_left_alone(name: str, tmp_path: Path) -> None:
    rig = rig_of(name, tmp_path)
    before = take_moment(rig.root)
    compare(f"{name}/report.json", shown(portable_report(rig.report())))
    assert findings(rig)["kernel-parameters"].verdict is Verdict.UNMET
    assert findings(rig)["kernel-parameters"].changes == ()
    rig.prepare()
    assert diff_snapshots(before.entries, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_unified_image_is_judged_and_what_makes_the_next_one_is_changed(
    is_signed: bool, tmp_path: Path
) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, WORDS, drivers=("virtio_blk",), is_signed=is_signed)
    before = take_moment(rig.root)
    name = "unified-images-signed" if is_signed else "unified-images"
    compare(f"{name}/report.json", shown(portable_report(rig.report())))
    rig.prepare()
    compare(f"{name}/diff.txt", describe_difference(before, take_moment(rig.root)))
    after = findings(rig)
    assert not any(finding.changes for finding in after.values())
    assert after["kernel-parameters"].verdict is Verdict.UNMET
    assert after["initrd-drivers"].verdict is Verdict.UNMET
    assert "/efi/loader/addons/hvprep.addon.efi" in (after["kernel-parameters"].remedy or "")
    rig.rollback()
    assert diff_snapshots(before.entries, take_snapshot(rig.root)) == []


def test_a_unified_image_that_is_right_is_met(tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, f"root=/dev/sda2 rw {OURS}", drivers=DRIVERS)
    rig.prepare()
    assert {finding.verdict for id, finding in findings(rig).items() if id != "serial-grub"} == {Verdict.MET}


@pytest.mark.parametrize("place", ["/efi/loader/addons", f"{UKI}.extra.d"])
def test_addons_give_words_too(place: str, tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, "root=/dev/sda2 rw", drivers=DRIVERS)
    assert "it has no console=" in findings(rig)["kernel-parameters"].because[0]
    write_addon(rig.root, f"{place}/serial.addon.efi", OURS)
    rig.prepare()
    assert findings(rig)["kernel-parameters"].verdict is Verdict.MET


def test_a_driver_that_a_unified_image_lacks_is_named(tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, f"root=/dev/sda2 {OURS}", drivers=[d for d in DRIVERS if d != "hv_storvsc"])
    assert f"{UKI} lacks hv_storvsc" in " ".join(findings(rig)["initrd-drivers"].because)


def test_a_unified_image_that_is_cut_off_is_a_finding(tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, WORDS, drivers=DRIVERS)
    image = rig.root / UKI[1:]
    image.write_bytes(image.read_bytes()[:1500])
    found = findings(rig)["kernel-parameters"]
    assert (found.verdict, found.changes) == (Verdict.NOT_ASSESSED, ())
    assert UKI in found.because[0]
    assert "cut off" in found.because[0] or "ends at byte" in found.because[0]
    assert findings(rig)["initrd-drivers"].verdict is Verdict.NOT_ASSESSED


def test_fragments_of_mkinitcpio_are_one_command_line(tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, WORDS)
    add_to_tree(rig.root, "file /etc/cmdline.d/10-root.conf\n|# root\n|root=/dev/sda2\n")
    add_to_tree(rig.root, "file /etc/cmdline.d/20-more.conf\n|quiet rw\n")
    rig.prepare("kernel-parameters")
    assert (rig.root / "etc/cmdline.d/10-root.conf").read_text() == "# root\nroot=/dev/sda2\n"
    assert (rig.root / "etc/cmdline.d/20-more.conf").read_text() == f"rw {OURS}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'kernel_cmdline="root=/dev/sda2 rw quiet"',
            f'kernel_cmdline="root=/dev/sda2 rw"\nkernel_cmdline+=" {OURS} "',
        ),
        (
            'kernel_cmdline+=" rhgb "\nkernel_cmdline+=" rw console=ttyS0 "\nuefi="yes"',
            f'kernel_cmdline+=" "\nkernel_cmdline+=" rw "\nuefi="yes"\nkernel_cmdline+=" {OURS} "',
        ),
        ('uefi="yes"', None),
        (f'kernel_cmdline="rw {OURS}"', None),
    ],
)
def test_dracuts_own_command_line(before: str, after: Optional[str], tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, WORDS)
    path = rig.root / "etc/dracut.conf.d/uki.conf"
    path.parent.mkdir(parents=True)
    path.write_text(f"{before}\n")
    rig.prepare("kernel-parameters")
    assert path.read_text() == f"{before if after is None else after}\n"
    assert not findings(rig)["kernel-parameters"].changes


def test_dracuts_own_command_line_in_a_file_of_a_package_is_named(tmp_path: Path) -> None:
    rig = rig_of("unified-images", tmp_path)
    write_image(rig.root, UKI, WORDS)
    add_to_tree(rig.root, 'file /usr/lib/dracut/dracut.conf.d/uki.conf\n|kernel_cmdline="quiet"\n')
    rig.prepare("kernel-parameters")
    assert "kernel_cmdline of dracut.conf is not what one" in " ".join(
        findings(rig)["kernel-parameters"].because
    )


def test_unified_images_beside_the_entries_of_systemd_boot_are_judged_too(tmp_path: Path) -> None:
    rig = rig_of("debian-12-systemd-boot", tmp_path)
    write_image(rig.root, UKI, WORDS, version="6.1.0-56-amd64")
    (loader,) = rig.session().facts.image.boot_loaders
    assert [str(path) for path in loader.configs] == ["/efi/loader/entries", "/efi/EFI/Linux"]
    rig.prepare("kernel-parameters")
    found = findings(rig)["kernel-parameters"]
    assert found.verdict is Verdict.UNMET
    assert all("particle" in reason for reason in found.because)


def test_the_entry_that_loader_conf_names_gives_the_words_of_the_next_kernel(tmp_path: Path) -> None:
    rig = rig_of("arch-systemd-boot", tmp_path)
    text = (
        "|title z\n|version 99\n|linux /vmlinuz-linux\n|initrd /initramfs-linux.img\n|options root=/dev/zz\n"
    )
    add_to_tree(rig.root, f"file /boot/loader/entries/zz.conf\n{text}")
    rig.prepare("kernel-parameters")
    assert "root=PARTUUID=" in (rig.root / "etc/kernel/cmdline").read_text()
    assert (rig.root / "boot/loader/entries/zz.conf").read_text().endswith(f"options root=/dev/zz {OURS}\n")


ENTRY = "/boot/loader/entries/arch.conf"


def test_an_entry_with_an_open_quote_is_a_finding_and_nothing_changes(tmp_path: Path) -> None:
    rig = rig_of("arch-systemd-boot", tmp_path)
    add_to_tree(rig.root, f'file {ENTRY}\n|title a\n|linux /vmlinuz-linux\n|options "a b\n')
    expect_untouched(rig, "would not read", Verdict.NOT_ASSESSED, "kernel-parameters")


BAD_EXTLINUX = {
    "carriage return": ("|LABEL a\r b\n", "carriage"),
    "no kernel": ("|LABEL a\n|  LINUX gone\n|  APPEND quiet\n", "no entry of"),
    "shared words": ("|APPEND quiet\n|INCLUDE more.conf\n", "no APPEND of its own"),
}


@pytest.mark.parametrize("name", BAD_EXTLINUX)
def test_a_bad_configuration_of_extlinux_is_a_finding_and_nothing_changes(name: str, tmp_path: Path) -> None:
    text, sentence = BAD_EXTLINUX[name]
    rig = rig_of("alpine-extlinux", tmp_path)
    add_to_tree(rig.root, f"file /boot/extlinux.conf\n{text}")
    add_to_tree(rig.root, "file /boot/more.conf\n|LABEL b\n|  LINUX vmlinuz-lts\n")
    expect_untouched(rig, sentence, Verdict.UNMET if name == "no kernel" else Verdict.NOT_ASSESSED)


def test_files_that_extlinux_includes_are_edited_and_initrd_words_stay(tmp_path: Path) -> None:
    rig = rig_of("alpine-extlinux", tmp_path)
    add_to_tree(rig.root, "file /boot/extlinux.conf\n|DEFAULT b\n|MENU INCLUDE more.conf\n")
    text = "|LABEL b\n|  kernel vmlinuz-lts\n|  append initrd=initramfs-lts quiet root=/dev/sda1 -- init\n"
    add_to_tree(rig.root, f"file /boot/more.conf\n{text}")
    rig.prepare("kernel-parameters")
    wanted = f"  append initrd=initramfs-lts root=/dev/sda1 {OURS} -- init\n"
    assert (rig.root / "boot/more.conf").read_text().endswith(wanted)
    assert findings(rig)["kernel-parameters"].verdict is Verdict.MET


def test_a_package_of_extlinux_beside_grub_is_no_second_boot_loader(tmp_path: Path) -> None:
    rig = rig_of("debian-12-initramfs-tools", tmp_path)
    add_to_tree(rig.root, "file /boot/syslinux/syslinux.cfg\n|LABEL arch\n|LINUX ../vmlinuz-linux\n")
    add_to_tree(rig.root, "file /efi/loader/loader.conf\n|timeout 3\n")
    assert len(rig.session().facts.image.boot_loaders) == 1
    add_to_tree(rig.root, "file /boot/syslinux/ldlinux.sys\n|made up\n")
    assert len(rig.session().facts.image.boot_loaders) == 2


U_BOOT = """
elf /usr/sbin/u-boot-update x86_64
remove /usr/sbin/update-extlinux
remove /etc/update-extlinux.conf
remove /boot/ldlinux.sys
file /etc/default/u-boot
|#U_BOOT_PARAMETERS="ro quiet"
"""


@pytest.mark.parametrize(
    ("more", "path", "wanted"),
    [
        (
            "",
            "etc/default/u-boot",
            f'U_BOOT_PARAMETERS="modules=sd-mod,usb-storage,ext4 rootfstype=ext4 {OURS}"',
        ),
        (
            'file /etc/u-boot-menu/conf.d/a.conf\n|U_BOOT_PARAMETERS="ro quiet"\n',
            "etc/u-boot-menu/conf.d/a.conf",
            f'U_BOOT_PARAMETERS="ro {OURS}"',
        ),
        ("file /etc/kernel/cmdline\n|root=/dev/sda1 quiet\n", "etc/kernel/cmdline", f"root=/dev/sda1 {OURS}"),
    ],
)
def test_settings_of_u_boot_update(more: str, path: str, wanted: str, tmp_path: Path) -> None:
    rig = rig_of("alpine-extlinux", tmp_path)
    add_to_tree(rig.root, U_BOOT + more)
    rig.prepare("kernel-parameters")
    assert wanted in (rig.root / path).read_text().splitlines()
    assert findings(rig)["kernel-parameters"].verdict is Verdict.MET


@pytest.mark.parametrize(
    ("sign", "words"),
    [
        ("/etc/lilo.conf", "LILO"),
        ("/etc/zipl.conf", "zipl"),
        ("/boot/boot.scr", "U-Boot"),
        ("/ostree/repo/config", "rpm-ostree kargs"),
        ("/etc/other", "looked for the files of: GRUB 2"),
    ],
)
def test_an_unknown_boot_loader_is_named_where_it_left_a_sign(sign: str, words: str, tmp_path: Path) -> None:
    rig = rig_of("arch-systemd-boot", tmp_path)
    add_to_tree(rig.root, f"remove /boot/loader/entries/arch.conf\nfile {sign}\n|made up\n")
    found = findings(rig)["kernel-parameters"]
    assert words in f"{found.because[0]} {found.remedy}"
    expect_untouched(rig, found.because[0])


def test_a_kernel_at_an_unusual_place_is_edited_and_its_initrd_not_assessed(tmp_path: Path) -> None:
    rig = rig_of("arch-systemd-boot", tmp_path)
    text = "|title a\n|linux /EFI/arch/vmlinuz.efi\n|options root=/dev/sda1\n|initrd /i\n"
    add_to_tree(rig.root, f"file {ENTRY}\n{text}file /boot/EFI/arch/vmlinuz.efi\n|made up\n")
    rig.prepare("kernel-parameters")
    found = findings(rig)["kernel-parameters"]
    assert (found.verdict, found.changes) == (Verdict.NOT_ASSESSED, ())
    assert "/boot/EFI/arch/vmlinuz.efi" in found.because[0]


def loaders_of(rig: Rig) -> List[str]:
    return [loader.kind.value for loader in rig.session().facts.image.boot_loaders]


def test_the_program_tells_systemd_boot_beside_grub_and_loader_conf_where_it_is_alone(tmp_path: Path) -> None:
    rig = rig_of("arch-systemd-boot", tmp_path)
    add_to_tree(rig.root, "remove /boot/EFI/systemd/systemd-bootx64.efi\n")
    assert loaders_of(rig) == ["systemd-boot"]
    add_to_tree(
        rig.root, "file /boot/EFI/BOOT/BOOTX64.EFI\n|MZ GRUB\nfile /boot/grub/grub.cfg\n|menuentry a {\n|}\n"
    )
    assert loaders_of(rig) == ["GRUB 2"]
    add_to_tree(rig.root, "file /boot/EFI/BOOT/BOOTX64.EFI\n|MZ #### LoaderInfo: systemd-boot 257 ####\n")
    assert loaders_of(rig) == ["GRUB 2", "systemd-boot"]
    add_to_tree(rig.root, "remove /boot/EFI/BOOT/BOOTX64.EFI\nremove /boot/grub/grub.cfg\n")
    add_to_tree(rig.root, "remove /boot/loader/loader.conf\n")
    assert loaders_of(rig) == []


@pytest.mark.parametrize("name", ["debian-12-systemd-boot", "two-loaders"])
def test_a_user_who_may_not_look_into_the_efi_partition_is_told_so(name: str, tmp_path: Path) -> None:
    rig = rig_of(name, tmp_path)
    for place in ("efi", "boot/efi"):
        (rig.root / place).mkdir(exist_ok=True)
        (rig.root / place).chmod(0o700)
    done = hvprep_as_nobody("check", "--root", str(rig.root), "--json")
    report = json.loads(done.out)
    (found,) = [finding for finding in report["findings"] if finding["id"] == "kernel-parameters"]
    assert found["verdict"] == "not assessed", done.err
    assert "may not be read by this user" in found["because"][0]


def test_what_ostree_deployed_is_left_alone(tmp_path: Path) -> None:
    rig = rig_of("arch-systemd-boot", tmp_path)
    add_to_tree(rig.root, "file /ostree/repo/config\n|[core]\n")
    expect_untouched(rig, "this system is deployed from /ostree/repo")
    assert "rpm-ostree kargs" in (findings(rig)["kernel-parameters"].remedy or "")


def test_extlinux_in_a_directory_of_its_own_with_nested_files_and_a_kernel_that_is_gone(
    tmp_path: Path,
) -> None:
    rig = rig_of("alpine-extlinux", tmp_path)
    add_to_tree(rig.root, "remove /boot/extlinux.conf\nremove /boot/ldlinux.sys\n")
    add_to_tree(rig.root, "file /boot/extlinux/extlinux.conf\n|INCLUDE a.conf\n")
    add_to_tree(rig.root, "file /boot/extlinux/a.conf\n|INCLUDE /extlinux/b.conf\n")
    gone = "LABEL gone\n  LINUX ../vmlinuz-gone\n  APPEND quiet\n"
    text = "LABEL b\n  LINUX ../vmlinuz-lts\n  INITRD ../initramfs-lts\n  APPEND quiet root=/dev/sda1\n"
    lines = "".join(f"|{line}\n" for line in text.splitlines())
    add_to_tree(rig.root, f"file /boot/extlinux/b.conf\n{lines}")
    rig.prepare("kernel-parameters")
    edited = (rig.root / "boot/extlinux/b.conf").read_text()
    assert edited == text.replace("quiet root=/dev/sda1", f"root=/dev/sda1 {OURS}")
    (rig.root / "boot/extlinux/b.conf").write_text(edited + gone)
    expect_untouched(rig, 'entry "gone" boots ../vmlinuz-gone, which is not there')
