"""The swap file on the temporary disk, its owners' disks included; the real kernel swaps to it or refuses."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Dict, Iterator, Tuple

import pytest
from hvprep.errors import Refusal
from hvprep.facts.block_devices import DeviceMount, Storage
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.swapping import keep_swap
from hvprep.settings.resource_disk import SwapSize
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live

from tests.chroot.resource_disk import MIB, WHERE, AzureMachine, azure_machine, mounts, run, swaps
from tests.loop_device import loop

NAME, TEMPORARY = "hvprep-swapfile", ".hvprep-swapfile.hvprep-tmp"
SWAP = WHERE / NAME


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AzureMachine]:
    with azure_machine(tmp_path) as machine:
        yield machine


@pytest.fixture
def ready(machine: AzureMachine) -> AzureMachine:
    """The disk is in use, with 64 MiB of swap."""
    assert machine.hvprep().status == 0
    return machine


def with_size(machine: AzureMachine, words: str, *more: str) -> None:
    machine.settings("\n".join((f"ResourceDisk.SwapSizeMB={words}", *more, "")))


def size_of(path: Path = SWAP) -> int:
    """The file's, which the kernel swaps to."""
    assert str(path) in swaps()
    return path.stat().st_size // MIB


def label(path: Path) -> str:
    return run("blkid", "-p", "-o", "value", "-s", "LABEL", str(path)).strip()


def mounted_by(machine: AzureMachine, where: str, *make: str, options: str = "defaults") -> str:
    """The disk with a file system of somebody else's, who has mounted it there."""
    node = machine.put_file_system(*make)
    Path(where).mkdir(exist_ok=True)
    run("mount", "-o", options, node, where)
    return node


def test_the_size_follows_the_setting(ready: AzureMachine) -> None:
    assert size_of() == 64
    for words, size in (("96", 96), ("32", 32), ("10%", 74), ("500", 500), ("560", 560)):
        with_size(ready, words)
        done = ready.hvprep()
        assert done.status == 0, done
        assert abs(size_of() - size) <= 2
        assert list(swaps()) == [str(SWAP)]
        assert label(SWAP) == "hvprep-swap"
        assert not (WHERE / TEMPORARY).exists()
        assert ready.hvprep().output.startswith("nothing to do"), "and then it stays so"


def test_by_the_memory(machine: AzureMachine) -> None:
    """This machine has more of it than the disk has room."""
    with_size(machine, "auto")
    done = machine.hvprep()
    assert done.status == 0, done
    assert "there is no room for more" in done.output
    status = os.statvfs(WHERE)
    margin = status.f_blocks * status.f_frsize // 10
    assert 0 <= status.f_bavail * status.f_frsize - margin < 2 * MIB
    size = size_of()
    machine.end_boot()
    (WHERE / "x").parent.mkdir(exist_ok=True)
    assert machine.hvprep().status == 0
    assert size_of() == size, "it is not made anew for a few blocks"


def test_what_others_write_takes_nothing_from_it(ready: AzureMachine) -> None:
    """And it takes nothing from them."""
    with_size(ready, "600")
    assert ready.hvprep().status == 0
    size, inode = size_of(), SWAP.stat().st_ino
    status = os.statvfs(WHERE)
    with (WHERE / "data").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, status.f_bavail * status.f_frsize)
    ready.end_boot()
    done = ready.hvprep()
    assert done.status == 0, done
    assert (size_of(), SWAP.stat().st_ino) == (size, inode)


def test_a_full_disk_is_told(machine: AzureMachine) -> None:
    node = mounted_by(machine, str(WHERE), "mkfs.ext4", "-q")
    status = os.statvfs(WHERE)
    with (WHERE / "data").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, status.f_bavail * status.f_frsize - 20 * MIB)
    done = machine.hvprep()
    assert done.status == 1
    assert re.search(f"{WHERE} has (19|20) MiB free, too little for a swap file", done.errors)
    assert swaps() == {}
    assert (node, str(WHERE)) in mounts()
    assert not SWAP.exists()


@pytest.mark.parametrize("words", ["ResourceDisk.EnableSwap=n", "ResourceDisk.SwapSizeMB=0"])
def test_without_swap_ours_goes_and_another_stays(ready: AzureMachine, words: str) -> None:
    other = Path("/mnt/other")
    Path("/mnt/disk").mkdir()
    with loop_file_system(ready, "/mnt/disk"):
        other = Path("/mnt/disk/other")
        run("fallocate", "--length", "16M", str(other))
        other.chmod(0o600)
        run("mkswap", str(other))
        run("swapon", str(other))
        ready.settings(f"{words}\n")
        done = ready.hvprep()
        assert done.status == 0, done
        assert "the swap file of hvprep on /mnt/resource is gone" in done.output
        assert list(swaps()) == [str(other)]
        assert not SWAP.exists()
        assert ready.hvprep().output.endswith("without swap of hvprep\n")
        run("swapoff", str(other))


@contextlib.contextmanager
def loop_file_system(machine: AzureMachine, where: str) -> Iterator[None]:
    """A second disk of the machine, which is none of hvprep's business."""
    raw = machine.state / "other.raw"
    run("truncate", "--size", "64M", str(raw))
    run("mkfs.ext4", "-q", str(raw))
    with loop(raw) as node:
        run("mount", str(node), where)
        try:
            yield
        finally:
            run("umount", where)


def test_what_an_interrupted_run_left_is_cleared_away(ready: AzureMachine) -> None:
    with_size(ready, "80")
    (WHERE / TEMPORARY).write_bytes(b"half")
    assert ready.hvprep().status == 0
    assert size_of() == 80
    assert not (WHERE / TEMPORARY).exists()


@pytest.mark.parametrize(
    ("content", "size_mib"),
    [
        (b"", 0),
        (b"\0" * 65536, 0),
        (b"x" * 4086 + b"SWAPSPACE2" + b"x" * 70000, 0),
        (b"", 64),
        (b"x" * 4086 + b"SWAPSPACE2" + b"x" * 70000, 64),
    ],
    ids=["empty", "zeros", "another label", "its size", "its size and another label"],
)
def test_a_file_of_that_name_without_our_header_is_made_anew(
    ready: AzureMachine, content: bytes, size_mib: int
) -> None:
    ready.end_boot()
    run("mount", ready.partition, str(WHERE))
    SWAP.unlink()
    SWAP.write_bytes(content)
    if size_mib:
        os.truncate(SWAP, size_mib * MIB)
    assert ready.hvprep().status == 0
    assert (size_of(), label(SWAP), stat.S_IMODE(SWAP.stat().st_mode)) == (64, "hvprep-swap", 0o600)


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_where_the_kernel_refuses_holes_they_are_filled(machine: AzureMachine, kind: str) -> None:
    node = mounted_by(machine, str(WHERE), f"mkfs.{kind}", "-q")
    run("truncate", "--size", "64M", str(SWAP))
    SWAP.chmod(0o600)
    run("mkswap", "-L", "hvprep-swap", str(SWAP))
    refused = subprocess.run(["swapon", str(SWAP)], capture_output=True, text=True, check=False)
    assert refused.returncode != 0, "a file with holes"
    inode = SWAP.stat().st_ino
    done = machine.hvprep()
    assert done.status == 0, done
    assert (size_of(), SWAP.stat().st_ino) == (64, inode)
    assert SWAP.stat().st_blocks * 512 >= 64 * MIB
    assert (node, str(WHERE)) in mounts()


def test_a_file_system_that_allocates_nothing_in_advance(machine: AzureMachine) -> None:
    """fallocate(2) is refused on ext3."""
    mounted_by(machine, str(WHERE), "mkfs.ext3", "-q")
    done = machine.hvprep()
    assert done.status == 0, done
    assert size_of() == 64


@pytest.mark.parametrize("trap", ["link", "hard-link", "directory", "of-another"])
def test_what_another_user_put_there_is_not_touched(machine: AzureMachine, trap: str) -> None:
    mounted_by(machine, str(WHERE), "mkfs.ext4", "-q")
    WHERE.chmod(0o777)
    precious = WHERE / "precious"
    precious.write_text("precious")
    if trap == "link":
        SWAP.symlink_to("precious")
    elif trap == "hard-link":
        os.link(precious, SWAP)
    elif trap == "directory":
        SWAP.mkdir()
    else:
        SWAP.write_text("x")
        os.chown(SWAP, 65534, 65534)
    done = machine.hvprep()
    assert done.status == 1
    assert f"{SWAP} is not a swap file of hvprep" in done.errors
    assert precious.read_text() == "precious"
    assert swaps() == {}


def test_a_link_under_the_temporary_name_is_not_followed(machine: AzureMachine) -> None:
    mounted_by(machine, str(WHERE), "mkfs.ext4", "-q")
    precious = WHERE / "precious"
    precious.write_text("precious")
    (WHERE / TEMPORARY).symlink_to("precious")
    assert machine.hvprep().status == 0
    assert precious.read_text() == "precious"
    assert size_of() == 64


def test_permissions_are_mended(ready: AzureMachine) -> None:
    ready.end_boot()
    run("mount", ready.partition, str(WHERE))
    SWAP.chmod(0o644)
    assert ready.hvprep().status == 0
    assert stat.S_IMODE(SWAP.stat().st_mode) == 0o600


def test_what_is_in_use_is_left_so_where_all_is_looked_at_anew(ready: AzureMachine) -> None:
    inode = SWAP.stat().st_ino
    Path("/run/hvprep/resource-disk.memo").unlink()
    done = ready.hvprep()
    assert (done.status, done.output) == (0, f"64 MiB of swap in {SWAP}\n"), done
    assert SWAP.stat().st_ino == inode


@pytest.mark.parametrize(("where", "kind"), [("/mnt", "ext4"), ("/mnt/resource", "btrfs")])
def test_a_mount_that_is_not_there_gets_no_swap(machine: AzureMachine, where: str, kind: str) -> None:
    """It went away since it was seen: what is below the mount point then is on the disk of the system."""
    WHERE.mkdir()
    root = Root(Path("/"))
    gone = DeviceMount("7:99", "/", GuestPath(where), kind, "/dev/loop99", ("rw",))
    with pytest.raises(Refusal, match=f"the disk is not what is mounted on {where} any more"):
        keep_swap(
            Machine(root, Runner(enter_live, {}), live=True),
            Storage((), (gone,), ()),
            gone,
            SwapSize(mib=32),
            None,
        )
    assert (swaps(), os.listdir(WHERE), os.listdir("/mnt")) == ({}, [], ["resource"])


# On a disk that another owner mounts.


def put_cloud_init_line(node: str, where: str) -> None:
    """As cc_mounts of cloud-init writes it (../shared/reference/resource-disk.md)."""
    options = "defaults,nofail,x-systemd.after=cloud-init-network.service,_netdev,comment=cloudconfig"
    Path("/etc/fstab").write_text(f"{node}\t{where}\tauto\t{options}\t0\t2\n")


def test_cloud_inits_disk_gets_our_swap_and_nothing_else(machine: AzureMachine) -> None:
    node = mounted_by(machine, "/mnt", "mkfs.ext4", "-q")
    put_cloud_init_line("/dev/disk/cloud/azure_resource-part1", "/mnt")
    before = Path("/etc/fstab").read_text()
    done = machine.hvprep()
    assert done.status == 0, done
    assert "the temporary disk is cloud-init's: line 1 of /etc/fstab mounts" in done.errors
    assert list(swaps()) == [f"/mnt/{NAME}"]
    assert sorted(os.listdir("/mnt")) == [NAME, "lost+found"]
    assert Path("/etc/fstab").read_text() == before
    assert (node, "/mnt") in mounts()


def test_a_disk_that_its_owner_has_not_mounted_is_left(machine: AzureMachine) -> None:
    node = machine.put_ntfs()
    put_cloud_init_line(node, "/mnt/x")
    before = machine.digest()
    done = machine.hvprep()
    assert done.status == 0, done
    assert "it is not mounted now, so no swap is put on it" in done.errors
    assert machine.digest() == before
    assert swaps() == {}
    assert not (Path("/mnt") / NAME).exists()


def test_an_administrators_line_makes_it_his(machine: AzureMachine) -> None:
    node = machine.put_file_system("mkfs.ext4", "-q", "-L", "scratch")
    Path("/etc/fstab").write_text(f"{node} /mnt/mine ext4 noauto 0 0\n")
    done = machine.hvprep()
    assert "the temporary disk is the administrator's: line 1 of /etc/fstab" in done.errors
    assert (done.status, swaps()) == (0, {})


def put_waagent(**values: str) -> None:
    """waagent, enabled, and no cloud-init."""
    shutil_which = Path("/usr/local/sbin/waagent")
    shutil_which.write_text("#!/bin/sh\n")
    shutil_which.chmod(0o755)
    Path("/etc/init.d").mkdir(exist_ok=True)
    unit = Path("/etc/systemd/system/waagent.service")
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text("[Service]\nExecStart=/usr/sbin/waagent -daemon\n")
    wants = Path("/etc/systemd/system/multi-user.target.wants")
    wants.mkdir(exist_ok=True)
    (wants / "waagent.service").symlink_to(unit)
    lines = "".join(f"ResourceDisk.{key}={value}\n" for key, value in values.items())
    Path("/etc/waagent.conf").write_text(lines)


@pytest.mark.parametrize(
    ("values", "ours"),
    [
        ({"Format": "y", "EnableSwap": "y", "SwapSizeMB": "32"}, False),
        ({"Format": "y", "EnableSwap": "n", "SwapSizeMB": "32"}, True),
        ({"Format": "y", "EnableSwap": "y", "SwapSizeMB": "0"}, True),
    ],
)
def test_on_waagents_disk(machine: AzureMachine, values: Dict[str, str], ours: bool) -> None:
    mounted_by(machine, str(WHERE), "mkfs.ext4", "-q")
    put_waagent(**values)
    done = machine.hvprep()
    assert done.status == 0, done
    assert "the temporary disk is waagent's: ResourceDisk.Format=y in /etc/waagent.conf" in done.errors
    assert list(swaps()) == ([str(SWAP)] if ours else [])
    assert ("puts swap on it itself" in done.errors) == (not ours)


def test_waagent_that_does_not_format_leaves_the_disk_to_us(machine: AzureMachine) -> None:
    put_waagent(Format="n")
    assert machine.hvprep().status == 0
    assert size_of() == 64


def test_where_another_program_swaps_on_the_disk_we_do_not(machine: AzureMachine) -> None:
    mounted_by(machine, str(WHERE), "mkfs.ext4", "-q")
    other = WHERE / "swapfile"
    run("fallocate", "--length", "16M", str(other))
    other.chmod(0o600)
    run("mkswap", str(other))
    run("swapon", str(other))
    done = machine.hvprep()
    assert done.status == 0, done
    assert f"another program swaps to {other} there already" in done.errors
    assert list(swaps()) == [str(other)]


def test_format_n_with_swap_on_a_disk_that_somebody_mounted(machine: AzureMachine) -> None:
    mounted_by(machine, "/mnt/data", "mkfs.xfs", "-q")
    with_size(machine, "64", "ResourceDisk.Format=n")
    done = machine.hvprep()
    assert done.status == 0, done
    assert size_of(Path("/mnt/data") / NAME) == 64
    assert machine.hvprep().output.startswith("nothing to do")


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (("mkfs.ext4", "-q"), "ro", "is mounted read-only"),
    ],
)
def test_a_mount_that_takes_no_swap_file(
    machine: AzureMachine, make: Tuple[str, ...], options: str, words: str
) -> None:
    mounted_by(machine, str(WHERE), *make, options=options)
    done = machine.hvprep()
    assert done.status == 1
    assert words in done.errors
    assert swaps() == {}


def test_never_on_the_disk_of_the_system(machine: AzureMachine) -> None:
    """The mount point is an ordinary directory of it, because mounting fails: mount(8) does nothing here."""
    machine.put_shadow("mount", "#!/bin/sh\nexit 0\n")
    done = machine.hvprep()
    assert done.status == 1
    assert f"is not mounted on {WHERE}, although it was asked for" in done.errors
    assert swaps() == {}
    assert os.listdir(WHERE) == []


def test_a_file_that_cannot_be_switched_on_is_taken_away(machine: AzureMachine) -> None:
    """btrfs swaps to no file that it keeps twice."""
    mounted_by(machine, str(WHERE), "mkfs.btrfs", "-q", "-d", "dup", "-m", "dup")
    done = machine.hvprep()
    assert done.status == 1
    assert f"the kernel does not swap to {SWAP}: Invalid argument" in done.errors
    assert swaps() == {}
    assert not SWAP.exists()
