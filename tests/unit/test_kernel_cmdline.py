"""The kernel command line is split, edited and put together again as the kernel reads it."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.kernel_cmdline import (
    CommandLine,
    is_named,
    last_value,
    parameter_name,
    parse,
    spread_words,
    value_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = st.text(alphabet=st.sampled_from("ab=-_\"' \t\n\v\\\u00a0\u2003é.$"), max_size=40) | st.text()
WORDS = st.from_regex(r'[a-c_-]{1,3}(=("[ab =]{0,4}"|[ab=]{0,3}))?', fullmatch=True).filter(
    lambda word: word not in ("--", "---")
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" \n", ()),
        ("a b\tc\nd\ve\ff\rg", tuple("abcdefg")),
        ('dyndbg="file x +p" ro', ('dyndbg="file x +p"', "ro")),
        ('"dyndbg=file x +p" ro', ('"dyndbg=file x +p"', "ro")),
        ('a"b c"d e', ('a"b c"d', "e")),
        ("a='b c'", ("a='b", "c'")),
        ('a=\\"b c\\"', ('a=\\"b c\\"',)),
        ('a="b c', ('a="b c',)),
        ("a b -- c d", ("a", "b")),
        ('a "--" c', ("a",)),
        ("a --- b", ("a", "---", "b")),
        ("a --b -- -- c", ("a", "--b")),
        ("a\u00a0b \u2003", ("a\u00a0b", "\u2003")),
    ],
)
def test_words_end_where_the_kernel_ends_them(text: str, words: tuple[str, ...]) -> None:
    assert parse(text).words == words
    assert parse(text).render() == text


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("quiet", "quiet", None),
        ("console=ttyS0,115200n8", "console", "ttyS0,115200n8"),
        ("root=UUID=1-2", "root", "UUID=1-2"),
        ("nvme-core.io_timeout=240", "nvme_core.io_timeout", "240"),
        ('a="b c"', "a", "b c"),
        ('"a=b c"', "a", "b c"),
        ('"a b"', "a b", None),
        ('a="b c', "a", "b c"),
        ('a="', "a", ""),
        ("a=", "a", ""),
        ('a=b"c"', "a", 'b"c"'),
        ("=a=b", "=a", "b"),
        ("=a", "=a", None),
        ('"', "", None),
    ],
)
def test_name_and_value(word: str, name: str, value: str | None) -> None:
    assert parameter_name(word) == name
    assert value_of(word) == value


def test_names_are_compared_whole() -> None:
    words = parse("consoleblank=0 xconsole=1 console console=tty0 CONSOLE=2").words
    assert [word for word in words if is_named("console")(word)] == ["console", "console=tty0"]
    assert last_value(words, "console") == "tty0"
    assert last_value(["mem.x=1", "mem_x=2"], "mem-x") == "2"
    assert last_value(words, "absent") is None
    assert last_value(["a=1", "a"], "a") is None


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("", ["a"], "a"),
        ("\n", ["a"], "a\n"),
        ("x\n", ["a", "b"], "x a b\n"),
        ("x -- y", ["a"], "x a -- y"),
        ("-- y", ["a"], "a -- y"),
        ("x --- y -- z", ["a"], "x a --- y -- z"),
        ("x -- y --- z", ["a"], "x a -- y --- z"),
        ('x y="z -- ', ["a"], 'x a y="z -- '),
        ('y="z', ["a"], 'a y="z'),
        ("x", [], "x"),
    ],
)
def test_append(text: str, words: list[str], expected: str) -> None:
    assert parse(text).append(words).render() == expected


@pytest.mark.parametrize("word", ["", "a b", 'a="b', " a", "a\n", 'a="b" c'])
def test_what_is_not_one_word_is_refused(word: str) -> None:
    with pytest.raises(FormatError, match="is not one word") as caught:
        parse("x").append([word])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quiet", ""),
        ("  quiet  ro", "  ro"),
        ("a quiet b", "a b"),
        ("a  quiet   b ", "a   b "),
        ("a quiet\n", "a\n"),
        ("a -- quiet", "a -- quiet"),
        ("quiet -- b", "-- b"),
        ("quietx a=quiet", "quietx a=quiet"),
    ],
)
def test_remove(text: str, expected: str) -> None:
    assert parse(text).remove(lambda word: word == "quiet").render() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "console=hvc0 ro console=tty0 quiet -- console=x",
            "ro console=tty1 console=ttyS0 quiet -- console=x",
        ),
        ("console=ttyS1", "console=tty1 console=ttyS0"),
        ("  console a", "  console=tty1 console=ttyS0 a"),
        ("consoleblank=0 -- a", "consoleblank=0 console=tty1 console=ttyS0 -- a"),
    ],
)
def test_replace_keeps_the_place_of_the_last(text: str, expected: str) -> None:
    wanted = ["console=tty1", "console=ttyS0"]
    once = parse(text).replace(is_named("console"), wanted)
    assert once.render() == expected
    assert parse(once.render()).replace(is_named("console"), wanted).render() == expected


@given(TEXTS)
@settings(deadline=None)
def test_every_text_comes_back(text: str) -> None:
    assert parse(text).render() == text


def same(edited: CommandLine, words: tuple[str, ...]) -> None:
    """The value says what its text says."""
    assert edited.words == words
    assert parse(edited.render()) == edited


@given(TEXTS, st.lists(WORDS, max_size=3))
@settings(deadline=None)
def test_edits_of_any_text_do_what_they_say(text: str, words: list[str]) -> None:
    line = parse(text)
    rest = [word for _, word in line.parts[len(line.words) :]]

    removed = line.remove(lambda word: "a" in word)
    same(removed, tuple(word for word in line.words if "a" not in word))
    assert removed.remove(lambda word: "a" in word) == removed

    appended = line.append(words)
    same(appended, appended.words)
    assert sorted(appended.words) == sorted([*line.words, *words])
    assert [word for _, word in appended.parts[len(appended.words) :]] == rest

    replaced = line.replace(lambda word: word in words or "b" in word, words)
    same(replaced, replaced.words)
    assert replaced.replace(lambda word: word in words or "b" in word, words) == replaced


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("", (), ""),
        (" \n", ("a",), "a \n"),
        ("a  b\tc\n", ("a", "c"), "a\tc\n"),
        ("a  b\tc", ("c", "b"), "c b"),
        ("a  b\tc\n", ("x", "b", "a"), "x  b a\n"),
        ("  a b", ("b",), "  b"),
        ("a b a", ("a", "a", "a"), "a a a"),
        ("a -- b", ("c",), "c -- b"),
        ("-- b", ("c",), "c -- b"),
        ('a b="c', ("a", 'b="c'), 'a b="c'),
    ],
)
def test_with_words(text: str, words: tuple[str, ...], expected: str) -> None:
    edited = parse(text).with_words(words)
    assert edited.render() == expected
    assert edited.with_words(words) == edited


@pytest.mark.parametrize(
    ("text", "words"),
    [("a", ["a b"]), ("a", ["--"]), ('a b="c', ['b="c', "a"]), ('a b="c', ["a", 'b="c', "d"]), ("a", [""])],
)
def test_words_that_would_not_be_read_are_refused(text: str, words: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text).with_words(words)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "words", "expected"),
    [
        (["a b", "c"], ["a", "c", "d"], ["a", "c d"]),
        (["a b", "c d"], ["x", "a", "b", "y"], ["x a b y", ""]),
        (["a", "b"], [], ["", ""]),
        (["", "b"], ["b", "a"], ["", "b a"]),
        (["a -- b", "c"], ["d"], ["d -- b", "c"]),
        ([""], ["a"], ["a"]),
    ],
)
def test_words_are_spread_over_lines(lines: list[str], words: list[str], expected: list[str]) -> None:
    edited = spread_words([parse(line) for line in lines], words)
    assert [line.render() for line in edited] == expected
    assert spread_words(edited, words) == edited


@given(TEXTS, st.lists(WORDS, max_size=5))
def test_any_line_takes_other_words(text: str, words: list[str]) -> None:
    line = parse(text)
    assert line.with_words(line.words) == line
    try:
        edited = line.with_words([*words, *line.words])
    except FormatError:
        return
    same(edited, (*words, *line.words))
    assert edited.with_words(edited.words) == edited
