"""The temporary disk through its life: new, known, replaced, somebody else's; and what is refused."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from hvprep.resourcedisk.verdict import FILE_SYSTEM_LABEL, PARTITION_NAME

from tests.chroot.guest import environment
from tests.chroot.resource_disk import (
    MIB,
    WHERE,
    AzureMachine,
    azure_machine,
    blkid,
    mounts,
    run,
    swaps,
)

SWAP = "/mnt/resource/hvprep-swapfile"
README = WHERE / "DATALOSS_WARNING_README.txt"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AzureMachine]:
    with azure_machine(tmp_path) as machine:
        yield machine


def record_calls(machine: AzureMachine, *names: str) -> Path:
    """Has these programs leave a line when they are started."""
    log = machine.state / "calls"
    log.touch()
    for name in names:
        real = run("which", name).strip()
        machine.put_shadow(name, f'#!/bin/sh\necho {name} "$@" >>{log}\nexec {real} "$@"\n')
    return log


def in_use(machine: AzureMachine) -> Dict[str, str]:
    """What blkid says of the one partition, which is mounted where it should be."""
    assert (machine.partition, str(WHERE)) in mounts()
    return blkid(machine.partition)


def test_the_disk_of_the_platform_becomes_ours(machine: AzureMachine) -> None:
    machine.put_ntfs()
    done = machine.hvprep()
    assert done.status == 0, done
    assert done.errors == ""
    found = in_use(machine)
    assert (found["TYPE"], found["LABEL"]) == ("ext4", FILE_SYSTEM_LABEL)
    (entry,) = machine.table()
    assert entry["name"] == PARTITION_NAME
    assert entry["start"] * 512 == MIB
    assert entry["size"] * 512 > machine.raw.stat().st_size - 3 * MIB
    assert README.read_text().startswith("WARNING: THIS IS A TEMPORARY DISK")
    assert stat.S_IMODE(README.stat().st_mode) == 0o644
    assert (WHERE / "lost+found").is_dir()
    size_kib, priority = swaps()[SWAP]
    assert (size_kib, priority) == (64 * 1024 - os.sysconf("SC_PAGE_SIZE") // 1024, 10)
    assert stat.S_IMODE(os.stat(SWAP).st_mode) == 0o600
    assert os.stat(SWAP).st_dev == os.stat(WHERE).st_dev != os.stat("/mnt").st_dev


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_every_file_system(machine: AzureMachine, kind: str) -> None:
    machine.settings(
        f"ResourceDisk.Filesystem={kind}\nResourceDisk.SwapSizeMB=32\nResourceDisk.MountOptions=noatime\n"
    )
    machine.put_ntfs()
    done = machine.hvprep()
    assert done.status == 0, done
    assert (in_use(machine)["TYPE"], in_use(machine)["LABEL"]) == (kind, FILE_SYSTEM_LABEL)
    assert list(swaps()) == [SWAP]
    options = next(
        line.split()[3] for line in Path("/proc/self/mounts").read_text().splitlines() if str(WHERE) in line
    )
    assert "noatime" in options.split(",")
    if kind == "btrfs":
        assert "C" in run("lsattr", SWAP).split()[0], "without copy on write"


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_the_second_run_and_the_next_boot_touch_nothing(machine: AzureMachine, kind: str) -> None:
    machine.settings(f"ResourceDisk.Filesystem={kind}\nResourceDisk.SwapSizeMB=32\n")
    assert machine.hvprep().status == 0
    uuid, inode = in_use(machine)["UUID"], os.stat(SWAP).st_ino
    written = os.stat(SWAP).st_mtime_ns, os.stat(README).st_mtime_ns
    log = record_calls(machine, "sfdisk", "wipefs", f"mkfs.{kind}", "mkswap", "mount", "blkid")
    done = machine.hvprep()
    assert (done.status, log.read_text()) == (0, "")
    assert done.output.startswith(f"nothing to do: {machine.partition} is mounted on {WHERE}, 32 MiB of swap")
    machine.end_boot()
    assert (machine.partition, str(WHERE)) not in mounts()
    done = machine.hvprep()
    assert done.status == 0, done
    assert [line.split()[0] for line in log.read_text().splitlines() if "blkid" not in line] == ["mount"]
    assert (in_use(machine)["UUID"], os.stat(SWAP).st_ino) == (uuid, inode)
    assert (os.stat(SWAP).st_mtime_ns, os.stat(README).st_mtime_ns) == written
    assert list(swaps()) == [SWAP]


def test_a_disk_that_was_unmounted_is_mounted_again(machine: AzureMachine) -> None:
    machine.settings("ResourceDisk.EnableSwap=n\n")
    assert machine.hvprep().status == 0
    run("umount", str(WHERE))
    done = machine.hvprep()
    assert (done.status, done.output) == (0, f"{machine.partition} is mounted on {WHERE} (ext4)\n")
    in_use(machine)


def test_after_redeploying_the_new_disk_is_formatted(machine: AzureMachine) -> None:
    assert machine.hvprep().status == 0
    uuid = in_use(machine)["UUID"]
    machine.replace_disk()
    machine.put_ntfs()
    done = machine.hvprep()
    assert done.status == 0, done
    assert in_use(machine)["UUID"] != uuid
    assert list(swaps()) == [SWAP]


def test_a_file_system_that_somebody_made_is_mounted_as_it_is(machine: AzureMachine) -> None:
    node = machine.put_file_system("mkfs.ext4", "-q", "-L", "mine")
    uuid = blkid(node)["UUID"]
    done = machine.hvprep()
    assert done.status == 0, done
    assert (in_use(machine)["UUID"], in_use(machine)["LABEL"]) == (uuid, "mine")
    assert f"UUID={uuid} {WHERE} ext4 " in Path("/etc/fstab").read_text()
    assert list(swaps()) == [SWAP]


def put_file(machine: AzureMachine, node: str, name: str) -> None:
    """A file of a user's on an NTFS: the kernel here mounts none, ntfs-3g's own tool writes to it."""
    (machine.state / "file").write_text("precious\n")
    run("ntfscp", "-f", node, str(machine.state / "file"), name)


def test_a_file_on_the_ntfs_is_never_lost(machine: AzureMachine) -> None:
    put_file(machine, machine.put_ntfs(), "thesis.doc")
    before = machine.digest()
    done = machine.hvprep()
    assert done.status == 1
    assert "thesis.doc" in done.errors
    assert machine.digest() == before
    assert swaps() == {}


def test_a_broken_file_system_of_ours_is_not_formatted(machine: AzureMachine) -> None:
    """A failed mount never leads to mkfs."""
    assert machine.hvprep().status == 0
    node = machine.partition
    machine.end_boot()
    block = int(run("dumpe2fs", "-h", node).partition("Block size:")[2].split()[0])
    # The group descriptors follow the block with the superblock, which blkid reads.
    with Path(node).open("r+b") as stream:
        stream.seek(max(2048, block))
        stream.write(b"\xff" * block)
    before = machine.digest()
    log = record_calls(machine, "sfdisk", "wipefs", "mkfs.ext4", "mkswap")
    done = machine.hvprep()
    assert done.status == 1
    assert "mount" in done.errors
    assert log.read_text() == ""
    assert machine.digest() == before
    assert swaps() == {}


def test_a_mount_point_that_holds_files_is_not_covered_over(machine: AzureMachine) -> None:
    WHERE.mkdir()
    for name in ("one", "two", "three", "four", "five", "six", "DATALOSS_WARNING_README.txt"):
        (WHERE / name).write_text("x")
    before = machine.digest()
    done = machine.hvprep()
    assert done.status == 1
    assert (
        f"{WHERE} holds files, which the disk would hide: 'five', 'four', 'one', 'six', 'three' and 1 more"
        in done.errors
    )
    assert machine.digest() == before, "not even formatted"
    for name in ("one", "two", "three", "four", "five", "six"):
        (WHERE / name).unlink()
    assert machine.hvprep().status == 0, "a readme of that kind is no file of anybody"


def test_a_mount_point_that_is_no_directory(machine: AzureMachine) -> None:
    WHERE.write_text("x")
    done = machine.hvprep()
    assert done.status == 1
    assert f"{WHERE} is not a directory" in done.errors


def test_another_file_system_is_on_the_mount_point(machine: AzureMachine) -> None:
    WHERE.mkdir()
    run("mount", "-t", "tmpfs", "mine", str(WHERE))
    try:
        done = machine.hvprep()
    finally:
        run("umount", str(WHERE))
    assert done.status == 1
    assert f"another file system is mounted on {WHERE}" in done.errors


def test_a_mount_point_with_blanks_and_below_a_link(machine: AzureMachine) -> None:
    Path("/mnt/real").mkdir()
    Path("/mnt/link").symlink_to("real")
    machine.settings('ResourceDisk.MountPoint="/mnt/link/a disk"\nResourceDisk.SwapSizeMB=32\n')
    done = machine.hvprep()
    assert done.status == 0, done
    assert (machine.partition, "/mnt/real/a disk") in mounts()
    assert list(swaps()) == ["/mnt/real/a disk/hvprep-swapfile"]
    assert "/mnt/real/a\\040disk ext4" in Path("/etc/fstab").read_text()
    assert machine.hvprep().output.startswith("nothing to do")
    machine.end_boot()
    assert machine.hvprep().status == 0
    assert list(swaps()) == ["/mnt/real/a disk/hvprep-swapfile"]


def test_another_mount_point_counts_from_the_next_boot(machine: AzureMachine) -> None:
    assert machine.hvprep().status == 0
    machine.settings("ResourceDisk.MountPoint=/mnt/scratch\nResourceDisk.SwapSizeMB=64\n")
    done = machine.hvprep()
    assert done.status == 0, done
    assert "stays there until the next boot" in done.errors
    assert "stays there until the next boot" in machine.hvprep().errors, "it is told as long as it is so"
    assert list(swaps()) == [SWAP]
    machine.end_boot()
    assert machine.hvprep().status == 0
    assert (machine.partition, "/mnt/scratch") in mounts()
    lines = [line for line in Path("/etc/fstab").read_text().splitlines() if "comment=hvprep" in line]
    assert [line.split()[1] for line in lines] == ["/mnt/scratch"], "the old line went"


def test_a_line_of_fstab_survives(machine: AzureMachine) -> None:
    Path("/etc/fstab").write_text("# mine\nUUID=1 / ext4 defaults 0 1")
    Path("/etc/fstab").chmod(0o640)
    assert machine.hvprep().status == 0
    text = Path("/etc/fstab").read_text()
    assert text.startswith(
        "# mine\nUUID=1 / ext4 defaults 0 1\n"
        "LABEL=hvprep-temp /mnt/resource ext4 defaults,nofail,comment=hvprep 0 0\n"
    )
    assert stat.S_IMODE(Path("/etc/fstab").stat().st_mode) == 0o640
    argv = ["findmnt", "--verify", "--tab-file", "/etc/fstab", str(WHERE)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "0 parse errors" in done.stderr, "without udev it sees no label"


def test_format_n_leaves_the_disk_alone(machine: AzureMachine) -> None:
    machine.settings("ResourceDisk.Format=n\n")
    machine.put_ntfs()
    before = machine.digest()
    done = machine.hvprep()
    assert done.status == 0, done
    assert "ResourceDisk.Format=n" in done.errors
    assert machine.digest() == before
    assert swaps() == {}


def test_the_line_of_fstab_goes_with_the_disk(machine: AzureMachine) -> None:
    """It is another's now: the next boot must not mount it for us."""
    Path("/etc/fstab").write_text("# mine\n")
    assert machine.hvprep().status == 0
    assert "comment=hvprep" in Path("/etc/fstab").read_text()
    machine.settings("ResourceDisk.Format=n\n")
    assert machine.hvprep().status == 0
    assert Path("/etc/fstab").read_text() == "# mine\n"
    assert list(swaps()) == [SWAP], "what is mounted stays so"


def test_off_azure_only_our_own_label_is_mounted(machine: AzureMachine) -> None:
    """On a Hyper-V of one's own the same place is anybody's second disk."""
    tag = Path(os.path.realpath("/sys/class/dmi/id")) / "chassis_asset_tag"
    azure = tag.read_text()
    tag.write_text("1234\n")
    before = machine.digest()
    done = machine.hvprep()
    assert done.status == 0, done
    assert "this is not Azure" in done.errors
    assert machine.digest() == before
    tag.write_text(azure)
    assert machine.hvprep().status == 0
    tag.write_text("1234\n")
    machine.end_boot()
    done = machine.hvprep()
    assert done.status == 0, done
    assert list(swaps()) == [SWAP]


def test_a_size_without_such_a_disk_is_no_fault(machine: AzureMachine) -> None:
    (Path("/sys/block/sdb")).unlink()
    done = machine.hvprep()
    assert (done.status, done.output, done.errors) == (0, "", "")
    assert "this machine has no temporary disk" in machine.hvprep("--dry-run").output


def test_a_dry_run_tells_and_changes_nothing(machine: AzureMachine) -> None:
    machine.put_ntfs()
    before = machine.digest()
    log = record_calls(machine, "sfdisk", "wipefs", "mkfs.ext4", "mkswap", "mount")
    done = machine.hvprep("--dry-run")
    lines: List[str] = [line.strip() for line in done.output.splitlines()]
    assert done.status == 0
    assert lines[-3:] == [
        f"plan       make one partition on {machine.disk}, with ext4: what is on the disk is lost",
        f"plan       mount it on {WHERE}",
        f"plan       have a swap file (64 MiB) on {WHERE}",
    ]
    assert "verdict    format: its NTFS 'Temporary Storage' holds nothing but Azure's own files" in lines
    assert (machine.digest(), log.read_text(), swaps()) == (before, "", {})
    assert not WHERE.exists()
    assert not Path("/run/hvprep").exists()


def test_labels_of_selinux_are_restored(machine: AzureMachine) -> None:
    log = machine.state / "restored"
    machine.put_shadow("restorecon", f'#!/bin/sh\necho "$@" >>{log}\n')
    assert machine.hvprep().status == 0
    assert not log.exists(), "no SELinux here"
    machine.end_boot()
    enforce = Path("/sys/fs/selinux/enforce")
    enforce.parent.mkdir(parents=True)
    enforce.write_text("1")
    assert machine.hvprep().status == 0
    assert log.read_text() == f"{WHERE}\n"


def test_another_user_may_not(machine: AzureMachine) -> None:
    argv = ["setpriv", "--reuid=65534", "--clear-groups", "python3", "-m", "hvprep.cli", "resource-disk"]
    checkout = Path(__file__).parents[2]
    environment = {"PYTHONPATH": str(checkout / "agent"), "PATH": "/usr/bin:/usr/sbin"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "only root can do this" in done.stderr


def test_in_a_chroot_the_disks_are_anothers(machine: AzureMachine) -> None:
    """The chroot has mounts and processes of its own, which end with it."""
    before = machine.digest()
    Path("/mnt/root").mkdir()
    script = """set -e
        mount -t tmpfs root /mnt/root
        for name in $(ls / | grep -v mnt); do
            if [ -L /$name ]; then
                cp -P /$name /mnt/root/
            elif [ -d /$name ]; then
                mkdir /mnt/root/$name
                mount --rbind /$name /mnt/root/$name
            fi
        done
        chroot /mnt/root "$@" || exit $?
    """
    verb = [sys.executable, "-m", "hvprep.cli", "resource-disk"]
    argv = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh", *verb]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 1
    assert "this is a chroot: the disks are another system's" in done.stderr
    assert machine.digest() == before


def test_a_mount_point_that_leads_to_what_belongs_to_the_system(machine: AzureMachine) -> None:
    """The setting does not tell: a link does."""
    Path("/mnt/link").symlink_to("/usr/share")
    machine.settings("ResourceDisk.MountPoint=/mnt/link/resource\n")
    before = machine.digest()
    done = machine.hvprep()
    assert done.status == 1
    assert "/usr/share/resource belongs to the system, no disk is mounted over it" in done.errors
    assert machine.digest() == before
