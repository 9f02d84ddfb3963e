"""What the unit files of systemd say, line by line: of those that count, and of their drop-ins.

Source: systemd.unit(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.formats import key_file
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: The directories of unit files, the one that wins first. /run is not asked: an image has none.
UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


@dataclass(frozen=True)
class UnitLine:
    """An entry of the unit of that name, and the file that it stands in."""

    unit: str
    path: GuestPath
    entry: key_file.Entry

    @property
    def where(self) -> str:
        """The file and the line, for people."""
        return f"{self.path}, line {self.entry.line}"


def find_unit_lines(view: View, word: str) -> Iterator[UnitLine]:
    """The entries whose value has `word` in it. Of several files of one name the first counts."""
    files: dict[GuestPath, GuestPath] = {}
    for directory in UNIT_DIRECTORIES:
        for path in (*view.glob(f"{directory}/*.*"), *view.glob(f"{directory}/*.d/*.conf")):
            files.setdefault(path.relative_to(directory), path)
    for name, path in files.items():
        content = view.read(path) or b""
        if word.encode() in content:
            unit = name.name if name.parent == GuestPath() else name.parent.name.removesuffix(".d")
            text = content.decode("utf-8", "replace").replace("\0", "")
            for entry in key_file.parse(text).entries:
                if word in entry.value:
                    yield UnitLine(unit, view.resolve(path), entry)
