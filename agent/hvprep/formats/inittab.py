"""/etc/inittab of sysvinit and of BusyBox: `id:runlevels:action:process`.

Source: inittab(5), init.c of sysvinit, init/init.c of BusyBox. For sysvinit an id is one to four characters
that no other line has; it leaves out lines that break this. For BusyBox the id is the terminal of the
process, may be missing or repeated, and there are no run levels: a line without an id tells that the table
is BusyBox's.

>>> table = parse('id:3:initdefault:\\n1:2345:respawn:/sbin/mingetty tty1')
>>> table.default_runlevel, table.find_getty('ttyS0')
('3', None)
>>> table = table.add_getty('ttyS0', '/sbin/agetty -L 115200 ttyS0 vt102')
>>> table.render().splitlines()[-1], table.find_getty('ttyS0').id
('S0:2345:respawn:/sbin/agetty -L 115200 ttyS0 vt102', 'S0')
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError

_RESTARTED = frozenset(("respawn", "askfirst"))


@dataclass(frozen=True)
class Entry:
    """One process, in a line counted from 1."""

    line: int
    id: str
    runlevels: str
    action: str
    process: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the process, without the `+` that keeps it out of utmp."""
        return tuple(self.process.lstrip("+").split())


@dataclass(frozen=True)
class Inittab:
    """The whole table: its lines with their ends, and the entries in them in order."""

    lines: tuple[str, ...]
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    @property
    def is_busybox(self) -> bool:
        """Whether it is BusyBox's table, which has lines without an id."""
        return any(not entry.id for entry in self.entries)

    @property
    def default_runlevel(self) -> str | None:
        """The run level that the system boots into; None where the table does not say."""
        return next((entry.runlevels for entry in self.entries if entry.action == "initdefault"), None)

    def find_getty(self, device: str) -> Entry | None:
        """The first entry that keeps a getty on that terminal (`ttyS0`) in the run level of the boot."""
        names = (device, f"/dev/{device}")
        for entry in self._valid_entries():
            program = entry.words[0].rpartition("/")[2] if entry.words else ""
            in_runlevel = self.is_busybox or not entry.runlevels or self._is_booted(entry.runlevels)
            terminals = (*entry.words[1:], entry.id if self.is_busybox else "")
            is_getty = entry.action in _RESTARTED and "getty" in program and in_runlevel
            if is_getty and any(word in names for word in terminals):
                return entry
        return None

    def add_getty(self, device: str, process: str, runlevels: str = "2345") -> Inittab:
        """With one more line at the end that keeps `process` on that terminal, unless there is a getty.

        Raises FormatError where the process has a line break, or does not name the terminal.
        """
        if self.find_getty(device):
            return self
        if self.is_busybox:
            line = f"{device}::respawn:{process}"
        else:
            line = f"{self._free_id(device)}:{runlevels}:respawn:{process}"
        glue = "" if not self.lines or self.lines[-1].endswith("\n") else "\n"
        edited = parse(f"{self.render()}{glue}{line}\n")
        if len(edited.entries) != len(self.entries) + 1 or not edited.find_getty(device):
            raise FormatError(
                f"{line!r} would not keep a getty on {device}",
                f"Give a process of one line that names {device}, in the run level of the boot.",
            )
        return edited

    def _is_booted(self, runlevels: str) -> bool:
        return self.default_runlevel is None or self.default_runlevel[:1] in runlevels

    def _valid_entries(self) -> list[Entry]:
        """The entries that init takes: sysvinit leaves out an id that is too long or was there before."""
        if self.is_busybox:
            return list(self.entries)
        first: dict[str, Entry] = {}
        for entry in self.entries:
            if 1 <= len(entry.id) <= 4:
                first.setdefault(entry.id, entry)
        return list(first.values())

    def _free_id(self, device: str) -> str:
        """An id that no line has, nor a line that is commented out and may come back."""
        taken = {entry.id for entry in self.entries}
        taken.update(line.lstrip("# \t").partition(":")[0] for line in self.lines if line.startswith("#"))
        wanted = device[3:] if device.startswith("tty") else device
        candidates = [wanted, *(f"h{number}" for number in range(1000))]
        return next(each for each in candidates if re.fullmatch(r"\w{1,4}", each, re.A) and each not in taken)


def parse(text: str) -> Inittab:
    """The table in `text`; `parse(text).render() == text`. Lines that are no entry are kept.

    Raises FormatError for a carriage return, which init would hand to the process.
    """
    carriage_return = text.find("\r")
    if carriage_return >= 0:
        raise FormatError(
            f"line {text.count(chr(10), 0, carriage_return) + 1} of inittab has a carriage return, which "
            "init reads as a part of the process",
            "Convert the line ends: sed -i 's/\\r$//' /etc/inittab",
        )
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    entries = []
    for number, line in enumerate(lines, 1):
        fields = line.strip(" \t\n").split(":", 3)
        if len(fields) == 4 and not fields[0].startswith("#"):
            entries.append(Entry(number, *fields))
    return Inittab(lines, tuple(entries))
