"""Rules of udev: what they ask for and what they assign."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.formats.udev_rules import parse
from hypothesis import given
from hypothesis import strategies as st

RULES = """\
# comment, that ends with a backslash \\
ACTION!="add|change", GOTO="end"
SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", \\
  SYMLINK+="disk/azure/$env{fabric_name}", ATTR{device/timeout}="300"

DRIVERS=="mlx4_core|mlx5_core", ENV{NM_UNMANAGED}="1", NAME:="x", TAG-="y"
LABEL="end"
nonsense
"""


def test_rules() -> None:
    rules = parse(RULES)
    assert [rule.line for rule in rules] == [2, 3, 6, 7]
    assert rules[1].assigns("SYMLINK") == ("disk/azure/$env{fabric_name}",)
    assert rules[1].assigns("ATTR", "device/timeout") == ("300",)
    assert rules[1].assigns("SUBSYSTEM") == ()
    assert rules[1].asks("ENV", "DEVTYPE") == ("disk",)
    assert rules[2].asks("DRIVERS") == ("mlx4_core", "mlx5_core")
    assert rules[2].assigns("ENV", "NM_UNMANAGED") == ("1",)
    assert rules[2].assigns("NAME") == ("x",)
    assert rules[0].asks("ACTION") == ()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ('A == "b"', [("A", "", "==", "b")]),
        ('A="b\\"c"', [("A", "", "=", 'b\\"c')]),
        ('A=="",B!="x"', [("A", "", "==", ""), ("B", "", "!=", "x")]),
        ('A==e"b" C{d e}+="f"', [("A", "", "==", "b"), ("C", "d e", "+=", "f")]),
        ('A="b', []),
        ("A=b", []),
        ("", []),
    ],
)
def test_terms(text: str, terms: List[Tuple[str, str, str, str]]) -> None:
    found = [term for rule in parse(text) for term in rule.terms]
    assert [(term.key, term.attribute, term.operator, term.value) for term in found] == terms


@given(st.text(alphabet='AB{}=!+"\\#,\n \t', max_size=60))
def test_every_text_is_read(text: str) -> None:
    assert all(1 <= rule.line <= text.count("\n") + 1 for rule in parse(text))
