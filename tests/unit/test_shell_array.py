"""Arrays of bash are read as bash reads them, and get words without losing anything."""

from __future__ import annotations

import subprocess

import pytest
from hvprep.errors import FormatError
from hvprep.formats.default_grub import DefaultGrub
from hvprep.formats.shell_array import Value, add_words, evaluate, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ARCH = """\
# vim:set ft=sh:
# MODULES=(not this)
MODULES=( # at the start
    ext4   "hv vmbus"
    # a comment (with parentheses)
    'a'b
) # behind
BINARIES=()
FILES=""
HOOKS=(base udev autodetect)
if [ -e /x ]; then
    HOOKS+=(x)
fi
#COMPRESSION_OPTIONS=()
COMPRESSION="zstd -T0"; LAST=1
"""


def bash(text: str, name: str) -> list[str]:
    """What the real bash has in the array."""
    script = f'{text}\nfor word in "${{{name}[@]}}"; do printf \'%s\\0\' "$word"; done'
    done = subprocess.run(["bash", "--norc", "-c", script], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


def test_a_configuration_of_arch() -> None:
    conf = parse(ARCH)
    assert conf.render() == ARCH
    assert evaluate([conf], "MODULES") == Value(("ext4", "hv vmbus", "ab"), True)
    assert evaluate([conf], "HOOKS") == Value(("base", "udev", "autodetect", "x"), False)
    assert evaluate([conf], "BINARIES") == Value((), True)
    assert evaluate([conf], "COMPRESSION").words == ("zstd", "-T0")
    assert evaluate([conf], "absent") == Value((), True)
    assert [
        (each.name, each.line, each.array is not None, each.conditional) for each in conf.all_assignments
    ] == [
        ("MODULES", 3, True, False),
        ("BINARIES", 8, True, False),
        ("FILES", 9, False, False),
        ("HOOKS", 10, True, False),
        ("HOOKS", 12, True, True),
        ("COMPRESSION", 15, False, False),
        ("LAST", 15, False, False),
    ]
    assert bash(ARCH, "MODULES") == ["ext4", "hv vmbus", "ab"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("M=()\n", "M=(a b)\n"),
        ("M=(b)", "M=(b a)"),
        ("M=(x # y\n z # )\n)\n", "M=(x # y\n z a b # )\n)\n"),
        ("M=(\n# c\n)", "M=(a b\n# c\n)"),
        ('M=(x "y")\n', 'M=(x "y" a b)\n'),
        ("", "M+=(a b)\n"),
        ("N=(a)", "N=(a)\nM+=(a b)\n"),
        ("M=(x)\nM+=(y)\n", "M=(x)\nM+=(y a b)\n"),
        ("[ -e / ] && M=(x)\n", "[ -e / ] && M=(x)\nM+=(a b)\n"),
        ("M=(a b)", "M=(a b)"),
        ("M=(a)\n[ -e / ] && M=(b)\n", "M=(a)\n[ -e / ] && M=(b)\nM+=(a b)\n"),
        ("M=(a)\n[ -e / ] && M+=(b)\n", "M=(a)\n[ -e / ] && M+=(b)\nM+=(b)\n"),
        ("#x \\", "#x \\\n\nM+=(a b)\n"),
    ],
)
def test_words_are_added(text: str, expected: str) -> None:
    edited = add_words(parse(text), "M", ["a", "b", "a"])
    assert edited.render() == expected
    assert add_words(edited, "M", ["a", "b"]) == edited
    assert bash(expected, "M") == list(evaluate([edited], "M").words)


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("M=(a)", True),
        ("M=($x)", False),
        ("M=(a*)", False),
        ("M=({a,b})", False),
        ("M=([2]=a)", False),
        ('M=("$(date)")', False),
        (". other\nM=(a)", False),
        ('M="a b"\nM+=(c)', False),
        ('M="a b"', True),
        ("M=(a)\nfunction_of_mine() {\nM=(b)\n}\n", False),
    ],
)
def test_what_is_certain(text: str, certain: bool) -> None:
    assert evaluate([parse(text)], "M").certain == certain


def test_a_gap_makes_no_array() -> None:
    """bash takes `M= (a)` for a mistake."""
    assert not [each for each in parse("M= (a)\n").assignments("M") if each.array is not None]


def test_edits_of_a_string_leave_arrays_beside_it_arrays() -> None:
    conf = parse('A="x quiet"\nM=(a b)\n')
    for edited in (conf.remove_words("A", lambda word: word == "quiet"), conf.append_assignment("A", ["y"])):
        assert edited == parse(edited.render())
        assert evaluate([edited], "M") == Value(("a", "b"), True)


def test_files_are_evaluated_in_order() -> None:
    files = [parse("M=(a)"), parse("M+=(b)"), parse("N=(c)")]
    assert evaluate(files, "M") == Value(("a", "b"), True)
    assert evaluate([*files, parse("M=(z)")], "M") == Value(("z",), True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("M=(a)\n" * 50000, "has 300000 characters"),
        ("x\nM=(a", "array that begins in line 2 never ends"),
        ("M=(a; b)", "array that begins in line 1 has ';' in it"),
        ("M=((a))", "has '\\(' in it"),
        ("M=(a)\r\n", "CRLF"),
        ('M=("a)', "never ends"),
    ],
)
def test_what_bash_does_not_take_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "word"), [("M=(a)", "b c"), ("M=(a)", "$(x)"), ("M=(a)", ""), ('M="a"', "b")]
)
def test_what_cannot_be_added_is_refused(text: str, word: str) -> None:
    with pytest.raises(FormatError) as caught:
        add_words(parse(text), "M", [word])
    assert caught.value.hint


PARTS = st.sampled_from(
    [
        "M=(",
        ")",
        "\n",
        "a",
        " ",
        "b c",
        "# x",
        '"q r"',
        "'s'",
        "M+=(",
        "N=(",
        "\\\n",
        "M=1",
        ";",
        "if x; then ",
        "fi",
        "é",
    ]
)
TEXTS = st.text() | st.lists(PARTS, max_size=12).map("".join) | st.text("M=()ab \n#\"'\\+;", max_size=40)


def parsed(text: str) -> DefaultGrub:
    try:
        return parse(text)
    except FormatError:
        return parse("")


@given(TEXTS)
def test_every_file_comes_back_and_two_edits_are_one(text: str) -> None:
    conf = parsed(text)
    assert conf.render() in (text, "")
    try:
        edited = add_words(conf, "M", ["hv_vmbus", "a"])
    except FormatError:
        return
    assert add_words(edited, "M", ["hv_vmbus", "a"]) == edited
    assert parse(edited.render()) == edited
    before = [each for each in conf.all_assignments if each.name != "M"]
    after = [each for each in edited.all_assignments if each.name != "M"]
    assert [(each.name, each.words) for each in before] == [(each.name, each.words) for each in after]


WORD = st.sampled_from(["a", "bc", '"d e"', "'f'", "g\\ h", "# i\n", "\n", "  ", "''"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(WORD, max_size=5).map(" ".join), max_size=3))
def test_bash_has_the_same_words(bodies: list[str]) -> None:
    text = "".join(f"M+=({body}\n)\n" for body in bodies)
    assert bash(text, "M") == list(evaluate([parse(text)], "M").words)
