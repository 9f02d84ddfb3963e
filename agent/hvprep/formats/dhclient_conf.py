"""dhclient.conf of ISC's DHCP client: statements that end with a semicolon, some with a block in braces.

Source: dhclient.conf(5).

>>> conf = parse("#timeout 60;\\n  timeout 30; # short\\nlease { a b; }\\n")
>>> conf.find("timeout")
Statement(words=('timeout', '30'), start=15, end=26)
>>> conf.replace("timeout", "300").render()
'#timeout 60;\\n  timeout 300; # short\\nlease { a b; }\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|[{};]|[^\s"#{};]+')


@dataclass(frozen=True)
class Statement:
    """The words of a statement outside of every block, and where it stands, semicolon included."""

    words: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True)
class DhclientConf:
    """The whole text, and the statements in it that stand in no block."""

    text: str
    statements: tuple[Statement, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return self.text

    def find(self, name: str) -> Statement | None:
        """The last statement of that name, which is the one that counts."""
        found = [statement for statement in self.statements if statement.words[:1] == (name,)]
        return found[-1] if found else None

    def replace(self, name: str, value: str) -> DhclientConf:
        """The file where every such statement has that value, with one more at its end where none does."""
        new, at = [], 0
        for statement in self.statements:
            if statement.words[:1] == (name,):
                new += [self.text[at : statement.start], f"{name} {value};"]
                at = statement.end
        if not new:
            glue = "" if not self.text or self.text.endswith("\n") else "\n"
            return parse(f"{self.text}{glue}{name} {value};\n")
        return parse("".join([*new, self.text[at:]]))


def parse(text: str) -> DhclientConf:
    """The file in `text`; `parse(text).render() == text`.

    Raises FormatError where a statement, a brace or a quote does not end: dhclient then reads none of it.
    """
    return DhclientConf(text, tuple(_statements(text)))


def _statements(text: str) -> Iterator[Statement]:
    words: list[str] = []
    depth = start = last = 0
    for match in _TOKEN.finditer(text):
        if text[last : match.start()].strip():
            raise _broken(text, last)
        last, token = match.end(), match[0]
        if token.startswith("#"):
            continue
        if token in "{}":
            depth += 1 if token == "{" else -1
            words = []
            if depth < 0:
                raise _broken(text, match.start())
        elif depth == 0 and token == ";":
            if words:
                yield Statement(tuple(words), start, match.end())
            words = []
        elif depth == 0:
            start = start if words else match.start()
            words.append(token)
    if depth or words or text[last:].strip():
        raise _broken(text, last)


def _broken(text: str, position: int) -> FormatError:
    line = text.count("\n", 0, position) + 1
    return FormatError(f"a statement does not end, near line {line}", "see what dhclient says of it")
