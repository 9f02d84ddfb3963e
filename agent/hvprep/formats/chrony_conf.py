"""chrony.conf: a directive and its arguments in each line.

Source: chrony.conf(5). Names of directives have no case; `!`, `;`, `#` and `%` at the start of a line make
it a comment, and only there.

>>> conf = parse("confdir /etc/chrony/conf.d\\n# makestep 1 -1\\nMakeStep 1 3\\n")
>>> conf.directives[1]
Directive(line=3, name='makestep', arguments=('1', '3'))
>>> conf.replace(3, "makestep 1.0 -1").render()
'confdir /etc/chrony/conf.d\\n# makestep 1 -1\\nmakestep 1.0 -1\\n'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError


@dataclass(frozen=True)
class Directive:
    """A directive, its name in lower case, in a line counted from 1."""

    line: int
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class ChronyConf:
    """One file: its lines with their ends, and the directives in them in order."""

    lines: tuple[str, ...]
    directives: tuple[Directive, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def replace(self, line: int, text: str) -> ChronyConf:
        """The file with that line (from 1) replaced; its end stays."""
        old = self.lines[line - 1]
        new = text + old[len(old.rstrip("\r\n")) :]
        return parse("".join((*self.lines[: line - 1], new, *self.lines[line:])))

    def append(self, text: str) -> ChronyConf:
        """The file with this text, which ends a line, at its end."""
        glue = "" if not self.lines or self.lines[-1].endswith("\n") else "\n"
        return parse(f"{self.render()}{glue}{text}")


def parse(text: str) -> ChronyConf:
    """The file in `text`; `parse(text).render() == text`. Raises FormatError for a NUL."""
    if "\0" in text:
        raise FormatError("there is a NUL in it", "see what wrote this file")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    directives = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and words[0][0] not in "!;#%":
            directives.append(Directive(number, words[0].lower(), tuple(words[1:])))
    return ChronyConf(lines, tuple(directives))
