"""no-authorized-keys: nobody can log in on every machine that is made from the image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.facts.homes import Home, read_accounts
from hvprep.facts.traces import find_paths, traces_of
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.homes import look_into_homes
from hvprep.steps.ssh.configuration import find_all, find_main_file

_TRACES = traces_of("no-authorized-keys")
_ELSEWHERE = tuple(trace for trace in _TRACES if not trace.in_homes)
#: sshd_config(5), AuthorizedKeysFile: what it says, beside its default.
_DEFAULTS = tuple(place for trace in _TRACES if trace.in_homes for place in trace.patterns)
_KEYWORD = "authorizedkeysfile"
_TOKEN = re.compile("%[huU%]")
#: What cloud-init makes of root's keys where disable_root holds (cloudinit/ssh_util.py, DISABLE_USER_OPTS).
_STUB = b"Please login as the user"
#: A file that is larger holds more than comments.
_READ_BYTES = 1 << 16


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    places = [*_DEFAULTS]
    main = find_main_file(view)
    try:
        # Those of all blocks: keys that let somebody in under any condition.
        for setting in find_all(view, main, _KEYWORD) if main is not None else ():
            places += setting.statement.arguments
    except FormatError as error:
        yield Note(Verdict.NOT_ASSESSED, error.sentence, error.hint)
    numbers = {account.name: str(account.uid) for account in read_accounts(view)}
    yield from look_into_homes(view, partial(_look, tuple(dict.fromkeys(places)), numbers))
    for path in (path for trace in _ELSEWHERE for path in find_paths(view, trace, ())):
        yield from _judge(view, path, stub_is_fine=False)


def _look(places: tuple[str, ...], numbers: Mapping[str, str], view: View, home: Home) -> Iterator[Outcome]:
    users = home.users or ("",)
    paths = [_expanded(place, home, user, numbers.get(user, "")) for place in places for user in users]
    for path in dict.fromkeys(paths):
        yield from _judge(view, path, stub_is_fine="root" in home.users)


def _expanded(place: str, home: Home, user: str, number: str) -> GuestPath:
    """The file for that user: tokens filled in (sshd_config(5), TOKENS), relative to the home."""
    tokens = {"%h": str(home.path), "%u": user, "%U": number, "%%": "%"}
    return home.path / _TOKEN.sub(lambda match: tokens[match[0]], place)


def _judge(view: View, path: GuestPath, stub_is_fine: bool) -> Iterator[Outcome]:
    node = view.node(view.resolve(path))
    if node is None or node.kind is not Kind.FILE:
        return
    if node.size > _READ_BYTES:
        yield _finding(path, "keys")
        return
    lines = [line.strip() for line in (view.read(path) or b"").splitlines()]
    keys = [line for line in lines if line and not line.startswith(b"#")]
    if stub_is_fine:
        keys = [line for line in keys if _STUB not in line]
    if keys:
        yield _finding(path, "1 key" if len(keys) == 1 else f"{len(keys)} keys")


def _finding(path: GuestPath, what: str) -> Note:
    because = f"{path} lets the owners of {what} in on every machine that is made from this image"
    return Note(Verdict.UNMET, because)


NO_AUTHORIZED_KEYS: Step[Facts, Settings] = Step(
    id="no-authorized-keys",
    title="no key of a person opens every machine that is made from the image",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="Marketplace certification; LISA",
    remedy="hvprep deprovision removes root's, and with --user a user; or remove these files",
    plan=_plan,
    rows=("H05",),
)
