"""Every generator of initrds that users bring, at work on a tree: configuration, images, traps."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Dict

import pytest
from hvprep.errors import ChangeFailed
from hvprep.model.change import Build, Run
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.golden import compare
from tests.trees.moment import describe_difference, take_moment
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

#: Tree to the generator that has to be found there.
GENERATORS = {
    "initrd-el-5": "mkinitrd (nash)",
    "initrd-el-6": "dracut",
    "initrd-sles-11": "mkinitrd (SUSE)",
    "initrd-sles-12": "dracut",
    "initrd-sles-15": "dracut",
    "initrd-arch": "mkinitcpio",
    "initrd-arch-old": "mkinitcpio",
    "initrd-arch-booster": "booster",
    "initrd-alpine": "mkinitfs",
}
STEP = "initrd-drivers"

every_tree = pytest.mark.parametrize("name", GENERATORS)


@pytest.fixture
def rig(name: str, tmp_path: Path) -> Rig:
    return Rig(make_tree(name, tmp_path / "root"))


def drivers(rig: Rig) -> Finding:
    return rig.finding(STEP)


@every_tree
def test_prepare_and_rollback(name: str, rig: Rig) -> None:
    assert [each["name"] for each in rig.report()["machine"]["initrd_generators"]] == [GENERATORS[name]]
    assert drivers(rig).verdict is Verdict.UNMET
    before = take_moment(rig.root)
    rig.prepare(STEP)
    prepared = take_moment(rig.root)
    compare(f"{name}/diff.txt", describe_difference(before, prepared))

    assert (drivers(rig).verdict, drivers(rig).changes) == (Verdict.MET, ())
    assert rig.prepare(STEP).changes == ()
    assert diff_snapshots(prepared.entries, take_snapshot(rig.root, ("/run",))) == []

    rig.rollback()
    assert diff_snapshots(before.entries, take_snapshot(rig.root)) == []


@every_tree
@pytest.mark.parametrize("fault", ["no-drivers", "no-sd", "nothing"])
def test_a_faulty_one_changes_nothing(name: str, rig: Rig, fault: str) -> None:
    (program,) = {change.argv[0] for change in drivers(rig).changes if isinstance(change, Build)}
    Path(f"{rig.root}{program}.fault").write_text(fault)
    before = take_snapshot(rig.root)
    with pytest.raises(ChangeFailed, match="made no file" if fault == "nothing" else "lacks the drivers"):
        rig.prepare(STEP)
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


#: What the systems' own hooks give to each, with no option of ours.
OWN_WORDS = {
    "mkinitrd (nash)": "-f {target} {version}",
    "dracut": "--force {target} {version}",
    "mkinitrd (SUSE)": "-B -k vmlinuz-{version} -i initrd-{version}",
    "mkinitcpio": "-k {version} -g {target}",
    "booster": "build --force --kernel-version {version} {target}",
    "mkinitfs": "-o {target} {version}",
}


@every_tree
def test_the_next_kernel_gets_the_drivers_too(name: str, rig: Rig) -> None:
    """Our images are thrown away, and made anew as after the next update."""
    builds = [change for change in drivers(rig).changes if isinstance(change, Build)]
    rig.prepare(STEP)
    for build in builds:
        (rig.root / str(build.target)[1:]).write_bytes(b"no initrd")
        words = OWN_WORDS[GENERATORS[name]].format(target=build.target, version=build.subject)
        subprocess.run([f"{rig.root}{build.argv[0]}", *words.split()], check=True)
    assert (drivers(rig).verdict, drivers(rig).changes) == (Verdict.MET, ())


MODULES = "usr/lib/modules/6.6.58-0-lts"
NEEDS = "usr/share/stand-in/needs"


@pytest.fixture
def alpine(tmp_path: Path) -> Rig:
    """One kernel with a depmod that knows what its modules need."""
    rig = Rig(make_tree("initrd-alpine", tmp_path / "root"))
    add_to_tree(rig.root, "remove /boot/vmlinuz-virt\nprogram /usr/sbin/depmod depmod\n")
    menu = rig.root / "boot/extlinux.conf"
    text = menu.read_text()
    menu.write_text(text[: text.index("LABEL virt")] + text[text.index("LABEL lts") :])
    shutil.copy(rig.root / MODULES / "modules.dep", rig.root / NEEDS)
    return rig


def forget_driver(rig: Rig) -> None:
    path = rig.root / MODULES / "modules.dep"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(
        "".join(line for line in lines if not line.startswith("kernel/drivers/scsi/hv_storvsc.ko"))
    )


def garble(rig: Rig) -> None:
    (rig.root / MODULES / "modules.dep").write_text("kernel/drivers/scsi/hv_storvsc.ko.zst: ker")


def move(rig: Rig) -> None:
    directory = rig.root / MODULES
    (directory / "updates").mkdir()
    (directory / "kernel/drivers/scsi/hv_storvsc.ko.zst").rename(directory / "updates/hv-storvsc.ko.zst")
    needs = rig.root / NEEDS
    old = "kernel/drivers/scsi/hv_storvsc.ko.zst:"
    needs.write_text(needs.read_text().replace(old, "updates/hv-storvsc.ko.zst:"))


def remove_listing(rig: Rig) -> None:
    (rig.root / MODULES / "modules.dep").unlink()


def age(rig: Rig) -> None:
    os.utime(rig.root / MODULES / "modules.dep", (1, 1))


DAMAGES: Dict[Callable[[Rig], None], str] = {
    forget_driver: "modules.dep does not name kernel/drivers/scsi/hv_storvsc.ko.zst",
    garble: "modules.dep does not read",
    move: "modules.dep names kernel/drivers/scsi/hv_storvsc.ko.zst, which is not there",
    remove_listing: "modules.dep is not there",
    age: "modules.dep is older than the module",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_depmod_comes_first(alpine: Rig, damage: Callable[[Rig], None]) -> None:
    damage(alpine)
    before = take_snapshot(alpine.root)
    plan = alpine.prepare(STEP)
    kinds = [type(item.change) for item in plan.changes]
    assert kinds.index(Run) < kinds.index(Build)
    (run,) = [item.change for item in plan.changes if isinstance(item.change, Run)]
    assert run.argv == ("/usr/sbin/depmod", "-a", "6.6.58-0-lts")
    assert DAMAGES[damage] in run.why
    assert (drivers(alpine).verdict, drivers(alpine).changes) == (Verdict.MET, ())
    alpine.rollback()
    assert diff_snapshots(before, take_snapshot(alpine.root)) == []


def test_age_alone_is_no_finding(alpine: Rig) -> None:
    """What cp or git made may have any times."""
    alpine.prepare(STEP)
    age(alpine)
    assert (drivers(alpine).verdict, drivers(alpine).changes) == (Verdict.MET, ())


def test_an_index_that_misleads_is_one_even_if_the_image_is_whole(alpine: Rig) -> None:
    """The next image would lack the driver."""
    alpine.prepare(STEP)
    forget_driver(alpine)
    (change,) = drivers(alpine).changes
    assert isinstance(change, Run)


def test_a_file_that_is_gone(alpine: Rig) -> None:
    (alpine.root / MODULES / "kernel/drivers/scsi/hv_storvsc.ko.zst").unlink()
    finding = drivers(alpine)
    assert any("has no hv_storvsc" in each and "which is not there" in each for each in finding.because)
    assert not [change for change in finding.changes if isinstance(change, (Run, Build))]


def test_without_depmod_a_person_has_to(alpine: Rig) -> None:
    forget_driver(alpine)
    (alpine.root / "usr/sbin/depmod").unlink()
    finding = drivers(alpine)
    assert "depmod -a 6.6.58-0-lts" in (finding.remedy or "")
    assert not [change for change in finding.changes if isinstance(change, Build)], "it would lack the driver"
    before = (alpine.root / "boot/initramfs-lts").read_bytes()
    alpine.prepare(STEP)
    assert (alpine.root / "boot/initramfs-lts").read_bytes() == before


def test_an_image_of_nash_that_loads_no_driver_is_refused(tmp_path: Path) -> None:
    """The files are in it; what init does not name with insmod is never loaded."""
    rig = Rig(make_tree("initrd-el-5", tmp_path / "root"))
    (rig.root / "sbin/mkinitrd.fault").write_text("not-loaded")
    with pytest.raises(ChangeFailed, match="lacks the drivers hv_netvsc hv_storvsc hv_vmbus"):
        rig.prepare(STEP)


def test_nash_loads_the_drivers_of_hyper_v_before_those_of_emulated_disks(tmp_path: Path) -> None:
    """ata_piix would take the root volume first: --preload is for that."""
    rig = Rig(make_tree("initrd-el-5", tmp_path / "root"))
    rig.prepare(STEP)
    image = gzip.decompress((rig.root / "boot/initrd-2.6.18-398.el5.img").read_bytes()).decode()
    loaded = re.findall(r"insmod /lib/(\w+)\.ko", image)
    assert loaded.index("hv_vmbus") < loaded.index("hv_storvsc") < loaded.index("ata_piix")


def test_an_image_of_nash_for_the_root_volume_of_the_builder_is_refused(tmp_path: Path) -> None:
    rig = Rig(make_tree("initrd-el-5", tmp_path / "root"))
    version, target = "2.6.18-398.el5", "/boot/initrd-2.6.18-398.el5.img"
    subprocess.run([f"{rig.root}/sbin/mkinitrd", "-f", target, version], check=True)
    (rig.root / "usr/share/stand-in/root-device").write_text("/dev/builder\n")
    with pytest.raises(ChangeFailed, match="looks for the root volume elsewhere"):
        rig.prepare(STEP)


def test_a_kernel_that_lacks_a_driver_keeps_it_out_of_the_configuration(tmp_path: Path) -> None:
    """mkinitrd of EL 5 ends at a name that it does not find: the other kernel's next update would fail."""
    rig = Rig(make_tree("initrd-el-5", tmp_path / "root"))
    (rig.root / "boot/vmlinuz-2.6.18-398.el5xen").write_text("its drivers are built in")
    before = (rig.root / "etc/modprobe.conf").read_text()
    rig.prepare(STEP)
    assert drivers(rig).verdict is Verdict.MET
    assert (rig.root / "etc/modprobe.conf").read_text() == before
    why = "is not configured for hv_vmbus, which kernel 2.6.18-398.el5xen has not as a module"
    assert any(why in each for each in drivers(rig).because)


def test_several_generators_that_kernel_packages_call(alpine: Rig) -> None:
    """One is not chosen by chance: a finding, and nothing is built."""
    add_to_tree(
        alpine.root, "program /usr/bin/booster booster\nfile /usr/share/kernel-hooks.d/booster.hook 755\n|x\n"
    )
    finding = drivers(alpine)
    assert any("nothing tells which one makes them: mkinitfs" in each for each in finding.because)
    assert "remove the packages of those that are not used" in (finding.remedy or "")
    assert finding.changes == ()
    assert len(alpine.report()["machine"]["initrd_generators"]) == 2


def test_no_generator_at_all(alpine: Rig) -> None:
    (alpine.root / "usr/sbin/mkinitfs").unlink()
    finding = drivers(alpine)
    assert finding.changes == ()
    assert "install the distribution's own generator of initrds" in (finding.remedy or "")


def test_drivers_for_disks_on_nvme_by_setting(alpine: Rig) -> None:
    (alpine.root / "etc/hvprep.conf").write_text("Initrd.NVMe=y\n")
    assert any("has no nvme and no pci_hyperv" in each for each in drivers(alpine).because)
    text = "kernel/drivers/nvme/host/nvme.ko.zst:\nkernel/drivers/pci/controller/pci-hyperv.ko.zst:\n"
    path = alpine.root / MODULES / "modules.dep"
    path.write_text(path.read_text() + text)
    for line in text.splitlines():
        file = alpine.root / MODULES / line[:-1]
        file.parent.mkdir(parents=True)
        file.write_text("made up\n")
    path.touch()
    (build,) = [change for change in drivers(alpine).changes if isinstance(change, Build)]
    assert {"nvme", "pci_hyperv"} <= set(build.wants)
    alpine.prepare(STEP)
    assert drivers(alpine).verdict is Verdict.MET


def test_a_first_initrd_that_no_entry_would_load(alpine: Rig) -> None:
    """extlinux looks for nothing: the finding says the command, and what to do with its output."""
    (alpine.root / "boot/initramfs-lts").unlink()
    path = alpine.root / "boot/extlinux.conf"
    path.write_text(path.read_text().replace("  INITRD initramfs-lts\n", ""))
    finding = drivers(alpine)
    assert "run /usr/sbin/mkinitfs -o /boot/initramfs-lts 6.6.58-0-lts" in (finding.remedy or "")
    assert not [change for change in finding.changes if isinstance(change, Build)]


def test_a_first_initrd_that_an_entry_names(alpine: Rig) -> None:
    (alpine.root / "boot/initramfs-lts").unlink()
    alpine.prepare(STEP)
    assert drivers(alpine).verdict is Verdict.MET
