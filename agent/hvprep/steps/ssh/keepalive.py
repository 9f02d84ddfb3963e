"""Idle connections of sshd: Azure forgets one on which nothing was sent for four minutes.

The client finds out with its next key, sshd waits for it for hours. ClientAliveInterval has sshd send
something before that. Source: sshd_config(5); Azure, "TCP idle timeout" of the load balancer; LISA,
verify_client_active_interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hvprep.errors import FormatError
from hvprep.formats import sshd_config
from hvprep.formats.sshd_config import Setting, SshdConfig, parse_time
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.overlay import Overlay
from hvprep.system.shipped import read_shipped

#: The first one that there is. openSUSE ships the second; a file in /etc then takes its place.
_CONFIGS = (GuestPath("/etc/ssh/sshd_config"), GuestPath("/usr/etc/ssh/sshd_config"))
_DROP_IN = GuestPath("/etc/ssh/sshd_config.d/00-hvprep.conf")
_KEYWORD, _LINE = "clientaliveinterval", "ClientAliveInterval 180"
_SECONDS = range(1, 236)


def plan(view: View) -> Iterator[Outcome]:
    """The change after which sshd sends something every three minutes."""
    main = next((path for path in _CONFIGS if view.node(path) is not None), None)
    if main is None:
        yield Note(Verdict.UNMET, f"there is no {_CONFIGS[0]}", "install the SSH server's package anew")
        return
    setting = _find_setting(view, main)
    if _is_good(setting):
        yield Note(Verdict.MET, _describe(setting))
        return
    effective = (change for change in _candidates(view, main, setting) if _reaches(view, main, change))
    yield next(effective, None) or Note(
        Verdict.UNMET, _describe(setting), f'see that "{_LINE}" comes first, outside of any Match block'
    )


def _candidates(view: View, main: GuestPath, setting: Setting | None) -> Iterator[Write]:
    """What might do, the one that takes least from the administrator first."""
    why = f"{_describe(setting)}: Azure forgets an idle connection after four minutes"
    node = view.node(view.resolve(main))
    yield Write(_DROP_IN, read_shipped("sshd.conf"), why, node.mode if node is not None else None)
    for path, edited in _edits(view, main, setting):
        if path.parts[:2] == ("/", "etc"):
            yield Write(path, edited.render().encode("utf-8", "surrogateescape"), why)


def _edits(view: View, main: GuestPath, setting: Setting | None) -> Iterator[tuple[GuestPath, SshdConfig]]:
    if setting is not None:
        path = GuestPath(setting.path)
        yield path, sshd_config.parse(_text(view, path)).replace(setting.statement.line, _LINE)
    else:
        yield main, sshd_config.parse(_text(view, main)).insert(_LINE)


def _reaches(view: View, main: GuestPath, change: Write) -> bool:
    after = Overlay(view)
    after.apply(change)
    return _is_good(_find_setting(after, main))


def _find_setting(view: View, main: GuestPath) -> Setting | None:
    def load(pattern: str) -> Iterable[tuple[str, str]]:
        # glob(3) knows more than View.glob does.
        if "\\" in pattern or "[" in pattern:
            raise FormatError(f"{main}: Include {pattern} is not understood", "ask sshd itself: sshd -T")
        return ((str(path), _text(view, path)) for path in view.glob(pattern))

    return sshd_config.find_setting(str(main), _text(view, main), load, _KEYWORD)


def _is_good(setting: Setting | None) -> bool:
    return _seconds(setting) in _SECONDS


def _seconds(setting: Setting | None) -> int | None:
    if setting is None or len(setting.statement.arguments) != 1:
        return None
    return parse_time(setting.statement.arguments[0])


def _describe(setting: Setting | None) -> str:
    if setting is None:
        return "nothing sets ClientAliveInterval, and sshd sends nothing by itself"
    words = " ".join(setting.statement.arguments)
    return f"{setting.path}, line {setting.statement.line}: ClientAliveInterval {words}"


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")
