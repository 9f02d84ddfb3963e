"""What we read in /etc/default/grub is what sh makes of it, and edits change nothing else."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

import pytest
from hvprep.errors import FormatError
from hvprep.formats.default_grub import evaluate, parse, quote_words
from hvprep.formats.kernel_cmdline import parse as parse_command_line
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
LINUX = "GRUB_CMDLINE_LINUX"
DEFAULT = "GRUB_CMDLINE_LINUX_DEFAULT"

#: Files, and whether evaluate() can be certain of GRUB_CMDLINE_LINUX. `quiet` is removed from all of them.
CERTAIN = [
    'GRUB_CMDLINE_LINUX="quiet ro"\n',
    "GRUB_CMDLINE_LINUX='ro quiet'\n",
    "GRUB_CMDLINE_LINUX=quiet\n",
    "GRUB_CMDLINE_LINUX=ro\\ quiet\\ a",
    'GRUB_CMDLINE_LINUX="a" # GRUB_CMDLINE_LINUX="quiet"\n',
    "#GRUB_CMDLINE_LINUX=quiet\nGRUB_OTHER=quiet",
    'GRUB_CMDLINE_LINUX="a quiet"\nGRUB_CMDLINE_LINUX="b quiet c"\n',
    'GRUB_CMDLINE_LINUX="a quiet"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b"\n',
    'GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX} quiet b quiet"\n',
    'export GRUB_CMDLINE_LINUX="quiet a" GRUB_OTHER="quiet"\n',
    'GRUB_TIMEOUT=1; GRUB_CMDLINE_LINUX="quiet a"; GRUB_OTHER=2\n',
    'GRUB_TIMEOUT=1 GRUB_CMDLINE_LINUX="quiet a" GRUB_OTHER=2\n',
    '  \tGRUB_CMDLINE_LINUX="quiet a"  \t# why "not\n',
    'GRUB_CMDLINE_LINUX="quiet \\\n  a \\\nb"\n',
    'GRUB_CMDLINE_LINUX="qu\\\niet a"\n',
    'GRUB_CMDLINE_LINUX="a\nquiet\nb"\n',
    'GRUB_CMDLINE_LINUX="a ""b"\'c quiet\'" d"\n',
    "GRUB_CMDLINE_LINUX=a' quiet'\" qu\"iet\n",
    'GRUB_CMDLINE_LINUX="dyndbg=\\"file quiet +p\\" quiet a=\\\\b c=\\$d e=\\`f"\n',
    "GRUB_CMDLINE_LINUX='dyndbg=\"file quiet +p\" quiet'\n",
    'GRUB_CMDLINE_LINUX="a\\quiet \\a quiet"\n',
    'GRUB_CMDLINE_LINUX="it\'s quiet"\n',
    'GRUB_CMDLINE_LINUX="  quiet   splash  "\n',
    'GRUB_CMDLINE_LINUX="quiet"',
    'GRUB_CMDLINE_LINUX=""\n',
    "GRUB_TIMEOUT=5\n",
    "",
    'GRUB_CMDLINE_LINUX="quietly quiet=1 xquiet"\n',
    'X="quiet splash"\nGRUB_CMDLINE_LINUX="$X a"\nX=later\n',
    'GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX:+$GRUB_CMDLINE_LINUX }\\$quiet quiet"\n',
    'GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX:-quiet b}"\n',
    'LANG=C GRUB_CMDLINE_LINUX=temporary : ; LANG=C GRUB_CMDLINE_LINUX="quiet" nothing\n',
    'cat <<X >/dev/null\nit\'s GRUB_CMDLINE_LINUX="quiet"\nX\nGRUB_CMDLINE_LINUX="quiet b"\n',
    "GRUB_CMDLINE_LINUX='a'#quiet # b\n",
    "GRUB_CMDLINE_LINUX=$\n",
    "GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=quiet ! \n",
    "GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=quiet \\export\n",
    'GRUB_CMDLINE_LINUX="a$ quiet $"\n',
]
UNCERTAIN = [
    'if true; then\n  GRUB_CMDLINE_LINUX="quiet a"\nfi\n',
    'if false; then GRUB_CMDLINE_LINUX="a"; else GRUB_CMDLINE_LINUX="quiet b"; fi\n',
    'test -n "" || GRUB_CMDLINE_LINUX="quiet a"\n',
    'true &&\n GRUB_CMDLINE_LINUX="quiet a"\n',
    'case x in\n (x) GRUB_CMDLINE_LINUX="quiet a";;\n esac\nGRUB_OTHER="quiet"\n',
    'for i in 1; do GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX quiet"; done\n',
    'add() { GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX quiet $1"; }\nadd x\n',
    'GRUB_CMDLINE_LINUX="a $(echo "quiet ) b") quiet"\n',
    'GRUB_CMDLINE_LINUX="a `echo "quiet \\`echo x\\`"` quiet"\n',
    'GRUB_CMDLINE_LINUX="quiet$UNKNOWN ${UNKNOWN}quiet quiet ${UNKNOWN:-a "quiet b"}"\n',
    'GRUB_CMDLINE_LINUX="${UNKNOWN:-it\'s} quiet"\n',
    'GRUB_CMDLINE_LINUX="a quiet"\n: "${GRUB_CMDLINE_LINUX:=b}"\n',
    'GRUB_CMDLINE_LINUX="a quiet"\nunset GRUB_CMDLINE_LINUX\n',
    'GRUB_CMDLINE_LINUX="a quiet"\nreturn\nGRUB_CMDLINE_LINUX="b quiet"\n',
    'eval GRUB_CMDLINE_LINUX=x\nGRUB_OTHER="quiet"\n',
    'GRUB_CMDLINE_LINUX="a $((1 << 2)) quiet"\n',
    "GRUB_CMDLINE_LINUX=a && true &\n",
    "GRUB_CMDLINE_LINUX=a:~\n",
    "GRUB_CMDLINE\\\n_LINUX=a\n",
    "GRUB_CMDLINE_LINUX=$\\\nX\n",
    'Y=b XY=c\nGRUB_CMDLINE_LINUX="$X\\\nY"\n',
    "export ${UNKNOWN}GRUB_CMDLINE_LINUX=a\n",
    "export GRUB'_CMDLINE'_LINUX=a\n",
    'export X=a GRUB_CMDLINE_LINUX="$X"\n',
    "X+=a GRUB_CMDLINE_LINUX=a\n",
    "\\unset GRUB_CMDLINE_LINUX",
    "GRUB_CMDLINE_LINUX=a >''\n",
    "for GRUB_CMDLINE_LINUX in a quiet; do :; done\n",
    'until GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX quiet"; do :; done\n',
    'f()\nGRUB_CMDLINE_LINUX="quiet a"\n',
    'GRUB_CMDLINE_LINUX="quiet a"\nfi\n',
    'GRUB_CMDLINE_LINUX="quiet a"\nif true\n',
    'GRUB_CMDLINE_LINUX=a | cat\n(GRUB_CMDLINE_LINUX="quiet b")\n',
]


def read(name: str) -> str:
    return (DATA / name).read_text()


def sourced(cases: list[list[str]], names: list[str], directory: Path) -> list[list[str] | None]:
    """What sh says that the variables hold, for each sequence of files; None where sh gives up."""
    script = []
    for case, texts in enumerate(cases):
        paths = [directory / f"{case}.{number}" for number in range(len(texts))]
        for path, text in zip(paths, texts):
            path.write_text(text)
        sources = "".join(f'. "{path}" >/dev/null; ' for path in paths)
        prints = "".join(f'printf "%s\n\001" "${name}"; ' for name in names)
        script.append(f"( {sources} printf '\n\001'; {prints} )\n printf '\002'\n")
    result = subprocess.run(
        ["sh", "-c", "".join(script)],
        env={"PATH": "/usr/bin:/bin"},
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        timeout=20,
    )
    answers = [answer.split("\n\001")[1:-1] for answer in result.stdout.split("\002")[:-1]]
    return [answer if len(answer) == len(names) else None for answer in answers]


def variables(texts: list[str]) -> list[str]:
    return sorted({LINUX, *re.findall(r"\bGRUB_[A-Z_]+", "".join(texts))})


def words_of(text: str) -> list[str]:
    return [word for _, word in parse_command_line(text).parts]


def is_quiet(word: str) -> bool:
    return word == "quiet"


@pytest.mark.parametrize("text", CERTAIN)
def test_a_certain_value_is_what_sh_says(text: str, tmp_path: Path) -> None:
    (truth,) = sourced([[text]], [LINUX], tmp_path)
    value = evaluate([parse(text)], [LINUX])[LINUX]
    assert truth is not None
    assert value.certain
    assert value.text == truth[0]
    assert list(value.words) == words_of(truth[0])


@pytest.mark.parametrize("text", UNCERTAIN)
def test_an_uncertain_value_says_so(text: str) -> None:
    assert not evaluate([parse(text)], [LINUX])[LINUX].certain


@pytest.mark.parametrize("text", CERTAIN + UNCERTAIN)
def test_removed_words_are_gone_for_sh_and_nothing_else_is(text: str, tmp_path: Path) -> None:
    parsed = parse(text)
    edited = parsed.remove_words(LINUX, is_quiet)
    names = variables([text])
    before, after = sourced([[text], [edited.render()]], names, tmp_path)
    assert (before is None) == (after is None)
    for name, old, new in zip(names, before or (), after or ()):
        if name != LINUX:
            assert new == old
        elif evaluate([parsed], [LINUX])[LINUX].certain:
            elsewhere = text.startswith("X=") or ":-quiet" in text
            assert words_of(new) == [word for word in words_of(old) if elsewhere or not is_quiet(word)]
    assert edited.remove_words(LINUX, is_quiet) == edited
    assert edited == parse(edited.render())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('GRUB_CMDLINE_LINUX="quiet ro"  # quiet\n', 'GRUB_CMDLINE_LINUX="ro"  # quiet\n'),
        ("GRUB_CMDLINE_LINUX='quiet'", "GRUB_CMDLINE_LINUX=''"),
        ('GRUB_CMDLINE_LINUX="quiet splash quiet"', 'GRUB_CMDLINE_LINUX="splash"'),
        ('GRUB_CMDLINE_LINUX="quiet  quiet  a  b"', 'GRUB_CMDLINE_LINUX="a  b"'),
        ('GRUB_CMDLINE_LINUX="a "\'quiet\'" b"', 'GRUB_CMDLINE_LINUX="a"\'\'" b"'),
        ('GRUB_CMDLINE_LINUX="$A quiet$B quiet `c` quiet"', 'GRUB_CMDLINE_LINUX="$A quiet$B `c`"'),
        (
            'GRUB_CMDLINE_LINUX="${A:+$A }quiet \\$tuned quiet"',
            'GRUB_CMDLINE_LINUX="${A:+$A }quiet \\$tuned"',
        ),
        (
            'GRUB_CMDLINE_LINUX+=" quiet a"; GRUB_CMDLINE_LINUX_DEFAULT="quiet"',
            'GRUB_CMDLINE_LINUX+=" a"; GRUB_CMDLINE_LINUX_DEFAULT="quiet"',
        ),
    ],
)
def test_removal_byte_by_byte(text: str, expected: str) -> None:
    assert parse(text).remove_words(LINUX, is_quiet).render() == expected


def test_words_that_touch_an_expansion_are_nobodys_to_remove() -> None:
    text = 'GRUB_CMDLINE_LINUX="a quiet$A ${B}quiet dyndbg=\\"$C quiet\\" quiet`d`quiet"'
    expected = text.replace("a quiet$A", "quiet$A")
    assert parse(text).remove_words(LINUX, lambda word: True).render() == expected


def test_a_kernel_quoted_word_goes_whole() -> None:
    text = 'GRUB_CMDLINE_LINUX="ro dyndbg=\\"file x +p\\" a"\n'
    edited = parse(text).remove_words(LINUX, lambda word: word == 'dyndbg="file x +p"')
    assert edited.render() == 'GRUB_CMDLINE_LINUX="ro a"\n'


def test_an_edit_that_would_read_as_something_else_is_refused() -> None:
    with pytest.raises(FormatError, match="line 1 cannot be edited by word") as caught:
        parse("GRUB_CMDLINE_LINUX=$\\ 'quiet'").remove_words(LINUX, is_quiet)
    assert caught.value.hint


def test_assignments_say_where_and_on_what_terms() -> None:
    text = (
        'A="1"\nif x; then A=2; A+=" 3"; fi\nA="$A\n4"; A="${A:+x}"\n'
        "A=5 && A=6\nA=7 true\nexport B=1 'A=8'\nA='$A'\n{ A=9; }\nA=10\n"
    )
    found = parse(text).assignments("A")
    assert [(each.line, each.conditional, each.words) for each in found] == [
        (1, False, ("1",)),
        (2, True, ("2",)),
        (2, True, ("3",)),
        (3, False, ("$A", "4")),
        (4, False, ("${A:+x}",)),
        (5, False, ("5",)),
        (5, True, ("6",)),
        (7, False, ("8",)),
        (8, False, ("$A",)),
        (9, True, ("9",)),
        (10, False, ("10",)),
    ]
    assert [each.line for each in found if each.refers_to_itself] == [3, 4]
    assert [each.words for each in found if each.appends] == [("3",)]


IMAGES = {
    "debian-12": (["debian-12.default-grub"], "", "quiet"),
    "ubuntu-24.04": (
        [f"ubuntu-24.04.{name}" for name in ("default-grub", "50-cloudimg-settings.cfg", "kdump-tools.cfg")],
        "",
        "console=tty1 console=ttyS0 "
        "crashkernel=2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M",
    ),
    "el-9": (
        ["el-9.default-grub"],
        "crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root "
        "rd.lvm.lv=rhel/swap rhgb quiet",
        "$tuned_params",
    ),
    "opensuse-15.6": (
        ["opensuse-15.6.default-grub"],
        "",
        "splash=silent resume=/dev/disk/by-uuid/0b1c mitigations=auto quiet security=apparmor",
    ),
}


@pytest.mark.parametrize(("files", "linux", "default"), IMAGES.values(), ids=IMAGES)
def test_the_defaults_of_distributions(files: list[str], linux: str, default: str, tmp_path: Path) -> None:
    texts = [read(name) for name in files]
    parsed = [parse(text) for text in texts]
    assert [each.render() for each in parsed] == texts
    values = evaluate(parsed, [LINUX, DEFAULT])
    assert (values[LINUX].text, values[DEFAULT].text) == (linux, default)
    assert values[LINUX].certain
    assert values[DEFAULT].certain

    names = variables(texts)
    edited = [
        each.remove_words(DEFAULT, lambda word: word.startswith("console=")).remove_words(LINUX, is_quiet)
        for each in parsed
    ]
    before, after = sourced([texts, [each.render() for each in edited]], names, tmp_path)
    assert before is not None
    assert after is not None
    for name, old, new in zip(names, before, after):
        gone = {LINUX: r"quiet", DEFAULT: r"console=.*"}.get(name)
        expected = [word for word in words_of(old) if not gone or not re.fullmatch(gone, word)]
        assert words_of(new) == expected
        assert gone or new == old


def test_appended_lines_take_effect(tmp_path: Path) -> None:
    words = ["console=ttyS0", 'dyndbg="file x +p"', "a=$b`c\\d"]
    longer = [parse(text).append_assignment(LINUX, words) for text in CERTAIN]
    answers = sourced([[each.render()] for each in longer], [LINUX], tmp_path)
    for text, each, truth in zip(CERTAIN, longer, answers):
        before = evaluate([parse(text)], [LINUX])[LINUX].words
        assert truth is not None
        assert words_of(truth[0]) == [*before, *words]
        assert evaluate([each], [LINUX])[LINUX].words == (*before, *words)
        assert each.render().startswith(text)


@pytest.mark.parametrize("text", ["true \\\n", "true \\", "# a \\\n", "A=1", "A=1\n", ""])
def test_an_appended_line_stands_for_itself(text: str, tmp_path: Path) -> None:
    longer = parse(text).append_line("B=2").render()
    assert longer.startswith(text)
    assert longer.endswith("\nB=2\n") or not text
    assert sourced([[longer]], ["B"], tmp_path) == [["2"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nB='x\n\n", "single quote that begins in line 2"),
        ('\n\nA="x', "double quote that begins in line 3"),
        ('A=1\nA="$(x"', "expansion that begins in line 2"),
        ("A=`x", "expansion that begins in line 1"),
        ("`", "expansion that begins in line 1"),
        ("A=${B:-'}", "expansion that begins in line 1"),
        ("A=$(case x in x) echo;; esac)", "line 1 has a `case`"),
        ("\ufeffA=1\n", "line 1 begins with a byte order mark"),
        ("A=1\nB=2\r\n", "line 2 ends with CRLF"),
        ("A" * 300000, "300000 characters"),
    ],
    ids=lambda value: value[:30],
)
def test_what_sh_would_not_read_is_an_error(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        parse(text)
    assert caught.value.hint


HOSTILE = {
    "commands": "A=$(" * 20000,
    "quoted commands": '"$(' * 20000,
    "parameters": 'A="${B:-' * 9000,
    "parentheses": "(" * 20000,
    "backquotes": "A=`" * 3000,
    "conditions": "if " * 20000,
    "assignments": "A=1 " * 10000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_depth_ends(text: str) -> None:
    with contextlib.suppress(FormatError):
        parse(text).remove_words("A", is_quiet)


def test_values_that_double_do_not_explode() -> None:
    doubling = parse("A=x\n" + 'A="$A$A"\n' * 200 + f'B="{"$A" * 10000}"\n')
    values = evaluate([doubling], ["A", "B"])
    assert not values["A"].certain
    assert len(values["A"].text) + len(values["B"].text) < 1 << 20
    deep = "A=x\nA=" + "${A:+" * 5000 + "}" * 5000
    assert not evaluate([parse(deep)], ["A"])["A"].certain


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), max_size=4))
@settings(max_examples=50, deadline=None)
def test_quoted_words_reach_sh_whole(words: list[str]) -> None:
    value = subprocess.run(
        ["sh", "-c", f'printf "%s" "{quote_words(words)}"'],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    assert value.stdout == " ".join(words)


#: Pieces of shell, `_` stands for a space.
SHELL = r"""
X= L= L= L+= L=quiet_ $X ${X} ${X%a} $L ${L} ${X:+ ${X:- ${L:+ quiet quiet_ a b=c
" " " ' ' \ \" \$ # $ ` $( ) } $' ~ ; && || | & ( if_true;then_ ;fi else_ while_false;do_ ;done for_a_in_
case_a_in_a) ;;esac {_ ;} f() !_ true_ :_ export_ readonly_ <<E_ 2>_
"""
FRAGMENTS = st.sampled_from(
    [word.replace("_", " ").replace("L", LINUX) for word in SHELL.split()]
    + [" ", " ", " ", "\n", "\n", "\\\n", "<<E\n", "E\n"]
)
#: Files that a person might have written: lines of assignments with odd values.
VALUES = st.lists(FRAGMENTS, max_size=6).map("".join)
LINES = st.tuples(st.sampled_from([LINUX + "=", LINUX + "=", "X=", "export X=", ""]), VALUES, st.just("\n"))
FILES = st.lists(LINES.map("".join), max_size=4).map("".join) | st.lists(FRAGMENTS, max_size=20).map("".join)


@given(st.text() | FILES)
@settings(max_examples=300, deadline=None)
def test_every_text_comes_back_or_is_an_error(text: str) -> None:
    try:
        parsed = parse(text)
        edited = parsed.remove_words(LINUX, is_quiet)
        evaluate([parsed, edited], [LINUX])
    except FormatError:
        return
    assert parsed.render() == text
    assert edited.remove_words(LINUX, is_quiet) == edited
    assert all("quiet" not in each.words for each in edited.assignments(LINUX))


@given(text=FILES)
@settings(max_examples=100, deadline=None)
def test_certain_values_of_generated_files_are_what_sh_says(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        parsed = parse(text)
        edited = parsed.remove_words(LINUX, is_quiet)
    except FormatError:
        return
    names = [LINUX, "X"]
    directory = tmp_path_factory.getbasetemp()
    before, after = sourced([[text], [edited.render()]], names, directory)
    assert (before is None) == (after is None)
    for file, truth in ((parsed, before), (edited, after)):
        values = evaluate([file], names)
        for name, true in zip(names, truth or ()):
            assert not values[name].certain or values[name].text == true
