"""Values of /etc/sysconfig are edited by word, where they are plain text."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from hvprep.errors import FormatError
from hvprep.formats.sysconfig import edit_words
from hypothesis import given
from hypothesis import strategies as st


def with_a(words: Sequence[str]) -> Sequence[str]:
    return [*(word for word in words if word != "quiet"), "a=1"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('X="ro quiet"\n', 'X="ro a=1"\n'),
        ("X='ro'  # mine\n", "X='ro a=1'  # mine\n"),
        ("  X=ro\n", '  X="ro a=1"\n'),
        ('X=""', 'X="a=1"'),
        ("X=\n", 'X="a=1"\n'),
        ('# X="ro"\nXY="ro"\nY="X=1"\n', '# X="ro"\nXY="ro"\nY="X=1"\n'),
        ('X="quiet"\nX="b  c"\n', 'X="a=1"\nX="b c a=1"\n'),
        ('X="ro"; Y=1\n', 'X="ro a=1"; Y=1\n'),
    ],
)
def test_words(before: str, after: str) -> None:
    assert edit_words(before, "X", with_a) == after


@pytest.mark.parametrize(
    "line", ['X="$Y ro"', 'X="a\\"b"', "X=`date`", 'X="a', 'X="a" Y=b', "X=a b", 'X="a""b"']
)
def test_what_is_more_than_text_is_refused(line: str) -> None:
    with pytest.raises(FormatError, match="more than text"):
        edit_words(line + "\n", "X", with_a)


@pytest.mark.parametrize("word", ['a="b', "$HOME", "a b", "`x`", "\\"])
def test_a_word_that_sh_would_read_otherwise_is_refused(word: str) -> None:
    with pytest.raises(FormatError, match="cannot hold"):
        edit_words('X="ro"\n', "X", lambda words: [*words, word])


@given(st.text(alphabet="AXY='\"# \n$a1", max_size=40))
def test_nothing_edited_is_nothing_changed(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert edit_words(text, "X", lambda words: words) == text
