"""What the kernel says of mounts (mountinfo) and blkid of signatures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hvprep.formats import mountinfo
from hvprep.formats.blkid import parse_export
from hvprep.formats.mountinfo import MountLine
from hypothesis import given
from hypothesis import strategies as st


def test_optional_fields_and_options_of_both_kinds() -> None:
    text = (
        "36 35 8:17 /sub /mnt rw,noatime master:1 shared:2 - ext4 /dev/sdb1 rw,errors=continue\n"
        "37 35 0:44 /@home /home ro - btrfs /dev/sda2 rw,space_cache\n"
        "38 35 0:45 / /m\\040n\\011\\134 rw - tmpfs a\\040b rw\n"
    )
    assert mountinfo.parse(text) == (
        MountLine("8:17", "/sub", "/mnt", ("rw", "noatime", "errors=continue"), "ext4", "/dev/sdb1"),
        MountLine("0:44", "/@home", "/home", ("ro", "rw", "space_cache"), "btrfs", "/dev/sda2"),
        MountLine("0:45", "/", "/m n\t\\", ("rw",), "tmpfs", "a b"),
    )


@pytest.mark.parametrize("line", ["", "36 35 8:17 / /mnt rw", "36 35 8:17 / - ext4 /dev/sdb1 rw", "a - b"])
def test_lines_that_are_no_mounts(line: str) -> None:
    assert mountinfo.parse(f"{line}\n") == ()


def test_an_empty_source_stays_one() -> None:
    """The kernel writes nothing between two blanks where a source is empty."""
    assert mountinfo.parse("1 1 0:1 / /x rw - tmpfs  rw\n") == (
        MountLine("0:1", "/", "/x", ("rw",), "tmpfs", ""),
    )


@given(st.text())
def test_noise(text: str) -> None:
    mountinfo.parse(text)
    parse_export(text)


def test_the_mounts_of_the_machine_that_runs_the_tests() -> None:
    lines = mountinfo.parse(Path("/proc/self/mountinfo").read_text())
    assert len(lines) == len(Path("/proc/self/mountinfo").read_text().splitlines())


# blkid.


def test_labels_come_back_as_they_were_given(tmp_path: Path) -> None:
    """Real mkswap and blkid, with all that a shell or a terminal would take for itself."""
    image = tmp_path / "swap"
    for label in ("a b", "a\\b", "\\x41", "$(reboot)", "'\"`<>", "TYPE=xfs"):
        image.write_bytes(bytes(1 << 20))
        subprocess.run(["/usr/sbin/mkswap", "-L", label, str(image)], check=True, capture_output=True)
        argv = ["/usr/sbin/blkid", "-p", "-o", "export", str(image)]
        done = subprocess.run(argv, check=True, capture_output=True)
        found = parse_export(done.stdout.decode())
        assert found["LABEL"] == label
        assert found["TYPE"] == "swap"


def test_a_label_of_several_lines_adds_no_value(tmp_path: Path) -> None:
    image = tmp_path / "swap"
    image.write_bytes(bytes(1 << 20))
    subprocess.run(["/usr/sbin/mkswap", "-L", "a\nTYPE=x\u00e9", str(image)], check=True, capture_output=True)
    argv = ["/usr/sbin/blkid", "-p", "-o", "export", str(image)]
    found = parse_export(subprocess.run(argv, check=True, capture_output=True).stdout.decode())
    assert (found["TYPE"], found["LABEL"]) == ("swap", "a^JTYPE=xM-CM-)")


def test_warnings_are_no_values() -> None:
    assert parse_export("blkid: error: a=b\nlower=x\nTYPE=ext4\n") == {"TYPE": "ext4"}
