"""Which words a boot entry must carry: the policy, in tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.facts.architecture import Architecture
from hvprep.facts.kernels import Kernel
from hvprep.model.node import GuestPath
from hvprep.settings import Settings
from hvprep.steps.boot.lifted_bans import lift_bans
from hvprep.steps.boot.nvme_rule import has_nvme_rule
from hvprep.steps.boot.rules import (
    EntryRules,
    choose_rules,
    console_device,
    is_console,
    needs_numa_off,
    rules_from_wants,
    rules_to_wants,
)
from hvprep.system.root import Root
from hypothesis import given
from hypothesis import strategies as st

#: azure-vm-utils, 80-azure-disk.rules.
AZURE_RULE = (
    'ACTION=="add|change", SUBSYSTEM=="block", KERNEL=="nvme*n*", ENV{DEVTYPE}=="disk",'
    ' ATTRS{model}=="MSFT NVMe Accelerator v1.0", ATTR{queue/io_timeout}="240000"\n'
)
X86 = Architecture("x86_64", True, "a test says so")
ARM = Architecture("aarch64", False, "a test says so")
NO_PMU = "initcall_blacklist=arm_pmu_acpi_init"
SEED = choose_rules(Settings(), X86, [], False)


def kernel(version: str) -> Kernel:
    return Kernel(version, GuestPath(f"/boot/vmlinuz-{version}"), None, None)


def test_the_seed() -> None:
    assert SEED.words == ("console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300")
    assert SEED.absent[:3] == ("rhgb", "quiet", "splash")
    assert "crashkernel=auto" in SEED.absent
    assert SEED.absent[-2:] == ("resume", "resume_offset")


@pytest.mark.parametrize(
    ("settings", "architecture", "versions", "bare", "words"),
    [
        ({}, ARM, ["6.1.0"], False, ["console=ttyAMA0", "rootdelay=300", NO_PMU]),
        ({}, Architecture("", False, ""), [], False, ["console=ttyS0,115200n8", "rootdelay=300"]),
        (
            {},
            replace(X86, name="i686"),
            [],
            False,
            ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300"],
        ),
        ({}, X86, [], True, ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootwait"]),
        ({"kernel_early_printk": False}, X86, [], False, ["console=ttyS0,115200n8", "rootdelay=300"]),
        ({"kernel_root_delay_s": 0}, X86, [], False, ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200"]),
        ({"kernel_console": "ttyS1", "kernel_root_delay_s": 5}, X86, [], False,
         ["console=ttyS1", "earlyprintk=ttyS1", "rootdelay=5"]),
        ({"kernel_console": "ttyS1,9600n8r"}, ARM, [], False,
         ["console=ttyS1,9600n8r", "rootdelay=300", NO_PMU]),
        ({}, X86, ["6.1.0", "2.6.32-431.el6.x86_64"], False, [*SEED.words, "numa=off"]),
        ({"kernel_extra_parameters": ("net.ifnames=0", "rootwait")}, X86, [], False,
         [*SEED.words, "net.ifnames=0", "rootwait"]),
        ({"kernel_extra_parameters": ("numa=on",)}, X86, ["2.6.36"], False, [*SEED.words, "numa=off"]),
        ({"initrd_nvme": True}, X86, [], False, [*SEED.words, "nvme_core.io_timeout=240"]),
        ({"image_profile": "hyperv"}, ARM, [], False, ["console=ttyAMA0", "rootdelay=300"]),
        ({"kernel_extra_parameters": ("initcall_blacklist=a", "initcall_blacklist=b")}, ARM, [], False,
         ["console=ttyAMA0", "rootdelay=300", NO_PMU, "initcall_blacklist=a", "initcall_blacklist=b"]),
    ],
)  # fmt: skip
def test_what_is_asked_for(
    settings: dict, architecture: Architecture, versions: List[str], bare: bool, words: List[str]
) -> None:
    rules = choose_rules(Settings(**settings), architecture, [kernel(version) for version in versions], bare)
    assert list(rules.words) == words


def test_a_bare_entry_must_not_have_rootdelay() -> None:
    rules = choose_rules(Settings(), X86, [], True)
    words = [*rules.words, "rootdelay=300"]
    assert rules.problems(words) == ("it carries rootdelay=300",)
    assert rules.edit(words) == rules.words


def test_crashkernel_may_be_kept() -> None:
    words = [*SEED.words[:1], "crashkernel=auto", *SEED.words[1:]]
    assert SEED.problems(words) == ("it carries crashkernel=auto",)
    keeps = choose_rules(Settings(kernel_keep_crashkernel=True), X86, [], False)
    assert keeps.problems(words) == ()


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        ("console=tty0 {}", []),
        ("ro single  {} panic=-1", []),
        ("console=ttyS0,115200n8 {} crashkernel=256M", []),
        ("{} console=tty0", ["its last console is console=tty0, not console=ttyS0,115200n8"]),
        ("{} console=ttyS0", ["its last console is console=ttyS0, not console=ttyS0,115200n8"]),
        ("earlyprintk=ttyS0,115200 rootdelay=300", ["it has no console=, not console=ttyS0,115200n8"]),
        ("{} rootdelay=300", ["it carries rootdelay=300 rootdelay=300, not rootdelay=300"]),
        ("{} rootdelay=10", ["it carries rootdelay=300 rootdelay=10, not rootdelay=300"]),
        ("console=ttyS0,115200n8 earlyprintk=ttyS0,115200", ["it lacks rootdelay=300"]),
        ("{} quiet rhgb", ["it carries quiet", "it carries rhgb"]),
        ("splash=silent {}", ["it carries splash=silent"]),
        ("{} consoleblank=0 quieter root_delay=1", []),
        ("{} crashkernel=auto", ["it carries crashkernel=auto"]),
        ("acpi=off {}", ["it carries acpi=off"]),
        ("acpi=0 {}", ["it carries acpi=0"]),
        ("acpi=noirq acpi=force acpi_osi= {}", []),
        ("libata.atapi_enabled=0 {}", ["it carries libata.atapi_enabled=0"]),
        ('"libata.atapi-enabled=0" {}', ['it carries "libata.atapi-enabled=0"']),
        ("libata.atapi_enabled=1 libata.atapi_enabled=01 {}", []),
        ("reserve=0x1f0,0x8 {}", ["it carries reserve=0x1f0,0x8"]),
        ("reserve=0x1f0,0x80 reserve=0x1f0 {}", []),
    ],
)
def test_what_is_wrong_with_an_entry(words: str, problems: List[str]) -> None:
    assert list(SEED.problems(words.format(" ".join(SEED.words)).split())) == problems


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("root=UUID=1 ro quiet splash", "root=UUID=1 ro"),
        ("console=tty0 ro console=ttyS0,9600", "console=tty0 ro"),
        ("earlyprintk=serial rootdelay=5 x rootdelay=6", "x"),
        ("crashkernel=auto crashkernel=256M", "crashkernel=256M"),
        ("consoleblank=0 console=hvc0", "consoleblank=0 console=hvc0"),
        ("acpi=off reserve=0x1f0,0x8 reserve=0,1 libata.atapi_enabled=0 pci=nomsi", "reserve=0,1 pci=nomsi"),
    ],
)
def test_an_edit_keeps_the_rest_in_its_order(before: str, after: str) -> None:
    assert SEED.edit(before.split()) == (*after.split(), *SEED.words)


ON_ARM = choose_rules(Settings(kernel_extra_parameters=("rd.lvm.lv=a/b", "pci=nomsi")), ARM, [], False)


@pytest.mark.parametrize(
    ("words", "problems", "kept"),
    [
        ("initcall_blacklist=x,y", ["it lacks {}"], "initcall_blacklist=x,y"),
        ("initcall_blacklist=x initcall_blacklist=arm_pmu_acpi_init", [], "initcall_blacklist=x"),
        ("initcall_blacklist=x,arm_pmu_acpi_init", [], "initcall_blacklist=x,arm_pmu_acpi_init"),
        ("initcall-blacklist=arm_pmu_acpi_init", [], "initcall-blacklist=arm_pmu_acpi_init"),
        ("initcall_blacklist=arm_pmu_acpi_init2", ["it lacks {}"], "initcall_blacklist=arm_pmu_acpi_init2"),
        ("initcall_blacklist", ["it lacks {}"], "initcall_blacklist"),
    ],
)
def test_others_words_of_a_parameter_that_may_be_there_several_times_stay(
    words: str, problems: List[str], kept: str
) -> None:
    rest = [word for word in ON_ARM.words if word != NO_PMU]
    entry = [*words.split(), *rest]
    assert list(ON_ARM.problems(entry)) == [problem.format(NO_PMU) for problem in problems]
    assert ON_ARM.edit(entry) == (kept, *ON_ARM.words)
    assert ON_ARM.problems(ON_ARM.edit(entry)) == ()


def test_the_administrators_own_are_added_to_others() -> None:
    entry = ("rd.lvm.lv=root/swap", "pci=noaer")
    assert ON_ARM.edit(entry) == (*entry, *ON_ARM.words)
    assert ON_ARM.problems([*entry, *ON_ARM.words]) == ()
    lacking = ON_ARM.problems([*entry, *(word for word in ON_ARM.words if word != "rd.lvm.lv=a/b")])
    assert lacking == ("it lacks rd.lvm.lv=a/b",)


def test_a_rule_of_udev_sees_to_nvme_disks() -> None:
    rules = choose_rules(Settings(initrd_nvme=True), X86, [], False, has_nvme_rule=True)
    assert rules.words == SEED.words
    assert choose_rules(Settings(initrd_nvme=True), X86, [], False).problems(
        [*SEED.words, "nvme_core.io_timeout=4294967295"]
    ) == ("it carries nvme_core.io_timeout=4294967295, not nvme_core.io_timeout=240",)


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("modprobe.blacklist=udf", []),
        ("modprobe.blacklist=floppy,udf,x", ["modprobe.blacklist=floppy,x"]),
        ("modprobe.blacklist=hv-netvsc,hv_storvsc", []),
        ("module_blacklist=sr_mod,nouveau", ["module_blacklist=nouveau"]),
        ("rd.driver.blacklist=vfat,nouveau", ["rd.driver.blacklist=nouveau"]),
        ("modprobe.blacklist=nouveau", None),
        ("modprobe.blacklist", None),
        ("udf", None),
    ],
)
def test_bans_are_lifted(word: str, after: Optional[List[str]]) -> None:
    rules = lift_bans(SEED, ["ro", word])
    if after is None:
        assert rules == SEED
        return
    entry = ["ro", word, "modprobe.blacklist=other", *SEED.words]
    edited = rules.edit(entry)
    assert edited == ("ro", "modprobe.blacklist=other", *SEED.words, *after)
    assert rules.problems(edited) == ()
    assert rules.problems(entry)[-1] == f"it carries {word}"
    assert rules.edit(edited) == edited
    assert rules_from_wants(rules_to_wants(rules)) == rules


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, False),
        ({"usr/lib/udev/rules.d/80-azure-disk.rules": AZURE_RULE}, True),
        ({"lib/udev/rules.d/80-azure-disk.rules": AZURE_RULE}, True),
        ({"usr/lib/udev/rules.d/80-azure-disk.rules": "#" + AZURE_RULE}, False),
        ({"usr/lib/udev/rules.d/80-azure-disk.rules": AZURE_RULE.replace("240000", "30000")}, False),
        ({"usr/lib/udev/rules.d/80-azure-disk": AZURE_RULE}, False),
        ({"usr/lib/udev/rules.d/a.rules": AZURE_RULE, "etc/udev/rules.d/a.rules": ""}, False),
        ({"usr/lib/udev/rules.d/a.rules": "", "etc/udev/rules.d/a.rules": AZURE_RULE}, True),
    ],
)
def test_the_rule_of_udev(tmp_path: Path, files: Dict[str, str], expected: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert has_nvme_rule(Root(tmp_path)) is expected


WORDS = st.sampled_from(
    ["console=tty0", "console=ttyS0", "console=ttyS0,9600", "quiet", "splash=x", "rootdelay=1", "rootwait",
     "ro", "root=/dev/sda1", "crashkernel=auto", "crashkernel=1M", "earlyprintk=efi", "x-y=1",
     "numa=off", "acpi=off", "initcall_blacklist=a", "modprobe.blacklist=udf,x", *SEED.words]
)  # fmt: skip


@given(st.lists(WORDS), st.booleans())
def test_an_edit_has_its_effect_and_doing_it_twice_is_doing_it_once(words: List[str], bare: bool) -> None:
    rules = choose_rules(Settings(), X86, [kernel("2.6.18")], bare)
    once = rules.edit(words)
    assert rules.problems(once) == ()
    assert rules.edit(once) == once


@pytest.mark.parametrize(
    ("version", "needs"),
    [
        ("2.6.32-431.el6.x86_64", True),
        ("2.6.32-504.el6.x86_64", False),
        ("2.6.32-754.35.1.el6.x86_64", False),
        ("2.6.18-419.el5", True),
        ("2.6.36", True),
        ("2.6.37", False),
        ("3.10.0-1160.el7.x86_64", False),
        ("6.1.0-56-amd64", False),
    ],
)
def test_numa_off(version: str, needs: bool) -> None:
    assert needs_numa_off(version) == needs


def test_rules_survive_the_plan() -> None:
    for rules in (SEED, EntryRules("console=ttyAMA0", (), ()), choose_rules(Settings(), X86, [], True)):
        assert rules_from_wants(rules_to_wants(rules)) == rules
    assert rules_from_wants([]) is None


@pytest.mark.parametrize(
    "wants", [["nonsense"], ["present "], ["present a=1"], ["console console=a", "console console=b"]]
)
def test_wants_that_mean_nothing(wants: List[str]) -> None:
    with pytest.raises(FormatError):
        rules_from_wants(wants)


@pytest.mark.parametrize(
    ("console", "architecture", "device"),
    [("auto", X86, "ttyS0"), ("auto", ARM, "ttyAMA0"), ("ttyS1,115200", X86, "ttyS1"), ("hvc0", ARM, "hvc0")],
)
def test_the_device_of_the_console(console: str, architecture: Architecture, device: str) -> None:
    assert console_device(Settings(kernel_console=console), architecture) == device


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("console=ttyS0",), True),
        (("console=tty0", "console=ttyS0,115200n8", "console=tty1"), True),
        (("console=ttyS01",), False),
        (("consoleblank=ttyS0",), False),
        ((), False),
    ],
)
def test_whether_a_device_is_a_console(words: Tuple[str, ...], answer: bool) -> None:
    assert is_console(words, "ttyS0") == answer
