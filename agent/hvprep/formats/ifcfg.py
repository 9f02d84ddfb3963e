"""ifcfg files and their like in /etc/sysconfig: `NAME="value"`, one in a line.

Source: initscripts, sysconfig.txt; nm-settings-ifcfg-rh(5); ifcfg(5) of SUSE's sysconfig. The last assignment
counts. They are read by scripts of sh, but NetworkManager and wicked expand nothing in them; nor do we.

>>> file = parse('DEVICE="eth0"\\nHWADDR=00:0D:3A:00:00:01  # the builder\\nONBOOT=no\\n')
>>> file.get("DEVICE"), file.find("HWADDR")
('eth0', Variable(name='HWADDR', value='00:0D:3A:00:00:01', line=2))
>>> file.without("HWADDR").replace("ONBOOT", "yes").render()
'DEVICE="eth0"\\nONBOOT=yes\\n'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.ASCII)
_VALUE = re.compile(r"'(?P<single>[^']*)'|\"(?P<double>(?:\\.|[^\"\\])*)\"|(?P<bare>[^\s'\"#;]*)")


@dataclass(frozen=True)
class Variable:
    """An assignment in a line counted from 1; `value` is without its quotes."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class Ifcfg:
    """The whole file: its lines with their ends, and the assignments in them in order."""

    lines: tuple[str, ...]
    variables: tuple[Variable, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def find(self, name: str) -> Variable | None:
        """The assignment that counts; None where the variable is not set, or empty."""
        found = [variable for variable in self.variables if variable.name == name]
        return found[-1] if found and found[-1].value else None

    def get(self, name: str) -> str:
        """The value that counts, "" where there is none."""
        variable = self.find(name)
        return variable.value if variable is not None else ""

    def without(self, *names: str) -> Ifcfg:
        """The file without the lines that set these variables."""
        gone = {variable.line for variable in self.variables if variable.name in names}
        return parse("".join(line for number, line in enumerate(self.lines, 1) if number not in gone))

    def replace(self, name: str, value: str) -> Ifcfg:
        """The file with each of its lines that sets the variable setting it to this word, and nothing else
        there; with one more at its end where there is none."""
        numbers = {variable.line for variable in self.variables if variable.name == name}
        new = f"{name}={value}"
        lines = [
            new + line[len(line.rstrip("\r\n")) :] if number in numbers else line
            for number, line in enumerate(self.lines, 1)
        ]
        if not numbers:
            glue = "" if not lines or lines[-1].endswith("\n") else "\n"
            lines.append(f"{glue}{new}\n")
        return parse("".join(lines))


def parse(text: str) -> Ifcfg:
    """The file in `text`; `parse(text).render() == text`. Lines that assign nothing are kept.

    Raises FormatError for a NUL.
    """
    if "\0" in text:
        raise FormatError("there is a NUL in it", "see what wrote this file")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    variables = []
    for number, line in enumerate(lines, 1):
        assignment = _ASSIGNMENT.match(line)
        value = _VALUE.match(assignment["value"]) if assignment is not None else None
        if assignment is not None and value is not None:
            words = value["single"], value["double"], value["bare"]
            text_of_it = next(word for word in words if word is not None)
            variables.append(Variable(assignment["name"], text_of_it, number))
    return Ifcfg(lines, tuple(variables))
