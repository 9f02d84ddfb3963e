"""Who provisions on Azure: guest-agent, cloud-init-azure, cloud-init-settings, waagent."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

STEPS = ("guest-agent", "cloud-init-azure", "cloud-init-settings", "waagent")
SYSTEMS = ("debian-12", "debian-13", "el-9", "sles-15", "ubuntu-24.04")
UNITS = "/usr/lib/systemd/system"
WANTS = "/etc/systemd/system/multi-user.target.wants"
#: An agent is not enabled any more, as `systemctl disable` leaves it.
NO_CLOUD_INIT = "".join(
    f"remove /etc/systemd/system/cloud-init.target.wants/{name}.service\n"
    for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
)
REMOVED_CLOUD_INIT = f"{NO_CLOUD_INIT}remove /usr/bin/cloud-init\n"
REMOVED_WAAGENT = f"remove {WANTS}/waagent.service\nremove /usr/sbin/waagent\n"
CONF = "/etc/waagent.conf"
DROP_IN = "etc/cloud/cloud.cfg.d/zz-hvprep.cfg"


def system(tmp_path: Path, name: str, text: str = "") -> Rig:
    rig = Rig(make_tree(f"agents-{name}", tmp_path / "root"), only=",".join(STEPS))
    add_to_tree(rig.root, text)
    return rig


def set_conf(rig: Rig, **values: str) -> None:
    """Other words of waagent.conf; a dot in a key is written as __."""
    path = rig.root / "etc/waagent.conf"
    lines = path.read_text().splitlines()
    for name, value in values.items():
        key = name.replace("__", ".")
        lines = [line for line in lines if not line.startswith(f"{key}=")] + [f"{key}={value}"]
    path.write_text("".join(f"{line}\n" for line in lines))


def verdict(rig: Rig, step: str) -> Tuple[Verdict, str]:
    finding = rig.finding(step)
    assert finding.verdict is not Verdict.UNMET or finding.remedy
    return finding.verdict, "; ".join(finding.because)


def assert_mended(rig: Rig, step: str) -> List[str]:
    """Prepare mends it, once, and rollback gives the same tree; the paths that changed."""
    before = take_snapshot(rig.root)
    rig.prepare(only=step)
    assert rig.finding(step).verdict is Verdict.MET, rig.finding(step)
    assert rig.plan(step).changes == ()
    changed = diff_snapshots(before, take_snapshot(rig.root))
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    return changed


MET, UNMET, NOT_APPLICABLE = Verdict.MET, Verdict.UNMET, Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("name", "verdicts", "owner"),
    [
        ("debian-12", (MET, UNMET, UNMET, MET), "cloud-init provisions"),
        ("debian-13", (MET, UNMET, UNMET, MET), "cloud-init provisions"),
        ("el-9", (MET, UNMET, UNMET, MET), "cloud-init provisions"),
        ("sles-15", (MET, NOT_APPLICABLE, NOT_APPLICABLE, MET), "waagent provisions"),
        ("ubuntu-24.04", (MET, MET, MET, MET), "cloud-init provisions"),
    ],
)
def test_systems_as_they_are_packaged(
    tmp_path: Path, name: str, verdicts: Tuple[Verdict, ...], owner: str
) -> None:
    rig = system(tmp_path, name)
    found: Dict[str, Verdict] = {finding.id: finding.verdict for finding in rig.plan().findings}
    assert found == dict(zip(STEPS, verdicts))
    assert verdict(rig, "guest-agent") == (MET, owner)


def test_in_profile_hyperv_nothing_is_asked(tmp_path: Path) -> None:
    rig = system(tmp_path, "debian-12", "file /etc/hvprep.conf\n|Image.Profile=hyperv\n")
    assert {finding.verdict for finding in rig.plan().findings} == {NOT_APPLICABLE}


# guest-agent


def test_no_agent(tmp_path: Path) -> None:
    rig = system(tmp_path, "el-9", REMOVED_CLOUD_INIT + REMOVED_WAAGENT)
    assert verdict(rig, "guest-agent")[0] is UNMET
    assert rig.plan("guest-agent").changes == ()


@pytest.mark.parametrize(
    ("text", "part", "expected", "words"),
    [
        ("", "auto", MET, "cloud-init provisions"),
        ("", "cloud-init", MET, "cloud-init provisions"),
        ("", "disabled", MET, "cloud-init provisions"),
        (NO_CLOUD_INIT, "auto", MET, "waagent provisions"),
        (NO_CLOUD_INIT, "waagent", MET, "waagent provisions"),
        (REMOVED_CLOUD_INIT, "auto", MET, "waagent provisions"),
        (REMOVED_WAAGENT, "auto", MET, "cloud-init provisions"),
        (NO_CLOUD_INIT, "disabled", UNMET, "Provisioning.Agent=disabled, with which it does nothing"),
        (NO_CLOUD_INIT, "Cloud-Init", UNMET, "Provisioning.Agent=Cloud-Init, with which it does nothing"),
        ("file /etc/cloud/cloud-init.disabled\n", "auto", UNMET, "cloud-init.disabled switches it off"),
        ("file /etc/cloud/cloud-init.disabled\n", "waagent", MET, "waagent provisions"),
        (
            "link /etc/systemd/system-generators/cloud-init-generator /dev/null\n",
            "auto",
            UNMET,
            "no unit wants cloud-init.target",
        ),
        ("link /etc/systemd/system/cloud-init-local.service /dev/null\n", "auto", UNMET, "masks it"),
        (NO_CLOUD_INIT + f"remove {WANTS}/waagent.service\n", "auto", UNMET, "is not enabled"),
        ("file /var/lib/waagent/disable_agent\n" + NO_CLOUD_INIT, "auto", UNMET, "puts it to sleep"),
    ],
)
def test_who_provisions(tmp_path: Path, text: str, part: str, expected: Verdict, words: str) -> None:
    rig = system(tmp_path, "el-9", text)
    set_conf(rig, Provisioning__Agent=part)
    found, because = verdict(rig, "guest-agent")
    assert (found, words in because) == (expected, True), because
    assert rig.plan("guest-agent").changes == ()


def test_both_provision(tmp_path: Path) -> None:
    rig = system(tmp_path, "el-9")
    set_conf(rig, Provisioning__Agent="waagent")
    found, because = verdict(rig, "guest-agent")
    assert found is UNMET
    assert "cloud-init provisions, and so would waagent (Provisioning.Agent=waagent)" in because
    assert assert_mended(rig, "guest-agent") == [f"changed {CONF} (content)"]
    rig.prepare(only="guest-agent")
    assert "Provisioning.Agent=cloud-init\n" in (rig.root / "etc/waagent.conf").read_text()


def test_waagent_waits_for_a_cloud_init_that_is_not_there(tmp_path: Path) -> None:
    """As on a Debian from which somebody has removed cloud-init."""
    rig = system(tmp_path, "debian-12", REMOVED_CLOUD_INIT)
    assert "waits for a cloud-init that is not installed" in verdict(rig, "guest-agent")[1]
    assert assert_mended(rig, "guest-agent") == [f"changed {CONF} (content)"]


@pytest.mark.parametrize("name", ["debian-12", "debian-13"])
def test_a_cloud_init_that_waagent_waits_for_is_enabled(tmp_path: Path, name: str) -> None:
    rig = system(tmp_path, name)
    wants = rig.root / "etc/systemd/system/cloud-init.target.wants"
    names = {path.name for path in wants.iterdir()}
    for path in wants.iterdir():
        path.unlink()
    changed = assert_mended(rig, "guest-agent")
    assert {line.split("/")[-1].split(" ")[0] for line in changed} == names


def test_the_only_agent_is_enabled(tmp_path: Path) -> None:
    rig = system(tmp_path, "sles-15", f"remove {WANTS}/waagent.service\n")
    assert verdict(rig, "guest-agent")[0] is UNMET
    (line,) = assert_mended(rig, "guest-agent")
    assert line.startswith(f"added {WANTS}/waagent.service")


def test_an_agent_that_somebody_masked_stays_so(tmp_path: Path) -> None:
    rig = system(tmp_path, "sles-15", f"remove {WANTS}/waagent.service\n")
    add_to_tree(rig.root, "link /etc/systemd/system/waagent.service /dev/null\n")
    found, because = verdict(rig, "guest-agent")
    assert (found, rig.plan("guest-agent").changes) == (UNMET, ())
    assert "masks" in because


def test_of_two_that_are_not_enabled_none_is_chosen(tmp_path: Path) -> None:
    rig = system(tmp_path, "el-9", NO_CLOUD_INIT + f"remove {WANTS}/waagent.service\n")
    assert verdict(rig, "guest-agent")[0] is UNMET
    assert rig.plan("guest-agent").changes == ()


@pytest.mark.parametrize(
    ("values", "expected", "change"),
    [
        ({"Provisioning__UseCloudInit": "y", "Provisioning__Enabled": "n"}, MET, None),
        ({"Provisioning__UseCloudInit": "n", "Provisioning__Enabled": "n"}, MET, None),
        ({"Provisioning__Enabled": "y"}, UNMET, {"Provisioning.Enabled=n", "Provisioning.UseCloudInit=y"}),
    ],
)
def test_words_of_old_agents(
    tmp_path: Path, values: Dict[str, str], expected: Verdict, change: Optional[set[str]]
) -> None:
    version = "file /usr/lib/python3.9/site-packages/azurelinuxagent/common/version.py\n"
    rig = system(tmp_path, "el-9", f"{version}|AGENT_VERSION = '2.2.38'\n")
    set_conf(rig, **values)
    assert verdict(rig, "guest-agent")[0] is expected
    if change is not None:
        assert_mended(rig, "guest-agent")
        rig.prepare(only="guest-agent")
        assert change <= set((rig.root / "etc/waagent.conf").read_text().splitlines())


def test_an_agent_without_a_service_cannot_be_judged(tmp_path: Path) -> None:
    rig = system(tmp_path, "sles-15", f"remove {WANTS}/waagent.service\nremove {UNITS}/waagent.service\n")
    assert verdict(rig, "guest-agent")[0] is Verdict.NOT_ASSESSED


def test_azure_init_beside_cloud_init(tmp_path: Path) -> None:
    rig = system(
        tmp_path,
        "el-9",
        f"elf /usr/bin/azure-init x86_64\nfile {UNITS}/azure-init.service\n|[Install]\n"
        f"|WantedBy=multi-user.target\nlink {WANTS}/azure-init.service {UNITS}/azure-init.service\n",
    )
    assert "cloud-init and azure-init both provision" in verdict(rig, "guest-agent")[1]


@pytest.mark.parametrize(
    ("remove", "words"),
    [
        ("/usr/lib/python3.6/site-packages/pyasn1/__init__.py", "/usr/bin/python3 has no pyasn1"),
        (CONF, f"there is no {CONF}"),
    ],
)
def test_what_waagent_needs(tmp_path: Path, remove: str, words: str) -> None:
    rig = system(tmp_path, "sles-15", f"remove {remove}\n")
    found, because = verdict(rig, "guest-agent")
    assert (found, words in because) == (UNMET, True), because


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ro cloud-init=disabled", UNMET),
        ("ro cloud-init=disabled cloud-init=enabled", MET),
        ("ro ds=nocloud;s=http://10.0.0.1/", UNMET),
        ("ro ci.ds=Azure", MET),
        ("ro ci.datasource=NoCloud", UNMET),
        ("ro cloud-init=disabledx", MET),
    ],
)
def test_words_of_boot_entries(tmp_path: Path, words: str, expected: Verdict) -> None:
    rig = Rig(make_tree("debian-11", tmp_path / "root"), only="guest-agent")
    add_to_tree(
        rig.root,
        "elf /usr/bin/cloud-init x86_64\nfile /usr/lib/systemd/system/basic.target\n"
        "file /usr/lib/systemd/system/cloud-init-local.service\n|[Unit]\n"
        "link /etc/systemd/system/multi-user.target.wants/cloud-init-local.service /usr/lib/x\n",
    )
    assert verdict(rig, "guest-agent")[0] is MET
    cfg = rig.root / "boot/grub/grub.cfg"
    cfg.write_text(cfg.read_text().replace(" ro ", f" {words} "))
    assert verdict(rig, "guest-agent")[0] is expected


# cloud-init-azure


@pytest.mark.parametrize("name", ["debian-12", "debian-13", "el-9"])
def test_a_drop_in_names_azure(tmp_path: Path, name: str) -> None:
    rig = system(tmp_path, name)
    assert assert_mended(rig, "cloud-init-azure")[-1] == f"added /{DROP_IN} (file 0644)"
    rig.prepare(only="cloud-init-azure")
    assert (rig.root / DROP_IN).read_text().splitlines()[1:] == ["datasource_list: [ Azure ]"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file /etc/cloud/cloud.cfg.d/91-azure.cfg\n|datasource_list: [ Azure ]\n", None),
        ("file /etc/cloud/cloud.cfg.d/91-azure.cfg\n|datasource_list:\n|  - NoCloud\n|  - Azure\n", None),
        (
            "file /etc/cloud/cloud.cfg.d/91-x.cfg\n|datasource_list: [ NoCloud, None ]\n",
            "Azure, NoCloud, None",
        ),
        ("file /etc/cloud/cloud.cfg.d/99-installer.cfg\n|datasource_list: [ None ]\n", "Azure, None"),
        (f"file /{DROP_IN}\n|# mine\n|datasource_list: [ Ec2 ]\n|a: b\n", "Azure, Ec2"),
    ],
)
def test_data_sources(tmp_path: Path, text: str, expected: Optional[str]) -> None:
    rig = system(tmp_path, "el-9", text)
    if expected is None:
        assert verdict(rig, "cloud-init-azure")[0] is MET
        return
    assert_mended(rig, "cloud-init-azure")
    rig.prepare(only="cloud-init-azure")
    lines = (rig.root / DROP_IN).read_text().splitlines()
    assert lines[-1] == f"datasource_list: [ {expected} ]"
    if DROP_IN in text:
        assert lines[:-1] == ["# mine", "a: b"]


def test_a_file_that_has_the_last_word(tmp_path: Path) -> None:
    rig = system(tmp_path, "el-9", "file /etc/cloud/cloud.cfg.d/zzz.cfg\n|datasource_list: [ Ec2 ]\n")
    found, because = verdict(rig, "cloud-init-azure")
    assert found is UNMET
    assert "zzz.cfg has the last word about datasource_list" in because


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file /etc/cloud/ds-identify.cfg\n|policy: disabled\n", "switches cloud-init off"),
        ("file /etc/cloud/ds-identify.cfg\n|  datasource : 'NoCloud' # x\n", "sets the data source NoCloud"),
        ("file /etc/cloud/ds-identify.cfg\n|policy: enabled\n|datasource: Azure\n", None),
        (
            "file /etc/cloud/cloud.cfg.d/91-a.cfg\n|datasource:\n|  azure: { apply_network_config: False }\n",
            "what stands below azure: in datasource is not read",
        ),
    ],
)
def test_what_overrules_the_list(tmp_path: Path, text: str, words: Optional[str]) -> None:
    rig = system(tmp_path, "ubuntu-24.04", text)
    found, because = verdict(rig, "cloud-init-azure")
    assert (found is UNMET) == (words is not None)
    assert words is None or words in because


@pytest.mark.parametrize("step", ["cloud-init-azure", "cloud-init-settings"])
@pytest.mark.parametrize(
    "text",
    ["a: !!binary x", "datasource_list: [ Azure", "## template: jinja", "\udcff", "merge_how: x", "a: b: c"],
)
def test_a_configuration_that_cannot_be_read(tmp_path: Path, step: str, text: str) -> None:
    rig = system(tmp_path, "ubuntu-24.04", f"file /etc/cloud/cloud.cfg.d/99-x.cfg\n|{text}\n")
    found, because = verdict(rig, step)
    assert found is Verdict.NOT_ASSESSED
    assert "/etc/cloud/cloud.cfg.d/99-x.cfg" in because
    assert rig.plan(step).changes == ()


# cloud-init-settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file /etc/cloud/cloud.cfg.d/10-azure-kvp.cfg\n|a: b\n", "does not report to the host"),
        ("file /etc/cloud/cloud.cfg.d/10-azure-kvp.cfg\n|Reporting: {}\n", "nothing reads Reporting:"),
        ("file /etc/cloud/cloud.cfg.d/99-installer.cfg\n|a: b\n", "99-installer.cfg is left"),
        ("file /etc/cloud/ds-identify.cfg\n|policy: enabled\n", "ds-identify.cfg is left"),
        (
            "file /etc/cloud/cloud.cfg.d/91-a.cfg\n|datasource: {Azure: {apply_network_config: maybe}}\n",
            "apply_network_config is no switch",
        ),
        ("file /etc/cloud/cloud.cfg.d/91-a.cfg\n|datasource: {Azure: {apply_network_config: False}}\n", None),
        ("file /etc/cloud/cloud.cfg.d/91-a.cfg\n|cloud_init_modules: [ ssh ]\n", None),
    ],
)
def test_settings_of_cloud_init(tmp_path: Path, text: str, words: Optional[str]) -> None:
    rig = system(tmp_path, "ubuntu-24.04", text)
    found, because = verdict(rig, "cloud-init-settings")
    assert (found is UNMET) == (words is not None), because
    assert words is None or words in because


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ("[ disk_setup, mounts ]", None),
        ("[ disk-setup, [ mounts, always ] ]", None),
        ("[ mounts ]", "lacks disk_setup"),
        ("[]", "lacks disk_setup and mounts"),
        ("nothing", "lacks disk_setup and mounts"),
    ],
)
def test_modules_of_old_versions(tmp_path: Path, modules: str, words: Optional[str]) -> None:
    rig = system(
        tmp_path, "debian-12", f"file /etc/cloud/cloud.cfg.d/99-x.cfg\n|cloud_init_modules: {modules}\n"
    )
    because = verdict(rig, "cloud-init-settings")[1]
    assert (words or "lacks") in because or words is None
    assert ("lacks" in because) == (words is not None)


# waagent


@pytest.mark.parametrize(
    ("version", "update", "expected"),
    [
        ("2.2.53.1", "n", MET),
        ("2.10", "n", MET),
        ("2.2.53", "n", UNMET),
        ("2.2.45", "n", UNMET),
        ("2.2.45", "y", MET),
        ("none", "y", Verdict.NOT_ASSESSED),
    ],
)
def test_versions_of_waagent(tmp_path: Path, version: str, update: str, expected: Verdict) -> None:
    path = "/usr/lib/python3.9/site-packages/azurelinuxagent/common/version.py"
    rig = system(tmp_path, "el-9", f"file {path}\n|AGENT_VERSION = '{version}'\n")
    set_conf(rig, AutoUpdate__Enabled=update)
    assert verdict(rig, "waagent")[0] is expected


def test_an_agent_in_one_file(tmp_path: Path) -> None:
    """WALinuxAgent 2.0, of which python-pyasn1 was a dependency."""
    rig = system(
        tmp_path,
        "sles-15",
        'file /usr/sbin/waagent 755\n|#!/usr/bin/python3\n|GuestAgentVersion = "WALinuxAgent-2.0.18"\n'
        "|from pyasn1.codec.der import decoder\nremove /usr/lib/python3.6/site-packages/pyasn1/__init__.py\n",
    )
    assert "has no pyasn1" in verdict(rig, "guest-agent")[1]
    set_conf(rig, AutoUpdate__Enabled="n")
    assert "waagent is 2.0.18" in verdict(rig, "waagent")[1]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("sles-15", {"EnableSwap": "y", "SwapSizeMB": "2048"}, None),
        ("sles-15", {"EnableSwap": "y"}, "without a ResourceDisk.SwapSizeMB"),
        ("sles-15", {"EnableSwap": "y", "SwapSizeMB": "2048", "Format": "n"}, "with ResourceDisk.Format=n"),
        ("el-9", {"EnableSwap": "y", "SwapSizeMB": "2048"}, "leaves the temporary disk alone"),
        ("el-9", {}, None),
    ],
)
def test_swap_that_is_none(tmp_path: Path, name: str, values: Dict[str, str], words: Optional[str]) -> None:
    rig = system(tmp_path, name)
    set_conf(rig, **{f"ResourceDisk__{key}": value for key, value in values.items()})
    found, because = verdict(rig, "waagent")
    assert (found is UNMET) == (words is not None), because
    assert words is None or words in because


def test_what_switches_cloud_init_off_is_named(tmp_path: Path) -> None:
    """waagent goes by the unit, and leaves all to a cloud-init that does not run: nobody has the disk."""
    rig = system(tmp_path, "el-9", "file /etc/cloud/cloud-init.disabled\n")
    finding = rig.finding("guest-agent")
    assert "rm /etc/cloud/cloud-init.disabled for cloud-init, or disable" in str(finding.remedy)
    assert "no program in this system would set the disk up" in verdict(rig, "resource-disk")[1]
    set_conf(rig, ResourceDisk__EnableSwap="y", ResourceDisk__SwapSizeMB="2048")
    assert "leaves the temporary disk alone" in verdict(rig, "waagent")[1]


def test_a_cloud_init_that_is_alone_has_nothing_else_to_be_done_for_it(tmp_path: Path) -> None:
    rig = system(tmp_path, "el-9", REMOVED_WAAGENT + "file /etc/cloud/cloud-init.disabled\n")
    assert rig.finding("guest-agent").remedy == "rm /etc/cloud/cloud-init.disabled"


def test_an_old_agent_that_takes_the_disk_too(tmp_path: Path) -> None:
    path = "/usr/lib/python3.9/site-packages/azurelinuxagent/daemon/resourcedisk/default.py"
    rig = system(tmp_path, "el-9", f"file {path}\n|        mount_point = None\n")
    assert "both set up the temporary disk" in verdict(rig, "waagent")[1]
    set_conf(rig, ResourceDisk__Format="n")
    assert verdict(rig, "waagent")[0] is MET


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (REMOVED_WAAGENT, "waagent is not installed"),
        (f"remove {WANTS}/waagent.service\n", "waagent does not start"),
        ("remove /usr/lib/python3.9/site-packages/pyasn1/__init__.py\n", "has no pyasn1"),
    ],
)
def test_waagent_beside_cloud_init(tmp_path: Path, text: str, words: str) -> None:
    rig = system(tmp_path, "el-9", text)
    found, because = verdict(rig, "waagent")
    assert (found, words in because) == (UNMET, True), because


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    """Everything that is read is a link to the builder's files."""
    outside = tmp_path / "outside"
    outside.write_text("datasource_list: [ Azure ]\nProvisioning.Agent=waagent\n")
    rig = system(tmp_path, "el-9")
    for name in ("etc/cloud/cloud.cfg", "etc/waagent.conf", "etc/cloud/cloud.cfg.d/99-x.cfg"):
        path = rig.root / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(outside)
    assert verdict(rig, "cloud-init-azure")[0] is UNMET
    assert verdict(rig, "guest-agent") == (MET, "cloud-init provisions")
