"""The modules that the platform needs, and what hardening guides do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from hvprep.formats.modprobe_conf import TAKEN_OUT
from hvprep.model.change import Write
from hvprep.model.finding import Finding, Severity, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

KERNEL = "5.10.0-28-amd64"
REQUIRED = ("hyperv-modules", "udf", "vfat", "iso9660", "cdrom")
STEPS = (*REQUIRED, "hyperv-services")
ALL = ",".join(STEPS)
ALLOW = "file /etc/hvprep.conf\n|Hardening.AllowChange=y\n"
#: What the SCAP Security Guide (rule kernel_module_udf_disabled) leaves on a system.
SSG = """file /etc/modprobe.d/udf.conf
|# Disable per security requirements
|install udf /bin/false
|blacklist udf
"""
#: ansible-lockdown's role for CIS; the second file is its blacklist.conf.
CIS = """file /etc/modprobe.d/CIS.conf 0600
|install cramfs /bin/true
|install udf /bin/true
|install vfat /bin/true
|install usb-storage /bin/true
file /etc/modprobe.d/blacklist.conf
|blacklist cramfs
|blacklist udf
"""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("modules", tmp_path / "root"), only=ALL)


def add(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text)


def verdicts(rig: Rig) -> Dict[str, Verdict]:
    return {finding.id: finding.verdict for finding in rig.plan().findings}


def unmet(rig: Rig) -> List[str]:
    return [step for step, verdict in verdicts(rig).items() if verdict is Verdict.UNMET]


def only(rig: Rig, step: str) -> Finding:
    """The one finding, and that no other requirement has anything to say."""
    assert unmet(rig) == [step]
    return rig.finding(step)


def test_all_is_met(rig: Rig) -> None:
    assert set(verdicts(rig).values()) == {Verdict.MET}
    assert rig.plan().changes == ()
    assert rig.finding("udf").because == ("nothing keeps udf out, in any of the kernels (1)",)


def test_severities(rig: Rig) -> None:
    severities = {finding.id: finding.severity for finding in rig.plan().findings}
    assert {step for step in STEPS if severities[step] is Severity.REQUIRED} == set(REQUIRED)


def test_hardening_is_told_with_file_and_line_and_left_alone(rig: Rig) -> None:
    add(rig, SSG)
    finding = only(rig, "udf")
    assert finding.because == (
        "/etc/modprobe.d/udf.conf:2 keeps udf out: install udf /bin/false",
        "/etc/modprobe.d/udf.conf:3 keeps udf out: blacklist udf",
    )
    assert finding.changes == ()
    for words in ("--allow-hardening-change", "Hardening.AllowChange=y", "cloud-init is 21.2 or newer"):
        assert words in (finding.remedy or "")
    before = take_snapshot(rig.root)
    assert rig.prepare().changes == ()
    assert diff_snapshots(before, take_snapshot(rig.root, ("/run", "/var/lib/hvprep"))) == []


@pytest.mark.parametrize(
    ("rule", "step"),
    [
        ("install hv_netvsc /bin/true", "hyperv-modules"),
        ("blacklist hv_storvsc", "hyperv-modules"),
        ("install scsi_transport_fc /bin/true", "hyperv-modules"),
        ("blacklist sd_mod", "hyperv-modules"),
        ("install isofs /bin/true", "iso9660"),
        ("blacklist isofs", "iso9660"),
        ("install fs-iso9660 /bin/true", "iso9660"),
        ("install fat /bin/true", "vfat"),
        ("blacklist vfat", "vfat"),
        ("alias fs-vfat off", "vfat"),
        ("blacklist sr_mod", "cdrom"),
        ("install crc-itu-t /bin/true", "udf"),
        ("install ud* /bin/true", "udf"),
        ("blacklist hv-utils", "hyperv-services"),
        ("blacklist hyperv_keyboard", "hyperv-services"),
        ("install pci_hyperv /bin/false", "hyperv-services"),
        ("blacklist nvme", "hyperv-services"),
        ("blacklist hyperv_drm", "hyperv-services"),
    ],
)
def test_each_rule_is_the_finding_of_one(rig: Rig, rule: str, step: str) -> None:
    add(rig, f"file /etc/modprobe.d/a.conf\n|{rule}\n")
    (because,) = only(rig, step).because
    assert because.startswith("/etc/modprobe.d/a.conf:1 keeps ")
    assert because.endswith(f" out: {rule}")


@pytest.mark.parametrize(
    "rule",
    [
        "blacklist iso9660",
        "install iso9660 /bin/true",
        "blacklist fat",
        "blacklist hv_vmbuss",
        "install udf /sbin/modprobe --ignore-install udf",
        "install fs-* /bin/true",
        "#install udf /bin/true",
        "blacklist UDF",
        "remove udf /bin/true",
    ],
)
def test_what_keeps_nothing_out_is_no_finding(rig: Rig, rule: str) -> None:
    add(rig, f"file /etc/modprobe.d/a.conf\n|{rule}\n")
    assert unmet(rig) == []


def test_cdroms_need_cdrom_all_three(rig: Rig) -> None:
    add(rig, "file /etc/modprobe.d/a.conf\n|install cdrom /bin/true\n")
    assert unmet(rig) == ["udf", "iso9660", "cdrom"]


def test_where_it_is_allowed_the_lines_are_taken_out_and_rollback_brings_them_back(rig: Rig) -> None:
    add(rig, CIS + ALLOW)
    before = take_snapshot(rig.root)
    plan = rig.prepare()
    assert [(type(item.change), item.steps) for item in plan.changes] == [
        (Write, ("udf", "vfat")),
        (Write, ("udf",)),
    ]
    file = rig.root / "etc/modprobe.d/CIS.conf"
    assert file.read_text().splitlines() == [
        "install cramfs /bin/true",
        f"{TAKEN_OUT}install udf /bin/true",
        f"{TAKEN_OUT}install vfat /bin/true",
        "install usb-storage /bin/true",
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    assert (rig.root / "etc/modprobe.d/blacklist.conf").read_text() == (
        f"blacklist cramfs\n{TAKEN_OUT}blacklist udf\n"
    )
    assert unmet(rig) == []
    assert rig.plan().changes == ()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("directory", ["usr/lib/modprobe.d", "lib/modprobe.d", "usr/local/lib/modprobe.d"])
def test_a_file_of_a_package_is_masked_by_a_namesake(rig: Rig, directory: str) -> None:
    add(rig, f"file /{directory}/50-cis.conf\n|# CIS\n|install udf /bin/true\n|blacklist x\n{ALLOW}")
    before = take_snapshot(rig.root)
    rig.prepare()
    own = (rig.root / "etc/modprobe.d/50-cis.conf").read_text()
    assert own == f"# CIS\n{TAKEN_OUT}install udf /bin/true\nblacklist x\n"
    assert "install udf /bin/true\n" in (rig.root / directory / "50-cis.conf").read_text().splitlines(True)
    assert unmet(rig) == []
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    assert not (rig.root / "etc/modprobe.d").exists()


def test_what_could_not_be_written_is_left_to_a_person(rig: Rig) -> None:
    add(rig, f"file /run/modprobe.d/a.conf\n|blacklist udf\n{ALLOW}")
    add(
        rig,
        "file /usr/share/mine.conf\n|blacklist vfat\nlink /etc/modprobe.d/b.conf /usr/share/mine.conf\n",
    )
    assert unmet(rig) == ["udf", "vfat"]
    assert rig.plan().changes == ()
    assert rig.finding("udf").because == ("/run/modprobe.d/a.conf:1 keeps udf out: blacklist udf",)
    assert rig.finding("vfat").remedy == "take that line out"


def test_a_link_within_etc_is_followed(rig: Rig) -> None:
    add(rig, "file /etc/hardening/b.conf\n|blacklist vfat\nlink /etc/modprobe.d/b.conf ../hardening/b.conf\n")
    add(rig, ALLOW)
    rig.prepare()
    assert (rig.root / "etc/hardening/b.conf").read_text() == f"{TAKEN_OUT}blacklist vfat\n"
    assert (rig.root / "etc/modprobe.d/b.conf").is_symlink()
    assert unmet(rig) == []


def test_bytes_that_are_no_text_stay(rig: Rig) -> None:
    add(rig, ALLOW)
    path = rig.root / "etc/modprobe.d/a.conf"
    path.parent.mkdir()
    path.write_bytes(b"# \xff\x00\r\ninstall udf \\\n  /bin/true\ninstall udf /bin/\xe9\nblacklist udf\r\n\\")
    rig.prepare()
    tag = TAKEN_OUT.encode()
    assert path.read_bytes() == (
        b"# \xff\x00\r\n"
        + tag
        + b"install udf \\\n  /bin/true\n"
        + tag
        + b"install udf /bin/\xe9\nblacklist udf\r\n\\"
    )
    assert unmet(rig) == []


def test_a_file_that_is_too_large_ends_no_check(rig: Rig) -> None:
    (rig.root / "etc/modprobe.d").mkdir()
    with (rig.root / "etc/modprobe.d/a.conf").open("wb") as stream:
        stream.truncate(1 << 30)
    (rig.root / "etc/modprobe.d/b.conf").mkdir()
    assert set(verdicts(rig).values()) == {Verdict.NOT_ASSESSED}


@pytest.mark.parametrize(
    ("word", "steps", "after"),
    [
        ("modprobe.blacklist=udf,nouveau", ["udf"], "modprobe.blacklist=nouveau"),
        ("module_blacklist=cdrom", ["udf", "iso9660", "cdrom"], "module_blacklist=cdrom"),
        ("rd.driver.blacklist=hv_storvsc", ["hyperv-modules"], None),
        ("rd.driver.blacklist=udf", [], "rd.driver.blacklist=udf"),
        ("modprobe.blacklist=sr-mod", ["cdrom"], None),
    ],
)
def test_words_of_the_kernel_line(rig: Rig, word: str, steps: List[str], after: str) -> None:
    """prepare takes those out that name a module of the platform, where it is allowed to."""
    add(
        rig,
        f"file /etc/default/grub.d/50-mine.cfg\n|GRUB_CMDLINE_LINUX={word}\ngrub-cfg /boot/grub/grub.cfg\n",
    )
    assert unmet(rig) == steps
    for step in steps:
        finding = rig.finding(step)
        assert word in finding.because[0]
        assert '/boot/grub/grub.cfg, entry "' in finding.because[0]
        assert finding.changes == ()
    rig.prepare(only="kernel-parameters")
    assert word in (rig.root / "boot/grub/grub.cfg").read_text(), "not allowed"
    add(rig, ALLOW)
    if not steps or after == word:
        return
    rig.prepare(only=f"{ALL},kernel-parameters")
    assert unmet(rig) == []
    text = (rig.root / "boot/grub/grub.cfg").read_text()
    assert word not in text.split()
    assert after is None or text.split().count(after) == 3
    assert rig.plan("kernel-parameters").changes == ()


@pytest.mark.parametrize(("module", "step"), [
    ("fs/udf/udf", "udf"), ("fs/fat/vfat", "vfat"), ("fs/isofs/isofs", "iso9660"),
    ("drivers/scsi/sr_mod", "cdrom"),
    ("drivers/scsi/sd_mod", "hyperv-modules"), ("drivers/hv/hv_balloon", "hyperv-services"),
])  # fmt: skip
def test_absent_or_built_in(rig: Rig, module: str, step: str) -> None:
    directory = rig.root / "usr/lib/modules" / KERNEL
    path, line = directory / "modules.dep", f"kernel/{module}.ko:"
    path.write_text("".join(each for each in path.read_text().splitlines(True) if not each.startswith(line)))
    aliases = (directory / "modules.alias").read_text().splitlines(True)
    name = module.rpartition("/")[2]
    (directory / "modules.alias").write_text(
        "".join(each for each in aliases if not each.endswith(f" {name}\n"))
    )
    (because,) = only(rig, step).because
    assert because.startswith(f"kernel {KERNEL} has no {name}")
    assert because.endswith(", as a module or built in")
    assert rig.finding(step).remedy
    (directory / "modules.builtin").write_text(f"kernel/fs/ext4/ext4.ko\nkernel/{module}.ko\n")
    add(rig, f"file /etc/modprobe.d/a.conf\n|install {name} /bin/true\n")
    assert unmet(rig) == [], "what is built in needs no modprobe"


def test_optional_ones_may_be_absent_and_one_display_is_enough(rig: Rig) -> None:
    path = rig.root / "usr/lib/modules" / KERNEL / "modules.dep"
    text = path.read_text().replace("gpu/drm/hyperv/hyperv_drm", "video/fbdev/hyperv_fb")
    path.write_text(
        "".join(line for line in text.splitlines(True) if "nvme" not in line and "pci" not in line)
    )
    assert unmet(rig) == []
    path.write_text(text + "kernel/drivers/gpu/drm/hyperv/hyperv_drm.ko:\n")
    add(rig, "file /etc/modprobe.d/a.conf\n|blacklist hyperv_fb\n")
    assert unmet(rig) == [], "hyperv_drm is there and is not kept out"
    path.write_text(text)
    assert only(rig, "hyperv-services").because == (
        "/etc/modprobe.d/a.conf:1 keeps hyperv_drm or hyperv_fb out: blacklist hyperv_fb",
    )


def test_nvme_is_required_where_the_setting_says_so(rig: Rig) -> None:
    add(rig, "file /etc/modprobe.d/a.conf\n|blacklist nvme\nfile /etc/hvprep.conf\n|Initrd.NVMe=y\n")
    assert unmet(rig) == ["hyperv-modules", "hyperv-services"]


@pytest.mark.parametrize(("generation", "is_asked"), [("auto", True), ("1", True), ("2", False)])
def test_generation_1_has_its_drive_on_ide(rig: Rig, generation: str, is_asked: bool) -> None:
    add(rig, f"file /etc/hvprep.conf\n|Image.Generation={generation}\n")
    add(rig, "file /etc/modprobe.d/a.conf\n|blacklist ata_piix\n")
    assert unmet(rig) == (["cdrom"] if is_asked else [])
    add(rig, "elf /usr/bin/sh aarch64\n")
    assert unmet(rig) == []


def test_without_modules_dep_nothing_is_known(rig: Rig) -> None:
    (rig.root / "usr/lib/modules" / KERNEL / "modules.dep").unlink()
    assert set(verdicts(rig).values()) == {Verdict.NOT_ASSESSED}
    assert rig.finding("udf").because == (f"kernel {KERNEL}: /lib/modules/{KERNEL}/modules.dep is not there",)


def test_a_kernel_without_modules_tells_by_its_configuration(rig: Rig) -> None:
    (rig.root / "usr/lib/modules" / KERNEL / "modules.dep").unlink()
    options = ["HYPERV", "HYPERV_STORAGE", "HYPERV_NET", "HYPERV_UTILS", "HYPERV_BALLOON", "HYPERV_KEYBOARD",
               "FB_HYPERV", "BLK_DEV_SD", "BLK_DEV_SR", "ATA_PIIX", "UDF_FS", "VFAT_FS"]  # fmt: skip
    config = "# CONFIG_MODULES is not set\n" + "".join(f"CONFIG_{option}=y\n" for option in options)
    path = rig.root / f"boot/config-{KERNEL}"
    path.write_text(config)
    assert only(rig, "iso9660").because == (f"kernel {KERNEL} has no isofs, as a module or built in",)
    path.write_text(config + "CONFIG_ISO9660_FS=y\n")
    assert unmet(rig) == []


def test_without_a_kernel_nothing_is_known(rig: Rig) -> None:
    (rig.root / f"boot/vmlinuz-{KERNEL}").unlink()
    assert set(verdicts(rig).values()) == {Verdict.NOT_ASSESSED}


def test_boot_entries_that_are_not_known_are_no_proof(rig: Rig) -> None:
    (rig.root / "boot/grub/grub.cfg").write_text("menuentry 'x' {\n")
    finding = rig.finding("udf")
    assert finding.verdict is Verdict.NOT_ASSESSED
    assert finding.because[0].startswith("what boot entries say to the kernel is not known: ")
    add(rig, SSG)
    assert rig.finding("udf").verdict is Verdict.UNMET


def test_without_a_boot_loader_nobody_knows_what_kernels_are_told(rig: Rig) -> None:
    for name in ("usr/sbin/grub-mkconfig", "boot/grub/grub.cfg"):
        (rig.root / name).unlink()
    assert set(verdicts(rig).values()) == {Verdict.NOT_ASSESSED}
    add(rig, SSG)
    assert unmet(rig) == ["udf"]


def test_every_kernel_counts(rig: Rig) -> None:
    directory = rig.root / "usr/lib/modules"
    (directory / "5.10.0-29-amd64").mkdir()
    (directory / "5.10.0-29-amd64/modules.dep").write_text("kernel/fs/udf/udf.ko:\n")
    (rig.root / "boot/vmlinuz-5.10.0-29-amd64").write_text("a kernel, made up")
    assert unmet(rig) == ["hyperv-modules", "hyperv-services", "vfat", "iso9660", "cdrom"]
    assert rig.finding("vfat").because == ("kernel 5.10.0-29-amd64 has no vfat, as a module or built in",)
