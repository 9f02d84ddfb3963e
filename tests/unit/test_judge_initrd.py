"""Which new initrd may take the old one's place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import List, Optional, Sequence

import pytest
from hvprep.facts.initrds import probe_initrd
from hvprep.model.change import Build
from hvprep.model.node import GuestPath
from hvprep.steps.initrd.judge import NO_RESUME, judge_initrd, tool_wants
from hvprep.system.root import Root

from tests.trees.standins.initrd_generator import archive

TARGET, CANDIDATE = GuestPath("/boot/initrd.img-6.1"), GuestPath("/boot/.new")
SPACE = ["init", "usr/bin/sh", "usr/bin/udevadm", "usr/lib/libc.so.6"]
MODULES = "usr/lib/modules/6.1/kernel"
FULL = [*SPACE, f"{MODULES}/hv_vmbus.ko", f"{MODULES}/sd_mod.ko.xz", f"{MODULES}/crc32c-intel.ko"]
WANTS = ("hv_vmbus", "sd_mod", "crc32c_generic|crc32c_intel")


def image(names: List[str]) -> bytes:
    return gzip.compress(archive(dict.fromkeys(names, b"x\n")))


def judge(tmp_path: Path, new: bytes, old: Optional[bytes] = None, wants: Sequence[str] = WANTS) -> str:
    (tmp_path / "boot").mkdir(parents=True)
    (tmp_path / "boot/.new").write_bytes(new)
    if old is not None:
        (tmp_path / "boot/initrd.img-6.1").write_bytes(old)
    build = Build(TARGET, ("dracut",), "initrd", "a test", tuple(wants), "6.1")
    return "; ".join(judge_initrd(Root(tmp_path), CANDIDATE, build))


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (image(FULL), image(SPACE)),
        (image(FULL), None),
        (image(FULL), b"damaged"),
        (image(FULL), image([*SPACE, "usr/bin/strace"])),
        (archive(dict.fromkeys(FULL[4:], b"")) + image(SPACE), image(SPACE)),
        (image([name.replace("usr/lib/modules", "lib/modules") for name in FULL]), None),
    ],
    ids=["drivers", "the first", "the old one is damaged", "less of it", "two segments", "another place"],
)
def test_what_is_used(tmp_path: Path, new: bytes, old: Optional[bytes]) -> None:
    assert judge(tmp_path, new, old) == ""


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (image(SPACE), "it lacks the drivers hv_vmbus sd_mod crc32c_generic or crc32c_intel"),
        (image(FULL[:-1]), "it lacks the drivers crc32c_generic or crc32c_intel"),
        (image([name.replace("/6.1/", "/6.2/") for name in FULL]), "it lacks the drivers hv_vmbus"),
        (image(FULL[1:]), "it lacks init, which the old one has"),
        (image(FULL[4:]), "it lacks init libc.so.6 udevadm usr/bin/sh, which the old one has"),
        (image(FULL)[:-20], "it is damaged: "),
        (b"", "it is damaged: "),
        (b"hsqs" + bytes(99), "its content cannot be read, so nothing proves that it boots: "),
        (image([*FULL, "squash-root.img"]), "its content cannot be read, so nothing proves that it boots: "),
    ],
    ids=[
        "no drivers", "no CRC", "another kernel", "no init", "gutted", "cut short", "empty",
        "squashfs", "inner",
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, new: bytes, problem: str) -> None:
    assert problem in judge(tmp_path, new, image(SPACE))


def test_a_first_image_needs_an_init(tmp_path: Path) -> None:
    assert judge(tmp_path, image(FULL[1:])) == "it has no /init"


LVM = [*FULL, "usr/sbin/lvm", "usr/sbin/dmsetup", "sbin/cryptsetup"]


@pytest.mark.parametrize(
    ("below", "wants"),
    [
        ((), ()),
        (("dm_mod",), ("file lvm", "file dmsetup")),
        (("dm_mod", "dm_crypt"), ("file lvm", "file dmsetup", "file cryptsetup")),
    ],
)
def test_programs_that_the_root_volume_needs_stay(
    tmp_path: Path, below: Sequence[str], wants: Sequence[str]
) -> None:
    (tmp_path / "initrd").write_bytes(image(LVM))
    assert tool_wants(probe_initrd(Root(tmp_path), GuestPath("/initrd")), below) == tuple(wants)
    assert tool_wants(None, below) == ()
    assert judge(tmp_path, image(LVM), image(LVM), [*WANTS, *wants]) == ""
    (tmp_path / "boot/.new").write_bytes(image(FULL))
    build = Build(TARGET, ("dracut",), "initrd", "a test", tuple(wants), "6.1")
    lost = " ".join(sorted(want[len("file ") :] for want in wants))
    expected = (f"it lacks {lost}, which the old one has",) if wants else ()
    assert judge_initrd(Root(tmp_path), CANDIDATE, build) == expected


def resuming(device: str) -> bytes:
    files = {"conf/conf.d/zz-resume-auto": f"RESUME={device}\n".encode()}
    return gzip.compress(archive({**dict.fromkeys(FULL, b"x\n"), **files}))


def test_an_image_that_is_to_resume_from_nothing(tmp_path: Path) -> None:
    assert (
        judge(tmp_path, resuming("UUID=1"), None, (*WANTS, NO_RESUME)) == "it waits for UUID=1 to resume from"
    )


def test_an_image_that_may_resume_or_does_not(tmp_path: Path) -> None:
    assert judge(tmp_path, resuming("UUID=1")) == ""
    assert judge(tmp_path / "b", resuming(""), None, (*WANTS, NO_RESUME)) == ""
