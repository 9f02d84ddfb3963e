"""no-authorized-keys: nobody can log in on every machine that is made from the image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.facts.homes import Home, literal, read_accounts
from hvprep.facts.traces import find_paths, traces_of
from hvprep.formats.passwd import Account
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
    accounts = {account.name: account for account in read_accounts(view)}
    unique = tuple(dict.fromkeys(places))
    in_homes = tuple(place for place in unique if not _is_elsewhere(place))
    yield from look_into_homes(view, partial(_look, in_homes, accounts))
    for place in filter(_is_elsewhere, unique):
        yield from _look_elsewhere(view, place, accounts.get("root"))
    for path in (path for trace in _ELSEWHERE for path in find_paths(view, trace, ())):
        yield from _judge(view, path, stub_is_fine=False)


def _look(
    places: Iterable[str], accounts: Mapping[str, Account], view: View, home: Home
) -> Iterator[Outcome]:
    users = [accounts.get(user) for user in home.users] or [None]
    patterns = [_pattern(place, home, user) for place in places for user in users]
    for path in dict.fromkeys(path for pattern in patterns for path in view.glob(pattern)):
        yield from _judge(view, path, stub_is_fine="root" in home.users)


def _look_elsewhere(view: View, place: str, root: Account | None) -> Iterator[Outcome]:
    """Of any name: the user may have no home, or be none before another is made that is called so."""
    of_root = view.glob(_pattern(place, None, root)) if root is not None else ()
    for path in view.glob(_pattern(place, None, None)):
        yield from _judge(view, path, stub_is_fine=path in of_root)


def _is_elsewhere(place: str) -> bool:
    """Whether it is below no home."""
    return place.startswith("/") and "%h" not in place


def _pattern(place: str, home: Home | None, account: Account | None) -> str:
    """The files for that user (glob(7)), with its tokens filled in (sshd_config(5), TOKENS)."""
    tokens = {"%%": "%", "%h": literal(home.path) if home is not None else "*"}
    tokens["%u"], tokens["%U"] = (account.name, str(account.uid)) if account is not None else ("*", "*")
    filled = _TOKEN.sub(lambda match: tokens[match[0]], place)
    return filled if home is None or filled.startswith("/") else f"{literal(home.path)}/{filled}"


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
