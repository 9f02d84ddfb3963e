"""The tables of users and groups come back byte for byte; names match as a whole."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List

import pytest
from hvprep.errors import FormatError
from hvprep.formats.passwd import (
    GSHADOW_LISTS,
    PASSWORD,
    Account,
    find_accounts,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

SHADOW = """\
root:$6$salt$hash:19000:0:99999:7:::
daemon:*:19000:0:99999:7:::
ann:!:19000:0:99999:7:::
annika:$y$j9T$x:19000:0:99999:7:::
 bob:x:1
# ann:$6$old:1:::::::
+ann::::::
no colon
:nobody:x
ann"""

TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from([*SHADOW.splitlines(True), "ann:", "\n", "a:,ann,:b,ann:ann\n"]), max_size=8
    ).map("".join),
    st.text("an:,#+-\n \t1", max_size=60),
)


def test_a_shadow_file() -> None:
    table = parse(SHADOW)
    assert table.render() == SHADOW
    assert [(record.line, record.name) for record in table.records] == [
        (1, "root"),
        (2, "daemon"),
        (3, "ann"),
        (4, "annika"),
        (5, "bob"),
    ]
    (root,) = table.named("root")
    assert (root.field(PASSWORD), root.field(8), root.field(9)) == ("$6$salt$hash", "", None)
    locked = table.with_field("root", PASSWORD, "*LOCK*").with_field("bob", PASSWORD, "!")
    assert locked.render() == SHADOW.replace("$6$salt$hash", "*LOCK*", 1).replace("bob:x:1", "bob:!:1")


def test_a_user_goes_and_those_with_similar_names_stay() -> None:
    gone = parse(SHADOW).without("ann").render()
    assert gone == SHADOW.replace("ann:!:19000:0:99999:7:::\n", "")
    assert parse(SHADOW).without("an").render() == SHADOW


def test_members_go_by_their_exact_names() -> None:
    group = "adm:x:4:ann,annika\nann:x:1000:\nsudo:x:27:joann,ann\nx:ann:ann:ann"
    assert parse(group).without_member("ann").render() == (
        "adm:x:4:annika\nann:x:1000:\nsudo:x:27:joann\nx:ann:ann:"
    )
    gshadow = "adm:*:ann,bob:bob,ann\nsudo:!::ann"
    assert parse(gshadow).without_member("ann", GSHADOW_LISTS).render() == "adm:*:bob:bob\nsudo:!::"


def test_lines_of_nis_are_no_records() -> None:
    assert parse("-bob:x:1\n+ann:x:1\n").records == ()


def test_a_line_that_is_too_short_has_no_such_field() -> None:
    assert parse("a:b\n").with_field("a", 5, "x").render() == "a:b\n"


def test_the_last_of_several_records_is_edited_too() -> None:
    assert parse("a:1:\na:2:\na").with_field("a", PASSWORD, "*").render() == "a:*:\na:*:\na"


@pytest.mark.parametrize(("index", "value"), [(1, "a:b"), (1, "a\nb:c"), (0, "b"), (-1, "b")])
def test_a_value_that_would_make_other_fields_is_refused(index: int, value: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse("a:b\n").with_field("a", index, value)
    assert caught.value.hint


PASSWD = """\
root:x:0:0:root:/root:/bin/bash
half:x:12:12
# off:x:1:1::/:/bin/sh
+::::::
  blank:x:13:13::/home/blank:
word:x:none:1::/:/bin/sh
word:x::1::/:/bin/sh
colon:x:14:14:a,b:/home/c:/bin/a:b
short:x:15
"""


def test_accounts() -> None:
    assert list(find_accounts(parse(PASSWD))) == [
        Account("root", "x", 0, 0, "/root", "/bin/bash"),
        Account("half", "x", 12, 12, "", "/bin/sh"),
        Account("blank", "x", 13, 13, "/home/blank", "/bin/sh"),
        Account("colon", "x", 14, 14, "/home/c", "/bin/a:b"),
    ]


#: fgetpwent(3) of the C library, which reads as nss_files does (glibc, pwd/fgetpwent_r.c).
READ_BY_LIBC = """
import ctypes, sys
libc = ctypes.CDLL(None)
class Passwd(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("passwd", ctypes.c_char_p), ("uid", ctypes.c_uint),
                ("gid", ctypes.c_uint), ("gecos", ctypes.c_char_p), ("dir", ctypes.c_char_p),
                ("shell", ctypes.c_char_p)]
libc.fopen.restype = ctypes.c_void_p
libc.fgetpwent.restype = ctypes.POINTER(Passwd)
stream = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"r"))
while True:
    found = libc.fgetpwent(stream)
    if not found:
        break
    entry = found.contents
    words = entry.name, entry.passwd, entry.dir, entry.shell
    print(entry.uid, entry.gid, *(word.decode() for word in words), sep="\\t")
"""


def test_the_c_library_reads_the_same_accounts(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text(PASSWD)
    done = subprocess.run(
        ["/usr/bin/python3", "-c", READ_BY_LIBC, str(path)], stdout=subprocess.PIPE, text=True, check=True
    )
    theirs: List[List[str]] = [line.split("\t") for line in done.stdout.splitlines()]
    ours = [
        [str(each.uid), str(each.gid), each.name, each.password, each.home, each.shell]
        for each in find_accounts(parse(PASSWD))
    ]
    assert [[*each[:5], each[5] or "/bin/sh"] for each in theirs if each[2] != "+"] == ours


@given(TEXTS)
def test_every_table_comes_back(text: str) -> None:
    table = parse(text)
    assert table.render() == text
    assert all(record.name and "\n" not in record.name for record in table.records)
    list(find_accounts(table))


@given(TEXTS, st.sampled_from(["ann", "a", "nobody"]))
def test_what_is_taken_out_is_out_and_the_rest_stays(text: str, name: str) -> None:
    table = parse(text)
    gone = table.without(name)
    assert gone.named(name) == ()
    assert [record.fields for record in gone.records] == [
        record.fields for record in table.records if record.name != name
    ]
    no_member = table.without_member(name, (1, 2, 3))
    assert len(no_member.records) == len(table.records)
    for old, new in zip(table.records, no_member.records):
        assert new.fields[4:] == old.fields[4:]
        for index in (1, 2, 3):
            members = (old.field(index) or "").split(",")
            assert (new.field(index) or "").split(",") == [each for each in members if each != name] or [""]
    assert no_member.without_member(name, (1, 2, 3)) == no_member


@given(TEXTS, st.sampled_from(["*", "", "$6$a", "#x", " "]))
def test_a_field_that_is_set_is_read(text: str, value: str) -> None:
    table = parse(text)
    edited = table.with_field("ann", PASSWORD, value)
    assert all(record.field(PASSWORD) == value for record in edited.named("ann"))
    assert len(edited.lines) == len(table.lines)
    assert [each for each in edited.records if each.name != "ann"] == [
        each for each in table.records if each.name != "ann"
    ]
