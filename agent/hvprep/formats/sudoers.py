"""sudoers: who asks for which password, and a rule for everybody.

Source: sudoers(5). A line goes on after a backslash at its end; `#` starts a comment, save in #include and
#includedir. Edited is by the line: what is taken out stays as a comment.

>>> file = parse("Defaults env_reset, targetpw # root's\\nALL ALL=(ALL) ALL\\n")
>>> file.flags("targetpw")
(Flag(line=1, is_on=True, scope=''),)
>>> file.without_flags(1, "targetpw").render()
"# hvprep: Defaults env_reset, targetpw # root's\\nDefaults env_reset\\nALL ALL=(ALL) ALL\\n"
>>> file.rules_for_all
(2,)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError

_TAG = "# hvprep: "
_DEFAULTS = re.compile(r"Defaults(?P<scope>(?:[@:!>]\s*\S+)?)\s+(?P<options>.+)", re.DOTALL)
_INCLUDE = re.compile(r"[@#](?P<kind>include|includedir)\s+(?P<path>\"[^\"]+\"|\S+)")
#: Everybody, everywhere, as anybody, everything, with a password.
_FOR_ALL = re.compile(r"ALL\s+ALL\s*=\s*(?:\(\s*ALL\s*(?::\s*ALL\s*)?\)\s*)?(?:PASSWD\s*:\s*)?ALL")


@dataclass(frozen=True)
class Flag:
    """A switch in a Defaults line, counted from 1. `scope` names whom it is for; "" is everybody."""

    line: int
    is_on: bool
    scope: str


@dataclass(frozen=True)
class Sudoers:
    """One file: its lines with their ends, and the logical lines in it."""

    lines: tuple[str, ...]
    #: (first line, last line, text without the comment).
    statements: tuple[tuple[int, int, str], ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def flags(self, name: str) -> tuple[Flag, ...]:
        """Every switch of that name, in the order of the lines."""
        found = []
        for first, _, text in self.statements:
            match = _DEFAULTS.fullmatch(text)
            for option in _options(match["options"]) if match is not None else ():
                if option.lstrip("! \t") == name and match is not None:
                    found.append(Flag(first, option.count("!") % 2 == 0, match["scope"].strip()))
        return tuple(found)

    @property
    def rules_for_all(self) -> tuple[int, ...]:
        """The lines that let everybody do everything as anybody."""
        return tuple(first for first, _, text in self.statements if _FOR_ALL.fullmatch(text))

    @property
    def includes(self) -> tuple[tuple[str, str], ...]:
        """("include" or "includedir", path) of the other files that are read, in order."""
        matches = (_INCLUDE.fullmatch(text) for _, _, text in self.statements)
        return tuple((match["kind"], match["path"].strip('"')) for match in matches if match is not None)

    def without_flags(self, line: int, *names: str) -> Sudoers:
        """The file where the Defaults line that starts there no longer has these switches; the old line stays
        as a comment, and the rest of it as a line."""
        ((_, _, text),) = [each for each in self.statements if each[0] == line]
        match = _DEFAULTS.fullmatch(text)
        assert match is not None
        kept = [option for option in _options(match["options"]) if option.lstrip("! \t") not in names]
        rest = f"Defaults{match['scope']} {', '.join(kept)}" if kept else None
        return self._comment_out(line, rest)

    def without_line(self, line: int) -> Sudoers:
        """The file where the statement that starts in that line is a comment."""
        return self._comment_out(line, None)

    def _comment_out(self, line: int, instead: str | None) -> Sudoers:
        ((first, last, _),) = [each for each in self.statements if each[0] == line]
        old = self.lines[first - 1 : last]
        # A comment goes on after a backslash too: the lines become one.
        words = " ".join(each.rstrip("\n").removesuffix("\\").strip() for each in old)
        end = "\n" if instead is not None or old[-1].endswith("\n") else ""
        new = f"{_TAG}{words}{end}" + (f"{instead}\n" if instead is not None else "")
        return parse("".join((*self.lines[: first - 1], new, *self.lines[last:])))


def parse(text: str) -> Sudoers:
    """The file in `text`; `parse(text).render() == text`. Raises FormatError for a NUL."""
    if "\0" in text:
        raise FormatError("there is a NUL in it", "see what visudo -c says")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    return Sudoers(lines, tuple(_statements(lines)))


def _statements(lines: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    number = 0
    while number < len(lines):
        first, text = number, lines[number].rstrip("\n")
        number += 1
        while text.endswith("\\") and number < len(lines):
            text = f"{text[:-1]} {lines[number].strip()}"
            number += 1
        text = _uncommented(text.removesuffix("\\")).strip()
        if text:
            yield first + 1, number, text


def _uncommented(text: str) -> str:
    """Without its comment. `#` before digits is a user id, within quotes or after a backslash a sign."""
    if _INCLUDE.fullmatch(text.strip()):
        return text
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|\\.|#(?!\d)', text):
        if match[0] == "#":
            return text[: match.start()]
    return text


def _options(text: str) -> list[str]:
    """The options of a Defaults line; a comma in quotes parts nothing."""
    found = re.findall(r'(?:"(?:[^"\\]|\\.)*"|\\.|[^,"\\])+', text)
    return [option.strip() for option in found if option.strip()]
