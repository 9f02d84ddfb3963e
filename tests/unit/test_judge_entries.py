"""Which new grub.cfg may take the old one's place, and which entries count."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import pytest
from hvprep.formats import grub_cfg
from hvprep.model.change import Build
from hvprep.model.node import GuestPath
from hvprep.steps.boot.grub_entries import own_lines
from hvprep.steps.boot.judge_grub_cfg import NO_OTHER_SYSTEMS, judge_entries
from hvprep.system.root import Root

TARGET, CANDIDATE = GuestPath("/boot/grub/grub.cfg"), GuestPath("/boot/grub/.new")
RULES = ("console console=ttyS0", "absent quiet")


def entry(title: str = "Linux 6.1", kernel: str = "/boot/vmlinuz-6.1", **words: str) -> str:
    """A menuentry; `root`, `rest`, `uuid` and `initrd` may be given."""
    root, rest = words.get("root", "UUID=1"), words.get("rest", "ro console=ttyS0")
    initrd = words.get("initrd", "/boot/initrd.img-6.1")
    lines = [
        f"search --no-floppy --fs-uuid --set=root {words.get('uuid', '1')}",
        f"linux {kernel} root={root} {rest}",
        *([f"initrd {initrd}"] if initrd else []),
    ]
    return f"menuentry '{title}' {{\n" + "".join(f"\t{line}\n" for line in lines) + "}\n"


OLD = entry(rest="ro quiet")
OTHERS = """
submenu 'Memory' {
menuentry 'memtest86+' {
    linux16 /boot/memtest86+x64.bin console=ttyS1
}
}
menuentry 'UEFI Firmware Settings' { fwsetup }
menuentry 'Windows' {
    search --fs-uuid --set=root AAAA-BBBB
    chainloader /EFI/Microsoft/Boot/bootmgfw.efi
}
### BEGIN /etc/grub.d/30_os-prober ###
menuentry 'Another Linux (on /dev/sdb1)' {
    search --no-floppy --fs-uuid --set=root 2
    linux /boot/vmlinuz-6.1 root=/dev/sdb1 quiet
}
### END /etc/grub.d/30_os-prober ###
menuentry 'A backup that the generator took for a kernel' {
    linux /boot/vmlinuz-6.1.bak root=UUID=1 quiet
}
"""


def judge(tmp_path: Path, old: str, new: str, wants: Tuple[str, ...] = RULES) -> Tuple[str, ...]:
    (tmp_path / "boot/grub").mkdir(parents=True)
    for name in ("vmlinuz-6.1", "vmlinuz-5.10"):
        (tmp_path / "boot" / name).touch()
    (tmp_path / "boot/grub/grub.cfg").write_text(old)
    (tmp_path / "boot/grub/.new").write_text(new)
    build = Build(TARGET, ("grub-mkconfig",), "boot-entries", "a test", wants)
    return judge_entries(Root(tmp_path), CANDIDATE, build)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, entry()),
        (OLD, entry(rest="ro console=tty0 console=ttyS0 mitigations=off")),
        (OLD, entry() + entry("Linux 5.10", "/boot/vmlinuz-5.10", initrd="/boot/initrd.img-5.10")),
        (OLD, entry() + OTHERS),
        (OLD + OTHERS, entry()),
        (OLD, "submenu 'More' {\n" + entry() + "}\n"),
        (entry("Linux 4.1", "/boot/vmlinuz-4.1") + OLD, entry()),
        (entry(initrd="", root="/dev/sda1"), entry()),
        (entry(initrd=""), entry(initrd="")),
        ("", entry()),
    ],
    ids=[
        "words", "other words", "a kernel more", "other systems", "without other systems", "in a submenu",
        "a kernel that is gone", "its first initrd", "none at all", "no file before",
    ],
)  # fmt: skip
def test_what_is_used(tmp_path: Path, old: str, new: str) -> None:
    assert judge(tmp_path, old, new) == ()


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("", "the entries of vmlinuz-6.1 disappear from it"),
        ("", "it boots none of the kernels in /boot"),
        (OTHERS, "the entries of vmlinuz-6.1 disappear from it"),
        (
            entry(root="/dev/vda1"),
            "volume of vmlinuz-6.1 becomes linux /boot/vmlinuz-6.1 root=/dev/vda1 1 and was",
        ),
        (
            entry(uuid="2"),
            "becomes linux /boot/vmlinuz-6.1 root=UUID=1 2 and was linux /boot/vmlinuz-6.1 root=UUID=1 1",
        ),
        (entry(kernel="/vmlinuz-6.1"), "becomes linux /vmlinuz-6.1 root=UUID=1 1 and was"),
        (entry(initrd="/boot/initrd.img-5.10"), "the initrd of vmlinuz-6.1 becomes /boot/initrd.img-5.10"),
        (entry(initrd=""), "the initrd of vmlinuz-6.1 becomes nothing and was /boot/initrd.img-6.1"),
        (entry(rest="ro"), 'entry "Linux 6.1": it has no console=, not console=ttyS0'),
        (entry(rest="console=ttyS0 quiet"), 'entry "Linux 6.1": it carries quiet'),
        (entry() + entry("Second", rest="quiet console=ttyS0"), 'entry "Second": it carries quiet'),
        (entry() + "submenu 'a>b' {\n" + entry("c", rest="ro") + "}\n", 'entry "a>b>c": it has no console='),
        (entry() + "menuentry 'x' {\n", "never ends"),
        (entry() + "'", "never ends"),
    ],
)
def test_what_is_refused(tmp_path: Path, new: str, problem: str) -> None:
    problems = judge(tmp_path, OLD, new)
    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (entry(rest="ro debug"), entry(), 'entry "Linux 6.1" loses debug,'),
        (entry("Old title", rest="ro debug"), entry(), 'entry "Old title" loses debug,'),
        (
            entry(rest="ro debug") + entry("R", rest="ro single"),
            entry() + entry("R", rest="ro debug"),
            "loses",
        ),
        (entry(rest="ro a=1 a=2"), entry(rest="ro a=1 console=ttyS0"), "loses a=2,"),
        (entry(rest="ro quiet console=ttyS0,9600"), entry(), ""),
        (entry("Old title", rest="ro debug"), entry(rest="console=ttyS0 debug ro"), ""),
    ],
    ids=[
        "one",
        "another title",
        "moved",
        "one of two",
        "unwanted",
        "another title, the same",
    ],
)
def test_words_that_stand_in_grub_cfg_alone(tmp_path: Path, old: str, new: str, lost: str) -> None:
    problems = [each for each in judge(tmp_path, old, new) if " loses " in each]
    assert bool(problems) == bool(lost)
    assert all(lost in each for each in problems), problems


def test_an_image_does_not_get_the_systems_of_its_builder(tmp_path: Path) -> None:
    wants = (*RULES, NO_OTHER_SYSTEMS)
    assert judge(tmp_path, OLD, entry() + OTHERS, wants) == (
        "it offers systems of the machine that it was made on",
    )


def test_nothing_is_wanted_of_it_when_it_is_rolled_back(tmp_path: Path) -> None:
    assert judge(tmp_path, entry(), OLD, wants=()) == ()


def test_which_entries_are_ours() -> None:
    cfg = grub_cfg.parse(entry() + OTHERS + entry("Old", "/boot/vmlinuz-4.1"))
    titles: List[str] = [boot.title for boot in own_lines(cfg, ["vmlinuz-6.1", "vmlinuz-5.10"])]
    assert titles == ["Linux 6.1"]
