"""no-password-hashes: no password that opens, or can be guessed from, every machine made from the image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.account_copies import find_copies
from hvprep.facts.gather import Facts
from hvprep.facts.traces import find_paths, traces_of
from hvprep.formats import passwd
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

#: The tables, and whether an empty password lets one in: a group's does nothing (gpasswd(1)).
_TABLES = {"passwd": True, "shadow": True, "group": False, "gshadow": False}
#: crypt(5): prefixed by its method, or of DES (13 signs) or BSDi (20, the first a `_`).
_HASH = re.compile(r"\$.+|[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19}", re.S)
_SHADOW = GuestPath("/etc/shadow")

_LOCK = "for each of these users: usermod --password '*' USER (for a group: gpasswd --restrict GROUP)"
_REMOVE = "remove the copies"


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    is_known = False
    for name, opens_if_empty in _TABLES.items():
        for path in (GuestPath("/etc") / name, *find_copies(view, name)):
            content = view.read(path)
            if content is None:
                continue
            is_known = is_known or path.name in ("passwd", "shadow")
            table = passwd.parse(content.decode("utf-8", "surrogateescape"))
            is_copy = path != GuestPath("/etc") / name
            for record in table.records:
                yield from _judge(path, record.name, record.fields[passwd.PASSWORD], opens_if_empty, is_copy)
    for path in (path for trace in traces_of("no-password-hashes") for path in find_paths(view, trace, ())):
        yield Note(Verdict.UNMET, f"{path} holds hashes of old passwords", f"truncate --size 0 {path}")
    if not is_known:
        yield Note(Verdict.NOT_ASSESSED, f"there is neither /etc/passwd nor {_SHADOW}")


def _judge(path: GuestPath, name: str, password: str, opens_if_empty: bool, is_copy: bool) -> Iterator[Note]:
    """Of one record; the password itself is never shown."""
    locked = password.lstrip("!*")
    if _HASH.fullmatch(locked):
        if is_copy:
            yield Note(Verdict.UNMET, f"{path}, an old copy, holds the password hash of {name}", _REMOVE)
        elif locked != password:
            yield Note(
                Verdict.UNMET, f"{path}: {name} is locked, and the hash of the password is there", _LOCK
            )
        else:
            yield Note(Verdict.UNMET, f"{path}: {name} has a password", _LOCK)
    elif not password and opens_if_empty and not is_copy:
        yield Note(Verdict.UNMET, f"{path}: {name} needs no password to log in", _LOCK)
    elif password and locked == password and path == _SHADOW and password != "x":
        # LISA's verify_no_pre_exist_users accepts x, as it does *, ! and, which we do not, nothing.
        because = f"{path}: the password of {name} is neither locked nor a hash that crypt(5) knows"
        yield Note(Verdict.UNMET, because, _LOCK)


NO_PASSWORD_HASHES: Step[Facts, Settings] = Step(
    id="no-password-hashes",
    title="no password is left, and nobody gets in without one",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (deprovision); Marketplace certification; LISA, which accepts an empty password",
    remedy=_LOCK,
    plan=_plan,
    rows=("H04",),
)
