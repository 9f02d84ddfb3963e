"""Boot configurations that cannot be trusted, as issue 3 lists them: a clear finding for each, and no file is
touched. Entries that only differ in their words are no such: see test_entries_that_differ.py."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Tuple

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.command import hvprep
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree
from tests.trees.untouched import expect_untouched

UNMET, NOT_ASSESSED = Verdict.UNMET, Verdict.NOT_ASSESSED
MACHINE = "0123456789abcdef0123456789abcdef"
ENTRIES = "boot/loader/entries"
LEGACY_GONE = "title Gone\n\troot (hd0,0)\n\tkernel /vmlinuz-2.6.32-1.el6.x86_64 ro\n"
BLS_GONE = (
    f"file /{ENTRIES}/gone.conf\n|title gone\n|linux /vmlinuz-5.14.0-70.el9.x86_64\n|options ro quiet\n"
)
SECTION_END = "### END /etc/grub.d/10_linux"
XEN_END = "### END /etc/grub.d/20_linux_xen"
NOT_THERE = "which is not there"


class Bad(NamedTuple):
    """What is done to a tree, and what is to be said: `text` is added to it, then in the file `path` the
    first `edit[0]` becomes `edit[1]`; an empty edit[0] stands for the end of the file."""

    tree: str
    says: str
    text: str = ""
    path: str = ""
    edit: Tuple[str, str] = ("", "")
    verdict: Verdict = UNMET


def make_bad(bad: Bad, root: Path) -> Rig:
    rig = Rig(make_tree(bad.tree, root))
    add_to_tree(rig.root, bad.text)
    if bad.path:
        path = rig.root / bad.path
        content, (old, new) = path.read_bytes(), (each.encode() for each in bad.edit)
        assert old in content
        path.write_bytes(content.replace(old, new, 1) if old else content + new)
    return rig


def _two_boot_loaders() -> Iterator[Bad]:
    says = (
        "there are several boot loaders, and nothing tells which one boots: GRUB 2 (/usr/sbin/grub-mkconfig"
    )
    yield Bad("two-loaders", says)
    yield Bad("debian-8", says, "file /boot/grub/stage2\n|x\nfile /boot/grub/menu.lst\n|default 0\n")
    yield Bad(
        "debian-8", says, "file /boot/syslinux/ldlinux.sys\n|x\nfile /boot/syslinux/syslinux.cfg\n|LABEL a\n"
    )
    image = "elf /boot/efi/EFI/systemd/systemd-bootx64.efi x86_64\nfile /boot/efi/EFI/BOOT/BOOTX64.EFI\n|"
    yield Bad(
        "el-9",
        "GRUB 2 with Boot Loader Specification entries (/usr/sbin/grub2-mkconfig for /boot/grub2/grub.cfg, "
        "blscfg in it) and systemd-boot (/boot/efi/EFI/BOOT/BOOTX64.EFI with /boot/loader/entries)",
        f"{image}MZ #### LoaderInfo: systemd-boot 257 ####\n",
    )


def _an_entry_whose_kernel_is_gone() -> Iterator[Bad]:
    yield Bad("el-9", f"/{ENTRIES}/gone.conf boots /vmlinuz-5.14.0-70.el9.x86_64, {NOT_THERE}", BLS_GONE)
    yield Bad(
        "el-9", f"/{ENTRIES}/{MACHINE}-0-rescue.conf boots", f"remove /boot/vmlinuz-0-rescue-{MACHINE}\n"
    )
    yield Bad("el-7-bios", NOT_THERE, f"remove /boot/vmlinuz-0-rescue-{MACHINE}\n")
    debian = "/vmlinuz-6.1.0-56-amd64"
    yield Bad(
        "debian-12-initramfs-tools",
        'entry "Old" of /boot/grub/grub.cfg boots /boot/vmlinuz-5.10.0-1-amd64, which is not there',
        path="boot/grub/grub.cfg",
        edit=(SECTION_END, f"menuentry Old {{\n linux /boot/vmlinuz-5.10.0-1-amd64 ro\n}}\n{SECTION_END}"),
    )
    yield Bad(
        "sles-15-xen",
        f"boots /boot/vmlinuz-6.4.0-gone, {NOT_THERE}",
        path="boot/grub2/grub.cfg",
        edit=(
            XEN_END,
            f"menuentry X {{\n multiboot2 /boot/xen.gz\n module2 /boot/vmlinuz-6.4.0-gone ro\n}}\n{XEN_END}",
        ),
    )
    yield Bad(
        "el-6",
        f'entry "Gone" boots /vmlinuz-2.6.32-1.el6.x86_64, {NOT_THERE}',
        path="boot/grub/grub.conf",
        edit=("", LEGACY_GONE),
    )
    yield Bad(
        "arch-systemd-boot",
        f"/boot/loader/entries/gone.conf boots /boot{debian}, {NOT_THERE}",
        f"file /{ENTRIES}/gone.conf\n|title gone\n|linux {debian}\n",
    )
    yield Bad(
        "alpine-extlinux",
        f'entry "gone" boots vmlinuz-gone, {NOT_THERE}',
        path="boot/extlinux.conf",
        edit=("", "LABEL gone\n  LINUX vmlinuz-gone\n"),
    )


def _a_grubenv_of_the_wrong_size() -> Iterator[Bad]:
    for content, says in (
        ("|kernelopts=root=/dev/vda1 ro", "has 54 bytes, not 1024"),
        ("|" + "#" * 999, "has a newline behind its 1024 bytes"),
        ("|" + "#" * 1000, "has 1026 bytes, not 1024"),
        ("", "has 0 bytes, not 1024"),
    ):
        head = "" if not content else "|# GRUB Environment Block\n"
        text = f"file /boot/efi/EFI/rocky/grubenv\n{head}{content}\n"
        yield Bad(
            "el-8",
            f"/boot/efi/EFI/rocky/grubenv: the GRUB environment block {says}",
            text,
            verdict=NOT_ASSESSED,
        )
    short = "file /boot/grub2/grubenv\n|# GRUB Environment Block\n"
    yield Bad(
        "el-7-bios",
        "/boot/grub2/grubenv: the GRUB environment block has 25 bytes",
        short,
        verdict=NOT_ASSESSED,
    )


def _an_entry_with_crlf_or_a_key_twice() -> Iterator[Bad]:
    for tree, name in (
        ("el-9", f"{MACHINE}-5.14.0-427.13.1.el9_4.x86_64.conf"),
        ("fedora-41", f"{MACHINE}-6.11.4-301.fc41.x86_64.conf"),
        ("arch-systemd-boot", "arch.conf"),
    ):
        path = f"{ENTRIES}/{name}"
        yield Bad(
            tree,
            f"/{path}: line 1 of the boot entry has a carriage return",
            path=path,
            edit=("\n", "\r\n"),
            verdict=NOT_ASSESSED,
        )
        yield Bad(
            tree,
            "of the boot entry sets 'linux' again",
            path=path,
            edit=("", "linux /vmlinuz-other\n"),
            verdict=NOT_ASSESSED,
        )


def _a_grub_cfg_made_by_hand() -> Iterator[Bad]:
    by_hand = ("It is automatically generated", "It is made by hand")
    for tree, path in (
        ("debian-12-initramfs-tools", "boot/grub/grub.cfg"),
        ("sles-15", "boot/grub2/grub.cfg"),
        ("el-7-uefi", "boot/efi/EFI/centos/grub.cfg"),
        ("el-8", "boot/grub2/grub.cfg"),
    ):
        tool = "grub-mkconfig" if tree[0] == "d" else "grub2-mkconfig"
        yield Bad(tree, f"/{path} was not made by {tool}, which would overwrite it", path=path, edit=by_hand)


def _links_that_lead_nowhere() -> Iterator[Bad]:
    links = "".join(f"link /etc/{name} ../boot/nowhere/grub.cfg\n" for name in ("grub2.cfg", "grub2-efi.cfg"))
    says = "/etc/grub2.cfg leads to /boot/nowhere/grub.cfg, which is not there; nothing tells what boots"
    for tree in ("el-7-bios", "el-8", "el-9", "fedora-41", "amazon-2"):
        yield Bad(tree, says, links)


def _nothing_that_is_known() -> Iterator[Bad]:
    yield Bad("flatcar-like", "Flatcar's GRUB, made for all its machines (/oem/grub.cfg)")
    yield Bad(
        "arch-systemd-boot",
        "LILO (/etc/lilo.conf)",
        f"remove /{ENTRIES}/arch.conf\nfile /etc/lilo.conf\n|x\n",
    )
    yield Bad(
        "arch-systemd-boot", "there is no boot loader that hvprep knows", f"remove /{ENTRIES}/arch.conf\n"
    )
    yield Bad("debian-12-initramfs-tools", "/boot/grub/grub.cfg is not", "remove /boot/grub/grub.cfg\n")
    yield Bad(
        "el-9",
        f"the entries in /{ENTRIES} are ostree's",
        path=f"{ENTRIES}/{MACHINE}-0-rescue.conf",
        edit=("rhgb", "ostree=/x rhgb"),
    )


CASES: Dict[str, Bad] = {
    f"{kind.__name__[1:].replace('_', ' ')}, {number} ({bad.tree})": bad
    for kind in (
        _two_boot_loaders,
        _an_entry_whose_kernel_is_gone,
        _a_grubenv_of_the_wrong_size,
        _an_entry_with_crlf_or_a_key_twice,
        _a_grub_cfg_made_by_hand,
        _links_that_lead_nowhere,
        _nothing_that_is_known,
    )
    for number, bad in enumerate(kind(), 1)
}


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES)
def test_each_is_a_finding_and_no_file_is_touched(bad: Bad, tmp_path: Path) -> None:
    rig = make_bad(bad, tmp_path / "root")
    expect_untouched(rig, bad.says, bad.verdict)


def test_what_the_other_requirements_say_meanwhile(tmp_path: Path) -> None:
    """They are judged, and say what keeps them from being seen to."""
    finding = Rig(make_tree("two-loaders", tmp_path / "root")).finding("initrd-drivers")
    assert any(" lacks " in reason and "hv_netvsc" in reason for reason in finding.because), finding
    assert finding.remedy == "nothing is changed before it is clear what boots: see kernel-parameters"


def test_by_the_command_line(tmp_path: Path) -> None:
    """check ends with 3, prepare with 0: a finding that no program can mend does not fail it."""
    root = make_bad(CASES["an entry whose kernel is gone, 1 (el-9)"], tmp_path / "root").root
    before = take_snapshot(root)
    checked = hvprep("check", "--root", str(root))
    assert (checked.status, "gone.conf boots" in checked.out) == (3, True)
    prepared = hvprep("prepare", "--yes", "--root", str(root))
    assert prepared.status == 0, prepared
    assert f"remove /{ENTRIES}/gone.conf; then run hvprep prepare again" in " ".join(prepared.out.split())
    assert diff_snapshots(before, take_snapshot(root)) == []
