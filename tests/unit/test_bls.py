"""Boot Loader Specification entries come back byte for byte, and options are edited by word."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.bls import FileName, parse, parse_file_name
from hvprep.formats.kernel_cmdline import is_named
from hypothesis import given
from hypothesis import strategies as st

MACHINE = "0123456789abcdef0123456789abcdef"
EL8 = """\
title Red Hat Enterprise Linux (4.18.0-80.el8.x86_64) 8.0 (Ootpa)
version 4.18.0-80.el8.x86_64
linux /vmlinuz-4.18.0-80.el8.x86_64
initrd /initramfs-4.18.0-80.el8.x86_64.img $tuned_initrd
options $kernelopts $tuned_params
id rhel-20190313123447-4.18.0-80.el8.x86_64
grub_users $grub_users
grub_arg --unrestricted
grub_class kernel
"""
HAND_MADE = """\
# made by hand
\ttitle\tArch # no comment

linux   /vmlinuz-linux\t
initrd  /intel-ucode.img
initrd  /initramfs-linux.img
options root=UUID=1  rw\x20\x20
options quiet dyndbg="file x +p"
x-owner me"""


def test_an_entry_of_el8() -> None:
    entry = parse(EL8)
    assert entry.render() == EL8
    assert entry.title == "Red Hat Enterprise Linux (4.18.0-80.el8.x86_64) 8.0 (Ootpa)"
    assert entry.version == "4.18.0-80.el8.x86_64"
    assert entry.linux == "/vmlinuz-4.18.0-80.el8.x86_64"
    assert entry.initrds == ("/initramfs-4.18.0-80.el8.x86_64.img",)
    assert entry.options == ("$kernelopts", "$tuned_params")
    assert entry.variables == ("$kernelopts", "$tuned_params", "$tuned_initrd")
    assert entry.machine_id is None
    assert entry.value("grub_arg") == "--unrestricted"


def test_an_entry_made_by_hand() -> None:
    entry = parse(HAND_MADE)
    assert entry.render() == HAND_MADE
    assert (entry.title, entry.linux) == ("Arch # no comment", "/vmlinuz-linux")
    assert entry.initrds == ("/intel-ucode.img", "/initramfs-linux.img")
    assert entry.options == ("root=UUID=1", "rw", "quiet", 'dyndbg="file x +p"')
    assert [field.line for field in entry.fields] == [2, 4, 5, 6, 7, 8, 9]
    assert entry.values("x-owner") == ("me",)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("options a  b\n", ("a", "b", "c"), "options a  b c\n"),
        ("options a  b", ("b",), "options b"),
        ("options\ta  b \n", ("a", "b", "c"), "options\ta  b c \n"),
        ("linux /k\noptions a\nid x\n", (), "linux /k\nid x\n"),
        ("options a b\noptions c\n", ("a", "c", "d"), "options a\noptions c d\n"),
        ("options a\n# b\noptions c", ("a", "x"), "options a x\n# b\n"),
        ("options a -- b\noptions c\n", ("d",), "options d -- b\noptions c\n"),
        ("options\nlinux /k\n", ("a",), "options a\nlinux /k\n"),
        ('options a="b\noptions c"\n', ('a="b c"', "d"), 'options a="b c" d\n'),
        ("title x\nlinux /k\ninitrd /i\n", ("a", "b"), "title x\nlinux /k\noptions a b\ninitrd /i\n"),
        ("title x\nlinux /k", ("a",), "title x\nlinux /k\noptions a\n"),
        ("# only a comment", ("a",), "options a\n# only a comment"),
        ("", ("a",), "options a\n"),
        ("options $kernelopts\n", ("$kernelopts", "a"), "options $kernelopts a\n"),
    ],
)
def test_options_are_edited_in_their_place(text: str, words: tuple[str, ...], expected: str) -> None:
    edited = parse(text).edit_options(lambda _: words)
    assert edited.render() == expected
    assert edited.options == words
    assert edited.edit_options(lambda _: words) == edited


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("options a\n", ["b c"]),
        ("options a\n", ['b="c\nlinux /evil"']),
        ("linux /k\n", ['b="c\nlinux /evil"']),
        ("options a\n", ['"b"']),
        ('options "a b" c="d e"\n', ['"a b"']),
        ('options "a b" c="d e"\n', ['"a b"', 'c="d e"', "f"]),
        ("options a\n", ["--"]),
        ("options a\n", ["é\udc80", 'x="']),
    ],
)
def test_words_that_loaders_would_not_agree_on_are_refused(text: str, words: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text).edit_options(lambda _: words)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title x\r\nlinux /k\r\n", "line 1 of the boot entry has a carriage return"),
        ("title x\nlinux /k\roptions a\n", "line 2 of the boot entry has a carriage return"),
        ("title x\nlinux /k\n# c\nlinux /k2\n", "line 4 of the boot entry sets 'linux' again, after line 2"),
        ("version 1\n\nversion 1\n", "line 3 of the boot entry sets 'version' again, after line 1"),
        ("\ufefftitle x\n", "byte order mark"),
        ("x" * 70000, "70000 characters"),
    ],
)
def test_what_cannot_be_read_safely_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "expected", "machine_id", "is_rescue"),
    [
        (
            f"{MACHINE}-5.14.0-70.el9.x86_64.conf",
            FileName(MACHINE, "5.14.0-70.el9.x86_64"),
            MACHINE,
            False,
        ),
        (f"{MACHINE}-0-rescue.conf", FileName(MACHINE, "0-rescue"), MACHINE, True),
        (f"{MACHINE}-0-rescue-{MACHINE}.conf", FileName(MACHINE, f"0-rescue-{MACHINE}"), MACHINE, True),
        (f"{MACHINE}-6.1.0+.conf", FileName(MACHINE, "6.1.0+"), MACHINE, False),
        (f"{MACHINE}-6.12.117+deb13-amd64.conf", FileName(MACHINE, "6.12.117+deb13-amd64"), MACHINE, False),
        (f"{MACHINE}-6.1.0+3.conf", FileName(MACHINE, "6.1.0", "+3"), MACHINE, False),
        ("opensuse-tumbleweed.conf", FileName("opensuse", "tumbleweed"), None, False),
    ],
)
def test_file_names(name: str, expected: FileName, machine_id: str | None, is_rescue: bool) -> None:
    found = parse_file_name(name)
    assert found == expected
    assert (found.machine_id, found.is_rescue) == (machine_id, is_rescue)


def test_other_file_names() -> None:
    assert parse_file_name("arch.conf") is None
    assert parse_file_name(f"{MACHINE}-5.14.conf.rpmsave") is None
    debug = parse_file_name(f"{MACHINE}-5.14.0-70.el9.x86_64~debug.conf")
    assert debug is not None
    assert debug.is_debug


LINES = st.sampled_from(
    [
        "options a b\n",
        "options  c\t\n",
        "options",
        "\n",
        "# x\n",
        " linux /k\n",
        "id x\n",
        'options d="e f"\n',
    ]
)
TEXTS = st.text() | st.lists(LINES, max_size=6).map("".join) | st.text("lin uxopts #\"'\t\n-$=", max_size=60)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "n=1", 'd="e f"', "$v"]), max_size=5)


@given(TEXTS, WORDS)
def test_every_entry_comes_back_and_two_edits_are_one(text: str, words: list[str]) -> None:
    try:
        entry = parse(text)
    except FormatError:
        return
    assert entry.render() == text
    assert entry.edit_options(lambda found: found) == entry
    try:
        edited = entry.edit_options(lambda _: words)
    except FormatError:
        return
    assert edited.options == tuple(words)
    assert parse(edited.render()) == edited
    assert edited.edit_options(lambda _: words) == edited
    assert [f.value for f in edited.fields if f.key != "options"] == [
        f.value for f in entry.fields if f.key != "options"
    ]


@given(TEXTS, st.sampled_from(["a", "d", "options"]))
def test_only_the_unwanted_word_goes(text: str, name: str) -> None:
    try:
        entry = parse(text)
        edited = entry.edit_options(lambda words: [word for word in words if not is_named(name)(word)])
    except FormatError:
        return
    assert edited.options == tuple(word for word in entry.options if not is_named(name)(word))


@given(st.text())
def test_any_file_name(name: str) -> None:
    found = parse_file_name(name)
    assert found is None or f"{found.token}-{found.version}{found.tries}.conf" == name
