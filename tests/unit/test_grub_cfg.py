"""Every menu entry that GRUB will offer is seen, and edits change kernel words and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hvprep.errors import FormatError
from hvprep.formats.grub_cfg import GrubCfg, edit_words, is_foreign, parse
from hvprep.formats.grub_menuentries import Entry, LinuxLine
from hvprep.formats.kernel_cmdline import is_named
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
ROOT = "7a0b6c1e-6f5a-4a53-9d0e-8b2f3c4d5e6f"
FEDORA = "11111111-2222-3333-4444-555555555555"
FIXTURES = ["debian-12.grub.cfg", "ubuntu-24.04-azure.grub.cfg"]


def read(name: str) -> str:
    return (DATA / name).read_text()


def only(text: str) -> LinuxLine:
    """The linux line of the only entry of a file with this body of a menuentry."""
    (entry,) = parse("menuentry x {\n" + text + "\n}\n").entries
    assert entry.linux
    return entry.linux


def set_console(entry: Entry, line: LinuxLine) -> Sequence[str]:
    return [*(word for word in line.words if not is_named("console")(word)), "console=ttyS0,115200n8"]


def test_entries_of_debian() -> None:
    entries = parse(read("debian-12.grub.cfg")).entries
    advanced = "Advanced options for Debian GNU/Linux"
    version = "6.1.0-56-amd64"
    assert [(entry.title, entry.id, entry.section) for entry in entries] == [
        (("Debian GNU/Linux",), f"gnulinux-simple-{ROOT}", "/etc/grub.d/10_linux"),
        (
            (advanced, f"Debian GNU/Linux, with Linux {version}"),
            f"gnulinux-{version}-advanced-{ROOT}",
            "/etc/grub.d/10_linux",
        ),
        (
            (advanced, f"Debian GNU/Linux, with Linux {version} (recovery mode)"),
            f"gnulinux-{version}-recovery-{ROOT}",
            "/etc/grub.d/10_linux",
        ),
        (("Windows 10 (on /dev/vda9)",), "osprober-chain-0A1B2C3D4E5F6071", "/etc/grub.d/30_os-prober"),
        (
            ("Fedora Linux 40 (Forty) (on /dev/vda8)",),
            f"osprober-gnulinux-simple-{FEDORA}",
            "/etc/grub.d/30_os-prober",
        ),
        (
            (
                "Advanced options for Fedora Linux 40 (Forty) (on /dev/vda8)",
                "Fedora Linux (6.8) (on /dev/vda8)",
            ),
            f"osprober-gnulinux-/boot/vmlinuz-6.8--{FEDORA}",
            "/etc/grub.d/30_os-prober",
        ),
    ]
    assert [bool(entry.linux_lines) for entry in entries] == [True, True, True, False, True, True]
    assert [is_foreign(entry) for entry in entries] == [False, False, False, True, True, True]
    assert [entry.chainloads for entry in entries] == [False, False, False, True, False, False]
    assert [entry.search_uuids for entry in entries[2:5]] == [(ROOT,), ("0A1B2C3D4E5F6071",), (FEDORA,)]


def test_os_prober_is_told_by_section_too() -> None:
    text = "### BEGIN /etc/grub.d/30_os-prober ###\nmenuentry x {\n}\n### END /etc/grub.d/30_os-prober ###\n"
    assert [is_foreign(entry) for entry in parse(text + "menuentry y {\n}\n").entries] == [True, False]


def test_an_entry_of_debian_in_full() -> None:
    text = read("debian-12.grub.cfg")
    entry = parse(text).entries[0]
    lines = text.split("\n")
    assert lines[entry.first_line - 1].startswith("menuentry 'Debian GNU/Linux' ")
    assert lines[entry.last_line - 1] == "}"
    assert entry.initrds == ("/boot/initrd.img-6.1.0-56-amd64",)
    assert entry.linux == entry.linux_lines[0]
    line = entry.linux_lines[0]
    assert (line.command, line.kernel, line.initrds) == (
        "linux",
        "/boot/vmlinuz-6.1.0-56-amd64",
        entry.initrds,
    )
    assert line.words == (
        f"root=UUID={ROOT}",
        "ro",
        'dyndbg="file drivers/hv/* +p"',
        "rootdelay=300",
        "quiet",
    )
    assert lines[line.line - 1].startswith("\tlinux\t/boot/vmlinuz-6.1.0-56-amd64 root=")
    assert line.certain


def test_branches_of_ubuntu() -> None:
    simple, recovery, firmware = parse(read("ubuntu-24.04-azure.grub.cfg")).entries
    assert [(line.words[-1], line.initrds) for line in simple.linux_lines] == [
        ("console=ttyS0", ("/initrd.img-6.8.0-1012-azure",)),
        ("panic=-1", ()),
    ]
    assert simple.search_uuids == ("1f4c-boot",)
    assert recovery.linux
    assert recovery.linux.words[-1] == "dis_ucode_ldr"
    assert (firmware.id, firmware.linux, firmware.title) == (
        "uefi-firmware",
        None,
        ("UEFI Firmware Settings",),
    )


@pytest.mark.parametrize("name", FIXTURES)
def test_an_edit_changes_the_linux_lines_only(name: str) -> None:
    text = read(name)
    edited = edit_words(parse(text), set_console)
    before, after = text.split("\n"), edited.render().split("\n")
    assert len(before) == len(after)
    for old, new in zip(before, after):
        if re.match(r"\s*linux\s", old):
            assert new == re.sub(
                r"\s+console=\S+", "", old.rstrip()
            ) + " console=ttyS0,115200n8" + " " * old.endswith(" ")
        else:
            assert new == old
    assert edit_words(edited, set_console) == edited
    for entry in (each for each in edited.entries if each.linux_lines):
        assert all(line.words[-1] == "console=ttyS0,115200n8" for line in entry.linux_lines)


@pytest.mark.parametrize("name", FIXTURES)
def test_an_edit_of_nothing_changes_nothing(name: str) -> None:
    cfg = parse(read(name))
    assert edit_words(cfg, lambda entry, line: list(line.words)) == cfg


@pytest.mark.parametrize(
    ("line", "kernel", "words", "certain"),
    [
        ("linux /k", "/k", (), True),
        ("linux16 /k a  b\tc", "/k", ("a", "b", "c"), True),
        ("  linuxefi /k a; echo b", "/k", ("a",), True),
        ("linux /k a # b", "/k", ("a",), True),
        ("linux /k a#b", "/k", ("a#b",), True),
        ("linux /k a \\\n  b\\\nc", "/k", ("a", "bc"), True),
        ("linux /k a \\\n# quiet \\\n#\n b\\\n#\nc # d", "/k", ("a", "bc"), True),
        ("linux /k a\r", "/k", ("a",), True),
        ("linux '/k 1' a='b c' \"d=e f\" 'g h'", "/k 1", ('a="b c"', 'd="e f"', '"g h"'), True),
        ('linux /k a\\ b c\\\'d "e\\"f\\$g\\h"', "/k", ('"a b"', "c'd", 'e"f$g\\h'), True),
        ("linux /k 'a\\b' '$c' \"}\" '{' \\;", "/k", ("a\\b", "$c", "}", "{", ";"), True),
        ('linux ($root)/k a=$b ${c} "d $e" f', "($root)/k", ("a=$b", "${c}", '"d $e"', "f"), False),
        ('linux /k $"a" b$', "/k", ('$"a"', "b$"), False),
        ("if true; then linux /k a; fi", "/k", ("a",), True),
        ("linux /k if fi then }", "/k", ("if", "fi", "then"), True),
    ],
)
def test_words_end_where_grub_ends_them(
    line: str, kernel: str, words: tuple[str, ...], certain: bool
) -> None:
    found = only(line) if not line.endswith("}") else only(line[:-1])
    assert (found.kernel, found.words, found.certain) == (kernel, words, certain)


@pytest.mark.parametrize(
    ("line", "words", "expected"),
    [
        ("linux /k", ["a"], "linux /k a"),
        ("linux /k a", [], "linux /k"),
        ("linux /k  a  b\t c ", ["a", "c"], "linux /k  a\t c "),
        ("linux /k  'a'  b", ["b", "a"], "linux /k  b 'a'"),
        ("linux /k a b # c", ["x", "a", "y", "b", "z"], "linux /k x a y b z # c"),
        ("linux /k a \\\n  b \\\n c", ["a", "c"], "linux /k a \\\n c"),
        ("linux /k $a b", ["$a", "c"], "linux /k $a c"),
        ("linux /k a; linux /j b", ["c"], "linux /k c; linux /j c"),
        ("linux /k a a a", ["a", "a"], "linux /k a a"),
        ("linux /k a", ["$b", "c'd", "k{}"], 'linux /k \'$b\' "c\'d" "k{}"'),
        ("linux /k a", ['e="f g"', '"h=i j"', '"k l"'], 'linux /k e="f g" h="i j" "k l"'),
        ("linux /k a", ["a=*", "b\\c", "d='$e'", "f=g;h"], 'linux /k a="*" \'b\\c\' d="\'\\$e\'" f="g;h"'),
        ('linux /k a=\\"b', ['a="b', "c"], 'linux /k a=\\"b c'),
    ],
)
def test_edited_words(line: str, words: list[str], expected: str) -> None:
    edited = edit_words(parse("menuentry x {\n" + line + "\n}\n"), lambda entry, line: words)
    assert edited.render() == "menuentry x {\n" + expected + "\n}\n"
    assert edit_words(edited, lambda entry, line: words) == edited


@pytest.mark.parametrize("word", ["", "a b", 'a="b', 'a"b c"', 'a="b"c', 'a="b" c'])
def test_a_word_that_grub_cannot_hand_on_is_refused(word: str) -> None:
    with pytest.raises(FormatError, match="is not one word") as caught:
        edit_words(parse("menuentry x {\nlinux /k\n}\n"), lambda entry, line: [word])
    assert caught.value.hint


def test_initrds_belong_to_the_branch() -> None:
    text = """menuentry x {
        if a; then linux /1; initrd /1a /1b; elif b; then linux /2; else linux /3
            if c; then initrd16 /3c; else initrdefi /3d; fi; fi
        initrd /all
        while d; do initrd /loop; done
    }"""
    (entry,) = parse(text).entries
    assert [(line.kernel, line.initrds) for line in entry.linux_lines] == [
        ("/1", ("/1a", "/1b", "/all", "/loop")),
        ("/2", ("/all", "/loop")),
        ("/3", ("/3c", "/3d", "/all", "/loop")),
    ]
    assert entry.initrds == ("/1a", "/1b", "/3c", "/3d", "/all", "/loop")


@pytest.mark.parametrize(
    ("heading", "title", "menu_id"),
    [
        ("menuentry 'a b' --class x --id c {", "a b", "c"),
        (
            "menuentry --class os --users '' --unrestricted --hotkey=q \"a\" $menuentry_id_option 'c' {",
            "a",
            "c",
        ),
        ("menuentry a\\ {b --id=c {", "a {b", "c"),
        ("menuentry 'a { b' x y {", "a { b", None),
        ('menuentry "a $b" ${menuentry_id_option} c {', '"a $b"', "c"),
        ("menuentry {", "", None),
    ],
)
def test_headings(heading: str, title: str, menu_id: str | None) -> None:
    heading = heading.replace("\\ {b", "' {b'")
    (entry,) = parse(heading + " linux /k a; }").entries
    assert (entry.title, entry.id) == ((title,), menu_id)
    assert entry.linux_lines


@pytest.mark.parametrize(
    ("command", "uuids"),
    [
        ("search --no-floppy --fs-uuid --set=root A-1", ("A-1",)),
        ("search -u A-1 -s root", ("A-1",)),
        ("search --fs-uuid A-1 --set", ("A-1",)),
        ("search.fs_uuid A-1 root hd0", ("A-1",)),
        ("search.fs_uuid A-1 other", ()),
        ("search --fs-uuid --set=other A-1", ()),
        ("search --label --set=root A-1", ()),
        ("search --fs-uuid --set=root $uuid", ()),
        ("search --fs-uuid --set=root A; search --fs-uuid --set=root B; search -u A", ("A", "B")),
    ],
)
def test_searches(command: str, uuids: tuple[str, ...]) -> None:
    (entry,) = parse("menuentry x { " + command + "\n}").entries
    assert entry.search_uuids == uuids


def test_structure_outside_of_the_ordinary() -> None:
    text = """### BEGIN /etc/grub.d/40_custom ###
    function f { linux /not-an-entry; }
    if a; then submenu 's' { submenu t {
        # menuentry 'comment' {
        menuentry one { { linux /1 a }; linux /2 }
    }
    menuentry two { linux; linux '/3'
    }}; fi }
    ### END /etc/grub.d/40_custom ###
    echo "menuentry 'text' {"
    menuentry three { chainloader /x.efi
    }"""
    entries = parse(text).entries
    assert [(entry.title, entry.section, entry.first_line, entry.last_line) for entry in entries] == [
        (("s", "t", "one"), "/etc/grub.d/40_custom", 5, 5),
        (("s", "two"), "/etc/grub.d/40_custom", 7, 8),
        (("three",), None, 11, 12),
    ]
    assert [[line.kernel for line in entry.linux_lines] for entry in entries] == [["/1", "/2"], ["/3"], []]
    assert [entry.chainloads for entry in entries] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\necho 'x\n", "quote that begins in line 3"),
        ('menuentry "x" {\n echo "a\n}\n', "quote that begins in line 2"),
        ("\nmenuentry x {\n linux /k\n", "menu that begins in line 2 never ends"),
        ("submenu x {", "menu that begins in line 1 never ends"),
        ("{\n" * 101, "more than 100 deep"),
        ("if a; then\n" * 101, "more than 100 deep"),
        ("menuentry x {\n" + "linux /k\n" * 101 + "}", "line 1 has more than 100 linux lines"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_boot_configuration_is_an_error(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        parse(text)
    assert caught.value.hint


def test_a_long_file_is_read_and_edited_in_time() -> None:
    long_line = "menuentry x { linux /k " + "a 'b' " * 5000 + "\n}\n"
    cfg = parse(long_line + "menuentry y {\nlinux /k\n}\n" * 5000)
    assert len(cfg.entries) == 5001
    edited = edit_words(cfg, lambda entry, line: line.words[1:])
    assert len(edited.render()) == len(cfg.render()) - len(" a")


#: Pieces of a grub.cfg, `_` stands for a space.
PIECES = r"""
menuentry_x_ submenu_'s'_ { } ; linux_/k_ linux_/k_quiet_ initrd_/i_ quiet a=b_ ' ' " " \ $x ${y} $ #
if_ ;_then_ ;_fi else_ --id_ search_-u_ 'a_b'_ "c_d"_ \" console=tty0_ | & < >
"""
FRAGMENTS = st.sampled_from(
    [word.replace("_", " ") for word in PIECES.split()]
    + [" ", " ", "\n", "\n", "{\n", "}\n", "\\\n", "\r\n", "\v"]
)
BODIES = st.lists(FRAGMENTS, max_size=12).map("".join)
FILES = BODIES | BODIES.map(lambda body: "menuentry x {\nlinux /k " + body + "\n}\n")


@given(st.text() | FILES)
@settings(max_examples=400, deadline=None)
def test_every_text_comes_back_or_is_an_error(text: str) -> None:
    try:
        cfg = parse(text)
    except FormatError:
        return
    assert cfg.render() == text
    unchanged: GrubCfg = edit_words(cfg, lambda entry, line: line.words)
    assert unchanged == cfg
    edited = edit_words(cfg, set_console)
    assert edit_words(edited, set_console) == edited
    for before, after in zip(cfg.entries, edited.entries):
        assert (before.title, before.id, before.initrds) == (after.title, after.id, after.initrds)
        for old, new in zip(before.linux_lines, after.linux_lines):
            assert new.kernel == old.kernel
            assert list(new.words) == set_console(before, old)


ORDINARY = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2000, exclude_characters='"\x7f\x85\xa0'), min_size=1
)
KERNEL_WORDS = ORDINARY | st.tuples(ORDINARY, ORDINARY).map(
    lambda two: f'a{two[0].replace("=", "")}="{two[1]} b"'
)


@given(st.lists(KERNEL_WORDS, max_size=4), st.lists(KERNEL_WORDS, max_size=4))
@settings(deadline=None)
def test_words_written_are_words_read(first: list[str], second: list[str]) -> None:
    cfg = edit_words(parse("menuentry x {\nlinux /k a 'b'\n}\n"), lambda entry, line: [*first, *line.words])
    assert [list(line.words) for line in cfg.entries[0].linux_lines] == [[*first, "a", "b"]]
    cfg = edit_words(cfg, lambda entry, line: second)
    assert [list(line.words) for line in cfg.entries[0].linux_lines] == [second]
