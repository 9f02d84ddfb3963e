"""/etc/waagent.conf, as waagent itself reads it (WALinuxAgent, common/conf.py, ConfigurationProvider.load).

A line that starts with `#` or has no `=` says nothing; what follows a `#` in a value, and quotes and blanks
around it, are cut off; the last line of a key wins; `None` is no value. Every text is read, and what is not
edited comes back byte for byte.

>>> conf = parse('# The disk\\nResourceDisk.Format=y # kept\\nResourceDisk.MountOptions=None\\n')
>>> conf.is_on('ResourceDisk.Format', otherwise=False), conf.value('ResourceDisk.MountOptions')
(True, None)
>>> print(conf.with_values({'ResourceDisk.Format': 'n'}).render(), end='')
# The disk
ResourceDisk.Format=n # kept
ResourceDisk.MountOptions=None
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hvprep.errors import FormatError

_ASSIGNMENT = re.compile(r"(?P<head>[^=\n]*=[ \t]*)(?P<value>[^#\n]*?)(?P<tail>[ \t\r]*(?:#[^\n]*)?\n?)")
#: A value that reads back as it is written: no comment, no end of the line, and nothing that is cut off.
_PLAIN = re.compile(r'(?![ "])[^#\n\r\0]*(?<![ "])')


@dataclass(frozen=True)
class WaagentConf:
    """The file: its lines with their ends."""

    lines: tuple[str, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def value(self, key: str) -> str | None:
        """What waagent takes for `key`; None where it has no value and its default counts.

        An empty value is one: "".
        """
        value = next((_value(line) for line in reversed(self.lines) if _key(line) == key), None)
        return None if value == "None" else value

    def is_on(self, key: str, otherwise: bool) -> bool:
        """A switch: y or n in either case; `otherwise`, waagent's default, for anything else."""
        return {"y": True, "n": False}.get((self.value(key) or "").lower(), otherwise)

    def with_values(self, values: Mapping[str, str]) -> WaagentConf:
        """With these values, each in the line that counts for its key, its comment kept.

        A key without such a line gets one below the last comment that shows it (`# Key=...`), else at the
        end.
        Raises FormatError for a value that waagent would read as another one.
        """
        lines = list(self.lines)
        for key, value in values.items():
            if _PLAIN.fullmatch(value) is None:
                raise FormatError(
                    f"waagent.conf cannot hold {value!r} for {key}", "Leave # and quotes out of it."
                )
            _set(lines, key, value)
        return WaagentConf(tuple(lines))


def parse(text: str) -> WaagentConf:
    """The file in `text`. Every text is one; `parse(text).render() == text`."""
    return WaagentConf(tuple(line for line in re.split(r"(?<=\n)", text) if line))


def _set(lines: list[str], key: str, value: str) -> None:
    index = next((at for at in reversed(range(len(lines))) if _key(lines[at]) == key), None)
    if index is not None:
        match = _ASSIGNMENT.fullmatch(lines[index])
        assert match, "a line with a key is an assignment"
        lines[index] = f"{match['head']}{value}{match['tail']}"
        return
    shown = re.compile(rf"#\s*{re.escape(key)}\s*=")
    after = next((at + 1 for at in reversed(range(len(lines))) if shown.match(lines[at])), len(lines))
    end = "\r\n" if lines and lines[-1].endswith("\r\n") else "\n"
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += end
    lines.insert(after, f"{key}={value}{end}")


def _key(line: str) -> str | None:
    return None if line.startswith("#") or "=" not in line else line.partition("=")[0].strip()


def _value(line: str) -> str:
    return line.partition("=")[2].partition("#")[0].strip('" ').strip()
