"""/etc/kernel/cmdline comes back byte for byte, and its words are edited where they stand."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.kernel_install import parse
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "words", "has_comments"),
    [
        ("", (), False),
        ("root=UUID=1 ro\n", ("root=UUID=1", "ro"), False),
        ("root=UUID=1\n\tro", ("root=UUID=1", "ro"), False),
        (" # c d\nro a#b # e\n", ("ro", "a#b", "#", "e"), True),
        ('dyndbg="file\nx"', ('dyndbg="file\nx"',), False),
    ],
)
def test_words(text: str, words: tuple[str, ...], has_comments: bool) -> None:
    cmdline = parse(text)
    assert cmdline.render() == text
    assert (cmdline.words, cmdline.has_comments) == (words, has_comments)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("a  b\n", ("a", "b", "c"), "a  b c\n"),
        ("a\n# c\nb", ("b", "c"), "\n# c\nb c"),
        ("# only", ("a",), "# only\na\n"),
        ("", ("a",), "a\n"),
        ("\n", ("a",), "a\n"),
    ],
)
def test_edit(text: str, words: tuple[str, ...], expected: str) -> None:
    edited = parse(text).edit_words(lambda _: words)
    assert edited.render() == expected
    assert edited.edit_words(lambda _: words) == edited


@pytest.mark.parametrize(("text", "words"), [("a\n", ["b c"]), ("", ["#a"]), ("a", ['b="', "c"])])
def test_what_would_not_be_read_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text).edit_words(lambda _: words)
    assert caught.value.hint


def test_a_text_longer_than_any_command_line_is_refused() -> None:
    with pytest.raises(FormatError, match="65537 characters") as caught:
        parse("a" * 65537)
    assert caught.value.hint


@given(st.text() | st.text('ab#="\n -', max_size=30))
def test_every_text_comes_back_and_two_edits_are_one(text: str) -> None:
    cmdline = parse(text)
    assert cmdline.render() == text
    try:
        edited = cmdline.edit_words(lambda words: [*(word for word in words if word != "x"), "x"])
    except FormatError:
        return
    assert edited.edit_words(lambda words: [*(word for word in words if word != "x"), "x"]) == edited
    assert edited.words[-1] == "x"
    assert parse(edited.render()) == edited
