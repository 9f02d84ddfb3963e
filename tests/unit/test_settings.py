"""Settings files: what they say and how they can be wrong; and the documents made from the table."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hvprep import settings
from hvprep.errors import UsageError
from hvprep.model.node import GuestPath
from hvprep.settings import TABLE, Settings, SettingsError, load
from hvprep.settings.reader import _LATER, _WAAGENT, LIMIT_BYTES
from hvprep.settings.resource_disk import SwapSize
from hvprep.settings.table import SECTIONS
from hvprep.system.root import Root
from hypothesis import given
from hypothesis import strategies as st

CHECKOUT = Path(__file__).parents[2]
KEYS = [setting.key for setting in TABLE]


def tree(root: Path, **files: str | bytes) -> Root:
    """`main` is /etc/hvprep.conf, any other name a drop-in."""
    (root / "etc/hvprep.conf.d").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / ("etc/hvprep.conf" if name == "main" else f"etc/hvprep.conf.d/{name}.conf")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Root(root)


def error_of(root: Path, **files: str | bytes) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(tree(root, **files))
    return caught.value


def test_without_files_the_defaults_hold(tmp_path: Path) -> None:
    assert load(Root(tmp_path)) == Settings()
    assert Settings() == Settings(
        image_profile="azure",
        image_generation="auto",
        image_architecture="auto",
        hardening_allow_change=False,
        kernel_console="auto",
        kernel_root_delay_s=300,
        kernel_early_printk=True,
        kernel_keep_crashkernel=False,
        kernel_extra_parameters=(),
        initrd_extra_modules=(),
        initrd_build_timeout_s=1800,
        initrd_nvme=False,
        swap_keep=False,
        serial_grub_enable=True,
        serial_getty_enable=True,
        resource_disk_format=True,
        resource_disk_filesystem="ext4",
        resource_disk_mount_point=GuestPath("/mnt/resource"),
        resource_disk_mount_options=(),
        resource_disk_enable_swap=True,
        resource_disk_swap_size=SwapSize(mib=2048),
        resource_disk_nvme=False,
        deprovision_lock_root_password=True,
        deprovision_package_caches=False,
        deprovision_on_reboot=False,
        deprovision_timeout_s=90,
    )


def test_every_key_reaches_its_attribute(tmp_path: Path) -> None:
    lines = """
    Image.Profile=hyperv
    Image.Generation=2
    Image.Architecture=aarch64
    Hardening.AllowChange=y
    Kernel.Console=ttyS1,115200n8
    Kernel.RootDelay=0
    Kernel.EarlyPrintk=N
    Kernel.KeepCrashkernel=Y
    Kernel.ExtraParameters=net.ifnames=0  nvme_core.io_timeout=240
    Initrd.ExtraModules=nvme pci-hyperv
    Initrd.BuildTimeoutSeconds=86400
    Initrd.NVMe=y
    Swap.Keep=y
    SerialGrub.Enable=n
    SerialGetty.Enable=n
    ResourceDisk.Format=n
    ResourceDisk.Filesystem=xfs
    ResourceDisk.MountPoint="/mnt/re source/"
    ResourceDisk.MountOptions=noatime,nodev
    ResourceDisk.EnableSwap=n
    ResourceDisk.SwapSizeMB=50%
    ResourceDisk.NVMe=y
    Deprovision.LockRootPassword=n
    Deprovision.PackageCaches=y
    Deprovision.OnReboot=y
    Deprovision.TimeoutSeconds=600
    """
    assert all(f"{key}=" in lines for key in KEYS)
    assert load(tree(tmp_path, main=lines)) == Settings(
        image_profile="hyperv",
        image_generation="2",
        image_architecture="aarch64",
        hardening_allow_change=True,
        kernel_console="ttyS1,115200n8",
        kernel_root_delay_s=0,
        kernel_early_printk=False,
        kernel_keep_crashkernel=True,
        kernel_extra_parameters=("net.ifnames=0", "nvme_core.io_timeout=240"),
        initrd_extra_modules=("nvme", "pci-hyperv"),
        initrd_build_timeout_s=86400,
        initrd_nvme=True,
        swap_keep=True,
        serial_grub_enable=False,
        serial_getty_enable=False,
        resource_disk_format=False,
        resource_disk_filesystem="xfs",
        resource_disk_mount_point=GuestPath("/mnt/re source"),
        resource_disk_mount_options=("noatime", "nodev"),
        resource_disk_enable_swap=False,
        resource_disk_swap_size=SwapSize(percent=50),
        resource_disk_nvme=True,
        deprovision_lock_root_password=False,
        deprovision_package_caches=True,
        deprovision_on_reboot=True,
        deprovision_timeout_s=600,
    )


def test_drop_ins_win_over_the_file_and_over_earlier_ones(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        main="Kernel.RootDelay=1\nKernel.EarlyPrintk=n\nInitrd.BuildTimeoutSeconds=60\n",
        b="Kernel.RootDelay=3\n",
        a="Kernel.RootDelay=2\nInitrd.BuildTimeoutSeconds=90\n",
    )
    (tmp_path / "etc/hvprep.conf.d/c.conf.disabled").write_text("nonsense")
    (tmp_path / "etc/hvprep.conf.d/.#d.conf").symlink_to("somebody@where.1")
    expected = Settings(kernel_root_delay_s=3, initrd_build_timeout_s=90, kernel_early_printk=False)
    assert load(root) == expected


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Kernel.RootDelay=7", 7),
        ("  Kernel.RootDelay \t = 7  ", 7),
        ('Kernel.RootDelay="7"', 7),
        ('Kernel.RootDelay= " 7 " # why', 7),
        ("Kernel.RootDelay=7 # why", 7),
        ("Kernel.RootDelay=7\t#why", 7),
        ("Kernel.RootDelay=7\r\n#x\r", 7),
        ("\ufeffKernel.RootDelay=7", 7),
        ("#Kernel.RootDelay=7", 300),
        ("  # Kernel.RootDelay=7\n\n \t\n", 300),
    ],
)
def test_how_a_line_may_look(tmp_path: Path, line: str, value: int) -> None:
    assert load(tree(tmp_path, main=line)).kernel_root_delay_s == value


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("auto", SwapSize()),
        ("0", SwapSize(mib=0)),
        ("16777216", SwapSize(mib=16777216)),
        ("1%", SwapSize(percent=1)),
        ("90%", SwapSize(percent=90)),
    ],
)
def test_swap_sizes(tmp_path: Path, text: str, size: SwapSize) -> None:
    root = tree(tmp_path, main=f"ResourceDisk.SwapSizeMB={text}")
    assert load(root).resource_disk_swap_size == size


@pytest.mark.parametrize("text", ["None", "", '""'])
def test_no_mount_options_as_waagent_writes_it(tmp_path: Path, text: str) -> None:
    assert load(tree(tmp_path, main=f"ResourceDisk.MountOptions={text}")).resource_disk_mount_options == ()


@pytest.mark.parametrize("text", ["/mnt", "/var/lib/docker", "/data", "/media/x y", "/mnt/%h"])
def test_mount_points(tmp_path: Path, text: str) -> None:
    found = load(tree(tmp_path, main=f"ResourceDisk.MountPoint={text}"))
    assert found.resource_disk_mount_point == GuestPath(text)


def test_an_empty_list_may_have_a_comment(tmp_path: Path) -> None:
    assert load(tree(tmp_path, main="Initrd.ExtraModules= # none")).initrd_extra_modules == ()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("Kernel.EarlyPrintk", "yes", "takes y or n, not 'yes'"),
        ("Kernel.EarlyPrintk", "true", "takes y or n, not 'true'"),
        ("Kernel.EarlyPrintk", "", "takes y or n, not ''"),
        ("Kernel.RootDelay", "abc", "takes a whole number of seconds from 0 to 3600, not 'abc'"),
        ("Kernel.RootDelay", "3601", "from 0 to 3600, not '3601'"),
        ("Kernel.RootDelay", "-1", "not '-1'"),
        ("Kernel.RootDelay", "5.0", "not '5.0'"),
        ("Kernel.RootDelay", "1_0", "not '1_0'"),
        ("Kernel.RootDelay", "\u0663", "not '\u0663'"),
        ("Kernel.RootDelay", "9" * 5000, "not '" + "9" * 59 + "\u2026'"),
        ("Kernel.RootDelay", "7#why", "not '7#why'"),
        ("Initrd.BuildTimeoutSeconds", "9", "from 10 to 86400, not '9'"),
        ("Kernel.Console", "console=ttyS0", "takes auto, or a value of console= such as ttyS1,115200n8"),
        ("Kernel.Console", "ttyS0,fast", "not 'ttyS0,fast'"),
        ("Kernel.Console", "ttyS0 quiet", "not 'ttyS0 quiet'"),
        ("Kernel.ExtraParameters", "a=1 b=$(reboot)", "not 'b=$(reboot)'"),
        ("Kernel.ExtraParameters", "console=tty0", "without 'console=tty0': Kernel.Console sets it"),
        ("Kernel.ExtraParameters", "x quiet", "without 'quiet': hvprep removes it"),
        ("Kernel.ExtraParameters", "crashkernel=auto", "Kernel.KeepCrashkernel keeps it"),
        ("Initrd.ExtraModules", "nvme;reboot", "not 'nvme;reboot'"),
        ("Initrd.ExtraModules", "nvme\x1b[2J", "not 'nvme\\x1b[2J'"),
        ("ResourceDisk.Filesystem", "ext3", "takes ext4, xfs or btrfs, not 'ext3'"),
        ("ResourceDisk.Filesystem", "", "not ''"),
        ("ResourceDisk.MountPoint", "mnt", "takes the absolute path of a directory, not 'mnt'"),
        ("ResourceDisk.MountPoint", "", "not ''"),
        ("ResourceDisk.MountPoint", "/mnt/x\\", "not '/mnt/x"),
        ("ResourceDisk.MountPoint", "/", "which belongs to the system"),
        ("ResourceDisk.MountPoint", "//tmp/", "which belongs to the system"),
        ("ResourceDisk.MountPoint", "/etc/x", "which belongs to the system"),
        ("ResourceDisk.MountPoint", "/mnt/../etc", "write it without .."),
        ("ResourceDisk.MountPoint", "/mnt\x7fx", "not '/mnt\\x7fx'"),
        ("ResourceDisk.MountOptions", "noatime, nodev", "not 'noatime, nodev'"),
        ("ResourceDisk.MountOptions", "noatime,", "not 'noatime,'"),
        ("ResourceDisk.MountOptions", "nodev,_netdev", "without '_netdev'"),
        ("ResourceDisk.SwapSizeMB", "2G", "takes a whole number of MiB, auto, or 1% to 90% of the disk"),
        ("ResourceDisk.SwapSizeMB", "0%", "not '0%'"),
        ("ResourceDisk.SwapSizeMB", "91%", "not '91%'"),
        ("ResourceDisk.SwapSizeMB", "16777217", "not '16777217'"),
        ("ResourceDisk.SwapSizeMB", "-1", "not '-1'"),
        ("Kernel.RootDelay", '"7', "double quotes that do not stand around its whole value"),
        ("Kernel.RootDelay", '"7"8', "double quotes that do not stand around its whole value"),
        ("Kernel.RootDelay", '"7"#8', "double quotes that do not stand around its whole value"),
    ],
)
def test_a_bad_value_names_file_line_key_and_what_was_expected(
    tmp_path: Path, key: str, value: str, words: str
) -> None:
    error = error_of(tmp_path, a=f"# first\n{key}={value}\n")
    assert error.sentence.startswith(f"/etc/hvprep.conf.d/a.conf, line 2: {key} ")
    assert words in error.sentence
    assert isinstance(error, UsageError)
    assert error.exit_status == 2


def test_crashkernel_with_a_size_of_its_own_is_a_parameter_like_others(tmp_path: Path) -> None:
    found = load(tree(tmp_path, main="Kernel.ExtraParameters=crashkernel=1G-4G:64M,4G-:128M"))
    assert found.kernel_extra_parameters == ("crashkernel=1G-4G:64M,4G-:128M",)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("Kernel.RootDela", "Kernel.RootDelay"),
        ("kernel.rootdelay", "Kernel.RootDelay"),
        ("RootDelay", "Kernel.RootDelay"),
        ("Initrd.Modules", "Initrd.ExtraModules"),
        ("SerialGetty.Enabled", "SerialGetty.Enable"),
    ],
)
def test_an_unknown_key_is_told_its_nearest(tmp_path: Path, key: str, near: str) -> None:
    error = error_of(tmp_path, main=f"\n\n{key}=1\n")
    assert error.sentence == f"/etc/hvprep.conf, line 3: '{key}' is no key that hvprep knows"
    assert error.hint == f"did you mean {near}? hvprep.conf(5) lists all keys"


def test_a_key_like_no_other_is_told_where_all_are(tmp_path: Path) -> None:
    assert error_of(tmp_path, main="Zzz=1").hint == "hvprep.conf(5) lists all keys"


@pytest.mark.parametrize("key", ["OS.RootDeviceScsiTimeout", "Debug.AgentCpuQuota", "Home.Dir"])
def test_a_key_of_waagent_is_called_that(tmp_path: Path, key: str) -> None:
    error = error_of(tmp_path, main=f"{key}=1")
    assert (
        error.sentence
        == f"/etc/hvprep.conf, line 1: {key} is a key of waagent.conf that hvprep does not have"
    )


@pytest.mark.parametrize("key", ["Provisioning.MonitorHostName", "Provisioning.Agent"])
def test_a_key_of_a_later_part_is_called_that(tmp_path: Path, key: str) -> None:
    error = error_of(tmp_path, main=f"{key}=y")
    assert error.sentence.endswith(f"{key} belongs to a part of hvprep that is not in this version")


def test_no_key_is_both_ours_and_refused() -> None:
    assert not set(KEYS) & (_LATER | _WAAGENT)
    assert not _LATER & _WAAGENT


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "Kernel.RootDelay=1\nKernel.RootDelay=1\n",
            "line 2: Kernel.RootDelay is set twice in this file, first in line 1",
        ),
        ("\nKernel.RootDelay 7\n", "line 2: 'Kernel.RootDelay 7' is not KEY=VALUE"),
        (b"# \xe9t\xe9\n", "line 1: the text is not UTF-8"),
        (b"Kernel.RootDelay=\xff\n", "line 1: the text is not UTF-8"),
        ("=7", "line 1: '' is no key that hvprep knows"),
        ("\x1b[2J=7", "line 1: '\\x1b[2J' is no key that hvprep knows"),
    ],
)
def test_a_bad_line(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    assert error_of(tmp_path, main=content).sentence == f"/etc/hvprep.conf, {sentence}"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    assert "larger than" in error_of(tmp_path, main="#" * (LIMIT_BYTES + 1)).sentence


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "etc/hvprep.conf").mkdir(parents=True)
    assert error_of(tmp_path).sentence == "/etc/hvprep.conf is not a file"
    (tmp_path / "etc/hvprep.conf").rmdir()
    (tmp_path / "etc/hvprep.conf").symlink_to("gone")
    assert error_of(tmp_path).sentence == "/etc/hvprep.conf is not a file"


def test_a_drop_in_linked_to_null_is_empty(tmp_path: Path) -> None:
    root = tree(tmp_path, main="Kernel.RootDelay=7")
    (tmp_path / "etc/hvprep.conf.d/a.conf").symlink_to("/dev/null")
    assert load(root).kernel_root_delay_s == 7


def test_a_name_that_is_no_utf_8_can_be_printed(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (tmp_path / "etc/hvprep.conf.d").joinpath(os.fsdecode(b"\xff.conf")).write_text("x")
    with pytest.raises(SettingsError) as caught:
        load(root)
    assert caught.value.sentence.encode("utf-8").startswith(rb"/etc/hvprep.conf.d/\udcff.conf, line 1")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    tree(tmp_path, main="Kernel.RootDelay=7")
    tmp_path.chmod(0o755)
    (tmp_path / "etc/hvprep.conf").chmod(0)
    program = f"""
import os
from pathlib import Path
from hvprep.settings import SettingsError, load
from hvprep.system.root import Root
root = Root(Path({str(tmp_path)!r}))
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    load(root)
except SettingsError as error:
    print(error.sentence)
"""
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT / "agent")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "/etc/hvprep.conf cannot be read: Permission denied\n"


# The table, and what is made from it.


@pytest.mark.parametrize("setting", TABLE, ids=KEYS)
def test_a_line_of_the_table_is_whole(setting: Any) -> None:
    assert setting.section in SECTIONS
    assert setting.help.endswith(".")
    assert setting.form.parse(setting.form.render(setting.default)) == setting.default
    assert getattr(Settings(), setting.attribute) == setting.default


def test_sections_stand_together() -> None:
    sections = [setting.section for setting in TABLE]
    assert list(dict.fromkeys(sections)) == sorted(set(sections), key=sections.index) == list(SECTIONS)
    assert sections == sorted(sections, key=list(SECTIONS).index)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("conf/hvprep.conf", settings.render_conf()),
        ("packaging/man/hvprep.conf.5.rst", settings.render_man()),
    ],
)
def test_the_shipped_documents_are_made_from_the_table(path: str, made: str) -> None:
    assert (CHECKOUT / path).read_text("utf-8") == made, f"{path} is old: make it anew with ./dev conf"


def test_the_shipped_file_says_what_holds_anyway(tmp_path: Path) -> None:
    conf = settings.render_conf()
    assert load(tree(tmp_path, main=conf)) == Settings()
    lines = [line[1:] for line in conf.splitlines() if line.startswith("#") and line[1:2].isalpha()]
    assert [line.partition("=")[0] for line in lines] == KEYS
    assert load(tree(tmp_path, main="\n".join(lines))) == Settings()


def test_the_man_page_has_every_key_and_default() -> None:
    page = settings.render_man()
    for setting in TABLE:
        assert page.count(f"\n**{setting.key}=**\n") == 1
        assert f"Default: {setting.form.render(setting.default) or 'empty'}." in page


# Whatever the bytes are, the answer is Settings or SettingsError.

_VALUES = st.sampled_from(
    ["y", "n", "0", "300", '"', "#", " #", "auto", "ttyS0", "nvme", "=", "\x1c", "\u2028", "quiet"]
)
_LINES = st.builds(
    lambda key, sign, value: key + sign + value,
    st.sampled_from([*KEYS, *sorted(_LATER), "Debug.X", "", "\ufeff", "\x85"]),
    st.sampled_from(["=", " = ", "", "=="]),
    st.one_of(st.text(max_size=8), st.lists(_VALUES, max_size=3).map("".join)),
)


@given(st.one_of(st.binary(max_size=64), st.lists(_LINES, max_size=4).map("\n".join).map(str.encode)))
def test_arbitrary_bytes_give_settings_or_a_settings_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = tree(Path(directory), main=content, a=content)
        found, sentence = settings_or_sentence(root)
        assert sentence.startswith("/etc/hvprep.conf") == (found is None)
        assert sentence.isprintable()
        if found is not None:
            lines = "".join(
                f"{each.key}={each.form.render(getattr(found, each.attribute))}\n" for each in TABLE
            )
            assert load(tree(Path(directory), main=lines, a=b"")) == found


def settings_or_sentence(root: Root) -> tuple[Settings | None, str]:
    try:
        return load(root), ""
    except SettingsError as error:
        return None, error.sentence
