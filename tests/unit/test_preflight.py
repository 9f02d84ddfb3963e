"""What is found before the first write: room, read-only volumes, a /boot that is not mounted."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Iterator, Sequence

import pytest
from hvprep.engine.planner import states_of
from hvprep.engine.preflight import Room, find_room, refuse_unmounted
from hvprep.errors import Refusal
from hvprep.model.change import Build, Change, Purge, Remove, Run, Write
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, PlannedChange
from hvprep.system.machine import Machine
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live

MIB = 1024 * 1024


def unmount(place: Path) -> None:
    subprocess.run(["umount", place], check=True)


class Mounts:
    """Small file systems below one root, unmounted at the end."""

    def __init__(self, host: Path, stack: ExitStack) -> None:
        self.host = host
        self._stack = stack

    def mount(self, place: str, size_mib: int) -> None:
        path = self.host / place
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", path], check=True)
        self._stack.callback(unmount, path)

    def read_only(self, place: str) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self.host / place], check=True)

    def machine(self, live: bool = False) -> Machine:
        return Machine(Root(self.host), Runner(enter_live, {}), live)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """A root whose /var/lib is large."""
    with ExitStack() as stack:
        mounts = Mounts(tmp_path, stack)
        mounts.mount("var/lib", 64)
        (tmp_path / "etc").mkdir()
        yield mounts


def room_for(mounts: Mounts, *changes: Change) -> Room:
    machine = mounts.machine()
    planned = tuple(PlannedChange(change, ("test",)) for change in changes)
    return find_room(machine, Plan(planned, states_of(machine.root, planned)))


def two_images(mounts: Mounts, boot_mib: int, scratch_bytes: int = 0) -> Sequence[Build]:
    """Two images of 3 MiB, that are to be replaced by such of 4 MiB at most."""
    mounts.mount("boot", boot_mib)
    for number in (1, 2):
        (mounts.host / f"boot/image{number}").write_bytes(bytes(3 * MIB))
    return [
        Build(
            GuestPath(f"/boot/image{number}"),
            ("x",),
            "j",
            "w",
            size_bytes=4 * MIB,
            scratch_bytes=scratch_bytes,
        )
        for number in (1, 2)
    ]


def test_room_for_the_new_images_beside_the_old_ones(mounts: Mounts) -> None:
    room = room_for(mounts, *two_images(mounts, 18))
    assert room.backups
    boot, state = room.needs
    assert (boot.directory, boot.needed_bytes, boot.free_bytes) == (GuestPath("/boot"), 12 * MIB, 12 * MIB)
    assert (state.directory, state.needed_bytes) == (GuestPath("/var/lib"), 5 * MIB)


def test_a_boot_that_holds_one_candidate_but_not_all_backups(mounts: Mounts) -> None:
    """4 MiB come, the 3 MiB of the old image go to the journal, then the next 4 MiB come: 5 at one time."""
    room = room_for(mounts, *two_images(mounts, 17))
    assert not room.backups
    boot, state = room.needs
    assert boot.needed_bytes == 9 * MIB
    assert state.needed_bytes == 5 * MIB + 2 * 3 * MIB


def test_a_boot_that_holds_not_even_one_candidate(mounts: Mounts) -> None:
    with pytest.raises(Refusal, match="the volume of /boot has 8 MiB free, and the plan needs 9 MiB there"):
        room_for(mounts, *two_images(mounts, 14))


def test_a_journal_volume_that_cannot_take_the_old_images(mounts: Mounts) -> None:
    """Of the two ways out the one is told that takes less to be freed: 1 MiB there, not 2 on /boot."""
    mounts.mount("var/lib/hvprep", 10)
    words = "^the volume of /var/lib/hvprep has 10 MiB free, and the plan needs 11 MiB there$"
    with pytest.raises(Refusal, match=words):
        room_for(mounts, *two_images(mounts, 16))


def test_the_scratch_of_one_generator_at_a_time(mounts: Mounts) -> None:
    room = room_for(mounts, *two_images(mounts, 32, scratch_bytes=50 * MIB))
    assert room.needs[1].needed_bytes == 55 * MIB
    mounts.mount("var/lib/hvprep", 54)
    with pytest.raises(Refusal, match="/var/lib/hvprep has 54 MiB free, and the plan needs 55 MiB"):
        room_for(mounts, *two_images(mounts, 32, scratch_bytes=50 * MIB))


def test_an_older_backup_moves_to_the_journal(mounts: Mounts) -> None:
    changes = two_images(mounts, 32)
    (mounts.host / "boot/image1.hvprep-old").write_bytes(bytes(2 * MIB))
    boot, state = room_for(mounts, changes[0]).needs
    assert boot.needed_bytes == 4 * MIB + 4 * MIB
    assert state.needed_bytes == 5 * MIB + 2 * MIB


def test_an_image_of_unknown_size_is_taken_for_as_large_as_the_old_one(mounts: Mounts) -> None:
    two_images(mounts, 32)
    (boot, _) = room_for(mounts, Build(GuestPath("/boot/image1"), ("x",), "j", "w")).needs
    assert boot.needed_bytes == 3 * MIB + 4 * MIB


def test_everything_on_one_volume_is_summed(mounts: Mounts) -> None:
    mounts.mount("one", 64)
    mounts.host = mounts.host / "one"
    (mounts.host / "etc").mkdir()
    (mounts.host / "etc/old").write_bytes(bytes(MIB))
    (need,) = room_for(
        mounts,
        Write(GuestPath("/etc/new"), bytes(2 * MIB), "w"),
        Remove(GuestPath("/etc/old"), "w"),
        Build(GuestPath("/image"), ("x",), "j", "w", size_bytes=5 * MIB, scratch_bytes=7 * MIB),
    ).needs
    assert need.needed_bytes == (1 + 2 + 7 + 5 + 4) * MIB


def test_the_same_file_written_twice_counts_with_its_new_size(mounts: Mounts) -> None:
    mounts.mount("etc", 64)
    path = GuestPath("/etc/file")
    changes = (Write(path, bytes(3 * MIB), "w"), Remove(path, "w"), Write(path, bytes(MIB), "w"))
    (etc, state) = room_for(mounts, *changes).needs
    assert etc.needed_bytes == (3 + 4) * MIB
    assert state.needed_bytes == (1 + 3 + 4) * MIB


@pytest.mark.parametrize(
    "change",
    [
        Write(GuestPath("/boot/new/file"), b"", "w"),
        Remove(GuestPath("/boot/file"), "w"),
        Purge(GuestPath("/boot/file"), "w"),
        Run(("x",), (GuestPath("/boot/file"),), "w"),
        Build(GuestPath("/boot/file"), ("x",), "j", "w"),
        Write(GuestPath("/etc/link"), b"", "w"),
    ],
    ids=lambda change: type(change).__name__,
)
def test_a_volume_that_is_read_only(mounts: Mounts, change: Change) -> None:
    mounts.mount("boot", 32)
    (mounts.host / "etc/link").symlink_to("/boot/elsewhere")
    mounts.read_only("boot")
    with pytest.raises(Refusal, match="the volume of /boot.* is mounted read-only"):
        room_for(mounts, change)
    assert room_for(mounts, Write(GuestPath("/etc/x"), b"", "w")).backups


def test_a_journal_volume_that_is_read_only(mounts: Mounts) -> None:
    mounts.read_only("var/lib")
    with pytest.raises(Refusal, match="the volume of /var/lib is mounted read-only") as refused:
        room_for(mounts, Write(GuestPath("/etc/x"), b"", "w"))
    assert str(refused.value.hint).endswith(f"mount -o remount,rw {mounts.host}/var/lib")


FSTAB = "LABEL=root / ext4 defaults 0 1\n{spec} {place} ext4 {options} 0 2\n"


@pytest.mark.parametrize("place", ["/boot", "/boot/efi", "/efi"])
@pytest.mark.parametrize("made", [True, False], ids=["directory", "no-directory"])
def test_a_boot_that_fstab_names_and_that_is_not_mounted(mounts: Mounts, place: str, made: bool) -> None:
    if made:
        (mounts.host / place[1:]).mkdir(parents=True)
    fstab = mounts.host / "etc/fstab"
    fstab.write_text(FSTAB.format(spec="UUID=1", place=place, options="defaults"))
    with pytest.raises(
        Refusal, match=f"/etc/fstab mounts UUID=1 on {place}, and it is not mounted"
    ) as refused:
        refuse_unmounted(mounts.machine())
    assert str(refused.value.hint) == f"mount UUID=1 of the image on {mounts.host}{place} first"
    mounts.mount(place[1:], 8)
    refuse_unmounted(mounts.machine())


def test_a_bind_mount_is_no_volume_of_its_own_and_no_fstab_is_fine(mounts: Mounts) -> None:
    refuse_unmounted(mounts.machine())
    (mounts.host / "etc/fstab").write_text(FSTAB.format(spec="/x", place="/boot", options="bind"))
    refuse_unmounted(mounts.machine())


def test_an_image_whose_boot_was_copied_into_its_root(mounts: Mounts) -> None:
    (mounts.host / "boot").mkdir()
    (mounts.host / "boot/vmlinuz-6.1").write_text("x")
    (mounts.host / "etc/fstab").write_text(FSTAB.format(spec="UUID=1", place="/boot", options="defaults"))
    refuse_unmounted(mounts.machine())
    with pytest.raises(Refusal):
        refuse_unmounted(mounts.machine(live=True))
