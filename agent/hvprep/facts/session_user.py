"""Whose session this process runs in: also where sudo(8) or su(1) made it root's."""

from __future__ import annotations

import os

from hvprep.facts.homes import read_accounts
from hvprep.model.node import GuestPath
from hvprep.model.view import View

_LOGIN_UID = GuestPath("/proc/self/loginuid")  # proc(5): set at login, and kept by sudo and su
_UNSET = 0xFFFFFFFF


def find_session_users(view: View) -> tuple[str, ...]:
    """The names by which the login that this process comes from is known: by the kernel, by sudo, by doas."""
    uids = set()
    text = (view.read(_LOGIN_UID) or b"").decode("ascii", "replace").strip()
    if text.isdecimal() and int(text) != _UNSET:
        uids.add(int(text))
    sudo_uid = os.environ.get("SUDO_UID", "")
    if sudo_uid.isdecimal():
        uids.add(int(sudo_uid))
    names = [account.name for account in read_accounts(view) if account.uid in uids]
    names += [os.environ.get(word, "") for word in ("SUDO_USER", "DOAS_USER", "PKEXEC_USER")]
    return tuple(dict.fromkeys(filter(None, names)))
