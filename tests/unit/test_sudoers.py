"""sudoers: whose password is asked for; what is taken out stays as a comment."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.sudoers import parse
from hypothesis import given
from hypothesis import strategies as st

#: SLES 15, package sudo, shortened.
SLES = """\
## sudoers file.
Defaults always_set_home
Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
Defaults env_reset
Defaults env_keep = "LANG LC_ADDRESS, XAUTHORITY"

## In the default (unconfigured) configuration, sudo asks for the root password.
Defaults targetpw   # ask for the password of the target user i.e. root
ALL   ALL=(ALL) ALL   # WARNING! Only use this together with 'Defaults targetpw'!

root ALL=(ALL:ALL) ALL
#includedir /etc/sudoers.d
"""


def test_a_file_of_sles() -> None:
    file = parse(SLES)
    assert file.render() == SLES
    assert [(flag.line, flag.is_on, flag.scope) for flag in file.flags("targetpw")] == [(8, True, "")]
    assert file.rules_for_all == (9,)
    assert file.includes == (("includedir", "/etc/sudoers.d"),)
    edited = file.without_flags(8, "targetpw").without_line(9)
    assert edited.flags("targetpw") == ()
    assert edited.rules_for_all == ()
    assert edited.render() == SLES.replace("\nDefaults targetpw", "\n# hvprep: Defaults targetpw").replace(
        "ALL   ALL", "# hvprep: ALL   ALL"
    )


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Defaults targetpw\n", [(1, True, "")]),
        ("Defaults\ttargetpw,env_reset", [(1, True, "")]),
        ("Defaults !targetpw\n", [(1, False, "")]),
        ("Defaults ! targetpw\nDefaults !!targetpw\n", [(1, False, ""), (2, True, "")]),
        ("Defaults:ann targetpw\nDefaults@host targetpw\n", [(1, True, ":ann"), (2, True, "@host")]),
        ("Defaults>root targetpw\nDefaults!/bin/x targetpw\n", [(1, True, ">root"), (2, True, "!/bin/x")]),
        ("Defaults env_reset, \\\n  targetpw\n", [(1, True, "")]),
        ('Defaults badpass_message="a, targetpw"\n', []),
        ("# Defaults targetpw\n  #Defaults targetpw\n", []),
        ("Defaults env_reset # targetpw\n", []),
        ("Defaults targetpwx\ntargetpw\n", []),
    ],
)
def test_flags(text: str, flags: List[Tuple[int, bool, str]]) -> None:
    assert [(flag.line, flag.is_on, flag.scope) for flag in parse(text).flags("targetpw")] == flags


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Defaults targetpw", "# hvprep: Defaults targetpw"),
        ("Defaults targetpw, env_reset\n", "# hvprep: Defaults targetpw, env_reset\nDefaults env_reset\n"),
        ("Defaults a, \\\n  targetpw, \\\n b\nx\n", "# hvprep: Defaults a, targetpw, b\nDefaults a, b\nx\n"),
        ("Defaults:ann targetpw, b", "# hvprep: Defaults:ann targetpw, b\nDefaults:ann b\n"),
    ],
)
def test_a_flag_is_taken_out(text: str, expected: str) -> None:
    assert parse(text).without_flags(1, "targetpw").render() == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("ALL ALL=(ALL) ALL\n", (1,)),
        ("ALL\tALL = ( ALL : ALL ) PASSWD: ALL\n", (1,)),
        ("ALL ALL=ALL\n", (1,)),
        ("root ALL=(ALL) ALL\n%wheel ALL=(ALL) ALL\n", ()),
        ("ALL ALL=(ALL) NOPASSWD: ALL\nALL ALL=(ALL) /bin/x\nALL host=(ALL) ALL\n", ()),
    ],
)
def test_rules_for_all(text: str, lines: Tuple[int, ...]) -> None:
    assert parse(text).rules_for_all == lines


def test_includes() -> None:
    text = '@include /a\n#include "/b c"\n@includedir d\n# include /e\n#includes /f\n'
    assert parse(text).includes == (("include", "/a"), ("include", "/b c"), ("includedir", "d"))


def test_a_user_id_is_no_comment() -> None:
    assert parse("#0 ALL=(ALL) ALL\n").statements == ((1, 1, "#0 ALL=(ALL) ALL"),)


def test_a_nul_is_refused() -> None:
    with pytest.raises(FormatError, match="NUL"):
        parse("\0")


WORDS = st.sampled_from(
    ["Defaults ", "targetpw", ", ", "!", "\n", "\\", "\\\n", "#", '"', "ALL ", "=", "x", " "]
)


@given(st.lists(WORDS, max_size=25).map("".join))
def test_every_text_comes_back(text: str) -> None:
    file = parse(text)
    assert file.render() == text
    for flag in file.flags("targetpw")[:1]:
        edited = file.without_flags(flag.line, "targetpw")
        assert flag.line not in [each.line for each in edited.flags("targetpw") if each.line <= flag.line]
        assert len(edited.flags("x")) == len(file.flags("x"))
