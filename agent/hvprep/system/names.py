"""Names of files: patterns for them, and what our half-written ones are called."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hvprep.model.node import GuestPath

#: What a half-written file of ours is called: `.NAME` + this. Never a name that a boot loader globs.
_TEMPORARY_SUFFIX = ".hvprep-tmp"


def temporary_name(path: GuestPath) -> GuestPath:
    """Where `path` is written before it gets its name."""
    return path.parent / f".{path.name}{_TEMPORARY_SUFFIX}"


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern may match more than one name."""
    return any(sign in pattern for sign in "*?[")


def matches_name(name: str, pattern: str) -> bool:
    """Whether one name of a path matches one part of a pattern; a leading dot has to be written (glob(7))."""
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
