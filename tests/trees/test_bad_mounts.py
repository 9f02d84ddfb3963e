"""File systems that are not there, read-only or full: found before the first write."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from hvprep.engine.preflight import refuse_unmounted
from hvprep.errors import Refusal

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import make_tree

#: What a plan of this tree asks for at most, with the margin: see steps/initrd_image.py.
ENOUGH = "1g"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("debian-12-dracut", tmp_path / "root"))


@contextmanager
def mounted(rig: Rig, directory: str, options: str) -> Iterator[None]:
    """A tmpfs in place of a directory of the tree, with the same content."""
    path = rig.root / directory
    aside = rig.root.parent / "aside"
    shutil.copytree(path, aside, symlinks=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "volume", str(path)], check=True)
    try:
        shutil.copytree(aside, path, symlinks=True, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)
        shutil.rmtree(aside)


def make_read_only(rig: Rig, directory: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(rig.root / directory)], check=True)


def write_fstab(rig: Rig, *lines: str) -> None:
    (rig.root / "etc/fstab").write_text(
        "".join(f"{line}\n" for line in ("UUID=1 / ext4 defaults 0 1", *lines))
    )


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("UUID=2 /boot ext4 defaults 0 2", "/boot"),
        ("LABEL=UEFI /boot/efi vfat umask=0077 0 1", "/boot/efi"),
        ("LABEL=UEFI /efi vfat umask=0077 0 1", "/efi"),
        ("/dev/sda2\t/boot/  ext2\tnoatime", "/boot"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_what_fstab_names_has_to_be_mounted(rig: Rig, line: str, path: str, live: bool) -> None:
    write_fstab(rig, line)
    rig.live = RUNNING if live else None
    for kernel in () if live else (rig.root / "boot").glob("vmlinuz*"):
        kernel.unlink()
    before = take_snapshot(rig.root)
    with pytest.raises(Refusal, match=f"/etc/fstab mounts .* on {path}, and it is not mounted") as caught:
        rig.prepare()
    offline = f"mount {line.split()[0]} of the image on {rig.root}{path} first"
    assert caught.value.hint == (f"mount it first: mount {path}" if live else offline)
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    assert not (rig.root / "var/lib/hvprep").exists(), "refused before anything was made"


def test_an_image_whose_boot_was_copied_into_its_root_is_accepted(rig: Rig) -> None:
    write_fstab(rig, "UUID=2 /boot ext4 defaults 0 2")
    refuse_unmounted(rig.machine())


def test_a_boot_that_is_mounted_is_prepared_and_rolled_back(rig: Rig) -> None:
    write_fstab(rig, "UUID=2 /boot ext4 defaults 0 2")
    rig.live = RUNNING
    with mounted(rig, "boot", f"size={ENOUGH}"):
        before = take_snapshot(rig.root)
        rig.prepare()
        assert rig.plan().changes == ()
        assert (rig.root / "boot/initrd.img-6.1.0-56-amd64.hvprep-old").exists()
        rig.rollback()
        assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("directory", ["boot", "var", "etc"])
def test_a_volume_that_is_mounted_read_only(rig: Rig, directory: str) -> None:
    with mounted(rig, directory, f"size={ENOUGH}"):
        if directory == "var":
            (rig.root / "var/lib/hvprep").mkdir()
            (rig.root / "var/lib/hvprep/lock").touch()
        make_read_only(rig, directory)
        before = take_snapshot(rig.root)
        with pytest.raises((Refusal, OSError), match=f"{directory}|[Rr]ead-only file system"):
            rig.prepare()
        assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize("directory", ["boot", "var"])
def test_a_volume_that_is_full(rig: Rig, directory: str) -> None:
    with mounted(rig, directory, "size=8m"):
        before = take_snapshot(rig.root)
        with pytest.raises(
            Refusal, match=rf"the volume of /{directory}\S* has \d+ MiB free, and the plan needs"
        ):
            rig.prepare()
        assert diff_snapshots(before, take_snapshot(rig.root)) == []
        assert not list((rig.root / "var/lib/hvprep").glob("journal/*"))


def test_a_boot_that_holds_the_new_files_but_not_the_old_ones_too(rig: Rig) -> None:
    """Then the journal has the only backup, and rollback takes it from there."""
    with (rig.root / "boot/initrd.img-6.1.0-56-amd64").open("r+b") as stream:
        stream.truncate(30 << 20)  # an image may end in zeros
    with mounted(rig, "boot", "size=99m"):  # 68 MiB are needed in any case, and one more with a backup
        before = take_snapshot(rig.root)
        rig.prepare()
        assert not list((rig.root / "boot").glob("*.hvprep-old"))
        assert rig.plan().changes == ()
        rig.rollback()
        assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_read_only_boot_with_nothing_to_do_is_no_matter(rig: Rig) -> None:
    with mounted(rig, "boot", f"size={ENOUGH}"):
        rig.prepare()
        make_read_only(rig, "boot")
        assert rig.prepare().changes == ()
