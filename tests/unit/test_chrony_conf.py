"""chrony.conf comes back byte for byte; comments are those that chronyd takes for comments."""

from __future__ import annotations

from typing import List

import pytest
from hvprep.errors import FormatError
from hvprep.formats.chrony_conf import parse
from hypothesis import given
from hypothesis import strategies as st

#: EL 9, chrony 4.5, shortened.
EL_9 = """\
# Use public servers from the pool.ntp.org project.
pool 2.almalinux.pool.ntp.org iburst
sourcedir /run/chrony-dhcp

driftfile /var/lib/chrony/drift
\tMAKESTEP 1.0 3
;rtcsync
! x
% y
logdir /var/log/chrony # not a comment"""


def test_a_file_of_el_9() -> None:
    conf = parse(EL_9)
    assert conf.render() == EL_9
    assert [(each.line, each.name) for each in conf.directives] == [
        (2, "pool"),
        (3, "sourcedir"),
        (5, "driftfile"),
        (6, "makestep"),
        (10, "logdir"),
    ]
    assert conf.directives[3].arguments == ("1.0", "3")
    assert conf.directives[4].arguments[1:] == ("#", "not", "a", "comment")
    assert conf.append("rtcsync\n").render() == f"{EL_9}\nrtcsync\n"
    assert conf.replace(6, "makestep 1.0 -1").render() == EL_9.replace("\tMAKESTEP 1.0 3", "makestep 1.0 -1")


@pytest.mark.parametrize("text", ["", "rtcsync\n", "rtcsync\r\n"])
def test_lines_are_added_to_any_end(text: str) -> None:
    assert parse(text).append("x 1\n").render() == f"{text}x 1\n"


def test_a_nul_is_refused() -> None:
    with pytest.raises(FormatError, match="NUL"):
        parse("pool \0\n")


@given(st.lists(st.sampled_from(["pool", "Makestep", " ", "1", "#", "!", "\n", "\r\n", "\t", "x"])))
def test_every_text_comes_back(words: List[str]) -> None:
    conf = parse("".join(words))
    assert conf.render() == "".join(words)
    for directive in conf.directives[:1]:
        edited = conf.replace(directive.line, "rtcsync")
        assert len(edited.directives) == len(conf.directives)
        assert edited.directives[0].name == "rtcsync"
