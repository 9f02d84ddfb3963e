"""The files of conf/, which hvprep ships and reads at run time: contents that it wants in a guest."""

from __future__ import annotations

from pathlib import Path

#: In the checkout this is a link to conf/ at its top; setuptools makes a directory of it in every package.
_DIRECTORY = Path(__file__).parents[1] / "conf"


def read_shipped(name: str) -> bytes:
    """The content of conf/NAME, the same from the checkout, a deb, an rpm or pip. Raises OSError."""
    return (_DIRECTORY / name).read_bytes()
