"""JSON that somebody else may have written: read as what it should be, or refused in one sentence."""

from __future__ import annotations

import json
from typing import Any

from hvprep.errors import FormatError
from hvprep.model.node import GuestPath

#: Names in one path; each is an open descriptor while it is walked.
_DEPTH_LIMIT = 255
_AMOUNT_LIMIT = 1 << 63


def read_json(text: str | bytes, what: str, hint: str | None = None) -> Any:
    """The value of a JSON text. Raises FormatError, however the text is broken."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise FormatError(f"{what} does not read: it is nested too deeply", hint) from error
    except ValueError as error:
        raise FormatError(f"{what} does not read: {error}", hint) from error


def shorten(value: object) -> str:
    """A value for a sentence."""
    try:
        words = repr(value)
    except RecursionError:
        return "a deeply nested value"
    return words if len(words) <= 80 else f"{words[:77]}..."


# What follows raises TypeError or ValueError.


def as_text(value: Any) -> str:
    """A string that the kernel can be given: no NUL, and no surrogates but those that stand for raw bytes."""
    if not isinstance(value, str):
        raise TypeError(f"{shorten(value)} is no text")
    if "\0" in value:
        raise ValueError(f"{shorten(value)} holds a NUL")
    value.encode("utf-8", "surrogateescape")
    return value


def as_path(value: Any) -> GuestPath:
    """An absolute path without "..", of a depth that can be walked."""
    path = GuestPath(as_text(value))
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{shorten(value)} is no absolute path")
    if len(path.parts) > _DEPTH_LIMIT:
        raise ValueError(f"{shorten(value)} is too deep")
    return path


def as_name_below(value: Any) -> str:
    """A relative path that stays below where it is put."""
    path = GuestPath(as_text(value))
    if not path.parts or path.is_absolute() or ".." in path.parts or len(path.parts) > _DEPTH_LIMIT:
        raise ValueError(f"{shorten(value)} does not stay below its directory")
    return str(value)


def as_items(value: Any) -> list[Any]:
    """A list; the letters of a string are no words."""
    if not isinstance(value, list):
        raise TypeError(f"{shorten(value)} is no list")
    return value


def as_amount(value: Any, limit: int = _AMOUNT_LIMIT) -> int:
    """A whole number from 0 to below `limit`."""
    if type(value) is not int or not 0 <= value < limit:
        raise ValueError(f"{shorten(value)} is no number that can stand there")
    return int(value)
