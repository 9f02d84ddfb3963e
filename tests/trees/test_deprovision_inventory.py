"""The inventory, path by path (data/inventory), independent of the table in facts/traces.py."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from hvprep.settings import Settings

from tests.trees.deprovisioning import changed, deprovision
from tests.trees.generalised import clean_system
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree

LINES = Path(__file__).with_name("data").joinpath("inventory").read_text().splitlines()
#: By sign.
PATHS: Dict[str, List[str]] = {
    sign: [line[2:] for line in LINES if line.startswith(f"{sign} ")] for sign in "-0=$"
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = clean_system(tmp_path)
    paths = (path for group in PATHS.values() for path in group)
    add_to_tree(rig.root, "".join(f"file {path}\n|of this machine\n" for path in paths))
    return rig


def left(rig: Rig, sign: str) -> List[str]:
    return [path for path in PATHS[sign] if (rig.root / path[1:]).exists()]


def test_all_of_it_goes_and_nothing_else(rig: Rig) -> None:
    lines = changed(rig)
    assert left(rig, "-") == []
    assert left(rig, "=") == PATHS["="]
    assert left(rig, "$") == PATHS["$"]
    assert sorted(line.split()[1] for line in lines if line.startswith("changed")) == sorted(PATHS["0"])
    assert all((rig.root / path[1:]).read_bytes() == b"" for path in PATHS["0"])


def test_downloaded_packages_go_where_that_is_asked_for(rig: Rig) -> None:
    deprovision(rig, settings=Settings(deprovision_package_caches=True))
    assert left(rig, "$") == []
