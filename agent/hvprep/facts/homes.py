"""Whose homes there are: asked of a View, for deprovisioning takes users out.

Homes are looked for by /etc/passwd, and in /home for what a user left who is in it no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import fstab, passwd
from hvprep.formats.passwd import Account
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_PASSWD, _LOGIN_DEFS, _FSTAB = (GuestPath(f"/etc/{name}") for name in ("passwd", "login.defs", "fstab"))
_HOMES = GuestPath("/home")


@dataclass(frozen=True)
class Home:
    """A directory, links followed inside the root, and the users whose home it is: none, or several."""

    path: GuestPath
    users: tuple[str, ...]


def read_accounts(view: View) -> tuple[Account, ...]:
    """The users of /etc/passwd. Raises FormatError where there is no such file."""
    content = view.read(_PASSWD)
    if content is None:
        raise FormatError(f"there is no {_PASSWD}", "Is this the root of a system?")
    return tuple(passwd.find_accounts(passwd.parse(content.decode("utf-8", "surrogateescape"))))


def find_homes(view: View) -> tuple[Home, ...]:
    """Every home that is there, once, in the order of /etc/passwd; those in /home that are nobody's last.

    Raises FormatError where there is no /etc/passwd, PermissionError where /home may not be listed.
    """
    users: dict[GuestPath, list[str]] = {}
    for account in read_accounts(view):
        if account.home.startswith("/"):
            users.setdefault(view.resolve(GuestPath(account.home)), []).append(account.name)
    for path in view.glob(f"{_HOMES}/*"):
        users.setdefault(view.resolve(path), [])
    return tuple(Home(path, tuple(names)) for path, names in users.items() if _is_directory(view, path))


def find_missing_homes(view: View) -> tuple[tuple[Account, GuestPath], ...]:
    """People whose home is not there, with the directory on which fstab mounts what may hold it; a mount
    point that holds anything counts as mounted."""
    content = view.read(_FSTAB) or b""
    table = fstab.parse(content.decode("utf-8", "surrogateescape"))
    found = []
    for account in people(view):
        home = view.resolve(GuestPath(account.home)) if account.home.startswith("/") else None
        if home is None or _is_directory(view, home):
            continue
        above = [path for path in (home, *home.parents)[:-1] if table.entry_for(str(path)) is not None]
        if above and not view.glob(f"{literal(above[0])}/*"):
            found.append((account, above[0]))
    return tuple(found)


def people(view: View) -> tuple[Account, ...]:
    """The users that are no part of the system, by UID_MIN and UID_MAX of login.defs(5).

    Raises FormatError where there is no /etc/passwd.
    """
    content = (view.read(_LOGIN_DEFS) or b"").decode("utf-8", "replace")
    limits = {"UID_MIN": 1000, "UID_MAX": 60000}  # lib/getdef.c of shadow-utils
    for name, number in re.findall(
        r"^[ \t]*(UID_MIN|UID_MAX)[ \t]+([0-9]{1,10})[ \t]*(?:#.*)?$", content, re.M
    ):
        limits[name] = int(number)
    return tuple(
        account for account in read_accounts(view) if limits["UID_MIN"] <= account.uid <= limits["UID_MAX"]
    )


def literal(path: GuestPath) -> str:
    """The path as a pattern that matches nothing else: a home may have any name (glob(7))."""
    return re.sub(r"([*?[])", r"[\1]", str(path))


def _is_directory(view: View, path: GuestPath) -> bool:
    node = view.node(path)
    return node is not None and node.kind is Kind.DIRECTORY
