"""What is on real block devices, and what is decided from it: made by the tools that make such disks."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterator, Sequence

import pytest
from hvprep.errors import CommandFailed, FormatError, Refusal
from hvprep.facts.block_devices import probe_storage
from hvprep.facts.storage_use import find_use
from hvprep.formats.partition_table import TableKind
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.evidence import gather_evidence
from hvprep.resourcedisk.locate import Candidate, Found
from hvprep.resourcedisk.verdict import (
    FILE_SYSTEM_LABEL,
    PARTITION_NAME,
    UNFINISHED_NAME,
    Action,
    Decision,
    Policy,
    decide,
)
from hvprep.system.device import open_device
from hvprep.system.root import Root
from hvprep.system.runner import Runner

from tests.chroot.disks import (
    DISK_BYTES,
    FILE_SYSTEMS,
    MIB,
    OTHERS,
    RAW_DATABASE,
    Disk,
    disk,
    make_ntfs,
    make_xfs,
    tool,
)
from tests.chroot.guest import mounted
from tests.loop_device import loop

AZURE = Policy(is_azure=True, may_format=True, may_format_nvme=False)
HYPER_V = replace(AZURE, is_azure=False)
#: Where Azure's hosts begin the one partition, and what the sfdisk of today proposes.
AZURES = "label: dos\nstart=128, type=7\n"
AZURES_OFFSET = 65536
OURS = f'label: gpt\nstart=2048, name="{PARTITION_NAME}"\n'
MSR = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
WINDOWS = (
    f'label: gpt\nfirst-lba: 34\nstart=34, size=32M, type={MSR}, name="Microsoft reserved partition"\n'
    'start=131072, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name="Basic data partition"\n'
)
#: One partition of NTFS, from 1 MiB to 1 MiB before the end.
MBR = struct.pack("<446xB3xB3xII48xH", 0, 7, 2048, (DISK_BYTES - 2 * MIB) // 512, 0xAA55)


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path) as made:
        yield made


def verdict(made: Disk, policy: Policy = AZURE) -> Decision:
    return decide(made.evidence(), policy)


def refusal(made: Disk) -> str:
    decision = verdict(made)
    assert decision.action is Action.REFUSE, decision
    return decision.because


@contextlib.contextmanager
def piece(made: Disk, start_bytes: int = MIB) -> Iterator[Path]:
    """The first partition of the disk as a device of its own."""
    table = made.evidence().table
    assert table is not None
    (size,) = (entry.size_bytes for entry in table.entries if entry.start_bytes == start_bytes)
    with loop(made.image, start_bytes, size) as node:
        yield node


# Azure's disks.


def test_azures_disk_as_it_comes(blank: Disk, tmp_path: Path) -> None:
    blank.partition(AZURES)
    with piece(blank, AZURES_OFFSET) as node:
        make_ntfs(node)
        readme = tmp_path / "readme"
        readme.write_text("WARNING: THIS IS A TEMPORARY DISK.\r\n")
        tool("ntfscp", str(node), str(readme), "DATALOSS_WARNING_README.txt")
    seen = blank.evidence()
    (part,) = seen.partitions
    assert seen.table is not None
    assert (seen.table.kind, seen.table.damage, seen.is_free, seen.mounts) == (TableKind.MBR, (), True, ())
    assert (part.path, part.offset_bytes, part.trouble) == (None, AZURES_OFFSET, "")
    assert part.ntfs is not None
    assert (part.ntfs.label, part.ntfs.names) == ("Temporary Storage", ("DATALOSS_WARNING_README.txt",))
    assert decide(seen, AZURE).action is Action.FORMAT
    assert decide(seen, HYPER_V).action is Action.NOTHING


def test_files_of_somebody_on_azures_disk(blank: Disk, tmp_path: Path) -> None:
    blank.partition(AZURES)
    mine = tmp_path / "mine"
    mine.write_text("precious")
    with piece(blank, AZURES_OFFSET) as node:
        make_ntfs(node)
        for name in ("thesis.odt", "\u00e4rger"):
            tool("ntfscp", str(node), str(mine), name)
    assert refusal(blank) == "somebody has put files on its NTFS: 'thesis.odt', '\u00e4rger'"


def test_azures_disk_of_three_tebibytes(tmp_path: Path) -> None:
    """GPT, a reserved partition, and data that no MBR could tell of. The file is sparse."""
    with disk(tmp_path, 3 << 40) as made:
        made.partition(WINDOWS)
        with piece(made, 64 * MIB) as node:
            make_ntfs(node, "--cluster-size", "65536")
        seen = made.evidence()
        assert seen.table is not None
        assert [entry.name for entry in seen.table.entries] == [
            "Microsoft reserved partition",
            "Basic data partition",
        ]
        assert decide(seen, AZURE).action is Action.FORMAT


def test_an_ntfs_with_another_label(blank: Disk) -> None:
    blank.partition(AZURES)
    with piece(blank, AZURES_OFFSET) as node:
        make_ntfs(node, label="Data")
    assert "'Data'" in refusal(blank)


def test_an_ntfs_whose_root_is_torn(blank: Disk) -> None:
    blank.partition(AZURES)
    with piece(blank, AZURES_OFFSET) as node:
        make_ntfs(node)
    content = blank.image.read_bytes()
    record = content.index(b"FILE", AZURES_OFFSET) + 5 * 1024
    blank.write(record + 510, b"\xaa\xaa")
    assert "was not written whole" in refusal(blank)


def test_an_ntfs_on_large_sectors(tmp_path: Path) -> None:
    with disk(tmp_path, sector_bytes=4096) as made:
        made.partition("label: gpt\n")
        made.partition("label: gpt\ntype=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n")
        assert made.device().sector_bytes == 4096
        with piece(made) as node:
            make_ntfs(node, "--sector-size", "4096", "--cluster-size", "4096")
        assert verdict(made).action is Action.FORMAT


# Blank, and what only looks like it.


def test_a_disk_that_was_never_written(blank: Disk) -> None:
    seen = blank.evidence()
    assert (seen.whole.is_blank, seen.whole.signature, seen.whole.trouble) == (True, None, "")
    assert decide(seen, AZURE).action is Action.FORMAT
    assert decide(seen, HYPER_V).action is Action.NOTHING


@pytest.mark.parametrize("at", [0, 600, 16 * MIB - 1, DISK_BYTES - 16 * MIB, DISK_BYTES - 1])
def test_one_byte_at_an_edge(blank: Disk, at: int) -> None:
    blank.write(at, b"\1")
    assert "not blank" in refusal(blank)


def test_a_raw_disk_of_a_database(blank: Disk) -> None:
    RAW_DATABASE(blank.node)
    assert "not blank" in refusal(blank)


@pytest.mark.parametrize("size", [10 * MIB, MIB, 1024])
def test_a_small_disk(tmp_path: Path, size: int) -> None:
    with disk(tmp_path, size) as made:
        assert "the least to format" in refusal(made)


@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_a_table_without_a_partition(blank: Disk, label: str) -> None:
    blank.partition(f"label: {label}\n")
    assert "without a partition" in refusal(blank)


# Others' disks.


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_a_file_system_on_the_disk_itself_is_mounted(blank: Disk, kind: str) -> None:
    FILE_SYSTEMS[kind](blank.node)
    decision = verdict(blank)
    assert (decision.action, decision.fstype, decision.is_ours) == (Action.MOUNT, kind, False)
    assert decision.path == GuestPath(blank.node)
    assert verdict(blank, HYPER_V).action is Action.NOTHING


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
@pytest.mark.parametrize("script", [AZURES.replace("128", "2048"), OURS, OURS.replace(PARTITION_NAME, "x")])
def test_a_file_system_in_a_partition_is_mounted(blank: Disk, kind: str, script: str) -> None:
    blank.partition(script)
    with piece(blank) as node:
        FILE_SYSTEMS[kind](node)
    decision = verdict(blank)
    assert (decision.action, decision.fstype, decision.is_ours) == (Action.MOUNT, kind, False)
    assert (decision.path, decision.offset_bytes) == (None, MIB)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_member_on_the_disk_itself_is_refused(blank: Disk, kind: str) -> None:
    OTHERS[kind](blank.node)
    assert kind.split()[0] in refusal(blank)


@pytest.mark.parametrize("version", ["0.90", "1.0", "1.1", "1.2"])
def test_a_superblock_of_md_that_was_written_by_hand_is_one_to_mdadm(blank: Disk, version: str) -> None:
    OTHERS[f"linux_raid_member {version}"](blank.node)
    assert f"Version : {version}" in tool("mdadm", "--examine", str(blank.node))


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", [PARTITION_NAME, UNFINISHED_NAME])
def test_a_member_in_a_partition_is_refused(blank: Disk, kind: str, name: str) -> None:
    blank.partition(OURS.replace(PARTITION_NAME, name))
    with piece(blank) as node:
        OTHERS[kind](node)
    assert kind.split()[0] in refusal(blank)


#: Those that begin behind the first sector, which a partition table takes. LVM's is none of them: LVM itself
#: takes no disk that has a partition table, and blkid does not show it there.
BEHIND_THE_TABLE = (
    "ext4",
    "btrfs",
    "linux_raid_member 0.90",
    "linux_raid_member 1.0",
    "linux_raid_member 1.2",
    "zfs_member",
    "bcache",
    "bcache cache",
    "swap",
)


@pytest.mark.parametrize("kind", BEHIND_THE_TABLE)
def test_a_signature_beside_azures_partition_is_refused(blank: Disk, kind: str) -> None:
    """Two kinds at once on one disk: which of them holds is not for us to tell."""
    (FILE_SYSTEMS.get(kind) or OTHERS[kind])(blank.node)
    blank.write(0, MBR)
    with loop(blank.image, MIB, DISK_BYTES - 2 * MIB) as node:
        make_ntfs(node)
    assert refusal(blank)
    tool("wipefs", "--quiet", "--all", str(blank.node))
    blank.write(0, MBR)
    assert verdict(blank).action is Action.FORMAT


def test_several_partitions(blank: Disk) -> None:
    blank.partition("label: gpt\nsize=100M\nsize=100M\n")
    assert "2 partitions" in refusal(blank)


def test_a_partition_table_within_a_partition(blank: Disk) -> None:
    blank.partition(OURS.replace(PARTITION_NAME, UNFINISHED_NAME))
    with piece(blank) as node:
        tool("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(node), stdin="label: gpt\nsize=9M\n")
    assert "gpt (partition-table)" in refusal(blank)


def test_a_gpt_of_which_one_copy_is_damaged(blank: Disk) -> None:
    blank.partition(OURS)
    with piece(blank) as node:
        tool("mkfs.ext4", "-q", "-F", "-L", FILE_SYSTEM_LABEL, str(node))
    blank.write(512 + 56, b"xx")
    assert "not sound" in refusal(blank)


# Ours.


@pytest.mark.parametrize("label_option", [("ext4", "-L"), ("xfs", "-L"), ("btrfs", "-L")])
@pytest.mark.parametrize("policy", [AZURE, HYPER_V])
def test_our_own_label(blank: Disk, label_option: tuple[str, str], policy: Policy) -> None:
    kind, option = label_option
    blank.partition(OURS)
    with piece(blank) as node:
        force = "-F" if kind == "ext4" else "-f"
        tool(f"mkfs.{kind}", "-q", force, option, FILE_SYSTEM_LABEL, str(node))
        uuid = tool("blkid", "-p", "-s", "UUID", "-o", "value", str(node)).strip()
    decision = verdict(blank, policy)
    assert (decision.action, decision.is_ours, decision.is_unfinished) == (Action.MOUNT, True, False)
    assert (decision.fstype, decision.label, decision.uuid) == (kind, FILE_SYSTEM_LABEL, uuid)


def test_a_format_that_was_cut_off_before_the_file_system(blank: Disk) -> None:
    blank.partition(OURS.replace(PARTITION_NAME, UNFINISHED_NAME))
    assert verdict(blank).action is Action.FORMAT
    RAW_DATABASE(blank.node)  # what mkfs had written of it, or what was there before
    blank.write(0, bytes(MIB))
    blank.partition(OURS.replace(PARTITION_NAME, UNFINISHED_NAME))
    assert verdict(blank).action is Action.FORMAT


def test_a_format_that_was_cut_off_before_its_name(blank: Disk) -> None:
    blank.partition(OURS.replace(PARTITION_NAME, UNFINISHED_NAME))
    with piece(blank) as node:
        tool("mkfs.ext4", "-q", "-F", "-L", FILE_SYSTEM_LABEL, str(node))
    decision = verdict(blank)
    assert (decision.action, decision.is_unfinished) == (Action.MOUNT, True)
    tool("sfdisk", "--quiet", "--no-reread", "--part-label", str(blank.node), "1", PARTITION_NAME)
    decision = verdict(blank)
    assert (decision.action, decision.is_unfinished) == (Action.MOUNT, False)


def test_a_file_system_of_ours_that_got_lost_is_not_made_anew(blank: Disk) -> None:
    blank.partition(OURS)
    with piece(blank) as node:
        tool("mkfs.ext4", "-q", "-F", "-L", FILE_SYSTEM_LABEL, str(node))
        tool("wipefs", "--quiet", "--all", str(node))
    assert "its partition holds" in refusal(blank)


# With partitions that the kernel knows.


@pytest.mark.parametrize("kind", ["ext4", "btrfs"])
def test_a_partition_that_the_kernel_knows(blank: Disk, tmp_path: Path, kind: str) -> None:
    blank.partition(AZURES)
    blank.tell_kernel()
    node = Path(f"{blank.node}p1")
    (part,) = blank.device().partitions
    assert (str(part.path), part.start_bytes, part.number) == (str(node), AZURES_OFFSET, 1)
    FILE_SYSTEMS[kind](node)
    decision = verdict(blank)
    assert (decision.action, decision.path) == (Action.MOUNT, GuestPath(node))
    place = tmp_path / "place"
    place.mkdir()
    with mounted(str(node), place):
        seen = blank.evidence()
        assert [str(mount.mountpoint) for mount in seen.mounts] == [str(place)]
        assert seen.is_free is False
        decision = decide(seen, AZURE)
    assert (decision.action, decision.path) == (Action.USE_MOUNTED, GuestPath(node))
    assert (decision.mountpoint, decision.fstype) == (GuestPath(place), kind)


def test_ours_is_known_where_it_is_mounted(blank: Disk, tmp_path: Path) -> None:
    blank.partition(OURS)
    blank.tell_kernel()
    tool("mkfs.ext4", "-q", "-F", "-L", FILE_SYSTEM_LABEL, f"{blank.node}p1")
    with mounted(f"{blank.node}p1", tmp_path):
        decision = verdict(blank, HYPER_V)
    assert (decision.action, decision.is_ours) == (Action.USE_MOUNTED, True)


def test_a_kernel_that_has_an_older_table_in_mind(blank: Disk) -> None:
    """Its node is of another place on the disk: it is not what the table tells of."""
    blank.partition("label: gpt\nstart=4096\n")
    blank.tell_kernel()
    blank.partition(OURS)
    assert [part.path for part in blank.evidence().partitions] == [None]


def test_swap_on_a_partition(blank: Disk) -> None:
    blank.partition(AZURES)
    blank.tell_kernel()
    node = f"{blank.node}p1"
    tool("mkswap", node)
    tool("swapon", node)
    try:
        use = find_use(probe_storage(Root(Path("/"))), blank.device())
    finally:
        tool("swapoff", node)
    assert [str(swap.path) for swap in use.swaps] == [node]


# In use.


def test_a_mounted_disk_is_used_and_not_touched(blank: Disk, tmp_path: Path) -> None:
    tool("mkfs.ext4", "-q", "-F", str(blank.node))
    place = tmp_path / "a place"
    place.mkdir()
    with mounted(str(blank.node), place):
        seen = blank.evidence()
        decision = decide(seen, AZURE)
        assert (decision.action, decision.mountpoint) == (Action.USE_MOUNTED, GuestPath(place))
        assert seen.is_free is False
        assert decide(seen, HYPER_V).action is Action.NOTHING
    assert verdict(blank).action is Action.MOUNT


def test_a_mounted_btrfs_has_another_number(blank: Disk, tmp_path: Path) -> None:
    FILE_SYSTEMS["btrfs"](blank.node)
    place = tmp_path / "place"
    place.mkdir()
    with mounted(str(blank.node), place):
        (mount,) = blank.evidence().mounts
        assert mount.device_number.startswith("0:")
        assert verdict(blank).action is Action.USE_MOUNTED


def test_a_mount_that_we_do_not_see(blank: Disk, tmp_path: Path) -> None:
    """Another namespace has it mounted: only the kernel knows."""
    make_xfs(blank.node)
    script = 'mount "$0" "$1" && echo mounted && read line'
    argv = ["unshare", "--mount", "sh", "-c", script, str(blank.node), str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "mounted\n"
        seen = blank.evidence()
        process.stdin.close()
    assert (seen.mounts, seen.is_free) == ((), False)
    assert "for itself" in decide(seen, AZURE).because


def test_a_program_that_holds_it(blank: Disk) -> None:
    fd = os.open(blank.node, os.O_RDONLY | os.O_EXCL)
    try:
        assert "for itself" in refusal(blank)
    finally:
        os.close(fd)
    assert verdict(blank).action is Action.FORMAT


def test_reading_holds_nobody_up(blank: Disk, tmp_path: Path) -> None:
    """While we look at a disk anybody can mount it."""
    tool("mkfs.ext4", "-q", "-F", str(blank.node))
    number = blank.device().device_number
    with open_device(Root(Path("/")), GuestPath(blank.node), number), mounted(str(blank.node), tmp_path):
        pass


def test_swap_on_it(blank: Disk) -> None:
    tool("mkswap", str(blank.node))
    tool("swapon", str(blank.node))
    try:
        use = find_use(probe_storage(Root(Path("/"))), blank.device())
        seen = blank.evidence()
    finally:
        tool("swapoff", str(blank.node))
    assert [str(swap.path) for swap in use.swaps] == [str(blank.node)]
    assert seen.is_free is False


# Disks that fail.


@pytest.mark.parametrize("left", [0, 4096, MIB, 300 * MIB])
def test_a_disk_that_gives_errors(blank: Disk, left: int) -> None:
    """The file behind it is cut: what is gone reads as an I/O error."""
    os.truncate(blank.image, left)
    assert "cannot be read: Input/output error" in refusal(blank)


def test_azures_disk_that_gives_errors_within_its_ntfs(blank: Disk) -> None:
    blank.partition(AZURES)
    with piece(blank, AZURES_OFFSET) as node:
        make_ntfs(node)
    content = blank.image.read_bytes()
    assert verdict(blank).action is Action.FORMAT
    os.truncate(blank.image, content.index(b"INDX"))
    assert verdict(blank).action is Action.REFUSE


def test_a_disk_that_vanished(blank: Disk) -> None:
    device = blank.device()
    os.truncate(blank.image, 0)
    tool("losetup", "--set-capacity", str(blank.node))
    decision = decide(blank.evidence(device=device), AZURE)
    assert decision.action is Action.REFUSE
    assert f"has 0 bytes now, not {DISK_BYTES}" in decision.because


def test_another_disk_under_the_same_name(blank: Disk) -> None:
    other = replace(blank.device(), device_number="7:9999")
    decision = decide(blank.evidence(device=other), AZURE)
    assert decision.action is Action.REFUSE
    assert "is not the block device 7:9999" in decision.because


def test_a_link_in_place_of_the_node(blank: Disk) -> None:
    link = Path("/dev") / f"hvprep-test-{blank.node.name}"
    link.symlink_to(blank.node)
    try:
        seen = blank.evidence(device=replace(blank.device(), path=GuestPath(link)))
    finally:
        link.unlink()
    assert "is not the block device" in seen.whole.trouble


def test_a_node_that_is_missing(blank: Disk) -> None:
    seen = blank.evidence(device=replace(blank.device(), path=GuestPath("/dev/hvprep-none")))
    assert "cannot be read: No such file or directory" in seen.whole.trouble
    assert seen.is_free is False


def test_a_disk_that_changed_behind_an_open_descriptor_is_read_anew(blank: Disk) -> None:
    """Somebody keeps the device open, so that the kernel keeps what was read of it."""
    with blank.node.open("rb"):
        assert verdict(blank).action is Action.FORMAT
        with blank.image.open("r+b") as stream:
            stream.seek(5 * MIB)
            stream.write(b"written by another way")
        assert "not blank" in refusal(blank)


def test_nothing_is_written(blank: Disk) -> None:
    blank.partition(AZURES)
    with piece(blank, AZURES_OFFSET) as node:
        make_ntfs(node)
    before = blank.image.read_bytes()
    assert verdict(blank).action is Action.FORMAT
    assert blank.image.read_bytes() == before


# The reader.


def test_the_ends_of_a_device(blank: Disk) -> None:
    blank.write(DISK_BYTES - 2, b"ab")
    device = blank.device()
    with open_device(Root(Path("/")), device.path, device.device_number) as reader:
        assert reader.size_bytes == DISK_BYTES
        assert reader.read_at(DISK_BYTES - 2, 2) == b"ab"
        with pytest.raises(FormatError):
            reader.read_at(DISK_BYTES - 1, 2)


@pytest.mark.parametrize("number", ["8:0", None])
def test_a_device_that_was_not_meant(blank: Disk, number: str | None) -> None:
    with pytest.raises(Refusal), open_device(Root(Path("/")), GuestPath(blank.node), number):
        pass


# blkid.


def blkid_that(directory: Path, script: str) -> Callable[[Sequence[str]], list[str]]:
    stand_in = directory / "blkid-stand-in"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    return lambda argv: [str(stand_in), *argv[1:]]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 8", "several kinds"),
        ("echo blkid: error; exit 4", "exit status 4: blkid: error"),
        ("echo cannot open; exit 2", "exit status 2"),
        ("kill -9 $$", "exit status -9"),
        ("echo PTTYPE=sun", "finds the partition table 'sun', hvprep 'none'"),
        ("echo TYPE=ntfs", "no NTFS"),
    ],
)
def test_a_blkid_that_says_something_else(blank: Disk, tmp_path: Path, script: str, words: str) -> None:
    root, candidate = Root(Path("/")), Candidate(blank.device(), Found.GENERATION_1, "")
    runner = Runner(blkid_that(tmp_path, script), {})
    seen = gather_evidence(candidate, probe_storage(root), root, runner)
    decision = decide(seen, AZURE)
    assert decision.action is Action.REFUSE
    assert words in decision.because


def test_no_blkid(blank: Disk) -> None:
    root, candidate = Root(Path("/")), Candidate(blank.device(), Found.GENERATION_1, "")
    runner = Runner(lambda argv: ["/nonexistent/blkid"], {})
    with pytest.raises(CommandFailed, match="blkid could not be started"):
        gather_evidence(candidate, probe_storage(root), root, runner)
