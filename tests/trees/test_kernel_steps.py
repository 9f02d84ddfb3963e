"""kernel-version, kernel-fixes and kernel-config, on kernels old and new."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import List, Optional, Tuple

import pytest
from hvprep.model.finding import Finding, Severity, Verdict

from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

STEPS = ("kernel-version", "kernel-fixes", "kernel-config")
DRIVERS = (
    "|kernel/drivers/hv/hv_vmbus.ko:\n|kernel/drivers/scsi/hv_storvsc.ko: kernel/drivers/hv/hv_vmbus.ko\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_tree("small-system", tmp_path / "root")


def add_kernel(root: Path, version: str, modules: str = DRIVERS, banner: str = "", config: str = "") -> None:
    """A kernel with these lines of modules.dep, the text in its image, and its configuration."""
    image = bytearray(0x300) + f"{banner}\0".encode()
    if banner:
        image[0x202:0x206], image[0x20E:0x210] = b"HdrS", b"\x00\x01"
    (root / "boot").mkdir(exist_ok=True)
    (root / f"boot/vmlinuz-{version}").write_bytes(image)
    if config:
        (root / f"boot/config-{version}").write_text(config)
    add_to_tree(root, f"file /usr/lib/modules/{version}/modules.dep\n{modules}modules {version}\n")


def finding(root: Path, step: str) -> Finding:
    return Rig(root, only=",".join(STEPS)).finding(step)


def verdicts(root: Path) -> List[Verdict]:
    return [each.verdict for each in Rig(root, only=",".join(STEPS)).plan().findings]


def test_a_kernel_of_today(root: Path) -> None:
    add_kernel(root, "6.1.0-56-amd64", config="CONFIG_WATCHDOG=y\nCONFIG_CIFS=m\n")
    assert verdicts(root) == [Verdict.MET] * 3


def test_severities(root: Path) -> None:
    severities = [finding(root, step).severity for step in STEPS]
    assert severities == [Severity.REQUIRED, Severity.RECOMMENDED, Severity.RECOMMENDED]


@pytest.mark.parametrize(
    ("machine", "profile", "verdict"),
    [
        ("x86_64", "azure", Verdict.MET),
        ("aarch64", "azure", Verdict.MET),
        ("i686", "azure", Verdict.UNMET),
        ("i686", "hyperv", Verdict.MET),
        ("riscv64", "azure", Verdict.UNMET),
        ("riscv64", "hyperv", Verdict.UNMET),
        (None, "azure", Verdict.NOT_ASSESSED),
    ],
)
def test_64_bits(root: Path, machine: Optional[str], profile: str, verdict: Verdict) -> None:
    add_kernel(root, "6.1.0-56-amd64")
    sh = root / "usr/bin/sh"
    if machine is None:
        sh.unlink()
    else:
        numbers = {"x86_64": 62, "aarch64": 183, "i686": 3, "riscv64": 243}
        sh.write_bytes(sh.read_bytes()[:18] + numbers[machine].to_bytes(2, "little") + sh.read_bytes()[20:])
    add_to_tree(root, f"file /etc/hvprep.conf\n|Image.Profile={profile}\n")
    assert finding(root, "kernel-version").verdict is verdict


#: Enterprise Linux 6.0, 6.3, 6.4, and another kernel.
@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("2.6.32-71.el6.x86_64", "Linux Integration Services"),
        ("2.6.32-279.22.1.el6.x86_64", "Linux Integration Services"),
        ("2.6.32-358.el6.x86_64", "install a kernel that has the Hyper-V drivers"),
        ("2.6.18-308.el5", "install a kernel that has the Hyper-V drivers"),
        ("6.1.0-56-amd64", "install a kernel that has the Hyper-V drivers"),
    ],
)
def test_a_kernel_without_drivers_cannot_run(root: Path, version: str, words: str) -> None:
    add_kernel(root, version, "|kernel/drivers/scsi/sd_mod.ko:\n")
    found = finding(root, "kernel-version")
    assert found.verdict is Verdict.UNMET
    assert f"kernel {version} cannot run on Hyper-V: it has no hv_vmbus and no hv_storvsc" in found.because
    assert words in (found.remedy or "")


def test_lis_brings_the_drivers(root: Path) -> None:
    """Where Microsoft's packages put them: kmod-microsoft-hyper-v."""
    lis = DRIVERS.replace("kernel/drivers/hv", "extra/microsoft-hyper-v").replace(
        "kernel/drivers/scsi", "extra/x"
    )
    add_kernel(root, "2.6.32-279.el6.x86_64", lis)
    assert finding(root, "kernel-version").verdict is Verdict.MET


def test_one_driver_is_not_enough(root: Path) -> None:
    add_kernel(root, "6.1.0-56-amd64", "|kernel/drivers/hv/hv_vmbus.ko:\n")
    assert finding(root, "kernel-version").because[-1].endswith("it has no hv_storvsc")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("CONFIG_HYPERV=y\n# CONFIG_HYPERV_VMBUS is not set\n", "CONFIG_HYPERV_VMBUS"),
        ("# CONFIG_HYPERV is not set\n", "install a kernel"),
        ("CONFIG_HYPERV=m\n", "install a kernel"),
    ],
)
def test_linux_6_18_has_an_option_more(root: Path, config: str, words: str) -> None:
    add_kernel(root, "6.18.2-zabbly+", "|kernel/drivers/scsi/sd_mod.ko:\n", config=config)
    found = finding(root, "kernel-version")
    assert found.verdict is Verdict.UNMET
    assert words in (found.remedy or "")


def test_every_kernel_counts(root: Path) -> None:
    add_kernel(root, "6.1.0-56-amd64")
    add_kernel(root, "6.1.0-57-amd64", "|kernel/drivers/scsi/sd_mod.ko:\n")
    found = finding(root, "kernel-version")
    assert found.verdict is Verdict.UNMET
    assert [each for each in found.because if "6.1.0-57" in each and "cannot run" in each]


def test_what_is_not_known(root: Path) -> None:
    assert verdicts(root) == [Verdict.NOT_ASSESSED] * 3, "no kernel"
    add_kernel(root, "6.1.0-56-amd64")
    (root / "usr/lib/modules/6.1.0-56-amd64/modules.dep").unlink()
    assert verdicts(root) == [Verdict.NOT_ASSESSED, Verdict.MET, Verdict.NOT_ASSESSED]
    (root / "boot/vmlinuz-6.1.0-56-amd64").rename(root / "boot/vmlinuz-linux")
    found = finding(root, "kernel-fixes")
    assert (found.verdict, found.because) == (
        Verdict.NOT_ASSESSED,
        ("kernel linux does not tell its version",),
    )


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("3.8.0", False),
        ("3.7.10", True),
        ("2.6.32-358.el6.x86_64", False),
        ("2.6.32-279.el6.x86_64", True),
        ("2.6.32-5-amd64", True),
        ("3.2.0-4-amd64", True),
        ("3.0.101-108.95-default", True),
        ("2.6.39-400.312.2.el6uek.x86_64", True),
        ("3.8.13-118.35.2.el7uek.x86_64", False),
    ],
)
def test_3_8_is_recommended(root: Path, version: str, is_old: bool) -> None:
    add_kernel(root, version)
    told = [each for each in finding(root, "kernel-fixes").because if "3.8 or newer is recommended" in each]
    assert bool(told) is is_old


def test_enterprise_linux_7_may_have_taken_fixes_back(root: Path) -> None:
    add_kernel(root, "3.10.0-1160.el7.x86_64")
    add_to_tree(root, "elf /usr/bin/rpm x86_64\n")
    found = finding(root, "kernel-fixes")
    assert found.verdict is Verdict.NOT_ASSESSED
    commits = [each.partition("(commit ")[2][:12] for each in found.because]
    assert commits == ["54b2b50c20a6", "b12bb60d6c35", "e86fb5e8ab95", "be821fd8e627"]
    assert "storvsc: NULL pointer dereference fix" in found.because[1]
    assert "rpm -q --changelog -f /boot/vmlinuz-3.10.0-1160.el7.x86_64" in (found.remedy or "")


DEBIAN = "3.16.0-4-amd64 (debian-kernel@lists.debian.org) #1 SMP Debian {} (2015-05-24)"


@pytest.mark.parametrize(
    ("package", "verdict", "commits"),
    [
        ("3.16.7-ckt11-1", Verdict.NOT_ASSESSED, ["be821fd8e627", "3b4929f65b0d"]),
        ("3.16.7-ckt2-1", Verdict.UNMET, ["e86fb5e8ab95", "be821fd8e627", "3b4929f65b0d"]),
        ("", Verdict.NOT_ASSESSED, ["e86fb5e8ab95", "be821fd8e627", "3b4929f65b0d"]),
    ],
)
def test_debians_image_tells_its_version(
    root: Path, package: str, verdict: Verdict, commits: List[str]
) -> None:
    add_kernel(root, "3.16.0-4-amd64", banner=DEBIAN.format(package) if package else "")
    add_to_tree(root, "elf /usr/bin/apt-get x86_64\n")
    found = finding(root, "kernel-fixes")
    assert found.verdict is verdict
    assert [each.partition("(commit ")[2][:12] for each in found.because] == commits
    looks = "apt-get changelog linux-image-3.16.0-4-amd64" in (found.remedy or "")
    assert looks is (verdict is Verdict.NOT_ASSESSED)


@pytest.mark.parametrize(
    ("entry", "is_known"),
    [
        ("  * scsi_sysfs: protect against double execution of\n    __scsi_remove_device", True),
        ("  * scsi: scsi_sysfs: Protect against double execution of __scsi_remove_device", True),
        ('  * Revert "scsi_sysfs: protect against double execution of __scsi_remove_device"', False),
        ("  * scsi_sysfs: protect against double removal", False),
    ],
)
def test_the_changelog_on_the_disk_is_believed(root: Path, entry: str, is_known: bool) -> None:
    add_kernel(root, "4.1.0-2-amd64", banner=DEBIAN.format("4.1.6-1"))
    path = root / "usr/share/doc/linux-image-4.1.0-2-amd64/changelog.Debian.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(f"linux (4.1.6-1) unstable; urgency=medium\n\n{entry}\n".encode()))
    commits = {each.partition("(commit ")[2][:12] for each in finding(root, "kernel-fixes").because}
    assert commits == ({"3b4929f65b0d"} if is_known else {"be821fd8e627", "3b4929f65b0d"})


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"x" * 1000)[:-20], b"\x1f\x8b"])
def test_a_changelog_that_does_not_read_tells_nothing(root: Path, content: bytes) -> None:
    add_kernel(root, "4.1.0-2-amd64")
    path = root / "usr/share/doc/linux-image-4.1.0-2-amd64/changelog.Debian.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert finding(root, "kernel-fixes").verdict is Verdict.NOT_ASSESSED


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x7fELF parm=prefer_ms_hyperv:Prefer Hyper-V paravirtualization drivers instead of ATA", None),
        (b"\x7fELF parmtype=other", "is without"),
    ],
)
def test_ata_piix_tells_by_itself(root: Path, content: bytes, told: Optional[str]) -> None:
    add_kernel(root, "2.6.32-754.el6.x86_64", f"{DRIVERS}|kernel/drivers/ata/ata_piix.ko:\n")
    (root / "usr/lib/modules/2.6.32-754.el6.x86_64/kernel/drivers/ata/ata_piix.ko").write_bytes(content)
    found = [each for each in finding(root, "kernel-fixes").because if "cd006086fa5d" in each]
    assert len(found) == (0 if told is None else 1)
    assert told is None or told in found[0]


CONFIGS: List[Tuple[str, str, Verdict]] = [
    ("CONFIG_WATCHDOG=y\nCONFIG_CIFS=y\n", DRIVERS, Verdict.MET),
    ("CONFIG_WATCHDOG=y\n# CONFIG_CIFS is not set\n", DRIVERS, Verdict.UNMET),
    ("CONFIG_WATCHDOG_CORE=y\nCONFIG_CIFS=m\n", DRIVERS, Verdict.UNMET),
    ("# CONFIG_MODULES is not set\nCONFIG_WATCHDOG=y\nCONFIG_CIFS=y\n", DRIVERS, Verdict.MET),
    ("", DRIVERS, Verdict.NOT_ASSESSED),
    ("", f"{DRIVERS}|kernel/fs/cifs/cifs.ko:\n", Verdict.NOT_ASSESSED),
    ("", f"{DRIVERS}|kernel/fs/cifs/cifs.ko:\n|kernel/drivers/watchdog/softdog.ko:\n", Verdict.MET),
]


@pytest.mark.parametrize(("config", "modules", "verdict"), CONFIGS)
def test_options(root: Path, config: str, modules: str, verdict: Verdict) -> None:
    add_kernel(root, "6.1.0-56-amd64", modules, config=config)
    assert finding(root, "kernel-config").verdict is verdict


def test_fedora_has_the_configuration_beside_the_modules(root: Path) -> None:
    add_kernel(root, "6.11.4-301.fc41.x86_64")
    (root / "usr/lib/modules/6.11.4-301.fc41.x86_64/config").write_text("CONFIG_WATCHDOG=y\nCONFIG_CIFS=m\n")
    assert finding(root, "kernel-config").verdict is Verdict.MET


def test_a_hostile_image_ends_no_check(root: Path) -> None:
    add_kernel(root, "9" * 200, banner="9" * 5000 + "." + "9" * 5000)
    add_kernel(root, "linux", banner="6." + "9" * 5000)
    assert finding(root, "kernel-fixes").verdict is Verdict.NOT_ASSESSED
    (root / "boot/config-linux").symlink_to("/proc/kcore")
    assert finding(root, "kernel-config").verdict is Verdict.NOT_ASSESSED
