"""Who may import whom: a room imports only from rows below its own, never sideways (HACKING.md)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Iterator

import pytest

from tests.lint.sources import AGENT, Source, imported, sources

TABLE = (
    ("errors",),
    ("model", "formats", "log"),
    ("system", "settings"),
    ("facts",),
    ("engine", "firstboot", "resourcedisk", "deprovision", "image", "steps"),
    ("cli",),
)
ROWS = {room: row for row, rooms in enumerate(TABLE) for room in rooms}


def breaches(source: Source) -> Iterator[str]:
    """Every import that the table does not allow."""
    if source.room and source.room not in ROWS:
        yield f"{source.path}: the room {source.room!r} is not in the table"
        return
    for line, name in imported(source):
        top, _, rest = name.partition(".")
        room = rest.partition(".")[0]
        if top != "hvprep" or room == source.room or room.startswith("__") or not room:
            continue
        if room not in ROWS:
            yield f"{source.path}:{line}: imports {name}, of no room in the table"
        elif ROWS[room] >= ROWS.get(source.room, 0):
            yield f"{source.path}:{line}: {source.room or 'hvprep'} must not import {room}"


def test_every_room_imports_only_from_below() -> None:
    assert [breach for source in sources() for breach in breaches(source)] == []


def test_every_room_of_the_tree_is_a_package() -> None:
    assert [str(path) for path in AGENT.rglob("*.py") if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("engine/planner.py", "from hvprep.steps.registry import STEPS"),
        ("engine/planner.py", "import hvprep.cli.main"),
        ("image/boot.py", "from hvprep import steps"),
        ("image/boot.py", "from ..steps import registry"),
        ("formats/cpio.py", "from hvprep.log import logger"),
        ("formats/cpio.py", "from hvprep.model.node import Node"),
        ("model/plan.py", "def late():\n    from hvprep.system.root import Root"),
        ("settings.py", "from hvprep.system.root import Root"),
        ("errors.py", "from .model import node"),
        ("__init__.py", "from .errors import HvprepError"),
        ("steps/grub.py", "from hvprep.util import first"),
        ("helpers/first.py", ""),
    ],
)
def test_a_forbidden_import_is_found(path: str, text: str) -> None:
    assert list(breaches(Source(PurePosixPath(path), text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("engine/planner.py", "from hvprep.engine.journal import Journal\nfrom . import journal"),
        ("cli/check.py", "from hvprep.steps.registry import STEPS\nfrom hvprep import __version__, engine"),
        ("formats/cpio.py", "from ..errors import FormatError\nimport zlib"),
        ("settings/reader.py", "from hvprep.settings.table import TABLE\nfrom hvprep.model.view import View"),
    ],
)
def test_an_allowed_import_is_left_alone(path: str, text: str) -> None:
    assert list(breaches(Source(PurePosixPath(path), text))) == []
