"""udev: whose rules are there, and what is written where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.parts import SYSTEMD, file, started
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "udev"
OWN = "/etc/udev/rules.d/66-hvprep-azure.rules"
#: systemd 252, 50-udev-default.rules.
CLOCK = file(
    "/usr/lib/udev/rules.d/50-udev-default.rules",
    'SUBSYSTEM=="ptp", ATTR{clock_name}=="hyperv", SYMLINK += "ptp_hyperv"',
)
#: WALinuxAgent 2.2, 66-azure-storage.rules, its last lines.
AGENT = file(
    "/usr/lib/udev/rules.d/66-azure-storage.rules",
    'ENV{DEVTYPE}=="disk", SYMLINK+="disk/azure/$env{fabric_name}"\n'
    'ENV{DEVTYPE}=="partition", SYMLINK+="disk/azure/$env{fabric_name}-part%n"',
)
#: azure-vm-utils 0.6, 80-azure-disk.rules; cloud-init 22.4, 66-azure-ephemeral.rules.
VM_UTILS = AGENT.replace("66-azure-storage", "80-azure-disk").replace("fabric_name", "AZURE_DISK_TYPE")
CLOUD_INIT = AGENT.replace("66-azure-storage", "66-azure-ephemeral").replace("disk/azure", "disk/cloud")
WAAGENT = started("walinuxagent") + file("/etc/waagent.conf", "#X=1\nOS.RootDeviceScsiTimeout=300")
DISK = 'SUBSYSTEM=="block", ATTRS{vendor}=="Msft", ATTR{device/timeout}="300"'


def rule(text: str) -> str:
    return file("/etc/udev/rules.d/99-mine.rules", text)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("small-system", tmp_path / "root"), only=ID)


MET = {
    "Debian 12 with waagent": SYSTEMD + CLOCK + AGENT + WAAGENT,
    "azure-vm-utils": SYSTEMD + CLOCK + VM_UTILS + rule(DISK),
    "cloud-init": SYSTEMD + CLOCK + CLOUD_INIT + rule(DISK),
    "on the SCSI device": SYSTEMD
    + CLOCK
    + AGENT
    + rule('SUBSYSTEM=="scsi", DRIVER=="sd", ATTR{timeout}="600"'),
    "by a shell": SYSTEMD
    + CLOCK
    + AGENT
    + rule('ACTION=="add", SUBSYSTEMS=="scsi", RUN+="/bin/sh -c \'echo 300 >/sys$DEVPATH/device/timeout\'"'),
}


@pytest.mark.parametrize("text", MET.values(), ids=MET.keys())
def test_the_rules_of_others_are_enough(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text.replace('SUBSYSTEM=="scsi"', 'SUBSYSTEM=="block"'))
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.MET, ()), finding


def test_those_of_our_package_are_enough(rig: Rig) -> None:
    add_to_tree(rig.root, SYSTEMD)
    rig.prepare()
    package = rig.root / "usr/lib/udev/rules.d"
    package.mkdir(parents=True)
    (rig.root / OWN[1:]).rename(package / "66-hvprep-azure.rules")
    finding = rig.finding(ID)
    assert finding.verdict is Verdict.MET
    assert all("/usr/lib/udev/rules.d/66-hvprep-azure.rules, line" in because for because in finding.because)


CLOCK_TEXT, DISK_TEXT, RESOURCE_TEXT = "ptp_hyperv is the clock", "waits 300 seconds", "the temporary disk"
MISSING = {
    "all": (SYSTEMD, [DISK_TEXT, CLOCK_TEXT, RESOURCE_TEXT]),
    "the clock": (SYSTEMD + AGENT + rule(DISK), [CLOCK_TEXT]),
    "the temporary disk": (SYSTEMD + CLOCK + rule(DISK), [RESOURCE_TEXT]),
    "the time": (SYSTEMD + CLOCK + AGENT, [DISK_TEXT]),
    "a masked file": (
        SYSTEMD + CLOCK + WAAGENT + AGENT + "link /etc/udev/rules.d/66-azure-storage.rules /dev/null\n",
        [RESOURCE_TEXT],
    ),
    "a file that another one hides": (
        SYSTEMD + CLOCK + WAAGENT + AGENT + file("/etc/udev/rules.d/66-azure-storage.rules", "# mine"),
        [RESOURCE_TEXT],
    ),
    "an agent that is off": (
        SYSTEMD + CLOCK + AGENT + file("/etc/waagent.conf", "OS.RootDeviceScsiTimeout=300"),
        [DISK_TEXT],
    ),
    "an agent that waits less": (
        SYSTEMD + CLOCK + AGENT + WAAGENT + file("/etc/waagent.conf", "OS.RootDeviceScsiTimeout=30"),
        [DISK_TEXT],
    ),
    "disks of others": (
        SYSTEMD
        + CLOCK
        + AGENT
        + rule('SUBSYSTEMS=="scsi", ATTRS{vendor}=="VMware*", ATTR{device/timeout}="300"')
        + file("/etc/udev/rules.d/9.rules", 'ATTRS{model}=="Virtual disk*", ATTR{device/timeout}="300"'),
        [DISK_TEXT],
    ),
    "all disks but ours": (SYSTEMD + CLOCK + AGENT + rule(DISK.replace('=="Msft', '!="Msft')), [DISK_TEXT]),
    "too short": (
        SYSTEMD + CLOCK + AGENT + rule(DISK.replace("300", "180")).replace("99-", "10-"),
        [DISK_TEXT],
    ),
    "no number": (SYSTEMD + CLOCK + AGENT + rule(DISK.replace("300", "$x")), [DISK_TEXT]),
    "a comment": (SYSTEMD + CLOCK + AGENT + rule(f"#{DISK}"), [DISK_TEXT]),
    "partitions of it alone": (
        SYSTEMD + CLOCK + WAAGENT + rule('SYMLINK+="disk/azure/resource-part%n"'),
        [RESOURCE_TEXT],
    ),
}


@pytest.mark.parametrize(("text", "missing"), MISSING.values(), ids=MISSING.keys())
def test_ours_are_written(rig: Rig, text: str, missing: list[str]) -> None:
    add_to_tree(rig.root, text)
    before = take_snapshot(rig.root)
    (change,) = rig.finding(ID).changes
    assert [each for each in (DISK_TEXT, CLOCK_TEXT, RESOURCE_TEXT) if each in change.why] == missing
    rig.prepare()
    assert rig.plan().changes == ()
    assert rig.finding(ID).verdict is Verdict.MET
    assert (rig.root / OWN[1:]).exists()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_on_a_hyper_v_of_ones_own_there_is_no_temporary_disk(rig: Rig) -> None:
    add_to_tree(rig.root, SYSTEMD + CLOCK + rule(DISK) + file("/etc/hvprep.conf", "Image.Profile=hyperv"))
    assert rig.finding(ID).verdict is Verdict.MET


def test_rules_larger_than_any_are_not_judged(rig: Rig) -> None:
    add_to_tree(rig.root, SYSTEMD + rule(DISK))
    with (rig.root / "etc/udev/rules.d/99-mine.rules").open("ab") as stream:
        stream.truncate(17 * 1024 * 1024)
    assert rig.finding(ID).verdict is Verdict.NOT_ASSESSED


SHORT = DISK.replace("300", "30")


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        (rule(f"{DISK}\n{SHORT}"), False),
        (rule(f"{SHORT}\n{DISK}"), True),
        (rule(f'{DISK}\n{SHORT}, ENV{{ID_BUS}}=="usb"'), True),
        (rule(f'{DISK}\nATTRS{{vendor}}!="NETAPP*", GOTO="x"\n{SHORT}\nLABEL="x"'), True),
        (rule(f'{DISK}\nKERNEL=="x*", GOTO="x"\nLABEL="x"\n{SHORT}'), False),
        (rule(DISK) + file("/etc/udev/rules.d/10-x.rules", SHORT), True),
    ],
)
def test_the_last_rule_counts(rig: Rig, text: str, is_met: bool) -> None:
    add_to_tree(rig.root, SYSTEMD + CLOCK + AGENT + text)
    finding = rig.finding(ID)
    assert (finding.verdict is Verdict.MET, finding.changes) == (is_met, ()), finding
    assert is_met or "has the kernel wait 30 seconds for a disk" in "; ".join(finding.because)


def test_one_that_is_too_short_gets_ours_after_it(rig: Rig) -> None:
    two = file("/etc/udev/rules.d/60-a.rules", DISK) + file("/etc/udev/rules.d/65-b.rules", SHORT)
    add_to_tree(rig.root, SYSTEMD + CLOCK + AGENT + two)
    (change,) = rig.finding(ID).changes
    assert DISK_TEXT in change.why
    rig.prepare()
    assert rig.finding(ID).verdict is Verdict.MET


def test_a_program_has_its_say_after_all_rules(rig: Rig) -> None:
    run = 'ACTION=="add", SUBSYSTEM=="block", RUN+="/bin/sh -c \'echo 60 >/sys$devpath/device/timeout\'"'
    add_to_tree(rig.root, SYSTEMD + CLOCK + AGENT + file("/etc/udev/rules.d/10-x.rules", run) + rule(DISK))
    rig.prepare()
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert "/etc/udev/rules.d/10-x.rules, line 1 has the kernel wait 60 seconds" in finding.because[-1]
