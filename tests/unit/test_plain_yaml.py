"""YAML as people write it for netplan: read, or refused, never guessed."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hvprep.errors import FormatError
from hvprep.formats.plain_yaml import Node, parse
from hypothesis import given
from hypothesis import strategies as st

#: Ubuntu 22.04, as its server installer writes it.
INSTALLER = """\
# This is the network config written by 'subiquity'
network:
  ethernets:
    ens3:
      dhcp4: true
  version: 2
"""


def plain(node: Node) -> Any:
    """What json would say."""
    if node.members is not None:
        return {key: plain(value) for key, value in node.members}
    if node.items is not None:
        return [plain(item) for item in node.items]
    return node.scalar


def test_what_an_installer_writes() -> None:
    node = parse(INSTALLER)
    assert plain(node) == {"network": {"ethernets": {"ens3": {"dhcp4": "true"}}, "version": "2"}}
    found = node.get("network", "ethernets", "ens3", "dhcp4")
    assert found is not None
    assert (found.line, found.is_true) == (5, True)
    assert node.get("network", "wifis", "x") is None
    assert node.get("network", "version", "x") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("---\n# nothing\n", ""),
        ("--- # c\na: 1\n", {"a": "1"}),
        ("a:\n", {"a": ""}),
        ("a: # c\n  b: 1\n", {"a": {"b": "1"}}),
        ("a: 1 # c\n", {"a": "1"}),
        ("a: 1#c\n", {"a": "1#c"}),
        ("a:b: c\n", {"a:b": "c"}),
        ("a : 1\n", {"a": "1"}),
        ("'a b': \"c: d\"\n", {"a b": "c: d"}),
        ("a: 'it''s'\n", {"a": "it's"}),
        ('a: "x\\"y\\\\"\n', {"a": 'x"y\\'}),
        ("a: 00:0d:3a:00:00:01\n", {"a": "00:0d:3a:00:00:01"}),
        ("a: -1\nb: ?x\n", {"a": "-1", "b": "?x"}),
        ("a: 1\na: 2\n", {"a": "2"}),
        ("a:\n- 1\n- 2\nb: 3\n", {"a": ["1", "2"], "b": "3"}),
        ("a:\n  - 1\n  -\n", {"a": ["1", ""]}),
        ("- - 1\n  - 2\n- a: 1\n  b: 2\n", [["1", "2"], {"a": "1", "b": "2"}]),
        ("-\n  a: 1\n", [{"a": "1"}]),
        ("- # c\n  a: 1\n", [{"a": "1"}]),
        ("a: [1, 'b', [c]]\n", {"a": ["1", "b", ["c"]]}),
        ("a: []\nb: {}\n", {"a": [], "b": {}}),
        ("a: [1,2,]  # c\n", {"a": ["1", "2"]}),
        ("a: {b: 1, c: {d: e f}}\n", {"a": {"b": "1", "c": {"d": "e f"}}}),
        ("a: [1, # c\n  2\n]\n", {"a": ["1", "2"]}),
        ("{a: 1}\n", {"a": "1"}),
        ("word\n", "word"),
        ("a: |\n  one\n   two\n\nb: 1\n", {"a": None, "b": "1"}),
        ("a: 1\r\nb: 2\r\n", {"a": "1", "b": "2"}),
        ("  a: 1\n  b: 2\n", {"a": "1", "b": "2"}),
    ],
)
def test_what_is_plain(text: str, expected: object) -> None:
    assert plain(parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: &x 2\n",
        "a: *x\n",
        "a: !!str 1\n",
        "? a\n: 1\n",
        "a: 1\n---\nb: 1\n",
        "a: 1\n...\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: x\n  y\n",
        "a: 'x\n  y'\n",
        'a: "x\\u0041"\n',
        "a: 1\n  b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "a: b: c\n",
        "a: 1\nword\n",
        "- 1\na: 2\n",
        "- 1\n    - 2\n",
        "a:\n\tb: 1\n",
        "a: [1\n",
        "a: [1}\n",
        "a: {b}\n",
        "a: [1] 2\n",
        "a: 'x' y\n",
        "a: @x\n",
        "a: \0\n",
        "a: >\u20281\n",
        "[" * 50 + "]" * 50,
        "".join(" " * depth + "a:\n" for depth in range(50)),
    ],
)
def test_what_is_not_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="line [0-9]+: "):
        parse(text)


def test_texts_of_a_list_and_of_a_word() -> None:
    node = parse("a: [1, null, x]\nb: y\nc: ~\n")
    assert [each.texts for _, each in node.members or ()] == [("1", "x"), ("y",), ()]


@given(st.text(alphabet="ab:-[]{},#'\"|&? \n\t0", max_size=60))
def test_every_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FormatError):
        parse(text)
