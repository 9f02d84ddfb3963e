"""no-os-disk-swap: what swaps to the system's disk, what would resume from it, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest
from hvprep.errors import ChangeFailed
from hvprep.facts.live import Swap
from hvprep.model.change import Build, Run
from hvprep.model.finding import Finding, Verdict
from hvprep.model.node import GuestPath

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.standins.initrd_generator import archive, close
from tests.trees.tree import add_to_tree, make_tree
from tests.unit.sysfs import GIB, Machine, generation_1

STEP = "no-os-disk-swap"
KERNEL = "6.1.0-56-amd64"
ROOT = "UUID=6d1f3b52-8c0e-4d7a-9a51-2f60c4b7e913 / ext4 errors=remount-ro 0 1\n"
TAG = " # hvprep: no swap on the system's disk"
MARK = "none swap noauto 0 0 # hvprep: else systemd-gpt-auto-generator(8) uses it"
SWAP = "UUID=0c5e1a2b-1111-4222-8333-444455556666"
GPT_AUTO = "file /usr/lib/systemd/system-generators/systemd-gpt-auto-generator 0755\n|x\n"
SYSTEMD = "file /usr/lib/systemd/system/basic.target\n|[Unit]\nfile /usr/lib/systemd/systemd 0755\n|x\n"
SERVICES = "/usr/lib/systemd/system"
WANTS = "/etc/systemd/system/multi-user.target.wants"
#: Who mounts the temporary disk at boot.
HVPREP = (
    f"{SYSTEMD}file {SERVICES}/hvprep-resource-disk.service\n|[Unit]\n"
    f"link {WANTS}/hvprep-resource-disk.service /x\n"
)
CLOUD_INIT = (
    f"{SYSTEMD}elf /usr/bin/cloud-init x86_64\nfile {SERVICES}/cloud-init-local.service\n|[Unit]\n"
    f"link {WANTS}/cloud-init-local.service /x\n"
)
WAAGENT = (
    f"{SYSTEMD}elf /usr/sbin/waagent x86_64\nfile {SERVICES}/waagent.service\n|[Unit]\n"
    f"link {WANTS}/waagent.service /x\nfile /etc/waagent.conf\n|ResourceDisk.Format="
)
VM_UTILS = (
    f"{SYSTEMD}file {SERVICES}/azure-ephemeral-disk-setup.service\n|[Unit]\n"
    f"link {WANTS}/azure-ephemeral-disk-setup.service /x\n"
    "file /etc/azure-ephemeral-disk-setup.conf\n|AZURE_EPHEMERAL_DISK_SETUP_SCSI_RESOURCE=true\n"
)
RESUME = "etc/initramfs-tools/conf.d/resume"
IMAGE = f"boot/initrd.img-{KERNEL}"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A system of which nothing boots."""
    rig = Rig(make_tree("small-system", tmp_path / "root"), only=STEP)
    add_to_tree(rig.root, f"dir /boot\nfile /etc/fstab\n|{ROOT}")
    return rig


@pytest.fixture
def whole(tmp_path: Path) -> Rig:
    """Debian 12 with initramfs-tools and GRUB."""
    return Rig(make_tree("debian-12-initramfs-tools", tmp_path / "root"), only=STEP)


def fstab(rig: Rig, *lines: str) -> None:
    (rig.root / "etc/fstab").write_bytes((ROOT + "".join(f"{line}\n" for line in lines)).encode())


def lines(rig: Rig) -> List[str]:
    """Of fstab, after the first."""
    return (rig.root / "etc/fstab").read_text().splitlines()[1:]


def judged(rig: Rig) -> Finding:
    return rig.finding(STEP)


def prepare_and_take_back(rig: Rig) -> None:
    """Prepared, judged again, and as it was; what is checked in between is up to the caller's tree."""
    before = take_snapshot(rig.root)
    rig.prepare()
    assert judged(rig).verdict is Verdict.MET, judged(rig)
    assert rig.plan().changes == ()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_system_without_swap(whole: Rig) -> None:
    finding = judged(whole)
    assert (finding.verdict, finding.changes, finding.because) == (Verdict.MET, (), ())


def test_lines_of_fstab(whole: Rig) -> None:
    fstab(
        whole,
        f"{SWAP}\tnone  swap sw\t0 0",
        "# mine",
        "/swap\\040file swap swap defaults",
        "tmpfs /tmp tmpfs",
    )
    (whole.root / "swap file").write_bytes(bytes(3 << 20))
    assert (
        f"boot no longer swaps to {SWAP} and /swap file (the file, 3 MiB, stays: remove it by hand)"
        in judged(whole).because
    )
    prepare_and_take_back(whole)
    whole.prepare()
    assert lines(whole) == [
        f"# {SWAP}\tnone  swap sw\t0 0{TAG}",
        "# mine",
        f"# /swap\\040file swap swap defaults{TAG}",
        "tmpfs /tmp tmpfs",
    ]
    assert (whole.root / RESUME).read_text() == "RESUME=none\n"
    assert (whole.root / "swap file").stat().st_size == 3 << 20


def test_every_other_byte_of_fstab_stays(rig: Rig) -> None:
    before = b"# \xff\xfe\r\n\xe9 /\xe9 ext4\r\n\t/dev/sda2 none swap sw\r\n\n\n#end"
    (rig.root / "etc/fstab").write_bytes(before)
    rig.prepare()
    line = b"\t/dev/sda2 none swap sw\r\n"
    after = b"# \t/dev/sda2 none swap sw" + TAG.encode() + b"\r\n"
    assert (rig.root / "etc/fstab").read_bytes() == before.replace(line, after)


@pytest.mark.parametrize(
    "line",
    [
        "/dev/disk/azure/resource-part2 none swap sw,nofail 0 0",
        "/dev/disk/azure/local/by-serial/x none swap sw 0 0",
        "/dev/disk/cloud/azure_resource-part2 none swap sw,nofail,x-systemd.requires=cloud-init.service 0 0",
        "/mnt/resource/swapfile none swap sw 0 0",
        "/mnt/resource/deep/down/swapfile none swap sw 0 0",
        "/dev/zram0 none swap sw 0 0",
        "UUID=1-2 none swap noauto 0 0",
        "UUID=1-2 none swap sw,noauto 0 0",
        "#UUID=1-2 none swap sw 0 0",
        "swap /swap ext4 defaults 0 0",
        "/dev/sda2 swap swapfs defaults 0 0",
        "UUID=1-2 none",
    ],
)
def test_what_is_right_where_it_is(rig: Rig, line: str) -> None:
    add_to_tree(rig.root, GPT_AUTO + HVPREP)
    fstab(rig, line)
    rig.prepare()
    assert lines(rig) == [line]


@pytest.mark.parametrize("device", ["/dev/disk/azure/resource-part1", "/dev/disk/cloud/azure_resource-part1"])
def test_where_the_temporary_disk_is_mounted(rig: Rig, device: str) -> None:
    fstab(rig, f"{device} /mnt auto defaults,nofail 0 2", "/mnt/swapfile none swap sw 0 0")
    assert judged(rig).verdict is Verdict.MET
    for line in ("UUID=1 /mnt ext4 defaults,nofail 0 2", f"{device} /mnt auto noauto 0 2"):
        fstab(rig, line, "/mnt/swapfile none swap sw 0 0")
        assert judged(rig).verdict is Verdict.UNMET


def test_where_the_settings_mount_the_temporary_disk(rig: Rig) -> None:
    add_to_tree(rig.root, HVPREP + "file /etc/hvprep.conf\n|ResourceDisk.MountPoint=/scratch\n")
    fstab(rig, "/scratch/swapfile none swap sw 0 0")
    assert judged(rig).verdict is Verdict.MET
    fstab(rig, "/mnt/resource/swapfile none swap sw 0 0")
    assert judged(rig).verdict is Verdict.UNMET


def mount_unit(what: str, wants: str) -> str:
    return SYSTEMD + f"file {SERVICES}/mnt-resource.mount\n|[Mount]\n|What={what}\n{wants}"


MOUNTED = f"link {WANTS}/mnt-resource.mount /x\n"
RESOURCE = "/dev/disk/azure/resource-part1"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", ()),
        (HVPREP, ("/mnt/resource",)),
        (HVPREP.replace("link", "# link"), ()),
        (HVPREP + "file /etc/hvprep.conf\n|ResourceDisk.Format=n\n", ()),
        (WAAGENT + "n\n", ()),
        (WAAGENT + "y\n", ("/mnt/resource",)),
        (WAAGENT + "y\n|ResourceDisk.MountPoint=/scratch\n", ("/scratch",)),
        (WAAGENT + "y\nfile /var/lib/waagent/disable_agent\n", ()),
        (CLOUD_INIT, ("/mnt", "/mnt/resource")),
        (CLOUD_INIT + "file /etc/cloud/cloud-init.disabled\n", ()),
        (CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|mounts: [[ephemeral0.1, /scratch]]\n", ("/scratch",)),
        (CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|mounts: [[ephemeral0, ~]]\n", ()),
        (CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|mounts: [[ephemeral0]]\n", ()),
        (CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|mounts: [[ephemeral0, /]]\n", ()),
        (
            CLOUD_INIT + "file /etc/cloud/cloud.cfg\n|mounts: [[sdc, /scratch], x]\n",
            ("/mnt", "/mnt/resource"),
        ),
        (VM_UTILS, ("/mnt", "/mnt/resource")),
        (VM_UTILS + '|AZURE_EPHEMERAL_DISK_SETUP_MOUNT_POINT="/scratch"\n', ("/scratch",)),
        (mount_unit(RESOURCE, MOUNTED), ("/mnt/resource",)),
        (mount_unit(RESOURCE, ""), ()),
        (mount_unit("UUID=1", MOUNTED), ()),
    ],
)
def test_who_mounts_the_temporary_disk(rig: Rig, text: str, places: Sequence[str]) -> None:
    """A file is on the system's disk where nothing is mounted over it."""
    add_to_tree(rig.root, text)
    for place in ("/mnt", "/mnt/resource", "/scratch"):
        fstab(rig, f"{place}/swapfile none swap sw 0 0")
        assert judged(rig).verdict is (Verdict.MET if place in places else Verdict.UNMET), place
    fstab(rig, "/swapfile none swap sw 0 0")
    assert judged(rig).because[0].startswith("boot no longer swaps to /swapfile")


@pytest.mark.parametrize(
    "spec",
    [
        "/mnt/resource/../swapfile",
        "/mnt/resource",
        "/mnt/resourceful/swapfile",
        "/dev/mapper/vg-swap",
        "/dev/disk/by-uuid/1-2",
        "/dev/sdb2",
        "/dev/disk/cloud/azure_root-part2",
        "LABEL=swap",
        "PARTUUID=1",
        'UUID="1"',
        "swapfile",
    ],
)
def test_what_counts_as_the_systems_disk(rig: Rig, spec: str) -> None:
    add_to_tree(rig.root, HVPREP)
    fstab(rig, f"{spec} none swap sw 0 0")
    prepare_and_take_back(rig)
    rig.prepare()
    assert lines(rig) == [f"# {spec} none swap sw 0 0{TAG}"]


def test_a_temporary_disk_on_the_root_directory_is_believed_by_nobody(rig: Rig) -> None:
    fstab(rig, "/dev/disk/azure/resource-part1 / ext4 defaults", "/swapfile none swap sw 0 0")
    assert judged(rig).verdict is Verdict.UNMET


# What systemd makes of a partition table by itself.


@pytest.mark.parametrize(
    "place", ["/usr/lib/systemd", "/lib/systemd", "/usr/local/lib/systemd", "/etc/systemd"]
)
def test_the_generator_that_finds_partitions_is_kept_quiet(rig: Rig, place: str) -> None:
    program = f"{place}/system-generators/systemd-gpt-auto-generator"
    add_to_tree(rig.root, f"remove /lib\nfile {program} 0755\n|x\n")
    fstab(rig, f"{SWAP} none swap sw 0 0", "/b\\040c none swap sw", "tmpfs /tmp tmpfs")
    prepare_and_take_back(rig)
    rig.prepare()
    assert lines(rig)[1:3] == [f"# /b\\040c none swap sw{TAG}", f"/b\\040c {MARK}"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        GPT_AUTO + "link /etc/systemd/system-generators/systemd-gpt-auto-generator /dev/null\n",
        GPT_AUTO + "file /etc/systemd/system-generators/systemd-gpt-auto-generator 0644\n",
    ],
)
def test_no_line_where_there_is_no_such_generator(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text)
    fstab(rig, f"{SWAP} none swap sw 0 0")
    rig.prepare()
    assert lines(rig) == [f"# {SWAP} none swap sw 0 0{TAG}"]


@pytest.mark.parametrize("other", ["/mnt/resource/swap none swap sw 0 0", "UUID=9 none swap noauto 0 0"])
def test_no_line_where_another_one_does_it(rig: Rig, other: str) -> None:
    add_to_tree(rig.root, GPT_AUTO + HVPREP)
    fstab(rig, f"{SWAP} none swap sw 0 0", other)
    rig.prepare()
    assert lines(rig) == [f"# {SWAP} none swap sw 0 0{TAG}", other]


# Encrypted swap.


def test_the_mapping_that_only_makes_swap_goes_too(rig: Rig) -> None:
    first, second = "root UUID=1 none luks", "cryptswap1 UUID=2 /dev/urandom swap,offset=1024"
    third = "other UUID=3 /dev/urandom swap"
    (rig.root / "etc/crypttab").write_text(f"{first}\n{second}\n{third}\n")
    fstab(rig, "/dev/mapper/cryptswap1 none swap sw 0 0", "/dev/mapper/root none swap sw 0 0")
    prepare_and_take_back(rig)
    rig.prepare()
    assert (rig.root / "etc/crypttab").read_text().splitlines() == [first, f"# {second}{TAG}", third]


def test_other_mappings_stay(rig: Rig) -> None:
    (rig.root / "etc/crypttab").write_text("root UUID=1 none luks\n")
    fstab(rig, "/dev/mapper/root none swap sw 0 0")
    assert len(judged(rig).changes) == 1


# Units.

UNIT = "|[Unit]\n|Description=Swap\n|[Swap]\n|What = {}\n|[Install]\n|WantedBy=swap.target\n"
OWN = "/etc/systemd/system"


def unit(what: str = "/swapfile", directory: str = OWN, wanted_in: str = OWN) -> str:
    wants = f"link {wanted_in}/swap.target.wants/swapfile.swap {directory}/swapfile.swap\n"
    return SYSTEMD + f"file {directory}/swapfile.swap\n" + UNIT.format(what) + wants


def test_a_unit_of_the_administrators_is_disabled(rig: Rig) -> None:
    add_to_tree(rig.root, unit() + f"link {OWN}/multi-user.target.requires/swapfile.swap ../swapfile.swap\n")
    assert judged(rig).because[0] == "swapfile.swap no longer swaps to /swapfile"
    prepare_and_take_back(rig)
    rig.prepare()
    assert "What = /swapfile" in (rig.root / "etc/systemd/system/swapfile.swap").read_text()
    assert not list((rig.root / "etc/systemd/system").glob("*/swapfile.swap"))


def test_a_unit_of_a_package_that_the_administrator_enabled_is_disabled(rig: Rig) -> None:
    add_to_tree(rig.root, unit(directory="/usr/lib/systemd/system"))
    prepare_and_take_back(rig)
    rig.prepare()
    assert list((rig.root / "etc/systemd/system").rglob("swapfile.swap")) == []


@pytest.mark.parametrize("directory", ["/usr/lib/systemd/system", "/usr/local/lib/systemd/system", OWN])
def test_what_a_package_starts_is_masked(rig: Rig, directory: str) -> None:
    add_to_tree(rig.root, unit(directory=directory, wanted_in="/usr/lib/systemd/system"))
    prepare_and_take_back(rig)
    rig.prepare()
    assert (rig.root / "etc/systemd/system/swapfile.swap").readlink() == Path("/dev/null")


@pytest.mark.parametrize(
    "text",
    [
        unit("/mnt/resource/swapfile") + HVPREP,
        unit("/dev/zram0"),
        unit("/dev/disk/azure/resource-part2"),
        unit().replace("link", "# link"),
        unit(directory="/usr/lib/systemd/system") + f"link {OWN}/swapfile.swap /dev/null\n",
        unit() + f"link {OWN}/swapfile.swap /dev/null\n",
        unit() + "file /usr/sbin/init 0755\n|sysvinit\n",
    ],
    ids=["temporary", "zram", "link", "not enabled", "masked", "masked over", "no systemd"],
)
def test_units_that_are_right_or_do_nothing(rig: Rig, text: str) -> None:
    add_to_tree(rig.root, text)
    assert judged(rig).verdict is Verdict.MET


def test_the_last_what_counts(rig: Rig) -> None:
    add_to_tree(rig.root, unit("/dev/zram0\n|What=/swapfile"))
    assert judged(rig).verdict is Verdict.UNMET


@pytest.mark.parametrize("key", ["Wants", "Requires", "BindsTo", "Upholds"])
@pytest.mark.parametrize(
    "file",
    [
        f"{OWN}/mine.target",
        f"{OWN}/mine.service",
        f"{OWN}/multi-user.target.d/more.conf",
        f"{SERVICES}/multi-user.target.d/more.conf",
    ],
)
def test_a_unit_that_another_one_asks_for(rig: Rig, file: str, key: str) -> None:
    """To mask it would be no help: what requires it would fail."""
    asks = f"file {file}\n|[Unit]\n|After=x.swap\n|{key}=a.service \\\n| swapfile.swap\n"
    add_to_tree(rig.root, unit().replace("link", "# link") + asks)
    finding = judged(rig)
    name = GuestPath(file).parent.stem if "conf" in file else GuestPath(file).name
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert finding.because == (f"{file}, line 3: {name} has swapfile.swap started, which swaps to /swapfile",)
    assert finding.remedy == f"take swapfile.swap out of {key}= there"


@pytest.mark.parametrize(
    "asks",
    [
        f"file {OWN}/mine.target\n|[Unit]\n|After=swapfile.swap\n|Before=swapfile.swap\n",
        f"file {OWN}/mine.target\n|[Unit]\n|#Wants=swapfile.swap\n",
        f"file {OWN}/mine.target\n|[Unit]\n|Wants=other.swap\n",
        f"file {OWN}/hibernate.target\n|[Unit]\n|Wants=swapfile.swap\n",
        f"file {SERVICES}/mine.target\n|[Unit]\n|Wants=swapfile.swap\nlink {OWN}/mine.target /dev/null\n",
        f"file {OWN}/mine.target\n|[Unit]\n|Wants=swapfile.swap\nlink {OWN}/swapfile.swap /dev/null\n",
        f"file {OWN}/mine.target\n|[Unit]\n|Wants=swapfile.swap\n" + unit("/dev/zram0").replace("link", "#"),
    ],
)
def test_a_unit_that_is_named_and_not_started(rig: Rig, asks: str) -> None:
    add_to_tree(rig.root, unit().replace("link", "# link") + asks)
    assert judged(rig).verdict is Verdict.MET


@pytest.mark.parametrize("directory", ["multi-user.target.wants", "mine.target.requires", "x.target.upholds"])
def test_links_of_any_target(rig: Rig, directory: str) -> None:
    link = f"link {OWN}/{directory}/swapfile.swap ../swapfile.swap\n"
    add_to_tree(rig.root, unit().replace("link", "# link") + link)
    prepare_and_take_back(rig)


# Calls of swapon.


def rc_local(rig: Rig, *lines: str, path: str = "/etc/rc.local", mode: str = "0755") -> Finding:
    body = "".join(f"|{line}\n" for line in lines)
    add_to_tree(rig.root, f"{HVPREP}file {path} {mode}\n|#!/bin/sh\n{body}")
    return judged(rig)


@pytest.mark.parametrize("path", ["/etc/rc.local", "/etc/rc.d/rc.local"])
@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("swapon /swapfile", "/swapfile"),
        ("test -f /swapfile && /sbin/swapon -p 5 '/swapfile' >/dev/null 2>&1", "-p 5 /swapfile"),
        ("if [ -x /sbin/swapon ]; then swapon -L more; fi # swapon", "-L more"),
        ('bash -c "mkswap /s && swapon /s"', "/s"),
        ("echo swap on; sudo swapon /swap$i /dev/zram0; echo", None),
        ('for f in /swap*; do swapon "$f"; done', None),
        ("swapon `losetup -f --show /s`", None),
        ("swapon \\\n|  /swapfile", "/swapfile"),
        ("echo 'a # b'; swapon /mnt/swapfile", "/mnt/swapfile"),
    ],
)
def test_calls_of_swapon_in_rc_local(rig: Rig, line: str, call: Optional[str], path: str) -> None:
    finding = rc_local(rig, "# swapon /x", "a \\", "  b", line, path=path)
    assert finding.changes == ()
    assert finding.because[0].startswith(f"{path}, line 5, calls `swapon {call or ''}"), finding.because
    if call is None:
        assert finding.verdict is Verdict.NOT_ASSESSED
        assert finding.because[0].endswith(" at boot: hvprep cannot tell what that is")
    else:
        assert finding.verdict is Verdict.UNMET
        area = call.split()[-1]
        assert finding.because == (
            f"{path}, line 5, calls `swapon {call}` at boot: {area} counts as on the system's disk",
        )
        assert finding.remedy == f"take it out of {path}, line 5"


@pytest.mark.parametrize(
    "line",
    [
        "# swapon /swapfile",
        "true  # swapon /swapfile",
        "swapon -a",
        "swapon --all -e; swapon -s; swapon --show; x=$(swapon --show | wc -l); command -v swapon",
        "swapon /dev/zram0",
        "swapon -o discard -p 100 /dev/zram$i 2>/dev/null",
        "swapon /mnt/resource/swapfile",
        "swapon /dev/disk/azure/resource-part2",
        "echo please run swapon /swapfile",
        'logger "to have swap: swapon $X"',
        "[ -x /sbin/swapon ] || exit 0",
        "dphys-swapfile swapon",
        "systemctl start my-swapon /swapfile",
    ],
)
def test_lines_of_rc_local_that_swap_to_nothing_there(rig: Rig, line: str) -> None:
    assert rc_local(rig, line).verdict is Verdict.MET


def test_an_rc_local_that_is_not_run(rig: Rig) -> None:
    assert rc_local(rig, "swapon /swapfile", mode="0644").verdict is Verdict.MET
    assert rc_local(rig, "swapon /swapfile").verdict is Verdict.UNMET
    add_to_tree(rig.root, f"link {OWN}/rc-local.service /dev/null\n")
    assert judged(rig).verdict is Verdict.MET


def test_an_rc_local_by_two_names(rig: Rig) -> None:
    add_to_tree(rig.root, "link /etc/rc.local rc.d/rc.local\n")
    finding = rc_local(rig, "swapon /swapfile", path="/etc/rc.d/rc.local")
    assert [each.partition(",")[0] for each in finding.because] == ["/etc/rc.d/rc.local"]


@pytest.mark.parametrize("directory", [OWN, SERVICES])
@pytest.mark.parametrize(
    "command",
    [
        "ExecStart=/sbin/swapon /swapfile",
        "ExecStart = -/sbin/swapon \\\n| /swapfile",
        "ExecStartPre=+/bin/sh -c 'fallocate -l 1G /swapfile; swapon /swapfile'",
        "ExecStartPost=/sbin/swapon -p 1 /swapfile",
    ],
)
def test_calls_of_swapon_in_services(rig: Rig, command: str, directory: str) -> None:
    service = f"{directory}/mine.service"
    add_to_tree(rig.root, f"{SYSTEMD}file {service}\n|[Service]\n|Type=oneshot\n|{command}\n")
    assert judged(rig).verdict is Verdict.MET, "it is not enabled"
    add_to_tree(rig.root, f"link {WANTS}/mine.service {service}\n")
    finding = judged(rig)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert finding.because[0].startswith(f"{service}, line 3, calls `swapon ")
    assert finding.because[0].endswith("/swapfile` at boot: /swapfile counts as on the system's disk")
    assert finding.remedy == f"take it out of {service}, line 3"


def test_calls_of_swapon_in_a_drop_in_and_a_template(rig: Rig) -> None:
    drop_in = f"{OWN}/mine.service.d/more.conf"
    add_to_tree(
        rig.root,
        f"{SYSTEMD}file {SERVICES}/mine.service\n|[Service]\nlink {WANTS}/mine.service /x\n"
        f"file {drop_in}\n|[Service]\n|ExecStartPost=/sbin/swapon /a\n"
        f"file {OWN}/swap@.service\n|[Service]\n|ExecStart=/sbin/swapon /swap-%i\n"
        f"link {WANTS}/swap@1.service /x\n",
    )
    assert [each.partition(" at boot")[0] for each in judged(rig).because] == [
        f"{OWN}/swap@.service, line 2, calls `swapon /swap-%i`",
        f"{drop_in}, line 2, calls `swapon /a`",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "|[Service]\n|#ExecStart=/sbin/swapon /swapfile\n",
        "|[Service]\n|ExecStart=/sbin/swapon /dev/zram0\n|ExecStop=/sbin/swapoff /x\n",
        "|[Service]\n|ExecStart=/sbin/swapon -a\n",
        "|[Service]\n|ExecStart=/sbin/dphys-swapfile swapon\n",
        "|[Unit]\n|Description=swapon /swapfile\n",
    ],
)
def test_services_that_swap_to_nothing_there(rig: Rig, lines: str) -> None:
    add_to_tree(rig.root, f"{SYSTEMD}file {OWN}/a.service\n{lines}link {WANTS}/a.service ../a.service\n")
    assert judged(rig).verdict is Verdict.MET


# Programs that make swap.


@pytest.mark.parametrize("name", ["swapspace", "dphys-swapfile", "systemd-swap"])
def test_services_that_make_swap_are_named(rig: Rig, name: str) -> None:
    service = f"/usr/lib/systemd/system/{name}.service"
    add_to_tree(rig.root, SYSTEMD + f"file {service}\n|[Service]\n")
    assert judged(rig).verdict is Verdict.MET
    add_to_tree(rig.root, f"link {OWN}/multi-user.target.wants/{name}.service {service}\n")
    finding = judged(rig)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert name in (finding.remedy or "")


def cloud_config(rig: Rig, **texts: str) -> Finding:
    """What is judged with these files of cloud-init's."""
    add_to_tree(rig.root, CLOUD_INIT + "dir /etc/cloud/cloud.cfg.d\n")
    for name, text in texts.items():
        (rig.root / f"etc/cloud/cloud.cfg.d/{name}.cfg").write_bytes(text.encode())
    return judged(rig)


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("swap:\n  filename: /swap.img\n  size: auto\n", "/swap.img"),
        ("swap:\r\n  filename: /s\r\n  size: auto\r\n", "/s"),
        ("users: []\nswap:   # mine\n\n   # more\n   size: 2G\n   filename: '/s' # here\nx: 1\n", "/s"),
        ('swap: {size: 1G, filename: "/s"}\n', "/s"),
        ("swap: { filename: /mnt/resource/s, size: 10M }", "/mnt/resource/s"),
        ("swap: { filename: /mnt/s, size: 0.5G }", "/mnt/s"),
        ("swap:\n  size: auto\n", "/swap.img"),
        ("swap:\n  filename: /swap.img\n  size: 0\n", None),
        ("swap:\r\n  size: 0\r\n", None),
        ("swap: {filename: /s, size: '0M'}\n", None),
        ("swap: {filename: /s, size: ~}\n", None),
        ("swap: {filename: /s}\n", None),
        ("swap: {filename: no, size: 1G}\n", None),
        ("swap: {filename: '', size: 1G}\n", None),
        ("swap: true\n", None),
        ("swap:\n", None),
        ("#swap:\n#  filename: /swap.img\n#  size: 1G", None),
        ("x:\n  swap:\n    filename: /s\n    size: 1G", None),
        ("", None),
    ],
)
def test_cloud_inits_swap_file(rig: Rig, text: str, file: Optional[str]) -> None:
    finding = cloud_config(rig, swap=text)
    if file is None:
        assert (finding.verdict, finding.because) == (Verdict.MET, ())
    else:
        path = "/etc/cloud/cloud.cfg.d/swap.cfg"
        assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
        assert finding.because == (
            f"{path}: `swap:` has cloud-init make the swap file {file}, before it mounts anything, and so on"
            " the system's disk",
        )
        assert finding.remedy == f"take `swap:` out of {path}"


def test_cloud_inits_swap_file_by_two_files(rig: Rig) -> None:
    finding = cloud_config(rig, a="swap: {filename: /s}\n", b="swap: {size: 1G}\n")
    assert finding.because[0].startswith("/etc/cloud/cloud.cfg.d/b.cfg: `swap:` has cloud-init make")
    assert "the swap file /s," in finding.because[0]
    assert cloud_config(rig, c="swap: {size: 0}\n").verdict is Verdict.MET


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("mounts: [[/swap.img, none, swap, sw]]", "/swap.img"),
        ("mounts:\r\n - [sdc, /data]\r\n - [sda2, none, 'swap']\r\n", "sda2"),
        ("mounts:\n- - /mnt/swapfile\n  - none\n  - swap\ndevice_aliases: {x: /y}\n", None),
        ("mounts: [[ephemeral0, /a], [/mnt/swapfile, none, swap]]", "/mnt/swapfile"),
        ("mounts: [[ephemeral0.1, /mnt], [ephemeral0.2, none, swap, 'sw,nofail', '0', '0']]", None),
        ("mounts: [[/dev/disk/azure/resource-part2, none, swap]]", None),
        ("mounts: [[swap, none, swap, sw, '0', '0']]", None),
        ("mounts: [[swap, none, swap]]\ndevice_aliases: {swap: /dev/sda2}", "swap"),
        ("mounts: [[x.2, none, swap]]\ndevice_aliases: {x: /dev/disk/azure/resource}", None),
        (
            "mounts: [[ephemeral0.2, none, swap]]\n"
            "datasource: {Azure: {disk_aliases: {ephemeral0: /dev/sda}}}",
            "ephemeral0.2",
        ),
        ("mounts: [[/swap.img, /swap, ext4, sw], [swap], swap, []]", None),
        ("mounts: swap", None),
        ("mounts:", None),
    ],
)
def test_cloud_inits_lines_for_fstab(rig: Rig, text: str, spec: Optional[str]) -> None:
    finding = cloud_config(rig, a=text, b="mounts_of_others: [[/swap, none, swap]]\n")
    if spec is None:
        assert (finding.verdict, finding.because) == (Verdict.MET, ())
    else:
        path = "/etc/cloud/cloud.cfg.d/a.cfg"
        number = 1 + text[: text.index(spec)].count("\n")
        assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
        assert finding.because == (
            f"{path}, line {number}: cloud-init is told to swap to {spec}, which counts as on the system's"
            " disk",
        )
        assert finding.remedy == f"take that entry out of `mounts:` in {path}"


def test_a_later_list_of_cloud_inits_is_the_one_that_counts(rig: Rig) -> None:
    assert cloud_config(rig, a="mounts: [[/s, none, swap]]").verdict is Verdict.UNMET
    assert cloud_config(rig, b="mounts: [[sdc, /data]]").verdict is Verdict.MET


@pytest.mark.parametrize(
    "off", ["file /etc/cloud/cloud-init.disabled\n", "remove /usr/bin/cloud-init\n", "# link: not enabled"]
)
def test_a_cloud_init_that_boot_does_not_start(rig: Rig, off: str) -> None:
    assert cloud_config(rig, a="swap: {size: 1G}\nmounts: [[/s, none, swap]]").verdict is Verdict.UNMET
    add_to_tree(rig.root, off)
    if "not enabled" in off:
        (rig.root / f"{WANTS[1:]}/cloud-init-local.service").unlink()
    assert judged(rig).verdict is Verdict.MET


def test_a_cloud_init_whose_files_do_not_read(rig: Rig) -> None:
    """It hides nothing else."""
    finding = cloud_config(rig, a="swap: !x {size: 1G}\n")
    assert finding.verdict is Verdict.NOT_ASSESSED
    assert finding.because[0].startswith(
        "whether cloud-init makes swap on the system's disk: /etc/cloud/cloud.cfg.d/a.cfg: line 1"
    )
    assert finding.remedy
    fstab(rig, f"{SWAP} none swap sw 0 0", "/mnt/swapfile none swap sw 0 0")
    add_to_tree(rig.root, "file /etc/rc.local 0755\n|swapon /swapfile\n")
    finding = judged(rig)
    assert finding.verdict is Verdict.UNMET
    words = [each.partition(" swap")[0] for each in finding.because]
    assert words == [
        "whether cloud-init makes",
        "/etc/rc.local, line 1, calls `swapon /swapfile` at boot: /swapfile counts as on the system's disk",
        "boot no longer",
    ]


# What resumes.


def image_with(rig: Rig, device: str, name: str = "conf/conf.d/resume") -> None:
    """The initrd of before, and a segment more that names a device."""
    more = archive({name: f"RESUME={device}\n".encode()})
    with (rig.root / IMAGE).open("ab") as stream:
        stream.write(close("gzip", more))


def test_an_initrd_that_waits_is_made_anew(whole: Rig) -> None:
    fstab(whole, f"{SWAP} none swap sw 0 0")
    (whole.root / RESUME).write_text(f"# installer\nRESUME={SWAP}\n")
    image_with(whole, SWAP)
    (build,) = [change for change in judged(whole).changes if isinstance(change, Build)]
    assert build.wants[-1] == "!resume"
    assert "ext4" in build.wants, "what it has"
    assert "hv_storvsc" not in build.wants, "what it lacks is asked for by initrd-drivers"
    assert build.why == f"/{IMAGE} waits for {SWAP} at every boot, to resume from it"


def test_the_initrd_is_made_once_for_both_requirements(whole: Rig) -> None:
    fstab(whole, f"{SWAP} none swap sw 0 0")
    (whole.root / RESUME).write_text(f"# installer\nRESUME={SWAP}\n")
    image_with(whole, SWAP)
    whole.only = f"{STEP},initrd-drivers"
    before = take_snapshot(whole.root)
    (build,) = [change.change for change in whole.plan().changes if isinstance(change.change, Build)]
    assert build.wants.count("!resume") == 1
    whole.prepare()
    assert judged(whole).verdict is whole.finding("initrd-drivers").verdict is Verdict.MET
    assert (whole.root / RESUME).read_text() == "# installer\nRESUME=none\n"
    whole.rollback()
    assert diff_snapshots(before, take_snapshot(whole.root)) == []


def test_swap_alone_when_the_drivers_are_there_already(whole: Rig) -> None:
    whole.only = f"{STEP},initrd-drivers"
    whole.prepare()
    whole.only = STEP
    image_with(whole, "UUID=gone")
    prepare_and_take_back(whole)
    whole.prepare()
    assert (whole.root / RESUME).read_text() == "RESUME=none\n"
    assert whole.finding("initrd-drivers").verdict is Verdict.MET


def test_a_generator_that_goes_on_waiting_is_taken_back(whole: Rig) -> None:
    """What names the device is out of our sight: the new image is judged, not believed."""
    whole.only = f"{STEP},initrd-drivers"
    whole.prepare()
    whole.only = STEP
    image_with(whole, SWAP)
    program = whole.root / "usr/sbin/mkinitramfs"
    text = program.read_text().replace(
        "space.update((", "space['conf/conf.d/zz'] = b'RESUME=/dev/sda2\\n'\n    space.update(("
    )
    program.write_text(text)
    before = take_snapshot(whole.root)
    with pytest.raises(ChangeFailed, match="it waits for /dev/sda2 to resume from"):
        whole.prepare()
    assert diff_snapshots(before, take_snapshot(whole.root)) == []


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("/dev/disk/cloud/azure_resource-part2 none swap sw,nofail 0 0", True),
        ("/dev/disk/azure/resource-part2 none swap sw,noauto 0 0", False),
        ("/dev/disk/azure/resource-part1 /mnt/resource auto nofail 0 2", False),
        ("/mnt/resource/swapfile none swap sw 0 0", False),
        ("/dev/zram0 none swap sw 0 0", False),
    ],
)
def test_a_swap_partition_that_comes_and_goes(whole: Rig, line: str, written: bool) -> None:
    """hooks/resume would take it for one to resume from, and the next kernel's initrd wait for it."""
    add_to_tree(whole.root, HVPREP)
    fstab(whole, line)
    assert judged(whole).verdict is (Verdict.UNMET if written else Verdict.MET)
    prepare_and_take_back(whole)
    whole.prepare()
    assert lines(whole) == [line]
    assert (whole.root / RESUME).exists() is written


def test_without_a_generator_it_is_a_finding(whole: Rig) -> None:
    image_with(whole, SWAP)
    (whole.root / "usr/sbin/mkinitramfs").unlink()
    finding = judged(whole)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert finding.remedy


@pytest.mark.parametrize("name", ["modules.dep", "kernel/drivers/hv/hv_vmbus.ko"])
def test_without_the_modules_it_is_a_finding(whole: Rig, name: str) -> None:
    """No image that lacks drivers is made for the sake of swap."""
    image_with(whole, SWAP)
    (whole.root / f"usr/lib/modules/{KERNEL}" / name).unlink()
    finding = judged(whole)
    assert not any(isinstance(change, Build) for change in finding.changes)
    assert "see initrd-drivers" in (finding.remedy or "")


def test_an_initrd_that_cannot_be_read_is_not_assessed(whole: Rig) -> None:
    (whole.root / IMAGE).write_bytes(b"hsqs" + bytes(100))
    finding = judged(whole)
    assert finding.verdict is Verdict.NOT_ASSESSED
    assert IMAGE in finding.because[0]


def test_a_device_in_the_configuration_alone(whole: Rig) -> None:
    """The initrd of the next kernel would wait."""
    (whole.root / RESUME).write_text(f"RESUME={SWAP}\n")
    prepare_and_take_back(whole)


def test_boot_entries_that_resume(whole: Rig) -> None:
    """Words are kernel-parameters' business: both say so, and one prepare does it."""
    defaults = whole.root / "etc/default/grub"
    defaults.write_text(defaults.read_text() + f'GRUB_CMDLINE_LINUX="resume={SWAP} resume_offset=12 mine"\n')
    add_to_tree(whole.root, "grub-cfg /boot/grub/grub.cfg\n")
    finding = judged(whole)
    assert finding.verdict is Verdict.UNMET
    assert any(f"carries resume={SWAP}" in each for each in finding.because)
    assert any("carries resume_offset=12" in each for each in finding.because)
    assert "kernel-parameters" in (finding.remedy or "")
    whole.only = f"{STEP},initrd-drivers,kernel-parameters"
    whole.prepare()
    assert {each.verdict for each in whole.plan().findings} == {Verdict.MET}
    text = (whole.root / "boot/grub/grub.cfg").read_text()
    assert "resume" not in text
    assert text.count(" mine ") >= 3


# Swap that is wanted.


@pytest.mark.parametrize("words", ["Swap.Keep=y", "Image.Profile=hyperv"])
def test_swap_that_is_kept(whole: Rig, words: str) -> None:
    add_to_tree(whole.root, f"file /etc/hvprep.conf\n|{words}\n")
    fstab(whole, f"{SWAP} none swap sw 0 0")
    (whole.root / RESUME).write_text(f"RESUME={SWAP}\n")
    defaults = whole.root / "etc/default/grub"
    defaults.write_text(defaults.read_text() + f'GRUB_CMDLINE_LINUX="resume={SWAP}"\n')
    add_to_tree(whole.root, "grub-cfg /boot/grub/grub.cfg\n")
    image_with(whole, SWAP)
    finding = judged(whole)
    assert (finding.verdict, finding.because) == (Verdict.NOT_APPLICABLE, (f"{words} in /etc/hvprep.conf",))
    whole.only = f"{STEP},kernel-parameters"
    whole.prepare()
    assert f"resume={SWAP}" in (whole.root / "boot/grub/grub.cfg").read_text()


def test_a_device_that_is_gone_is_found_where_swap_is_kept(whole: Rig) -> None:
    add_to_tree(
        whole.root,
        "file /etc/hvprep.conf\n|Swap.Keep=y\nlink /dev/disk/by-uuid/here ../../sda2\nfile /dev/sda2\n",
    )
    whole.live = RUNNING
    image_with(whole, "UUID=here")
    assert judged(whole).verdict is Verdict.NOT_APPLICABLE
    image_with(whole, "UUID=gone")
    finding = judged(whole)
    assert finding.verdict is Verdict.UNMET
    assert finding.because[0] == f"/{IMAGE} resumes from UUID=gone, which is not there"
    add_to_tree(whole.root, "remove /etc/hvprep.conf\n")
    assert any(
        "waits for UUID=gone at every boot, to resume from it, which is not there" in each
        for each in judged(whole).because
    )
    whole.live = None
    assert not any("not there" in each for each in judged(whole).because), "an image's /dev says nothing"


def test_a_device_of_which_udev_says_nothing(whole: Rig) -> None:
    add_to_tree(whole.root, "file /etc/hvprep.conf\n|Swap.Keep=y\n")
    whole.live = RUNNING
    image_with(whole, "UUID=gone")
    assert judged(whole).verdict is Verdict.NOT_APPLICABLE


# The running system.

SWAPOFF = 'file /usr/sbin/swapoff 0755\n|#!/bin/sh\n|echo "$@" >>"${0%/usr/sbin/swapoff}/var/off"\n'


def running(rig: Rig, *swaps: Tuple[str, int], available_bytes: Optional[int] = 4 * GIB) -> Machine:
    """On Hyper-V with sda as its disk, swapping to each (path, KiB in use)."""
    found = tuple(
        Swap(GuestPath(path), "partition" if path.startswith("/dev/") else "file", 1 << 20, used)
        for path, used in swaps
    )
    rig.live = replace(RUNNING, swaps=found, available_bytes=available_bytes)
    machine = generation_1(rig.root)
    machine.swaps(*(path for path, _ in swaps))
    add_to_tree(rig.root, SWAPOFF)
    return machine


def runs(finding: Finding) -> Sequence[Tuple[str, ...]]:
    return [change.argv for change in finding.changes if isinstance(change, Run)]


def test_swap_in_use_is_switched_off(rig: Rig) -> None:
    running(rig, ("/dev/sda2", 100), ("/swap file", 0))
    add_to_tree(rig.root, "link /dev/disk/by-uuid/1-2 ../../sda2\n")
    fstab(rig, "UUID=1-2 none swap sw 0 0", "/swap\\040file none swap sw 0 0")
    finding = judged(rig)
    assert runs(finding) == [("/usr/sbin/swapoff", "/dev/sda2"), ("/usr/sbin/swapoff", "/swap file")]
    assert [change.writes for change in finding.changes if isinstance(change, Run)] == [(), ()]
    before = take_snapshot(rig.root)
    rig.prepare()
    assert (rig.root / "var/off").read_text() == "/dev/sda2\n/swap file\n"
    (rig.root / "var/off").unlink()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_what_a_unit_switched_on_is_switched_off(rig: Rig) -> None:
    running(rig, ("/swapfile", 0))
    add_to_tree(rig.root, unit())
    assert runs(judged(rig)) == [("/usr/sbin/swapoff", "/swapfile")]


@pytest.mark.parametrize("available_bytes", [None, 0, (200 << 20) - 1])
def test_swap_that_would_not_fit_into_memory_goes_with_the_reboot(
    rig: Rig, available_bytes: Optional[int]
) -> None:
    running(rig, ("/dev/sda2", 100 << 10), available_bytes=available_bytes)
    fstab(rig, "/dev/sda2 none swap sw 0 0")
    finding = judged(rig)
    assert runs(finding) == []
    assert "the kernel still swaps to /dev/sda2, and 100 MiB there are in use" in finding.because
    rig.live = replace(rig.live or RUNNING, available_bytes=200 << 20)
    assert runs(judged(rig)) == [("/usr/sbin/swapoff", "/dev/sda2")]


def test_swap_that_nothing_explains_is_a_finding(rig: Rig) -> None:
    running(rig, ("/dev/sda2", 0), ("/var/swap", 0))
    finding = judged(rig)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert [each.partition(",")[0] for each in finding.because] == [
        "the kernel swaps to /dev/sda2",
        "the kernel swaps to /var/swap",
    ]


@pytest.mark.parametrize(
    "path", ["/dev/zram0", "/dev/sdb1", "/dev/sdaa1", "/mnt/resource/swapfile", "/data/swapfile"]
)
def test_swap_elsewhere(rig: Rig, path: str) -> None:
    machine = running(rig, (path, 0))
    machine.mounts(
        "8:2 / ext4 /dev/sda2", "65:161 /data ext4 /dev/sdaa1", "8:17 /mnt/resource ext4 /dev/sdb1"
    )
    assert judged(rig).verdict is Verdict.MET


def test_a_file_where_the_temporary_disk_is_not_mounted(rig: Rig) -> None:
    machine = running(rig, ("/mnt/resource/swapfile", 0))
    machine.mounts("8:2 / ext4 /dev/sda2")
    assert "nothing in /etc/fstab or systemd's units says why" in judged(rig).because[0]
    add_to_tree(rig.root, HVPREP)
    finding = judged(rig)
    assert finding.verdict is Verdict.UNMET
    why = "the kernel swaps to /mnt/resource/swapfile, and the temporary disk is not mounted there"
    assert finding.because == (why,)


def test_a_temporary_disk_beside_a_root_that_is_not_to_be_seen(rig: Rig) -> None:
    add_to_tree(rig.root, HVPREP)
    machine = running(rig, ("/mnt/resource/swapfile", 0))
    machine.mounts("0:30 / overlay overlay")
    assert judged(rig).verdict is Verdict.UNMET
    machine.mounts("0:30 / overlay overlay", "8:17 /mnt/resource ext4 /dev/sdb1")
    assert judged(rig).verdict is Verdict.MET


def test_a_file_is_where_the_last_mount_over_it_is(rig: Rig) -> None:
    machine = running(rig, ("/data/swapfile", 0))
    machine.mounts("8:2 / ext4 /dev/sda2", "65:161 /data ext4 /dev/sdaa1", "8:1 /data ext4 /dev/sda1")
    assert judged(rig).verdict is Verdict.UNMET


def test_where_the_disk_of_the_root_is_not_to_be_seen(rig: Rig) -> None:
    machine = running(rig, ("/dev/sda2", 0), ("/swapfile", 0), ("/dev/zram0", 0))
    machine.mounts("0:30 / overlay overlay")
    assert len([each for each in judged(rig).because if "nothing in /etc/fstab" in each]) == 2


def gpt_swap(rig: Rig, number: str = "8:2") -> None:
    add_to_tree(
        rig.root,
        f"file /run/udev/data/b{number}\n|E:ID_PART_ENTRY_SCHEME=gpt\n|E:ID_PART_ENTRY_UUID=aa-bb\n"
        "|E:ID_FS_UUID=cc-dd\n|E:ID_PART_ENTRY_TYPE=0657fd6d-a4ab-43c4-84e5-0933c84b4f4f\n",
    )


def test_a_partition_that_systemd_finds_by_itself(rig: Rig) -> None:
    machine = running(rig, ("/dev/sda1", 0))
    machine.mounts("8:2 / ext4 /dev/sda2")
    gpt_swap(rig, "8:1")
    add_to_tree(rig.root, GPT_AUTO)
    (rig.root / "etc/fstab").write_text(ROOT.rstrip("\n"))
    finding = judged(rig)
    assert runs(finding) == [("/usr/sbin/swapoff", "/dev/sda1")]
    rig.prepare()
    assert lines(rig) == [f"PARTUUID=aa-bb {MARK}"]
    rig.live = replace(rig.live or RUNNING, swaps=())
    assert judged(rig).verdict is Verdict.MET
    assert judged(rig).because == (
        "/dev/sda1 is a partition for swap, which boot does not use: its space is lost to the image",
    )
    rig.rollback()
    assert (rig.root / "etc/fstab").read_text() == ROOT.rstrip("\n")


def test_a_partition_that_systemd_leaves_alone(rig: Rig) -> None:
    """Another disk's, another type, or no generator: nothing is written."""
    machine = running(rig)
    machine.mounts("8:2 / ext4 /dev/sda2")
    gpt_swap(rig, "8:17")
    add_to_tree(rig.root, "file /run/udev/data/b8:1\n|E:ID_PART_ENTRY_TYPE=0x82\n" + GPT_AUTO)
    assert judged(rig).verdict is Verdict.MET
    gpt_swap(rig, "8:1")
    assert judged(rig).verdict is Verdict.UNMET
    (rig.root / "usr/lib/systemd/system-generators/systemd-gpt-auto-generator").unlink()
    assert judged(rig).verdict is Verdict.MET


# What cannot be judged, and what is hostile.


def test_a_table_that_no_crypttab_is(rig: Rig) -> None:
    fstab(rig, "/dev/mapper/a none swap sw")
    with (rig.root / "etc/crypttab").open("wb") as stream:
        stream.truncate(17 << 20)
    assert judged(rig).verdict is Verdict.NOT_ASSESSED


def test_a_table_that_is_a_link_out_of_the_root(rig: Rig, tmp_path: Path) -> None:
    outside = tmp_path / "fstab"
    outside.write_text("/dev/sda2 none swap sw 0 0\n")
    (rig.root / "etc/fstab").unlink()
    (rig.root / "etc/fstab").symlink_to(outside)
    assert judged(rig).verdict is Verdict.MET
    assert outside.read_text() == "/dev/sda2 none swap sw 0 0\n"


def test_no_table_at_all(rig: Rig) -> None:
    (rig.root / "etc/fstab").unlink()
    assert judged(rig).verdict is Verdict.MET
