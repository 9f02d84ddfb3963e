"""The closed set of changes that a plan may hold, and their JSON.

Six kinds. Five touch paths in ways that the journal can take back; `Purge` cannot be taken back and
says so by its type. Every change carries `why`, one sentence for the person who reads the plan.
"""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping, Union

from hvprep.errors import FormatError
from hvprep.model.document import as_amount, as_items, as_name_below, as_path, as_text, shorten
from hvprep.model.node import GuestPath

#: Word in the argv of a Build that the executor replaces by the candidate's path.
CANDIDATE = "{candidate}"
#: The same without its directory, for generators that take names in /boot.
CANDIDATE_NAME = "{candidate-name}"
#: Word (or part of one) in the argv of a Build that the executor replaces by its scratch directory.
SCRATCH = "{scratch}"

#: The old file beside a Build's new one; a name that no boot loader and no generator looks for.
BACKUP_SUFFIX = ".hvprep-old"


@dataclass(frozen=True)
class Write:
    """A regular file with this content. `mode` None keeps the mode there is, or is 0644 for a new file.

    `check` is a program that must accept the content first (visudo), or (); CANDIDATE stands for a file that
    holds it.
    """

    path: GuestPath
    content: bytes
    why: str
    mode: int | None = None
    check: tuple[str, ...] = ()


@dataclass(frozen=True)
class Link:
    """A symbolic link at `path` with the text `target`."""

    path: GuestPath
    target: str
    why: str


@dataclass(frozen=True)
class Remove:
    """Nothing at `path` any more; a copy is kept, rollback brings it back."""

    path: GuestPath
    why: str


@dataclass(frozen=True)
class Purge:
    """Nothing at `path` any more and no copy anywhere: for secrets. Cannot be rolled back."""

    path: GuestPath
    why: str


@dataclass(frozen=True)
class Run:
    """A program of the distribution. `writes` names every path that it may create, change or remove."""

    argv: tuple[str, ...]
    writes: tuple[GuestPath, ...]
    why: str


@dataclass(frozen=True)
class Build:
    """A generated file (an initrd, a grub.cfg), made beside the old one, judged, then renamed over it.

    argv        the generator; CANDIDATE stands for the new file, SCRATCH for a directory of the transaction
    check       a program that must accept the candidate first (grub-script-check), or ()
    judge       the name, in the judges' registry, of the pure function that inspects the candidate
    wants       what the judge has to find in it; Builds of one target are merged by the union of these
    subject     what it is built for: the kernel version of an initrd, "" for a boot configuration
    env         words added to the generator's environment
    copy        (directory of the guest, name below SCRATCH) copied there first, links followed
    scratch     (name below SCRATCH, text) written there after the copies
    otherwise   the Write to make where the generator fails or its candidate is refused (offline only)
    size_bytes  how large the candidate is expected to be at most
    scratch_bytes  how much room the generator is expected to need in SCRATCH
    timeout_s   when the generator is given up, in seconds
    """

    target: GuestPath
    argv: tuple[str, ...]
    judge: str
    why: str
    wants: tuple[str, ...] = ()
    subject: str = ""
    check: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    copy: tuple[tuple[GuestPath, str], ...] = ()
    scratch: tuple[tuple[str, str], ...] = ()
    otherwise: Write | None = None
    size_bytes: int = 0
    scratch_bytes: int = 0
    timeout_s: int = 600


Change = Union[Write, Link, Remove, Purge, Run, Build]

_KINDS: Mapping[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Write, Link, Remove, Purge, Run, Build)
}


def target_of(change: Change) -> GuestPath | None:
    """The one path that the change makes or removes; None for a Run, which names its own."""
    if isinstance(change, Run):
        return None
    return change.target if isinstance(change, Build) else change.path


def change_to_json(change: Change) -> dict[str, Any]:
    """A JSON object with the kind and every field that is not at its default."""
    document: dict[str, Any] = {"kind": type(change).__name__.lower()}
    for field in dataclasses.fields(change):
        value = getattr(change, field.name)
        if field.default is not dataclasses.MISSING and value == field.default:
            continue
        document[field.name] = _encode(value)
    return document


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, GuestPath):
        return str(value)
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Write):
        return change_to_json(value)
    return value


def change_from_json(document: Mapping[str, Any]) -> Change:
    """The change that `change_to_json` wrote. Fields that this version does not know are ignored.

    Raises FormatError where a field is missing, of another type, or nothing that could be done.
    """
    if not isinstance(document, Mapping):
        raise FormatError(f"a change does not read: {shorten(document)}")
    kind = _KINDS.get(str(document.get("kind")))
    if kind is None:
        raise FormatError(f"a change has the unknown kind {shorten(document.get('kind'))}")
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in document:
            values[field.name] = _decode(kind, field.name, document[field.name])
    try:
        return kind(**values)  # type: ignore[no-any-return]
    except TypeError as error:
        raise FormatError(f"a change of the kind {document['kind']!r} is incomplete: {error}") from error


def _decode(kind: type[Any], name: str, value: Any) -> Any:
    decode = as_path if (kind is Build and name == "target") else _DECODERS.get(name, as_text)
    try:
        return decode(value)
    except (TypeError, ValueError, KeyError) as error:
        raise FormatError(
            f"field {name!r} of a change {kind.__name__!r} does not read: {shorten(value)}"
        ) from error


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(as_text(item) for item in as_items(value))


def _argv(value: Any) -> tuple[str, ...]:
    words = _texts(value)
    if not words or not words[0]:
        raise ValueError(value)
    return words


def _paths(value: Any) -> tuple[GuestPath, ...]:
    return tuple(as_path(item) for item in as_items(value))


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((as_text(first), as_text(second)) for first, second in _pairs_of(value))


def _environment(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(value)
    if any(not name or "=" in name for name, _ in pairs):
        raise ValueError(value)
    return pairs


def _copies(value: Any) -> tuple[tuple[GuestPath, str], ...]:
    return tuple((as_path(first), as_name_below(second)) for first, second in _pairs_of(value))


def _scratch(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((as_name_below(first), as_text(second)) for first, second in _pairs_of(value))


def _pairs_of(value: Any) -> list[list[Any]]:
    return [as_items(pair) for pair in as_items(value)]


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["base64"], validate=True)


def _mode(value: Any) -> int:
    return as_amount(value, 0o10000)


def _write(value: Any) -> Write:
    if not isinstance(value, Mapping) or value.get("kind") != "write":
        raise TypeError(value)
    change = change_from_json(value)
    assert isinstance(change, Write)
    return change


_DECODERS: Mapping[str, Any] = {
    "path": as_path,
    "content": _bytes,
    "mode": _mode,
    "size_bytes": as_amount,
    "scratch_bytes": as_amount,
    "timeout_s": as_amount,
    "argv": _argv,
    "writes": _paths,
    "wants": _texts,
    "check": _texts,
    "env": _environment,
    "copy": _copies,
    "scratch": _scratch,
    "otherwise": _write,
}
