"""Which rules keep a module out, and in which order modprobe reads its files.

tests/chroot/test_modprobe.py asks the real modprobe the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from hvprep.facts.initrds import Initrd
from hvprep.formats.initrd_image import InitrdContents
from hvprep.formats.kernel_modules import Builtin, parse_module_index
from hvprep.model.node import GuestPath
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.modprobe.requests import Request, find_request, names_of_file_system
from hvprep.steps.modprobe.rules import find_bans, read_rules, rule_files, rules_in
from hvprep.system.root import Root

#: As a mount asks since Linux 3.9, and before.
MOUNT = Request("fs_udf", "udf", frozenset(("udf", "crc_itu_t")))
OLD_MOUNT = Request("udf", "udf", frozenset(("udf", "crc_itu_t")), is_alias=False)
DISK = Request("hv_storvsc", "hv_storvsc", frozenset(("hv_storvsc", "hv_vmbus")), is_early=True)


def root_with(path: Path, files: Dict[str, str]) -> Root:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return Root(path)


def bans(root: Root, request: Request, *words: str) -> List[str]:
    boot = Boot("Linux", "vmlinuz-1", words, True, GuestPath("/boot/grub/grub.cfg"))
    found = find_bans(read_rules(root, [boot] if words else []), request, "vmlinuz-1")
    return [f"{ban.where.rpartition('/')[2]} {ban.rule.text}" for ban in found]


@pytest.mark.parametrize(
    ("text", "request_", "lines"),
    [
        ("blacklist udf", MOUNT, [1]),
        ("blacklist udf", OLD_MOUNT, []),
        ("blacklist crc-itu-t", MOUNT, []),
        ("install udf /bin/true", MOUNT, [1]),
        ("install udf /bin/true", OLD_MOUNT, [1]),
        ("install crc-itu-t /bin/true", MOUNT, [1]),
        ("install fs-udf /bin/true", MOUNT, [1]),
        ("install fs-udf /bin/true", OLD_MOUNT, []),
        ("install fs-* /bin/true", MOUNT, []),
        ("install u* /bin/true", MOUNT, [1]),
        ("alias udf off", MOUNT, []),
        ("alias udf off", OLD_MOUNT, [1]),
        ("alias fs-udf off", MOUNT, [1]),
        ("alias fs-* off", MOUNT, [1]),
        ("install udf modprobe -i udf\ninstall udf /bin/true", MOUNT, []),
        ("install udf /bin/true\ninstall udf modprobe -i udf", MOUNT, [1]),
        ("install udf /bin/true\ninstall u* /bin/false\nblacklist udf", MOUNT, [1, 2, 3]),
        ("install u* modprobe -i udf\ninstall udf /bin/true\nblacklist udf", MOUNT, [3]),
        ("blacklist hv_vmbus", DISK, []),
        ("blacklist hv-storvsc", DISK, [1]),
        ("alias hv_storvsc off", DISK, [1]),
    ],
)
def test_which_lines_keep_a_module_out(
    tmp_path: Path, text: str, request_: Request, lines: List[int]
) -> None:
    root = root_with(tmp_path, {"etc/modprobe.d/a.conf": text})
    written = text.splitlines()
    assert bans(root, request_) == [f"a.conf:{line} {written[line - 1]}" for line in lines]


@pytest.mark.parametrize(
    ("word", "request_", "is_ban"),
    [
        ("modprobe.blacklist=floppy,udf", MOUNT, True),
        ("modprobe.blacklist=crc_itu_t", MOUNT, False),
        ("module_blacklist=crc_itu_t", MOUNT, True),
        ("rd.driver.blacklist=udf", MOUNT, False),
        ("rd.driver.blacklist=hv_storvsc", DISK, True),
        ("rd.driver.blacklist=hv_vmbus", DISK, False),
    ],
)
def test_which_words_keep_a_module_out(tmp_path: Path, word: str, request_: Request, is_ban: bool) -> None:
    expected = [f'grub.cfg, entry "Linux" {word}'] if is_ban else []
    assert bans(Root(tmp_path), request_, "ro", word) == expected


def test_a_word_is_for_the_kernel_of_its_entry(tmp_path: Path) -> None:
    boot = Boot("Linux", "vmlinuz-1", ("modprobe.blacklist=udf",), True, GuestPath("/boot/grub/grub.cfg"))
    rules = read_rules(Root(tmp_path), [boot])
    assert len(find_bans(rules, MOUNT, "vmlinuz-1")) == 1
    assert find_bans(rules, MOUNT, "vmlinuz-2") == ()


def test_files_are_read_in_the_order_of_their_names_and_mask_namesakes(tmp_path: Path) -> None:
    names = [
        *("lib/modprobe.d/a.conf", "usr/lib/modprobe.d/c.conf", "etc/modprobe.d/c.conf"),
        *(
            "run/modprobe.d/b.conf",
            "usr/local/lib/modprobe.d/b.conf",
            "etc/modprobe.d/d",
            "etc/modprobe.conf",
        ),
    ]
    root = root_with(tmp_path, dict.fromkeys(names, ""))
    assert [str(path) for path in rule_files(root)] == [
        "/lib/modprobe.d/a.conf",
        "/run/modprobe.d/b.conf",
        "/etc/modprobe.d/c.conf",
    ]


def test_module_init_tools_reads_every_file(tmp_path: Path) -> None:
    root = root_with(
        tmp_path, {"etc/modprobe.d/b": "", "etc/modprobe.d/a.conf": "", "sbin/modprobe": "a program"}
    )
    (tmp_path / "sbin/modprobe").chmod(0o755)
    assert [path.name for path in rule_files(root)] == ["a.conf", "b", "modprobe.conf"]


@pytest.mark.parametrize("program", ["kmod", "busybox"])
def test_its_successors_read_conf_only(tmp_path: Path, program: str) -> None:
    root = root_with(tmp_path, {"etc/modprobe.d/b": "", f"bin/{program}": "a program"})
    (tmp_path / f"bin/{program}").chmod(0o755)
    (tmp_path / "sbin").mkdir()
    (tmp_path / "sbin/modprobe").symlink_to(f"../bin/{program}")
    assert list(rule_files(root)) == []


def test_a_mask_is_a_link_to_nothing(tmp_path: Path) -> None:
    root = root_with(tmp_path, {"usr/lib/modprobe.d/c.conf": "blacklist udf"})
    assert bans(root, MOUNT) == ["c.conf:1 blacklist udf"]
    (tmp_path / "etc/modprobe.d").mkdir(parents=True)
    (tmp_path / "etc/modprobe.d/c.conf").symlink_to("/dev/null")
    assert bans(root, MOUNT) == []


def test_the_copy_in_an_initrd(tmp_path: Path) -> None:
    files = {
        "usr/lib/modprobe.d/z.conf": b"blacklist hv_storvsc\n",
        "usr/lib/modprobe.d/a.conf": b"blacklist hv_storvsc\n",
        "etc/modprobe.d/a.conf": b"# masked\n",
        "etc/other.conf": b"blacklist hv_storvsc\n",
    }
    contents = InitrdContents(frozenset(files), files, (), 0, None)
    (ban,) = find_bans(rules_in(Initrd(GuestPath("/boot/i"), 1, contents)), DISK)
    assert ban.where == "/boot/i, /usr/lib/modprobe.d/z.conf:1"
    assert (ban.path, ban.source) == (None, GuestPath("/usr/lib/modprobe.d/z.conf"))
    assert rules_in(Initrd(GuestPath("/boot/i"), 1)) == ()


INDEX = parse_module_index(
    b"kernel/fs/udf.ko: kernel/lib/crc-itu-t.ko\nkernel/lib/crc-itu-t.ko:\nkernel/fs/isofs.ko:\n",
    b"kernel/fs/fat/vfat.ko\nkernel/drivers/hv/hv_vmbus.ko\n",
    alias=b"alias fs-udf udf\nalias iso9660 isofs\n",
)


@pytest.mark.parametrize(
    ("names", "by_device", "expected"),
    [
        (names_of_file_system("udf"), False, MOUNT),
        (("udf",), False, OLD_MOUNT),
        (("udf",), True, Request("udf", "udf", MOUNT.needs)),
        (names_of_file_system("iso9660", "isofs"), False, Request("iso9660", "isofs", frozenset(("isofs",)))),
        (names_of_file_system("vfat"), False, Builtin("vfat")),
        (("hv_vmbus",), True, Builtin("hv_vmbus")),
        (names_of_file_system("ext4"), False, None),
    ],
)
def test_how_a_kernel_comes_to_a_module(names: List[str], by_device: bool, expected: object) -> None:
    assert find_request(INDEX, names, by_device, is_early=False) == expected
