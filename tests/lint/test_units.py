"""What every unit has, and that the presets speak of it."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from tests.shipped import PRESET, presets, shipped_units

PREPARE = "hvprep-prepare.service"


def test_every_unit_stands_in_the_presets() -> None:
    assert {path.name for path in shipped_units()} <= presets().keys()
    assert presets()[PREPARE] == presets()["hvprep-deprovision.service"] == "disable"
    assert presets()["hvprep-resource-disk.service"] == "enable"
    assert PRESET.name.startswith("50-"), "before those of the distribution, 90- and 99-"


@pytest.mark.parametrize("path", shipped_units(), ids=lambda path: path.name)
def test_every_unit_is_a_oneshot_that_ends_some_time(path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    assert unit["Service"]["Type"] == "oneshot"
    assert "TimeoutStartSec" in unit["Service"]
    assert "man:hvprep(8)" in unit["Unit"]["Documentation"]
    assert re.search(r"^Exec(Start|Stop)=/usr/bin/hvprep [a-z-]+", path.read_text(), re.MULTILINE)
