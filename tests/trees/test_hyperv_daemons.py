"""hyperv-daemons: under all names, by udev or a target, and what a boot elsewhere waits for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.model.finding import Finding, Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

STEP = "hyperv-daemons"
SYSTEMD = "file /usr/lib/systemd/system/basic.target\n|[Unit]\n"
UNITS = "/usr/lib/systemd/system"
WANTS = "/etc/systemd/system/multi-user.target.wants"
NAMES = ("hypervkvpd", "hv-kvp-daemon", "hv_kvp_daemon", "hyperv-daemons.hv-kvp-daemon")
HYPERV = "file /etc/hvprep.conf\n|Image.Profile=hyperv\n"


def unit(name: str, device: str = "", *, waits: bool = False) -> str:
    path = f"sys-devices-virtual-misc-vmbus\\x21{device}.device"
    bound = f"|[Unit]\n|BindsTo={path}\n" if device else ""
    bound += f"|After=basic.target {path}\n" if waits else ""
    return f"file {UNITS}/{name}.service\n{bound}|[Service]\n|[Install]\n|WantedBy=multi-user.target\n"


def rule(unit_name: str, path: str = "/usr/lib/udev/rules.d/60-hyperv-daemons.rules") -> str:
    return f'file {path}\n|KERNEL=="vmbus/hv_kvp", TAG+="systemd", ENV{{SYSTEMD_WANTS}}+="{unit_name}"\n'


def judge(tmp_path: Path, text: str, tree: str = "small-system") -> Finding:
    rig = Rig(make_tree(tree, tmp_path / "root"), only=STEP)
    add_to_tree(rig.root, text)
    return rig.finding(STEP)


@pytest.mark.parametrize(
    ("tree", "verdict", "words"),
    [
        ("agents-debian-12", Verdict.MET, "60-hyperv-daemons.rules starts hv-kvp-daemon.service"),
        ("agents-debian-13", Verdict.MET, "60-hyperv-daemons.rules starts hv-kvp-daemon.service"),
        ("agents-el-9", Verdict.MET, "70-hypervkvp.rules starts hypervkvpd.service"),
        ("agents-sles-15", Verdict.MET, "70-hv_kvp.rules starts hv_kvp_daemon.service"),
        ("agents-ubuntu-24.04", Verdict.UNMET, "off Hyper-V every boot waits 90 s for that"),
    ],
)
def test_systems_as_they_are_packaged(tmp_path: Path, tree: str, verdict: Verdict, words: str) -> None:
    finding = judge(tmp_path, "", tree)
    assert finding.verdict is verdict
    assert words in "; ".join(finding.because)


def test_none_is_installed(tmp_path: Path) -> None:
    finding = judge(tmp_path, SYSTEMD)
    assert finding.verdict is Verdict.UNMET
    assert "install hyperv-daemons" in (finding.remedy or "")


def test_a_program_without_a_service_cannot_be_judged(tmp_path: Path) -> None:
    assert judge(tmp_path, SYSTEMD + "elf /usr/sbin/hypervkvpd x86_64\n").verdict is Verdict.NOT_ASSESSED


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_known_and_enabled(tmp_path: Path, name: str) -> None:
    rig = Rig(make_tree("small-system", tmp_path / "root"), only=STEP)
    add_to_tree(rig.root, SYSTEMD + unit(name))
    assert rig.finding(STEP).verdict is Verdict.UNMET
    before = take_snapshot(rig.root)
    rig.prepare()
    assert rig.finding(STEP).verdict is Verdict.MET
    assert (rig.root / f"{WANTS}/{name}.service"[1:]).is_symlink()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_script_of_an_older_init(tmp_path: Path) -> None:
    script = "elf /usr/sbin/init x86_64\nfile /etc/init.d/hv_kvp_daemon 755\n|#!/bin/sh\n"
    assert judge(tmp_path, script + "link /etc/rc3.d/S50hv_kvp_daemon ../init.d/x\n").verdict is Verdict.MET


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_bound_to_its_device_is_enabled_by_nobody(tmp_path: Path, name: str) -> None:
    """A target that wants it would have every boot off Hyper-V wait: udev has to start it."""
    finding = judge(tmp_path, SYSTEMD + unit(name, "hv_kvp"))
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert 'KERNEL=="vmbus/hv_kvp"' in (finding.remedy or "")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (rule("hypervkvpd.service"), Verdict.MET),
        (rule("other.service hypervkvpd.service"), Verdict.MET),
        (rule("other.service"), Verdict.UNMET),
        (rule("hypervkvpd.service").replace("|KERNEL", "|#KERNEL"), Verdict.UNMET),
        (
            rule("hypervkvpd.service") + "link /etc/udev/rules.d/60-hyperv-daemons.rules /dev/null\n",
            Verdict.UNMET,
        ),
        (
            rule("hypervkvpd.service") + "file /etc/udev/rules.d/60-hyperv-daemons.rules\n|# none\n",
            Verdict.UNMET,
        ),
        (
            rule("hypervkvpd.service") + "link /etc/systemd/system/hypervkvpd.service /dev/null\n",
            Verdict.UNMET,
        ),
    ],
)
def test_rules_of_udev(tmp_path: Path, text: str, verdict: Verdict) -> None:
    assert judge(tmp_path, SYSTEMD + unit("hypervkvpd", "hv_kvp") + text).verdict is verdict


@pytest.mark.parametrize("name", ["hypervvssd", "hv-fcopy-daemon"])
def test_the_wait_counts_for_every_daemon(tmp_path: Path, name: str) -> None:
    text = SYSTEMD + unit("hypervkvpd") + f"link {WANTS}/hypervkvpd.service x\n"
    text += unit(name, "hv_x", waits=True)
    assert judge(tmp_path, text).verdict is Verdict.MET
    again = tmp_path / "again"
    again.mkdir()
    finding = judge(again, text + f"link {WANTS}/{name}.service x\n")
    assert finding.verdict is Verdict.UNMET
    assert f"{name}.service, which comes after" in finding.because[-1]


def test_a_device_that_a_drop_in_binds_it_to(tmp_path: Path) -> None:
    text = SYSTEMD + unit("hypervkvpd") + f"link {WANTS}/hypervkvpd.service x\n"
    drop_in = "file /etc/systemd/system/hypervkvpd.service.d/x.conf\n|[Unit]\n|Requires=dev-x.device\n"
    assert judge(tmp_path, text + drop_in).verdict is Verdict.MET
    (tmp_path / "again").mkdir()
    assert judge(tmp_path / "again", text + drop_in + "|After=dev-x.device\n").verdict is Verdict.UNMET


def test_snapshots_are_for_a_hyper_v_of_ones_own(tmp_path: Path) -> None:
    text = SYSTEMD + unit("hypervkvpd") + f"link {WANTS}/hypervkvpd.service x\n"
    assert judge(tmp_path, text).verdict is Verdict.MET
    again = tmp_path / "again"
    again.mkdir()
    finding = judge(again, text + HYPERV)
    assert finding.verdict is Verdict.UNMET
    assert finding.because == ("no daemon answers the host about snapshots (VSS)",)
