"""The options that Debian's update-grub reads from menu.lst are edited by word, and nothing else is."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.automagic import Option, parse
from hypothesis import given
from hypothesis import strategies as st

MENU = """\
# kopt=outside
### BEGIN AUTOMAGIC KERNELS LIST
## ## Start Default Options ##
## e.g. kopt=root=/dev/hda1 ro
##      kopt_2_6_8=root=/dev/hdc1 ro
# kopt=root=/dev/sda1  ro
# kopt_2_6_8=root=/dev/sdb1
#kopt=not read
# groot=(hd0,0)
# defoptions=
# xenhopt=com1=115200
# xenkopt=console=tty0
# altoptions=(recovery mode) single
# altoptions=(x)
title Debian
kernel /vmlinuz root=/dev/sda1 ro quiet
### END DEBIAN AUTOMAGIC KERNELS LIST
# kopt=outside
"""


def test_options() -> None:
    menu = parse(MENU)
    assert menu.render() == MENU
    assert menu.options == (
        Option(6, "kopt", "", ("root=/dev/sda1", "ro")),
        Option(7, "kopt_2_6_8", "", ("root=/dev/sdb1",)),
        Option(10, "defoptions", "", ()),
        Option(12, "xenkopt", "", ("console=tty0",)),
        Option(13, "altoptions", "(recovery mode) ", ("single",)),
        Option(14, "altoptions", "(x)", ()),
    )


def test_edit() -> None:
    edited = parse(MENU).edit_words(lambda option: [*option.words, "a=1"])
    changed = [new for old, new in zip(MENU.split("\n"), edited.render().split("\n")) if old != new]
    assert changed == [
        "# kopt=root=/dev/sda1  ro a=1",
        "# kopt_2_6_8=root=/dev/sdb1 a=1",
        "# defoptions=a=1",
        "# xenkopt=console=tty0 a=1",
        "# altoptions=(recovery mode) single a=1",
        "# altoptions=(x) a=1",
    ]


@pytest.mark.parametrize("words", [["a b"], ['a="\n# kopt=x"'], ["--"]])
def test_what_would_not_be_read_is_refused(words: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        parse(MENU).edit_words(lambda option: words)
    assert caught.value.hint


@given(st.text() | st.lists(st.sampled_from([*MENU.splitlines(True), '# kopt="a']), max_size=9).map("".join))
def test_every_menu_comes_back_and_two_edits_are_one(text: str) -> None:
    menu = parse(text)
    assert menu.render() == text
    try:
        edited = menu.edit_words(lambda option: [*(word for word in option.words if word != "b"), "b"])
    except FormatError:
        return
    assert edited.edit_words(lambda option: [*(word for word in option.words if word != "b"), "b"]) == edited
    assert parse(edited.render()) == edited
    assert menu.edit_words(lambda option: option.words) == menu
