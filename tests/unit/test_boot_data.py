"""Boot configuration of many systems (data/boot, see the README there) through the parser that is for it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import pytest
from hvprep.formats import (
    automagic,
    bls,
    default_grub,
    extlinux,
    grub_cfg,
    grub_legacy,
    grubenv,
    inittab,
    kernel_install,
    shell_array,
)
from hvprep.formats.kernel_cmdline import WordEdit

DATA = Path(__file__).parent / "data" / "boot"
FILES = sorted(
    str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file() and path.parent != DATA
)
WORD = "hvprep.test=1"


class Reading(NamedTuple):
    """What a parser makes of a file: the bytes it renders, and the words of every kernel command line."""

    content: bytes
    lines: list[tuple[str, ...]]


def read_legacy(content: bytes, edit: WordEdit) -> Reading:
    menu = grub_legacy.edit_words(grub_legacy.parse(content.decode()), lambda stanza, line: edit(line.words))
    magic = automagic.parse(menu.render()).edit_words(lambda option: edit(option.words))
    lines = [stanza.linux.words for stanza in menu.stanzas if stanza.linux]
    return Reading(magic.render().encode(), [*lines, *(option.words for option in magic.options)])


def read_bls(content: bytes, edit: WordEdit) -> Reading:
    entry = bls.parse(content.decode()).edit_options(edit)
    return Reading(entry.render().encode(), [entry.options])


def read_grubenv(content: bytes, edit: WordEdit, is_fixed: bool = True) -> Reading:
    env = grubenv.parse(content, is_fixed)
    names = [name for name in env.variables if name == "kernelopts" or name.endswith("_cmdline")]
    for name in names:
        env = env.edit_words(name, edit)
    return Reading(env.render(), [tuple((env.get(name) or "").split()) for name in names])


def read_load_env(content: bytes, edit: WordEdit) -> Reading:
    return read_grubenv(content, edit, is_fixed=False)


def read_grub_cfg(content: bytes, edit: WordEdit) -> Reading:
    cfg = grub_cfg.edit_words(grub_cfg.parse(content.decode()), lambda entry, line: edit(line.words))
    lines = [line.words for entry in cfg.entries for line in entry.linux_lines]
    return Reading(cfg.render().encode(), lines)


def read_settings(content: bytes, edit: WordEdit) -> Reading:
    """Settings that sh reads are edited in other ways (tests of grub-defaults); here they only come back."""
    return Reading(default_grub.parse(content.decode()).render().encode(), [])


def read_arrays(content: bytes, edit: WordEdit) -> Reading:
    return Reading(shell_array.parse(content.decode()).render().encode(), [])


def read_extlinux(content: bytes, edit: WordEdit) -> Reading:
    config = extlinux.edit_words(extlinux.parse(content.decode()), lambda entry: edit(entry.words))
    return Reading(config.render().encode(), [entry.words for entry in config.entries if entry.kernel])


def read_inittab(content: bytes, edit: WordEdit) -> Reading:
    return Reading(inittab.parse(content.decode()).render().encode(), [])


def read_cmdline(content: bytes, edit: WordEdit) -> Reading:
    cmdline = kernel_install.parse(content.decode()).edit_words(edit)
    return Reading(cmdline.render().encode(), [cmdline.words])


#: The first pattern that the path matches tells the parser.
READERS: Sequence[tuple[str, Callable[[bytes, WordEdit], Reading]]] = (
    (r".*/boot/grub/(menu\.lst|grub\.conf)", read_legacy),
    (r".*/loader/entries/.*\.conf", read_bls),
    (r".*/grubenv", read_grubenv),
    (r".*/grub\.cfg", read_grub_cfg),
    (r"[^/]*/boot/[a-z]+\.cfg", read_load_env),
    (r".*/extlinux\.conf", read_extlinux),
    (r".*/etc/inittab", read_inittab),
    (r".*/etc/kernel/cmdline", read_cmdline),
    (r".*/etc/mkinitcpio\.conf", read_arrays),
    (r".*/etc/(default|sysconfig|dracut\.conf\.d|initramfs-tools|mkinitfs)/.*", read_settings),
    (r".*/etc/update-extlinux\.conf", read_settings),
)


def read(path: str, content: bytes, edit: Optional[WordEdit] = None) -> Reading:
    reader = next(reader for pattern, reader in READERS if re.fullmatch(pattern, path))
    return reader(content, edit or (lambda words: words))


def add(words: Sequence[str]) -> Sequence[str]:
    return [*(word for word in words if word != WORD), WORD]


def remove(words: Sequence[str]) -> Sequence[str]:
    return [word for word in words if word != WORD]


@pytest.mark.parametrize("path", FILES)
def test_every_file_comes_back(path: str) -> None:
    content = (DATA / path).read_bytes()
    assert read(path, content).content == content


@pytest.mark.parametrize("path", FILES)
def test_a_word_goes_in_once_and_out_again(path: str) -> None:
    content = (DATA / path).read_bytes()
    lines = read(path, content).lines
    added = read(path, content, add)
    assert added.lines == [(*words, WORD) for words in lines]
    assert added.content.count(WORD.encode()) == len(lines)
    assert read(path, added.content, add) == added
    assert read(path, added.content, remove).content == content


#: How many kernel command lines there are to be seen, so that a parser that sees none is found out.
COUNTS = {
    "alpine/boot/extlinux.conf": 2,
    "amazon2/boot/grub2/grub.cfg": 1,
    "azurelinux2/boot/grub2/grub.cfg": 1,
    "azurelinux2/boot/mariner.cfg": 1,
    "azurelinux2/boot/systemd.cfg": 1,
    "azurelinux3/boot/grub2/grub.cfg": 1,
    "debian5/boot/grub/menu.lst": 6,
    "debian8/boot/grub/grub.cfg": 3,
    "debian9/boot/grub/grub.cfg": 3,
    "debian10/boot/grub/grub.cfg": 3,
    "debian11/boot/grub/grub.cfg": 3,
    "debian12/boot/grub/grub.cfg": 3,
    "debian13/boot/grub/grub.cfg": 3,
    "el5/boot/grub/grub.conf": 2,
    "el6/boot/grub/grub.conf": 1,
    "el7/boot/grub2/grub.cfg": 2,
    "el8/boot/grub2/grub.cfg": 0,
    "el8/boot/grub2/grubenv": 1,
    "el9/boot/grub2/grubenv": 0,
    "sles11/boot/grub/menu.lst": 3,
    "sles12/boot/grub2/grub.cfg": 2,
    "sles15/boot/grub2/grub.cfg": 2,
    "ubuntu1404/boot/grub/grub.cfg": 3,
    "ubuntu1404/boot/grub/menu.lst": 5,
    "ubuntu2404/boot/grub/grub.cfg": 4,
}


@pytest.mark.parametrize("path", FILES)
def test_every_command_line_is_seen(path: str) -> None:
    lines = read(path, (DATA / path).read_bytes()).lines
    is_one = re.fullmatch(r".*/loader/entries/.*|.*/etc/kernel/cmdline", path)
    assert len(lines) == COUNTS.get(path, 1 if is_one else 0)


def text(path: str) -> str:
    return (DATA / path).read_text()


def test_xen_of_el5_and_sles11() -> None:
    for path, hypervisor, kernel in (
        ("el5/boot/grub/grub.conf", "/xen.gz-2.6.18-398.el5", "/vmlinuz-2.6.18-398.el5xen"),
        ("sles11/boot/grub/menu.lst", "/boot/xen.gz", "/boot/vmlinuz-3.0.76-0.11-xen"),
    ):
        found = [stanza for stanza in grub_legacy.parse(text(path)).stanzas if stanza.hypervisor]
        assert [(each.hypervisor, each.linux and each.linux.kernel) for each in found] == [
            (hypervisor, kernel)
        ]


def test_settings_are_evaluated() -> None:
    for path, name, word in (
        ("sles11/etc/sysconfig/kernel", "INITRD_MODULES", "ata_piix"),
        ("sles11/etc/sysconfig/bootloader", "DEFAULT_APPEND", "showopts"),
        ("sles11/etc/sysconfig/bootloader", "FAILSAFE_APPEND", "noresume"),
        ("sles12/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT", "quiet"),
        ("oracle9-uek/etc/sysconfig/kernel", "DEFAULTKERNEL", "kernel-uek-core"),
        ("tumbleweed/etc/sysconfig/bootloader", "LOADER_TYPE", "grub2-bls"),
        ("alpine/etc/update-extlinux.conf", "default_kernel_opts", "quiet"),
        ("alpine/etc/mkinitfs/mkinitfs.conf", "features", "nvme"),
        ("debian13/etc/initramfs-tools/initramfs.conf", "MODULES", "most"),
        (
            "ubuntu2404/etc/default/grub.d/50-cloudimg-settings.cfg",
            "GRUB_CMDLINE_LINUX_DEFAULT",
            "console=ttyS0",
        ),
    ):
        value = default_grub.evaluate([default_grub.parse(text(path))], [name])[name]
        assert value.certain, path
        assert word in value.words, path


def test_arrays_of_arch() -> None:
    conf = shell_array.parse(text("arch/etc/mkinitcpio.conf"))
    assert "autodetect" in shell_array.evaluate([conf], "HOOKS").words
    edited = shell_array.add_words(conf, "MODULES", ["hv_vmbus", "hv_storvsc"])
    assert edited.render() == conf.render().replace("\nMODULES=()", "\nMODULES=(hv_vmbus hv_storvsc)")


def test_gettys() -> None:
    for path in ("el5/etc/inittab", "sles11/etc/inittab", "alpine/etc/inittab"):
        table = inittab.parse(text(path))
        assert table.find_getty("tty1"), path
        assert table.find_getty("ttyS0") is None, path
        assert table.add_getty("ttyS0", "/sbin/getty -L 115200 ttyS0 vt100").find_getty("ttyS0"), path
    assert inittab.parse(text("el6/etc/inittab")).find_getty("tty1") is None


def test_the_readme_says_where_each_file_comes_from() -> None:
    lines = [line.split(None, 1) for line in text("README").splitlines() if "/" in line.split(" ")[0]]
    assert all(len(line) == 2 and line[1].strip() for line in lines)
    patterns = [line[0] for line in lines]
    assert [path for path in FILES if not any(fnmatch.fnmatch(path, each) for each in patterns)] == []
    assert [each for each in patterns if not fnmatch.filter(FILES, each)] == []
