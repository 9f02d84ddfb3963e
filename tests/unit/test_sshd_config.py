"""sshd_config: read as sshd reads it (the chroot floor asks sshd itself), and edited by the line."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.sshd_config import find_setting, parse, parse_time
from hypothesis import given
from hypothesis import strategies as st

#: openssh-server of Debian 12, shortened.
DEBIAN = """\
# This is the sshd server system-wide configuration file.

Include /etc/ssh/sshd_config.d/*.conf

#ClientAliveInterval 0
UsePAM yes
Subsystem\tsftp\t/usr/lib/openssh/sftp-server

# Example of overriding settings on a per-user basis
Match User anoncvs
\tX11Forwarding no
"""
KEY = "clientaliveinterval"


def value(text: str, **included: str) -> Optional[str]:
    """What counts, where Include of a name gives the file of that name."""

    def load(pattern: str) -> Iterable[Tuple[str, str]]:
        name = pattern.rpartition("/")[2]
        return [(pattern, included[name])] if name in included else []

    setting = find_setting("/etc/ssh/sshd_config", text, load, KEY)
    return None if setting is None else " ".join(setting.statement.arguments)


def test_a_file_of_debian() -> None:
    config = parse(DEBIAN)
    assert config.render() == DEBIAN
    assert [statement.keyword for statement in config.statements] == [
        "include",
        "usepam",
        "subsystem",
        "match",
        "x11forwarding",
    ]
    assert config.statements[2].arguments == ("sftp", "/usr/lib/openssh/sftp-server")
    edited = config.insert("ClientAliveInterval 180")
    assert edited.render() == DEBIAN.replace("Match User", "ClientAliveInterval 180\nMatch User")
    assert value(edited.render()) == "180"
    assert edited.replace(6, "UsePAM no").render() == edited.render().replace("UsePAM yes", "UsePAM no")


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("ClientAliveInterval 180", ["180"]),
        ("CLIENTALIVEINTERVAL 180", ["180"]),
        ("\t clientaliveinterval\t180 \t", ["180"]),
        ("ClientAliveInterval=180", ["180"]),
        ("ClientAliveInterval = 180", ["180"]),
        ("ClientAliveInterval == 180", ["=", "180"]),
        ("ClientAliveInterval==180", ["=180"]),
        ('"ClientAliveInterval" 180', ["180"]),
        ('"ClientAliveInterval"= 180', ["=", "180"]),
        ('ClientAliveInterval "180"', ["180"]),
        ("ClientAliveInterval '180'", ["180"]),
        ("ClientAliveInterval 1\"8\"'0'", ["180"]),
        ("ClientAliveInterval 180 # mine", ["180"]),
        ("ClientAliveInterval 180#mine", ["180#mine"]),
        ("ClientAliveInterval #", []),
        ('ClientAliveInterval ""', [""]),
        ("ClientAliveInterval 180\r", ["180"]),
        ("ClientAliveInterval 180\f", ["180"]),
        ("=ClientAliveInterval 180", ["180"]),
        ('""ClientAliveInterval 180', ["180"]),
        (r"ClientAliveInterval a\ b", ["a b"]),
        (r'ClientAliveInterval "a\ b\"c" \\d', [r'a\ b"c', r"\d"]),
        ("ClientAliveInterval 1 2", ["1", "2"]),
    ],
)
def test_a_line(line: str, arguments: List[str]) -> None:
    (statement,) = parse(f"\n{line}\n").statements
    assert (statement.line, statement.keyword, list(statement.arguments)) == (2, KEY, arguments)


@pytest.mark.parametrize(
    "line",
    ["#ClientAliveInterval 180", "  # x", "", "\t", "=", '""', "# a 'quote", '"ClientAliveInterval 180'],
)
def test_a_line_that_says_nothing(line: str) -> None:
    assert parse(f"{line}\n").statements == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("UsePAM yes\nClientAliveInterval\n", "line 2 has no more than a keyword"),
        ("ClientAliveInterval 'a\n", "a quote in line 1"),
        ("a\0b c\n", "NUL"),
    ],
)
def test_a_file_that_sshd_refuses(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (f"{KEY} 1\n{KEY} 2\n", "1"),
        (f"Match User x\n{KEY} 1\n", None),
        (f"Match User x\n{KEY} 1\nMatch all\n{KEY} 2\n", "2"),
        (f"{KEY} 1\nMatch all\n{KEY} 2\n{KEY} 3\n", "2"),
        (f"{KEY} 1\nMatch all\nMatch User x\n{KEY} 2\n", "1"),
        (f"{KEY} 5\nMatch all\nInclude a\n", "1"),
        (f"{KEY} 5\nInclude forall\n{KEY} 7\n", "6"),
        (f"match ALL\n{KEY} 1\n", "1"),
        (f"Match=all\n{KEY} 1\n", "1"),
        (f"Match User all\n{KEY} 1\n", None),
        (f"Include a\n{KEY} 2\n", "1"),
        (f"{KEY} 2\nInclude a\n", "2"),
        (f"Include none a {KEY}\n", "1"),
        (f"Include matches\n{KEY} 2\n", "2"),
        (f"Match User x\nInclude a\nMatch all\n{KEY} 2\n", "2"),
        (f"Match User x\nInclude forall\n{KEY} 3\n", None),
        (f"Match all\nInclude matches\n{KEY} 2\n", "2"),
        ("Include deep\n", "1"),
    ],
)
def test_what_counts(text: str, expected: Optional[str]) -> None:
    files = {
        "a": f"{KEY} 1\n",
        "matches": f"Match User x\n{KEY} 5\n",
        "forall": f"Match all\n{KEY} 6\n",
        "deep": "Include a\n",
    }
    assert value(text, **files) == expected


def test_names_without_a_slash_are_below_etc_ssh() -> None:
    asked = []

    def load(pattern: str) -> List[Tuple[str, str]]:
        asked.append(pattern)
        return []

    find_setting("/etc/ssh/sshd_config", "Include a.d/*.conf /b\n", load, KEY)
    assert asked == ["/etc/ssh/a.d/*.conf", "/b"]


def test_files_may_include_each_other_as_deeply_as_sshd_follows() -> None:
    """SERVCONF_MAX_DEPTH of servconf.h."""
    files = {f"f{number}": f"Include f{number + 1}\n" for number in range(15)}
    assert value("Include f0\n", **files, f15=f"{KEY} 1\n") == "1"
    with pytest.raises(FormatError, match="too deeply"):
        value("Include f0\n", **files, f15="Include f16\n", f16=f"{KEY} 1\n")


def test_a_file_that_includes_itself_is_refused() -> None:
    with pytest.raises(FormatError, match="too deeply"):
        value("Include a\n", a="Include a\n")


def test_files_that_multiply_are_refused() -> None:
    """Fifteen files, each twice in the one before it, would be read 32,768 times."""
    files = {f"f{number}": f"Include f{number + 1} f{number + 1}\n" for number in range(15)}
    with pytest.raises(FormatError, match="too often"):
        value("Include f0\n", **files)


def test_an_error_names_the_file() -> None:
    with pytest.raises(FormatError, match="^/etc/ssh/a: line 1"):
        value("Include a\n", a="X11Forwarding\n")


def test_what_depends_on_the_version_is_not_guessed() -> None:
    with pytest.raises(FormatError, match="line 1 matches depends on the version"):
        value(f"Match version OpenSSH_10*\n{KEY} 1\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x 1\n"),
        ("a b", "a b\nx 1\n"),
        ("a b\r\n", "a b\r\nx 1\r\n"),
        ("a b\n Match all\nc d\n", "a b\nx 1\n Match all\nc d\n"),
        ("# Match all\n", "# Match all\nx 1\n"),
    ],
)
def test_a_line_is_inserted_where_it_counts(text: str, expected: str) -> None:
    assert parse(text).insert("x 1").render() == expected


WORDS = st.sampled_from(
    ["ClientAliveInterval", "match", "all", "User", "include", "f", "g", "180", "=", '"', "'", "\\", "#", " "]
)
TEXTS = st.lists(st.one_of(WORDS, st.sampled_from(["\n", "\t", "\r\n", "\f", " "]), st.characters())).map(
    "".join
)


@given(TEXTS, st.dictionaries(st.sampled_from("fg"), TEXTS))
def test_every_text_comes_back_or_is_refused(text: str, files: Dict[str, str]) -> None:
    try:
        assert parse(text).render() == text
        edited = parse(text).insert("ClientAliveInterval 180").render()
    except FormatError:
        return
    try:
        before, after = value(text, **files), value(edited, **files)
    except FormatError:
        return
    assert before is not None or after == "180"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1d", 86400), ("1W1D", 691200), ("2147483647", 2147483647), ("2147483648", None)],
)
def test_a_time(text: str, seconds: Optional[int]) -> None:
    assert parse_time(text) == seconds


@given(st.text(max_size=20))
def test_every_time_is_one_or_none(text: str) -> None:
    seconds = parse_time(text)
    assert seconds is None or 0 <= seconds < 2**31
