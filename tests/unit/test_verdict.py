"""The decision table, row by row."""

from __future__ import annotations

import dataclasses
from typing import Any, List, Optional, Tuple

import pytest
from hvprep.facts.block_devices import BlockDevice, DeviceMount, Partition, Transport
from hvprep.formats.ntfs import NtfsEntry, NtfsVolume
from hvprep.formats.partition_table import MICROSOFT_RESERVED, PartitionTable, TableEntry, TableKind
from hvprep.model.node import GuestPath
from hvprep.resourcedisk import verdict
from hvprep.resourcedisk.evidence import Contents, Evidence, Signature
from hvprep.resourcedisk.locate import Candidate, Excluded, Found, Located
from hvprep.resourcedisk.verdict import (
    FILE_SYSTEM_LABEL,
    LEAST_BYTES,
    PARTITION_NAME,
    UNFINISHED_NAME,
    Action,
    Decision,
    Policy,
    choose,
    decide,
)
from hypothesis import given
from hypothesis import strategies as st

MIB, GIB = 1 << 20, 1 << 30
DISK_BYTES = 16 * GIB
AZURE = Policy(is_azure=True, may_format=True, may_format_nvme=False)
HYPER_V = dataclasses.replace(AZURE, is_azure=False)
NO_FORMAT = dataclasses.replace(AZURE, may_format=False)
NVME = dataclasses.replace(AZURE, may_format_nvme=True)

README = NtfsEntry("DATALOSS_WARNING_README.txt", False)
WINDOWS = NtfsEntry("System Volume Information", True)
LINUX_DATA = "0fc63daf-8483-4772-8e79-3d69d8477de4"
BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
OURS = Signature("ext4", "filesystem", FILE_SYSTEM_LABEL, "u-u")
NTFS = Signature("ntfs", "filesystem", "Temporary Storage", "01DB")


def device(**values: Any) -> BlockDevice:
    part = Partition("sdb1", GuestPath("/dev/sdb1"), "8:17", 1, MIB, DISK_BYTES - 2 * MIB)
    disk = BlockDevice(
        "sdb",
        GuestPath("/dev/sdb"),
        "8:16",
        DISK_BYTES,
        GuestPath("/sys/x"),
        Transport.SCSI,
        partitions=(part,),
    )
    return dataclasses.replace(disk, **values)


def whole(signature: Optional[Signature] = None, **values: Any) -> Contents:
    return Contents(None, GuestPath("/dev/sdb"), 0, DISK_BYTES, signature, **values)


def evidence(
    table: Optional[PartitionTable],
    *parts: Contents,
    of_whole: Optional[Contents] = None,
    mounts: Tuple[DeviceMount, ...] = (),
    is_free: bool = True,
    found: Found = Found.GENERATION_2,
    disk: Optional[BlockDevice] = None,
) -> Evidence:
    candidate = Candidate(disk or device(), found, "because of its place")
    return Evidence(candidate, table, of_whole or whole(), parts, mounts, is_free)


def unpartitioned(signature: Optional[Signature] = None, **values: Any) -> Evidence:
    names = {field.name for field in dataclasses.fields(Contents)}
    contents = {name: values.pop(name) for name in list(values) if name in names}
    return evidence(PartitionTable(TableKind.NONE), of_whole=whole(signature, **contents), **values)


def entry(**values: Any) -> TableEntry:
    return dataclasses.replace(TableEntry(1, MIB, DISK_BYTES - 2 * MIB, "7"), **values)


def one_partition(
    signature: Optional[Signature] = None,
    kind: TableKind = TableKind.MBR,
    damage: Tuple[str, ...] = (),
    row: Optional[TableEntry] = None,
    others: Tuple[TableEntry, ...] = (),
    path: Optional[str] = "/dev/sdb1",
    **values: Any,
) -> Evidence:
    names = {field.name for field in dataclasses.fields(Contents)}
    contents = {name: values.pop(name) for name in list(values) if name in names}
    row = row or entry()
    place = GuestPath(path) if path else None
    data = Contents(row, place, row.start_bytes, row.size_bytes, signature, **contents)
    rest = tuple(Contents(each, None, each.start_bytes, each.size_bytes) for each in others)
    return evidence(PartitionTable(kind, (*others, row), damage), *rest, data, **values)


def ntfs(*entries: NtfsEntry, label: str = "Temporary Storage", **values: Any) -> Evidence:
    signature = dataclasses.replace(NTFS, label=label)
    return one_partition(signature, ntfs=NtfsVolume(label, entries), **values)


def mounted(place: str = "/mnt", number: str = "8:17", **values: Any) -> DeviceMount:
    mount = DeviceMount(number, "/", GuestPath(place), "ext4", "/dev/sdb1", ("rw",))
    return dataclasses.replace(mount, **values)


def of_our_making(name: str, signature: Optional[Signature] = None, **values: Any) -> Evidence:
    row = entry(type=LINUX_DATA, name=name)
    return one_partition(signature, TableKind.GPT, row=row, **values)


# May be formatted.


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (README,),
        (WINDOWS,),
        (README, WINDOWS),
        (NtfsEntry("dataloss_warning_readme.TXT", False), NtfsEntry("SYSTEM VOLUME INFORMATION", True)),
    ],
)
def test_azures_new_ntfs(entries: Tuple[NtfsEntry, ...]) -> None:
    decision = decide(ntfs(*entries), AZURE)
    assert decision.action is Action.FORMAT
    assert decision.device == device()
    assert decision.because == "its NTFS 'Temporary Storage' holds nothing but Azure's own files"


def test_azures_new_ntfs_on_a_large_disk_with_a_gpt() -> None:
    reserved = TableEntry(1, 17408, 128 * MIB - 17408, MICROSOFT_RESERVED, "Microsoft reserved partition")
    row = entry(number=2, start_bytes=128 * MIB, size_bytes=DISK_BYTES - 129 * MIB, type=BASIC_DATA)
    seen = ntfs(README, kind=TableKind.GPT, row=row, others=(reserved,), path="/dev/sdb2")
    assert decide(seen, AZURE).action is Action.FORMAT


def test_a_reserved_partition_that_is_too_large_to_be_one_counts() -> None:
    reserved = TableEntry(1, MIB, 129 * MIB, MICROSOFT_RESERVED)
    row = entry(number=2, start_bytes=130 * MIB, size_bytes=DISK_BYTES - 131 * MIB, type=BASIC_DATA)
    decision = decide(ntfs(kind=TableKind.GPT, row=row, others=(reserved,)), AZURE)
    assert decision.action is Action.REFUSE
    assert "2 partitions" in decision.because


def test_a_blank_disk() -> None:
    decision = decide(unpartitioned(is_blank=True), AZURE)
    assert decision.action is Action.FORMAT
    assert "blank" in decision.because


@pytest.mark.parametrize("is_blank", [True, False])
def test_a_format_of_ours_that_was_cut_off(is_blank: bool) -> None:
    decision = decide(of_our_making(UNFINISHED_NAME, is_blank=is_blank), AZURE)
    assert decision.action is Action.FORMAT
    assert "cut off" in decision.because


# Mounted, not formatted.


@pytest.mark.parametrize("name", [PARTITION_NAME, "", UNFINISHED_NAME])
@pytest.mark.parametrize("policy", [AZURE, HYPER_V])
def test_our_own_label(policy: Policy, name: str) -> None:
    decision = decide(of_our_making(name, OURS), policy)
    assert (decision.action, decision.is_ours) == (Action.MOUNT, True)
    assert (decision.path, decision.fstype, decision.uuid) == (GuestPath("/dev/sdb1"), "ext4", "u-u")
    assert (decision.offset_bytes, decision.size_bytes) == (MIB, DISK_BYTES - 2 * MIB)
    assert decision.label == FILE_SYSTEM_LABEL
    assert decision.is_unfinished == (name == UNFINISHED_NAME)


def test_our_own_label_where_the_kernel_has_no_node() -> None:
    decision = decide(of_our_making(PARTITION_NAME, OURS, path=None), AZURE)
    assert (decision.action, decision.path) == (Action.MOUNT, None)


@pytest.mark.parametrize("kind", ["ext2", "ext3", "ext4", "xfs", "btrfs"])
@pytest.mark.parametrize("name", ["", PARTITION_NAME, UNFINISHED_NAME])
def test_a_file_system_that_somebody_made_is_mounted_and_never_formatted(kind: str, name: str) -> None:
    decision = decide(of_our_making(name, Signature(kind, "filesystem", "scratch", "u")), AZURE)
    assert (decision.action, decision.is_ours, decision.is_unfinished) == (Action.MOUNT, False, False)
    assert (decision.fstype, decision.label) == (kind, "scratch")


def test_a_file_system_on_the_disk_itself() -> None:
    decision = decide(unpartitioned(Signature("xfs", "filesystem")), AZURE)
    assert (decision.action, decision.path, decision.offset_bytes) == (Action.MOUNT, GuestPath("/dev/sdb"), 0)


def test_a_file_system_of_ours_that_cannot_be_written() -> None:
    seen = one_partition(OURS, disk=device(is_read_only=True))
    assert decide(seen, AZURE).action is Action.REFUSE


# Mounted already.


@pytest.mark.parametrize("policy", [AZURE, NO_FORMAT])
@pytest.mark.parametrize("seen", [ntfs(), unpartitioned(is_blank=True), one_partition(OURS)])
def test_what_is_mounted_is_used_and_not_touched(policy: Policy, seen: Evidence) -> None:
    decision = decide(dataclasses.replace(seen, mounts=(mounted(),), is_free=False), policy)
    assert (decision.action, decision.mountpoint, decision.fstype) == (
        Action.USE_MOUNTED,
        GuestPath("/mnt"),
        "ext4",
    )
    assert decision.is_ours == (seen == one_partition(OURS))


def test_ours_is_used_where_it_is_mounted_off_azure_too() -> None:
    decision = decide(one_partition(OURS, mounts=(mounted(),), is_free=False), HYPER_V)
    assert (decision.action, decision.is_ours) == (Action.USE_MOUNTED, True)


def test_what_others_have_mounted_off_azure_is_theirs() -> None:
    decision = decide(one_partition(Signature("ext4"), mounts=(mounted("/data"),), is_free=False), HYPER_V)
    assert decision.action is Action.NOTHING
    assert "/data" in decision.because


def test_a_btrfs_that_is_mounted_is_known_by_its_node() -> None:
    ours = dataclasses.replace(OURS, type="btrfs")
    mount = mounted(number="0:44", fstype="btrfs")
    assert decide(one_partition(ours, mounts=(mount,)), HYPER_V).action is Action.USE_MOUNTED


def test_the_mount_of_its_root_comes_before_a_bind_mount() -> None:
    bind = mounted("/var/tmp/x", root="/x")
    decision = decide(one_partition(OURS, mounts=(bind, mounted("/mnt/resource"))), AZURE)
    assert decision.mountpoint == GuestPath("/mnt/resource")
    assert decide(one_partition(OURS, mounts=(bind,)), AZURE).mountpoint == GuestPath("/var/tmp/x")


def test_a_mounted_disk_that_cannot_be_read_is_used_all_the_same() -> None:
    seen = evidence(None, of_whole=whole(trouble="it cannot be read"), mounts=(mounted(),), is_free=False)
    decision = decide(seen, AZURE)
    assert (decision.action, decision.is_ours) == (Action.USE_MOUNTED, False)


# Neither.


@pytest.mark.parametrize(
    "seen", [ntfs(), unpartitioned(is_blank=True), one_partition(OURS), of_our_making(UNFINISHED_NAME)]
)
def test_format_n_neither_formats_nor_mounts(seen: Evidence) -> None:
    decision = decide(seen, NO_FORMAT)
    assert decision.action is Action.NOTHING
    assert "ResourceDisk.Format=n" in decision.because


@pytest.mark.parametrize(
    "seen",
    [
        ntfs(),
        unpartitioned(is_blank=True),
        unpartitioned(is_blank=False),
        of_our_making(UNFINISHED_NAME, is_blank=True),
        one_partition(Signature("ext4", "filesystem", "data")),
        one_partition(dataclasses.replace(NTFS, label=FILE_SYSTEM_LABEL)),
        unpartitioned(trouble="it cannot be read"),
        evidence(None),
        unpartitioned(is_blank=True, is_free=False),
    ],
)
def test_off_azure_only_our_label_counts_and_the_rest_is_no_fault(seen: Evidence) -> None:
    decision = decide(seen, HYPER_V)
    assert decision.action is Action.NOTHING
    assert "not Azure" in decision.because


@pytest.mark.parametrize("found", [Found.GENERATION_1, Found.GENERATION_2, Found.UDEV_LINK])
def test_the_setting_for_nvme_is_for_nvme(found: Found) -> None:
    assert decide(unpartitioned(is_blank=True, found=found), AZURE).action is Action.FORMAT


def test_nvme_is_formatted_only_where_that_is_wanted() -> None:
    seen = unpartitioned(is_blank=True, found=Found.NVME)
    assert decide(seen, NVME).action is Action.FORMAT
    decision = decide(seen, AZURE)
    assert decision.action is Action.NOTHING
    assert "ResourceDisk.NVMe=n" in decision.because
    assert decide(one_partition(OURS, found=Found.NVME), AZURE).action is Action.MOUNT


# Refused.


def refused(seen: Evidence, policy: Policy = AZURE) -> str:
    decision = decide(seen, policy)
    assert decision.action is Action.REFUSE
    assert decision.hint
    assert decision.device is not None
    return decision.because


def test_files_of_somebody_are_named_up_to_five() -> None:
    six = [NtfsEntry(f"file {number}", False) for number in range(6)]
    assert refused(ntfs(README, *six[:5])) == (
        "somebody has put files on its NTFS: 'file 0', 'file 1', 'file 2', 'file 3', 'file 4'"
    )
    assert refused(ntfs(WINDOWS, *six)).endswith("'file 4' and 1 more")


@pytest.mark.parametrize(
    "foreign",
    [
        NtfsEntry("DATALOSS_WARNING_README.txt", True),
        NtfsEntry("System Volume Information", False),
        NtfsEntry("$RECYCLE.BIN", True),
        NtfsEntry("DATALOSS_WARNING_README.txt.bak", False),
        NtfsEntry("swapfile", False),
        NtfsEntry("a\x1b[2J\n", False),
    ],
)
def test_what_is_not_azures_counts(foreign: NtfsEntry) -> None:
    because = refused(ntfs(README, foreign))
    assert because.isprintable()


@pytest.mark.parametrize("label", ["", "Data", "temporary storage", "Temporary Storage "])
def test_an_ntfs_with_another_label(label: str) -> None:
    assert repr(label) in refused(ntfs(label=label))


def test_an_ntfs_that_was_not_read() -> None:
    assert refused(one_partition(NTFS, trouble="an NTFS FILE was not written whole")) == (
        "an NTFS FILE was not written whole"
    )
    assert "ntfs" in refused(one_partition(NTFS))


def test_an_ntfs_that_leaves_much_of_the_disk_free() -> None:
    small = entry(size_bytes=DISK_BYTES - DISK_BYTES // 16 - 1)
    assert "large part" in refused(ntfs(row=small))
    assert decide(ntfs(row=entry(size_bytes=DISK_BYTES - DISK_BYTES // 16)), AZURE).action is Action.FORMAT
    # Of a small disk 64 MiB may be free.
    disk = device(size_bytes=GIB)
    seen = [ntfs(row=entry(size_bytes=GIB - free * MIB), disk=disk) for free in (64, 65)]
    assert [decide(each, AZURE).action for each in seen] == [Action.FORMAT, Action.REFUSE]


@pytest.mark.parametrize(
    ("kind", "usage"),
    [
        ("crypto_LUKS", "crypto"),
        ("LVM2_member", "raid"),
        ("linux_raid_member", "raid"),
        ("zfs_member", "filesystem"),
        ("bcache", "other"),
        ("swap", "other"),
        ("vfat", "filesystem"),
        ("exfat", "filesystem"),
        ("f2fs", "filesystem"),
        ("dos", "partition-table"),
        ("brand_new", ""),
    ],
)
@pytest.mark.parametrize("name", ["", PARTITION_NAME, UNFINISHED_NAME])
def test_members_and_what_is_not_known(kind: str, usage: str, name: str) -> None:
    # Our own label makes nothing ours that we do not make.
    signature = Signature(kind, usage, FILE_SYSTEM_LABEL)
    assert kind in refused(unpartitioned(signature))
    assert kind in refused(of_our_making(name, signature))


@pytest.mark.parametrize("kind", [TableKind.MBR, TableKind.GPT])
@pytest.mark.parametrize("count", [0, 2, 3, 128])
def test_several_partitions_or_none(kind: TableKind, count: int) -> None:
    entries = tuple(TableEntry(number, number * MIB, MIB, BASIC_DATA) for number in range(1, count + 1))
    parts = tuple(Contents(each, None, each.start_bytes, each.size_bytes) for each in entries)
    because = refused(evidence(PartitionTable(kind, entries), *parts))
    assert (f"{count} partitions" if count else "without a partition") in because


@pytest.mark.parametrize("is_blank", [True, False])
@pytest.mark.parametrize("name", ["", "data", PARTITION_NAME, UNFINISHED_NAME + "x"])
def test_a_partition_without_a_file_system_is_somebodys(name: str, is_blank: bool) -> None:
    """One of ours that is finished and has lost its file system, too: it is never made anew."""
    assert "its partition holds" in refused(of_our_making(name, is_blank=is_blank))


def test_an_unfinished_partition_beside_others_is_not_formatted() -> None:
    row = entry(number=2, start_bytes=8 * GIB, size_bytes=GIB, name=UNFINISHED_NAME, type=LINUX_DATA)
    other = entry(number=1, size_bytes=GIB, type=LINUX_DATA, name="data")
    reserved = entry(number=1, size_bytes=MIB, type=MICROSOFT_RESERVED, name="")
    for each in (other, reserved):
        refused(one_partition(None, TableKind.GPT, row=row, others=(each,), is_blank=True))


def test_a_raw_disk_of_a_database() -> None:
    assert "raw disk" in refused(unpartitioned(is_blank=False))
    refused(unpartitioned())


@pytest.mark.parametrize("seen", [ntfs(), of_our_making(UNFINISHED_NAME), one_partition(OURS)])
def test_a_table_that_is_not_sound(seen: Evidence) -> None:
    assert seen.table is not None
    damaged = dataclasses.replace(seen.table, damage=("the two copies of the GPT differ",))
    assert "differ" in refused(dataclasses.replace(seen, table=damaged))
    hybrid = dataclasses.replace(seen.table, kind=TableKind.HYBRID)
    assert "hybrid" in refused(dataclasses.replace(seen, table=hybrid))


def test_what_cannot_be_read() -> None:
    error = "it cannot be read: Input/output error"
    assert refused(evidence(None, of_whole=whole(trouble=error))) == error
    assert refused(unpartitioned(trouble=error)) == error
    assert refused(one_partition(trouble=error)) == error
    # Trouble of the whole disk counts, whatever is in its partition.
    assert refused(ntfs(of_whole=whole(trouble=error))) == error
    assert refused(one_partition(OURS, of_whole=whole(trouble=error))) == error
    assert refused(evidence(None))
    assert "not read" in refused(evidence(PartitionTable(TableKind.MBR, (entry(),))))


@pytest.mark.parametrize("seen", [ntfs(), unpartitioned(is_blank=True), one_partition(OURS)])
def test_a_disk_that_somebody_holds(seen: Evidence) -> None:
    assert "for itself" in refused(dataclasses.replace(seen, is_free=False))


@pytest.mark.parametrize("seen", [ntfs, unpartitioned])
def test_a_disk_that_cannot_be_written(seen: Any) -> None:
    assert refused(seen(is_blank=True, disk=device(is_read_only=True))) == "it is read-only"


def test_a_small_disk() -> None:
    seen = [
        unpartitioned(is_blank=True, disk=device(size_bytes=size)) for size in (LEAST_BYTES, LEAST_BYTES - 1)
    ]
    assert decide(seen[0], AZURE).action is Action.FORMAT
    assert refused(seen[1]) == "it has 319 MiB, and 320 are the least to format"
    assert "10 MiB" in refused(unpartitioned(is_blank=True, disk=device(size_bytes=10 * MIB)))


# Laws over everything that evidence can say.


def contents_of(row: Optional[TableEntry]) -> st.SearchStrategy[Contents]:
    signatures = st.none() | st.builds(
        Signature,
        st.sampled_from(["ntfs", "ext4", "xfs", "btrfs", "vfat", "crypto_LUKS", "swap", "LVM2_member"]),
        st.just("filesystem"),
        st.sampled_from(["", FILE_SYSTEM_LABEL, "Temporary Storage"]),
    )
    volumes = st.builds(
        NtfsVolume,
        st.sampled_from(["", "Temporary Storage", FILE_SYSTEM_LABEL]),
        st.lists(st.sampled_from([README, WINDOWS, NtfsEntry("mine", False)])).map(tuple),
    )
    return st.builds(
        Contents,
        st.just(row),
        st.just(GuestPath("/dev/sdb1" if row else "/dev/sdb")),
        st.just(row.start_bytes if row else 0),
        st.just(row.size_bytes if row else DISK_BYTES),
        signatures,
        st.none() | st.booleans(),
        st.none() | volumes,
        st.sampled_from(["", "", "", "trouble"]),
    )


@st.composite
def anything(draw: st.DrawFn) -> Evidence:
    names = st.sampled_from(["", PARTITION_NAME, UNFINISHED_NAME])
    rows = draw(
        st.lists(
            st.builds(entry, type=st.sampled_from(["7", LINUX_DATA, MICROSOFT_RESERVED]), name=names),
            max_size=2,
        )
    )
    rows = [dataclasses.replace(row, number=number) for number, row in enumerate(rows, 1)]
    damage = draw(st.sampled_from([(), (), ("damaged",)]))
    kind = draw(st.sampled_from(list(TableKind)))
    table = draw(st.sampled_from([None, PartitionTable(kind, tuple(rows), damage)]))
    return Evidence(
        Candidate(device(), draw(st.sampled_from(list(Found))), ""),
        table,
        draw(contents_of(None)),
        tuple(draw(contents_of(row)) for row in rows),
        draw(st.sampled_from([(), (), (), (mounted(),)])),
        draw(st.booleans()),
    )


@given(anything(), st.builds(Policy, st.booleans(), st.booleans(), st.booleans()))
def test_nothing_that_could_be_data_is_ever_formatted(seen: Evidence, policy: Policy) -> None:
    decision = decide(seen, policy)
    assert decision.device == device()
    if decision.action is not Action.FORMAT:
        return
    assert policy.is_azure
    assert policy.may_format
    assert policy.may_format_nvme or seen.candidate.found is not Found.NVME
    assert seen.is_free
    assert not seen.mounts
    assert seen.table is not None
    assert not seen.table.damage
    assert seen.whole.trouble == ""
    data = seen.data
    assert data is not None
    assert data.trouble == ""
    if data.signature is None:
        is_unfinished = [row.name for row in seen.table.entries] == [UNFINISHED_NAME]
        assert is_unfinished or (seen.table.kind is TableKind.NONE and data.is_blank is True)
    else:
        assert data.signature.type == "ntfs"
        assert data.ntfs is not None
        assert data.ntfs.label == "Temporary Storage"
        assert set(data.ntfs.entries) <= {README, WINDOWS}


@given(anything(), st.builds(Policy, st.just(False), st.booleans(), st.booleans()))
def test_off_azure_what_is_not_ours_is_never_mounted(seen: Evidence, policy: Policy) -> None:
    decision = decide(seen, policy)
    if decision.action in (Action.MOUNT, Action.USE_MOUNTED):
        assert decision.is_ours
        assert decision.label == FILE_SYSTEM_LABEL


def test_a_failed_mount_is_nothing_that_a_verdict_could_be_told() -> None:
    """There is no way from it to a format: neither the evidence nor the policy has a word for it."""
    fields = (*dataclasses.fields(Evidence), *dataclasses.fields(Contents), *dataclasses.fields(Policy))
    assert not [field.name for field in fields if "fail" in field.name or "mount_" in field.name]
    assert [action.value for action in Action] == ["format", "mount", "use-mounted", "refuse", "nothing"]


# One of several.


def said(action: Action, name: str, is_ours: bool = False) -> Decision:
    return Decision(action, "", device=device(name=name, path=GuestPath("/dev", name)), is_ours=is_ours)


def test_choice_between_disks() -> None:
    order: List[Decision] = [
        said(Action.USE_MOUNTED, "a", True),
        said(Action.USE_MOUNTED, "b"),
        said(Action.MOUNT, "d"),
        said(Action.FORMAT, "e"),
        said(Action.REFUSE, "f"),
        said(Action.NOTHING, "g"),
    ]
    nothing = Located((), ())
    for start in range(len(order)):
        assert choose(nothing, order[start:]) == order[start]
        assert choose(nothing, order[:start:-1] or order[-1:]) in order
        assert choose(nothing, order[start:][::-1]) == order[start]


def test_ours_is_mounted_before_what_others_made() -> None:
    ours = said(Action.MOUNT, "b", True)
    assert choose(Located((), ()), [said(Action.MOUNT, "a"), ours]) == ours


def test_the_first_of_two_alike_is_formatted() -> None:
    both = [said(Action.FORMAT, "nvme0n1"), said(Action.FORMAT, "nvme1n1")]
    assert choose(Located((), ()), both) == both[0]


def test_two_with_our_label_are_one_too_many() -> None:
    both = [said(Action.MOUNT, "nvme0n1", True), said(Action.USE_MOUNTED, "nvme1n1", True)]
    decision = choose(Located((), ()), both)
    assert decision.action is Action.REFUSE
    assert (
        decision.because
        == "/dev/nvme0n1 and /dev/nvme1n1 all have the label hvprep-temp, by which hvprep mounts"
    )


def test_no_disk_is_quiet() -> None:
    decision = choose(Located((), ()), [])
    assert (decision.action, decision.because) == (Action.NOTHING, "this machine has no temporary disk")


def test_disks_that_are_left_alone_are_said() -> None:
    decision = choose(Located((), (Excluded(device(), "/ is mounted from it"),)), [])
    assert (decision.action, decision.because) == (
        Action.NOTHING,
        "/dev/sdb is left alone: / is mounted from it",
    )


def test_the_label_fits_every_file_system() -> None:
    """mkfs.xfs(8): 12 characters; mke2fs(8): 16 bytes."""
    assert len(verdict.FILE_SYSTEM_LABEL) <= 12
    assert max(len(PARTITION_NAME), len(UNFINISHED_NAME)) <= 36
