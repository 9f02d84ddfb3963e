"""The table of the whole list in HACKING.md, and the rows that the steps name: both say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Set

from hvprep.steps.registry import STEPS

#: How many rows each part of the list has: boot, kernel, network, provisioning, swap and resource disk,
#: hygiene, time, disk files.
PARTS = {"B": 16, "K": 13, "N": 9, "P": 14, "S": 8, "H": 12, "T": 3, "V": 9}
#: Those that the mission's own document asks for.
SEED = (
    *("B01", "B02", "B03", "B06", "B09", "K01", "K08", "K11", "N06", "P01"),
    *("S01", "S02", "H01", "H06", "V01", "V02", "V04", "V07", "V08"),
)
HACKING = Path(__file__).parents[2] / "HACKING.md"


def table() -> Dict[str, str]:
    lines = re.findall(r"^\| ([A-Z]\d\d) \| [^|]+ \| ([^|]+) \|$", HACKING.read_text(), re.M)
    assert len(lines) == len(dict(lines)), "a row stands there twice"
    return dict(lines)


def judged(places: str) -> Set[str]:
    """The requirements that a line of the table names."""
    parts = [part.strip() for part in re.split("[,;] ", places)]
    is_built = not places.startswith("not built: ")
    return {part for part in parts if is_built and re.fullmatch("[a-z0-9-]+", part)}


def test_every_row_has_its_line() -> None:
    wanted = {f"{part}{number:02}" for part, count in PARTS.items() for number in range(1, count + 1)}
    assert set(table()) == wanted


def test_the_table_and_the_steps_agree() -> None:
    by_step = {(row, step.id) for step in STEPS for row in step.rows}
    by_table = {(row, name) for row, places in table().items() for name in judged(places)}
    assert sorted(by_step - by_table) == [], "steps name rows that the table does not give them"
    assert sorted(by_table - by_step) == [], "the table names steps that know nothing of it"


def test_what_is_not_built_says_why() -> None:
    for row, places in table().items():
        assert judged(places) or re.fullmatch("not built: .{20,}|image issue", places), row


def test_nothing_of_the_seed_is_left_out() -> None:
    assert [row for row in SEED if table()[row].startswith("not built")] == []
