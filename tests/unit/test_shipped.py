"""What is read at run time is what stands in conf/."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.system.shipped import read_shipped

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize("name", sorted(path.name for path in CONF.iterdir()))
def test_a_file_of_conf_is_found(name: str) -> None:
    assert read_shipped(name) == (CONF / name).read_bytes()


def test_no_other_is() -> None:
    with pytest.raises(FileNotFoundError):
        read_shipped("no-such-file")
