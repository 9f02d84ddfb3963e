"""Idle connections of sshd: Azure forgets one on which nothing was sent for four minutes.

The client finds out with its next key, sshd waits for it for hours. ClientAliveInterval has sshd send
something before that. Source: sshd_config(5); Azure, "TCP idle timeout" of the load balancer; LISA,
verify_client_active_interval.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.formats import sshd_config
from hvprep.formats.sshd_config import Setting, SshdConfig, parse_time
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.ssh.configuration import MAIN_FILES, find_main_file, find_setting, read_file
from hvprep.system.overlay import Overlay
from hvprep.system.shipped import read_shipped

_DROP_IN = GuestPath("/etc/ssh/sshd_config.d/00-hvprep.conf")
_KEYWORD, _LINE = "clientaliveinterval", "ClientAliveInterval 180"
#: Less than four minutes; the certification takes no less than half a minute.
_SECONDS = range(30, 236)
_WHY = "Azure forgets an idle connection after four minutes, and its certification asks for 30 to 235 seconds"


def plan(view: View) -> Iterator[Outcome]:
    """The change after which sshd sends something every three minutes."""
    main = find_main_file(view)
    if main is None:
        yield Note(Verdict.UNMET, f"there is no {MAIN_FILES[0]}", "install the SSH server's package anew")
        return
    setting = find_setting(view, main, _KEYWORD)
    if _is_good(setting):
        yield Note(Verdict.MET, _describe(setting))
        return
    effective = (change for change in _candidates(view, main, setting) if _reaches(view, main, change))
    yield next(effective, None) or Note(
        Verdict.UNMET, _describe(setting), f'see that "{_LINE}" comes first, outside of any Match block'
    )


def _candidates(view: View, main: GuestPath, setting: Setting | None) -> Iterator[Write]:
    """What might do, the one that takes least from the administrator first."""
    why = f"{_describe(setting)}: {_WHY}"
    node = view.node(view.resolve(main))
    yield Write(_DROP_IN, read_shipped("sshd.conf"), why, node.mode if node is not None else None)
    for path, edited in _edits(view, main, setting):
        if path.parts[:2] == ("/", "etc"):
            yield Write(path, edited.render().encode("utf-8", "surrogateescape"), why)


def _edits(view: View, main: GuestPath, setting: Setting | None) -> Iterator[tuple[GuestPath, SshdConfig]]:
    if setting is not None:
        path = GuestPath(setting.path)
        yield path, sshd_config.parse(read_file(view, path)).replace(setting.statement.line, _LINE)
    else:
        yield main, sshd_config.parse(read_file(view, main)).insert(_LINE)


def _reaches(view: View, main: GuestPath, change: Write) -> bool:
    after = Overlay(view)
    after.apply(change)
    return _is_good(find_setting(after, main, _KEYWORD))


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
