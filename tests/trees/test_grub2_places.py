"""GRUB 2 at each of its places: which grub.cfg count, how each is renewed, and what is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from hvprep.facts.boot_loaders import LoaderKind
from hvprep.facts.tools import probe_grub_tool
from hvprep.model.change import Build, Write
from hvprep.model.finding import Finding, Verdict
from hvprep.system.root import Root

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import add_to_tree, make_tree

OURS = "console=ttyS0,115200n8 earlyprintk=ttyS0,115200 rootdelay=300"
BIOS, UEFI = "boot/grub2/grub.cfg", "boot/efi/EFI/centos/grub.cfg"
WRAPPERS = {
    "EL 9": "search --fs-uuid --set=dev 8a2f\nset prefix=($dev)/grub2\nconfigfile $prefix/grub.cfg\n",
    "Debian": "search.fs_uuid 6d1f root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n",
    "SUSE": 'set prefix=($root)/boot/grub2\nsource "${prefix}/grub.cfg"\n',
    "root": "search -n -u 0e1c -s\nconfigfile ($root)/boot/grub2/grub.cfg\n",
}


@pytest.fixture
def hybrid(tmp_path: Path) -> Rig:
    """An EL 7 that boots by BIOS and by UEFI, on a machine that was started by BIOS; without grubby."""
    rig = Rig(make_tree("el-7-uefi", tmp_path / "root"))
    add_to_tree(
        rig.root, f"grub-cfg /{BIOS}\nlink /etc/grub2.cfg ../{BIOS}\nremove /usr/sbin/new-kernel-pkg\n"
    )
    return rig


def parameters(rig: Rig) -> Finding:
    return rig.finding("kernel-parameters")


def commands(rig: Rig, name: str) -> List[str]:
    lines = (rig.root / name).read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip().startswith("linux")]


def configs(rig: Rig) -> List[str]:
    (loader,) = rig.session().facts.image.boot_loaders
    return [str(path)[1:] for path in loader.configs]


def test_every_real_one_counts(hybrid: Rig) -> None:
    assert configs(hybrid) == [BIOS, UEFI]
    because = parameters(hybrid).because
    for name in (BIOS, UEFI):
        assert sum(f'in /{name}": it has no console=' in reason for reason in because) == 2


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_is_none_and_stays(hybrid: Rig, name: str) -> None:
    (hybrid.root / UEFI).write_text(WRAPPERS[name])
    assert configs(hybrid) == [BIOS]
    hybrid.prepare("kernel-parameters")
    assert (hybrid.root / UEFI).read_text() == WRAPPERS[name]


def test_a_main_file_that_only_leads_on_is_none(hybrid: Rig) -> None:
    add_to_tree(hybrid.root, "file /boot/grub/grub.cfg\n|configfile /grub2/grub.cfg\n")
    assert configs(hybrid) == [BIOS, UEFI]


def test_two_names_of_one_file_are_one(hybrid: Rig) -> None:
    (hybrid.root / "boot/grub").symlink_to("grub2")
    assert configs(hybrid) == ["boot/grub/grub.cfg", UEFI]


@pytest.mark.parametrize("live", [None, RUNNING], ids=["image", "running"])
def test_each_keeps_the_commands_of_its_firmware(hybrid: Rig, live: object) -> None:
    """grub2-mkconfig writes linux16 for both here: for UEFI the old lines are edited, running or not."""
    hybrid.live = RUNNING if live else None
    (hybrid.root / "etc/fstab").write_text("/dev/mapper/centos-root / xfs defaults 0 0\n")
    before = take_snapshot(hybrid.root)
    plan = hybrid.plan("kernel-parameters")
    targets = [item.change.target for item in plan.changes if isinstance(item.change, Build)]
    assert [str(path)[1:] for path in targets] == [BIOS, UEFI]
    hybrid.prepare("kernel-parameters")
    assert set(commands(hybrid, BIOS)) == {"linux16"}
    assert set(commands(hybrid, UEFI)) == {"linuxefi"}
    assert any("linuxefi" in said and "edited instead" in said for said in hybrid.said)
    assert all((hybrid.root / name).read_text().count(OURS) == 2 for name in (BIOS, UEFI))
    assert hybrid.plan("kernel-parameters").changes == ()
    hybrid.rollback()
    assert diff_snapshots(before, take_snapshot(hybrid.root)) == []


def test_where_grubby_keeps_the_entries_their_own_words_stay(tmp_path: Path) -> None:
    rig = Rig(make_tree("el-7-bios", tmp_path / "root"))
    rig.live = RUNNING
    path = rig.root / BIOS
    path.write_text(path.read_text().replace("LANG=en_US.UTF-8", "LANG=en_US.UTF-8 rd.luks.uuid=0123"))
    (rig.root / "etc/fstab").write_text("/dev/mapper/centos-root / xfs defaults 0 0\n")
    changes = rig.prepare("kernel-parameters").changes
    assert all(isinstance(item.change, Write) for item in changes)
    assert f"LANG=en_US.UTF-8 rd.luks.uuid=0123 {OURS}" in path.read_text()


def test_a_system_without_a_generator(hybrid: Rig) -> None:
    """Nothing could overwrite what is edited."""
    (hybrid.root / "usr/sbin/grub2-mkconfig").unlink()
    (loader,) = hybrid.session().facts.image.boot_loaders
    assert loader.because == f"/{BIOS} and /{UEFI}, and no grub-mkconfig"
    changes = hybrid.prepare("kernel-parameters").changes
    assert [type(item.change) for item in changes] == [Write, Write]
    assert parameters(hybrid).verdict is Verdict.MET


@pytest.mark.parametrize("name", [BIOS, UEFI])
def test_one_of_several_made_by_hand(hybrid: Rig, name: str) -> None:
    path = hybrid.root / name
    path.write_text(path.read_text().replace("It is automatically generated", "It is made by hand"))
    finding = parameters(hybrid)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert f"/{name} was not made by grub2-mkconfig, which would overwrite it" in finding.because


def test_one_made_by_hand_that_is_right_already(hybrid: Rig) -> None:
    hybrid.prepare("kernel-parameters")
    path = hybrid.root / UEFI
    path.write_text(path.read_text().replace("It is automatically generated", "It is made by hand"))
    assert parameters(hybrid).verdict is Verdict.MET


def test_variables_that_grub_cfg_sets_are_judged(hybrid: Rig) -> None:
    """tuned of EL 7 sets them in 00_tuned."""
    hybrid.prepare("kernel-parameters")
    path = hybrid.root / UEFI
    text = path.read_text().replace('set tuned_params=""', 'set tuned_params="skew_tick=1 quiet"')
    path.write_text(text.replace(f"{OURS} ", f"{OURS} $tuned_params "))
    assert any(reason.endswith("it carries quiet") for reason in parameters(hybrid).because)


def test_a_file_as_large_as_no_grub_cfg_is_a_finding(hybrid: Rig) -> None:
    """It does not keep the facts from being gathered."""
    (hybrid.root / UEFI).write_bytes(b"#" * (16 * 1024 * 1024 + 1))
    assert configs(hybrid) == [BIOS, UEFI]
    finding = parameters(hybrid)
    assert finding.verdict is Verdict.NOT_ASSESSED
    assert f"/{UEFI} is larger than" in finding.because[0]


def test_a_hand_made_file_without_kernelopts_has_no_place_for_our_words(tmp_path: Path) -> None:
    rig = Rig(make_tree("azure-linux-2", tmp_path / "root"))
    path = rig.root / "boot/grub2/grub.cfg"
    path.write_text(path.read_text().replace(" $kernelopts", ""))
    finding = parameters(rig)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert "/boot/grub2/grub.cfg was not made by grub-mkconfig" in finding.because[-1]


def test_a_hand_made_file_with_kernelopts_gets_our_words_by_its_variables(tmp_path: Path) -> None:
    rig = Rig(make_tree("azure-linux-2", tmp_path / "root"))
    path = rig.root / "boot/grub2/grub.cfg"
    text = path.read_text()
    rig.prepare("kernel-parameters")
    assert path.read_text() == text
    assert (rig.root / "boot/grub2/grubenv").stat().st_size == 1024
    assert f"kernelopts={OURS}\n" in (rig.root / "boot/grub2/grubenv").read_text()
    assert "quiet" not in (rig.root / "boot/mariner.cfg").read_text()


@pytest.mark.parametrize(("name", "options"), [("el-9", ("--no-grubenv-update",)), ("el-7-bios", ())])
def test_a_run_that_changes_its_output_only(tmp_path: Path, name: str, options: object) -> None:
    grub = probe_grub_tool(Root(make_tree(name, tmp_path / "root")))
    assert grub is not None
    assert grub.options == options


def test_menu_entries_of_el_8_are_made_without_touching_grubenv(tmp_path: Path) -> None:
    """GRUB_ENABLE_BLSCFG=false; the stand-in overwrites grubenv as the original does, unless it is told."""
    rig = Rig(make_tree("el-8", tmp_path / "root"))
    script = (
        "#!/bin/sh\\ncat <<END\\nmenuentry 'Rocky Linux' {\\n"
        "\\tlinux /vmlinuz-4.18.0-553.el8_10.x86_64 root=/dev/mapper/rl-root ro $GRUB_CMDLINE_LINUX\\n"
        "\\tinitrd /initramfs-4.18.0-553.el8_10.x86_64.img\\n}\\nEND\\n"
    )
    (rig.root / "etc/grub.d/10_linux").write_text(script.encode().decode("unicode_escape"))
    default = rig.root / "etc/default/grub"
    default.write_text(default.read_text().replace("GRUB_ENABLE_BLSCFG=true", "GRUB_ENABLE_BLSCFG=false"))
    add_to_tree(rig.root, f"grub-cfg /{BIOS}\ngrub-cfg /boot/efi/EFI/rocky/grub.cfg\n")
    (loader,) = rig.session().facts.image.boot_loaders
    assert loader.kind is LoaderKind.GRUB2
    default.write_text(default.read_text().replace("GRUB_ENABLE_BLSCFG=false", "GRUB_ENABLE_BLSCFG=true"))
    for path in (rig.root / "boot/loader/entries").iterdir():
        path.unlink()
    before = (rig.root / "boot/efi/EFI/rocky/grubenv").read_bytes()
    rig.prepare("kernel-parameters")
    assert OURS in (rig.root / BIOS).read_text()
    assert (rig.root / "boot/efi/EFI/rocky/grubenv").read_bytes() == before


def test_a_kernel_in_a_subvolume_is_there(hybrid: Rig) -> None:
    path = hybrid.root / BIOS
    path.write_text(path.read_text().replace("linux16 /vmlinuz", "linux16 /@/boot/vmlinuz"))
    assert not [reason for reason in parameters(hybrid).because if "not there" in reason]
