"""Files of systemd and NetworkManager come back byte for byte, and are read as their owners read them."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.key_file import parse
from hypothesis import given
from hypothesis import strategies as st

#: openssh-server of Debian 12, shortened.
UNIT = """\
[Unit]
Description=OpenBSD Secure Shell server
ConditionPathExists=!/etc/ssh/sshd_not_to_be_run

; a comment
[Service]
ExecStart=/usr/sbin/sshd -D \\
# between the parts
  $SSHD_OPTS
[Install]
WantedBy=multi-user.target
Alias=sshd.service
"""


def test_a_unit() -> None:
    file = parse(UNIT)
    assert file.render() == UNIT
    start = file.find("Service", "ExecStart")
    assert start is not None
    assert (start.value.split(), start.line, start.last_line) == (
        ["/usr/sbin/sshd", "-D", "$SSHD_OPTS"],
        7,
        9,
    )
    assert file.words("Install", "WantedBy") == ("multi-user.target",)
    assert file.without(start).render() == UNIT.replace(
        "".join(f"{line}\n" for line in UNIT.split("\n")[6:9]), ""
    )


@pytest.mark.parametrize(
    ("text", "continues", "entries"),
    [
        ("[a]\nb=c\n", True, [("a", "b", "c")]),
        (" [a] \n b = c d \n", True, [("a", "b", "c d")]),
        ("b=c", True, [("", "b", "c")]),
        ("[a]\nb=\n", True, [("a", "b", "")]),
        ("[a]\nb=c=d\n", True, [("a", "b", "c=d")]),
        ("[a]\n#b=c\n;b=c\n", True, []),
        ("[a]\nword\n", True, []),
        ("[a]\nb=c\\\nd=e\n", True, [("a", "b", "c d=e")]),
        ("[a]\nb=c\\\nd=e\n", False, [("a", "b", "c\\"), ("a", "d", "e")]),
        ("[a]\nb=c\\", True, [("a", "b", "c\\")]),
        ("[a]\nb=c\r\n[d]\nb=c\n", True, [("a", "b", "c"), ("d", "b", "c")]),
    ],
)
def test_entries(text: str, continues: bool, entries: List[Tuple[str, str, str]]) -> None:
    file = parse(text, continues)
    assert [(entry.section, entry.key, entry.value) for entry in file.entries] == entries


def test_words_add_up_until_an_empty_entry() -> None:
    assert parse("[Match]\nName=a b\nName=c\n").words("Match", "Name") == ("a", "b", "c")
    assert parse("[Match]\nName=a b\nName=\nName=c\n").words("Match", "Name") == ("c",)


def test_the_last_one_is_found() -> None:
    entry = parse("[a]\nb=1\nb=2\n[c]\nb=3\n").find("a", "b")
    assert entry is not None
    assert (entry.value, entry.line) == ("2", 3)


def test_a_nul_is_refused() -> None:
    with pytest.raises(FormatError, match="NUL"):
        parse("[a]\nb=\0\n")


@given(st.text(alphabet="[]ab=#;\\ \t\r\n", max_size=60), st.booleans())
def test_every_text_comes_back(text: str, continues: bool) -> None:
    file = parse(text, continues)
    assert file.render() == text
    assert all(1 <= entry.line <= entry.last_line <= len(file.lines) for entry in file.entries)
    edited = file.without(*file.entries[:1])
    assert [(each.section, each.key, each.value) for each in edited.entries] == [
        (each.section, each.key, each.value) for each in file.entries[1:]
    ]
