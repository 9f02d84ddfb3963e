"""ifcfg files come back byte for byte; what counts is the last assignment."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.ifcfg import parse
from hypothesis import given
from hypothesis import strategies as st

#: EL 7, as its installer writes it.
EL_7 = """\
TYPE="Ethernet"
BOOTPROTO="dhcp"
# HWADDR="52:54:00:00:00:02"
HWADDR='52:54:00:00:00:01'   # the builder's
DEVICE=ens3
ONBOOT=yes
"""


def test_a_file_of_el_7() -> None:
    file = parse(EL_7)
    assert file.render() == EL_7
    assert [(each.name, each.value, each.line) for each in file.variables] == [
        ("TYPE", "Ethernet", 1),
        ("BOOTPROTO", "dhcp", 2),
        ("HWADDR", "52:54:00:00:00:01", 4),
        ("DEVICE", "ens3", 5),
        ("ONBOOT", "yes", 6),
    ]
    assert file.without("HWADDR", "MACADDR").render() == EL_7.replace(EL_7.splitlines(True)[3], "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("  export A=b\n", "b"),
        ("A=b\nA=c\n", "c"),
        ("A=b\nA=\n", ""),
        ("A=\n", ""),
        ("B=b\n", ""),
        ('A="b c" # d\n', "b c"),
        ("A=b;c\n", "b"),
        ("A=b#c\n", "b"),
        ('A="b\\"c"\n', 'b\\"c'),
        ("A =b\n", ""),
        ("#A=b\n", ""),
        ("A=b\r\n", "b"),
    ],
)
def test_values(text: str, value: str) -> None:
    assert parse(text).get("A") == value
    assert (parse(text).find("A") is None) == (value == "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "A=x\n"),
        ("B=1", "B=1\nA=x\n"),
        ("A=1\nB=2\nA=3\n", "A=x\nB=2\nA=x\n"),
        ("  A='1' # c\r\n", "A=x\r\n"),
    ],
)
def test_a_value_is_replaced(text: str, expected: str) -> None:
    assert parse(text).replace("A", "x").render() == expected


def test_a_nul_is_refused() -> None:
    with pytest.raises(FormatError, match="NUL"):
        parse("A=\0\n")


@given(st.text(alphabet="AB='\"\\ #\n\t;$x", max_size=50))
def test_every_text_comes_back(text: str) -> None:
    file = parse(text)
    assert file.render() == text
    assert file.replace("A", "x").get("A") == "x"
    assert file.without("A").get("A") == ""
