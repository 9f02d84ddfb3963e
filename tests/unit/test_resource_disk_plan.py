"""What is to be done with the temporary disk: every way from a decision and an owner to a plan."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import pytest
from hvprep.facts.block_devices import BlockDevice, DeviceMount, Partition, Storage, Transport
from hvprep.facts.live import Swap
from hvprep.facts.platform import Platform, PlatformKind
from hvprep.facts.resource_disk_owner import Owner, OwnerKind
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.examine import decide_by_mounts
from hvprep.resourcedisk.locate import Candidate, Found, Located
from hvprep.resourcedisk.plan import make_plan
from hvprep.resourcedisk.survey import Survey
from hvprep.resourcedisk.swapping import find_other_swap, find_swap
from hvprep.resourcedisk.verdict import Action, Decision
from hvprep.settings import Settings
from hvprep.settings.resource_disk import SwapSize

WHERE = GuestPath("/mnt/resource")
PART = Partition("sdb1", GuestPath("/dev/sdb1"), "8:17", 1, 1 << 20, 1 << 30)
DISK = BlockDevice(
    "sdb", GuestPath("/dev/sdb"), "8:16", 1 << 31, GuestPath("/sys/x"), Transport.SCSI, partitions=(PART,)
)
OURS = Owner(OwnerKind.HVPREP, "no other program")
THEIRS = Owner(OwnerKind.CLOUD_INIT, "a link starts it")
NOBODY = Owner(OwnerKind.NOBODY, "ResourceDisk.Format=n in /etc/hvprep.conf")


def mount(where: str = "/mnt/resource", number: str = "8:17", source: str = "/dev/sdb1") -> DeviceMount:
    return DeviceMount(number, "/", GuestPath(where), "ext4", source, ("rw",))


def survey(
    owner: Owner = OURS,
    mounts: Tuple[DeviceMount, ...] = (),
    swaps: Tuple[str, ...] = (),
    kind: PlatformKind = PlatformKind.AZURE,
    disks: Tuple[BlockDevice, ...] = (DISK,),
) -> Survey:
    storage = Storage(disks, mounts, tuple(Swap(GuestPath(path), "file", 1000, 0) for path in swaps))
    located = Located(tuple(Candidate(disk, Found.GENERATION_1, "its place") for disk in disks), ())
    return Survey(Platform(kind, "x"), storage, located, owner, WHERE)


def decision(action: Action, **values: Any) -> Decision:
    return Decision(action, "it holds x", device=DISK, **values)


def mounted_at(where: str) -> Decision:
    return decision(Action.USE_MOUNTED, mountpoint=GuestPath(where), fstype="ext4")


def test_a_new_disk() -> None:
    plan = make_plan(survey(), decision(Action.FORMAT), Settings(resource_disk_filesystem="xfs"))
    assert (plan.formats, plan.finishes, plan.mounts_on, plan.warns_on) == ("xfs", False, WHERE, WHERE)
    assert (plan.swaps_on, plan.ends_swap_on, plan.refusal, plan.reasons) == (WHERE, None, "", ())


@pytest.mark.parametrize("unfinished", [True, False])
def test_a_known_disk(unfinished: bool) -> None:
    plan = make_plan(survey(), decision(Action.MOUNT, is_unfinished=unfinished), Settings())
    assert (plan.formats, plan.finishes, plan.mounts_on) == (None, unfinished, WHERE)
    assert (plan.swaps_on, plan.warns_on) == (WHERE, WHERE)


def test_one_that_is_mounted() -> None:
    plan = make_plan(survey(mounts=(mount(),)), mounted_at("/mnt/resource"), Settings())
    assert (plan.formats, plan.mounts_on, plan.warns_on, plan.swaps_on) == (None, None, WHERE, WHERE)
    assert plan.reasons == ()


def test_one_that_is_mounted_elsewhere() -> None:
    plan = make_plan(survey(mounts=(mount("/x"),)), mounted_at("/x"), Settings())
    assert (plan.mounts_on, plan.warns_on, plan.swaps_on) == (None, None, GuestPath("/x"))
    assert plan.reasons == ("/dev/sdb: it is mounted on /x, and stays there until the next boot",)


@pytest.mark.parametrize("action", [Action.FORMAT, Action.MOUNT, Action.REFUSE, Action.NOTHING])
def test_another_owners_disk_is_left_alone(action: Action) -> None:
    plan = make_plan(survey(THEIRS), decision(action), Settings())
    assert plan == dataclasses.replace(
        make_plan(survey(), decision(Action.NOTHING), Settings()),
        decision=decision(action),
        reasons=(
            "the temporary disk is cloud-init's: a link starts it",
            "it is not mounted now, so no swap is put on it",
        ),
    )


@pytest.mark.parametrize("owner", [THEIRS, NOBODY])
def test_another_owners_disk_gets_swap_and_nothing_else(owner: Owner) -> None:
    plan = make_plan(survey(owner, (mount("/mnt"),)), mounted_at("/mnt"), Settings())
    assert (plan.formats, plan.finishes, plan.mounts_on, plan.warns_on) == (None, False, None, None)
    assert plan.swaps_on == GuestPath("/mnt")
    assert bool(plan.reasons) == (owner is THEIRS)


def test_an_owner_that_makes_swap_is_trusted() -> None:
    owner = dataclasses.replace(THEIRS, makes_swap=True)
    plan = make_plan(survey(owner, (mount("/mnt"),)), mounted_at("/mnt"), Settings())
    assert (plan.swaps_on, plan.ends_swap_on) == (None, GuestPath("/mnt"))
    assert plan.reasons[-1] == "cloud-init puts swap on it itself"


def test_a_refusal_is_told_about_the_disk() -> None:
    plan = make_plan(survey(), decision(Action.REFUSE, hint="look"), Settings())
    assert (plan.refusal, plan.mounts_on, plan.swaps_on) == ("/dev/sdb: it holds x", None, None)
    about_none = Decision(Action.REFUSE, "two disks have the label")
    assert make_plan(survey(), about_none, Settings()).refusal == "two disks have the label"


def test_nothing_to_do() -> None:
    plan = make_plan(survey(), decision(Action.NOTHING), Settings())
    assert (plan.refusal, plan.mounts_on, plan.swaps_on) == ("", None, None)
    assert plan.reasons == ("/dev/sdb: it holds x",)
    assert make_plan(survey(NOBODY), decision(Action.NOTHING), Settings()).reasons[1:] == (NOBODY.because,)


@pytest.mark.parametrize(
    "settings",
    [Settings(resource_disk_enable_swap=False), Settings(resource_disk_swap_size=SwapSize(mib=0))],
)
@pytest.mark.parametrize("action", [Action.FORMAT, Action.MOUNT, Action.USE_MOUNTED])
def test_without_swap(settings: Settings, action: Action) -> None:
    wanted = decision(action, mountpoint=WHERE)
    plan = make_plan(survey(mounts=(mount(),)), wanted, settings)
    assert (plan.swaps_on, plan.ends_swap_on) == (None, WHERE)


def test_another_programs_swap_on_the_disk() -> None:
    seen = survey(mounts=(mount(),), swaps=("/mnt/resource/swapfile", "/mnt/resource/hvprep-swapfile"))
    plan = make_plan(seen, mounted_at("/mnt/resource"), Settings())
    assert (plan.swaps_on, plan.ends_swap_on) == (None, WHERE)
    assert plan.reasons == ("another program swaps to /mnt/resource/swapfile there already",)


@pytest.mark.parametrize(
    ("path", "is_other"),
    [
        ("/mnt/resource/swapfile", True),
        ("/mnt/resource/a/b", True),
        ("/mnt/resource/hvprep-swapfile", False),
        ("/mnt/resource2/swapfile", False),
        ("/swapfile", False),
        ("/mnt/resource/inner/swapfile", False),
    ],
)
def test_whose_swap_lies_there(path: str, is_other: bool) -> None:
    """A file system that is mounted below is another one."""
    disk, inner = mount(), mount("/mnt/resource/inner", "8:33", "/dev/sdc1")
    storage = survey(mounts=(mount("/", "8:1", "/dev/sda1"), disk, inner), swaps=(path,)).storage
    assert (find_other_swap(storage, disk) is not None) == is_other
    assert (find_swap(storage, disk) is not None) == (path == "/mnt/resource/hvprep-swapfile")


# Without a look at the disk.


def by_mounts(seen: Survey) -> Optional[Tuple[Action, Optional[GuestPath]]]:
    found = decide_by_mounts(seen)
    return None if found is None else (found.action, found.mountpoint)


def test_mounted_where_it_is_wanted_nothing_is_read() -> None:
    assert by_mounts(survey(mounts=(mount("/x"), mount()))) == (Action.USE_MOUNTED, WHERE)


def test_mounted_elsewhere_the_disks_are_read() -> None:
    assert by_mounts(survey(mounts=(mount("/x"),))) is None
    assert by_mounts(survey()) is None


def test_what_another_mount_hides_is_not_mounted_there() -> None:
    hidden = survey(mounts=(mount(), mount("/mnt/resource", "8:33", "/dev/sdc1")))
    assert by_mounts(hidden) is None


def test_off_azure_the_label_has_to_be_seen() -> None:
    assert by_mounts(survey(mounts=(mount(),), kind=PlatformKind.HYPER_V)) is None


@pytest.mark.parametrize("owner", [THEIRS, NOBODY])
def test_another_owners_disk_is_never_read(owner: Owner) -> None:
    assert by_mounts(survey(owner, (mount("/x"),))) == (Action.USE_MOUNTED, GuestPath("/x"))
    assert by_mounts(survey(owner)) == (Action.NOTHING, None)
    assert by_mounts(survey(owner, disks=())) is None


def test_the_second_of_two_disks() -> None:
    part = dataclasses.replace(PART, name="sdc1", path=GuestPath("/dev/sdc1"), device_number="8:33")
    other = dataclasses.replace(
        DISK, name="sdc", path=GuestPath("/dev/sdc"), device_number="8:32", partitions=(part,)
    )
    seen = survey(mounts=(mount("/mnt/resource", "8:33", "/dev/sdc1"),), disks=(DISK, other))
    found = decide_by_mounts(seen)
    assert found is not None
    assert found.device == other
