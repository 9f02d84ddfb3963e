"""Rules of udev: keys with an operator and a value, parted by commas.

Source: udev(7). A line goes on after a backslash at its end, and `#` at the start of one makes it a comment.

>>> (rule,) = parse('SUBSYSTEM=="ptp", ATTR{clock_name}=="hyperv", SYMLINK += "ptp_hyperv"\\n')
>>> rule.terms[1]
Term(key='ATTR', attribute='clock_name', operator='==', value='hyperv')
>>> rule.assigns("SYMLINK")
('ptp_hyperv',)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TERM = re.compile(
    r"(?P<key>[A-Z_]+)(?:\{(?P<attribute>[^}]*)\})?\s*(?P<operator>==|!=|\+=|-=|:=|=)\s*"
    r'(?:[ei]*)"(?P<value>(?:[^"\\]|\\.)*)"'
)
_MATCHES = ("==", "!=")


@dataclass(frozen=True)
class Term:
    """One key of a rule. `attribute` is what stands in braces, "" where nothing does."""

    key: str
    attribute: str
    operator: str
    value: str


@dataclass(frozen=True)
class Rule:
    """A rule that starts in a line counted from 1."""

    line: int
    terms: tuple[Term, ...]

    def assigns(self, key: str, attribute: str = "") -> tuple[str, ...]:
        """The values that the rule gives to that key."""
        named = [term for term in self.terms if (term.key, term.attribute) == (key, attribute)]
        return tuple(term.value for term in named if term.operator not in _MATCHES)

    def asks(self, key: str, attribute: str = "") -> tuple[str, ...]:
        """The patterns, of which one has to fit, that the rule asks of that key. `A|B` are two."""
        named = [term for term in self.terms if (term.key, term.attribute) == (key, attribute)]
        return tuple(each for term in named if term.operator == "==" for each in term.value.split("|"))


def parse(text: str) -> tuple[Rule, ...]:
    """The rules in `text`. What does not read is passed over, as udev does."""
    rules, number = [], 0
    lines = text.split("\n")
    while number < len(lines):
        first, line = number, lines[number].strip()
        number += 1
        if line.startswith("#"):
            continue
        while line.endswith("\\") and number < len(lines):
            line = f"{line[:-1]} {lines[number].strip()}"
            number += 1
        terms = tuple(
            Term(match["key"], match["attribute"] or "", match["operator"], match["value"])
            for match in _TERM.finditer(line)
        )
        if terms:
            rules.append(Rule(first + 1, terms))
    return tuple(rules)
