"""Users that are removed with all that is theirs, and the password of root.

The tables are edited, not handed to userdel(8): that fails where the user is logged in, and cannot run in the
image of another architecture. Names are compared as they are: ann is not annika.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from hvprep.deprovision.action import Action, EndProcesses
from hvprep.errors import Refusal
from hvprep.facts.account_copies import find_copies
from hvprep.facts.homes import find_homes, people, read_accounts
from hvprep.formats import passwd
from hvprep.formats.passwd import GROUP_LISTS, GSHADOW_LISTS, PASSWORD, Account
from hvprep.model.change import Purge, Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_ROOT = "root"
_TABLES = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
_SUDOERS = ("/etc/sudoers", "/etc/sudoers.d/*")
#: Mail, crontabs and at jobs by name; lingering sessions (loginctl(1)); the picture of AccountsService.
_BY_NAME = (
    "/var/mail/{}",
    "/var/spool/mail/{}",
    "/var/spool/cron/{}",
    "/var/spool/cron/crontabs/{}",
    "/var/spool/cron/tabs/{}",
    "/var/lib/systemd/linger/{}",
    "/var/lib/AccountsService/users/{}",
    "/var/lib/AccountsService/icons/{}",
    "/var/lib/sudo/lectured/{}",
)
#: A name that may be part of a path (useradd(8) asks for less).
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
#: Who was made by provisioning: a comment of cloud-init's, a line of waagent's.
_MADE_BY_CLOUD_INIT = re.compile(r"^# User rules for (\S+)$", re.M)
_MADE_BY_WAAGENT = re.compile(r"^(\S+) ALL *= *\(ALL\)", re.M)
_OVF_USER = re.compile(r"<(?:\w+:)?UserName>([^<>&\s]+)</")


def find_provisioned(view: View) -> tuple[str, ...]:
    """The users that cloud-init or waagent made, by what they left in sudoers.d and the saved ovf-env.xml."""
    found: list[str] = []
    for path, pattern in (
        ("/etc/sudoers.d/90-cloud-init-users", _MADE_BY_CLOUD_INIT),
        ("/etc/sudoers.d/waagent", _MADE_BY_WAAGENT),
        ("/var/lib/waagent/ovf-env.xml", _OVF_USER),
    ):
        found += pattern.findall((view.read(GuestPath(path)) or b"").decode("utf-8", "replace"))
    known = {account.name for account in people(view)}
    return tuple(name for name in dict.fromkeys(found) if name in known)


def refuse_unfit(view: View, names: Iterable[str]) -> None:
    """Raise Refusal for a name that is no user, or one of the system's own."""
    accounts = {account.name: account for account in read_accounts(view)}
    removable = {account.name for account in people(view)}
    for name in names:
        if name not in accounts or not _NAME.fullmatch(name):
            raise Refusal(f"there is no user {name!r}", "getent passwd lists the users")
        if accounts[name].uid == 0 or name not in removable:
            raise Refusal(
                f"{name} (uid {accounts[name].uid}) is a user of the system, and stays",
                "name a user whose uid is from UID_MIN to UID_MAX of /etc/login.defs",
            )


def plan_users(view: View, names: Sequence[str], is_live: bool) -> Iterator[Action]:
    """Everything of these users goes. Raises Refusal where one is unfit, FormatError without /etc/passwd."""
    if not names:
        return
    refuse_unfit(view, names)
    accounts = [account for account in read_accounts(view) if account.name in names]
    for account in accounts if is_live else ():
        yield EndProcesses(account.uid, account.name, f"{account.name} is removed")
    yield from _plan_tables(view, accounts)
    for account in accounts:
        yield from _plan_home(view, account, accounts)
        for pattern in _BY_NAME:
            path = GuestPath(pattern.format(account.name))
            if view.node(path) is not None:
                yield Purge(path, f"it is {account.name}'s")
    yield from _plan_sudoers(view, [account.name for account in accounts])


def plan_root_password(view: View) -> Iterator[Action]:
    """No password opens root; what the account is besides stays."""
    path = GuestPath("/etc/shadow")
    content = view.read(path)
    if content is None:
        return
    table = passwd.parse(content.decode("utf-8", "surrogateescape"))
    records = table.named(_ROOT)
    if records and not re.fullmatch(r"[!*][!*A-Z]*", records[0].field(PASSWORD) or ""):
        edited = table.with_field(_ROOT, PASSWORD, "*").render()
        yield Write(path, edited.encode("utf-8", "surrogateescape"), "the password of root is locked")


def plan_copies(view: View) -> Iterator[Action]:
    """The tables as they were before the last change hold users and hashes that are gone."""
    for name in _TABLES:
        for path in find_copies(view, name):
            yield Purge(path, "an old copy of the table of users")


def _plan_tables(view: View, accounts: Sequence[Account]) -> Iterator[Action]:
    for name in _TABLES:
        path = GuestPath("/etc") / name
        content = view.read(path)
        if content is None:
            continue
        table = passwd.parse(content.decode("utf-8", "surrogateescape"))
        for account in accounts:
            table = _without(table, name, account)
        edited = table.render().encode("utf-8", "surrogateescape")
        if edited != content:
            users = ", ".join(account.name for account in accounts)
            yield Write(path, edited, f"without {users}")


def _without(table: passwd.Table, name: str, account: Account) -> passwd.Table:
    if name not in ("group", "gshadow"):
        return table.without(account.name)
    table = table.without_member(account.name, GROUP_LISTS if name == "group" else GSHADOW_LISTS)
    own = table.named(account.name)
    others = own[0].field(3) if own else None
    return table.without(account.name) if own and not others else table


def _plan_home(view: View, account: Account, accounts: Sequence[Account]) -> Iterator[Action]:
    """The home, where it is that of nobody else and nothing of the system's."""
    gone = {each.name for each in accounts}
    for home in find_homes(view):
        if account.name not in home.users:
            continue
        if not set(home.users) <= gone or len(home.path.parts) < 3 or _is_system(home.path):
            continue  # / and /home are the home of users that never log in
        why = f"the home of {account.name}"
        entry = view.node(GuestPath(account.home))
        if entry is not None and entry.kind is Kind.LINK:
            yield Purge(GuestPath(account.home), f"leads to {why}")
        yield Purge(home.path, why)


def _is_system(path: GuestPath) -> bool:
    return path.parts[1] in ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr")


def _plan_sudoers(view: View, names: Sequence[str]) -> Iterator[Action]:
    for path in (path for pattern in _SUDOERS for path in view.glob(pattern)):
        content = view.read(path)
        if content is None:
            continue
        text = content.decode("utf-8", "surrogateescape")
        kept = [line for line in _logical_lines(text) if not _is_rule_of(line, names)]
        edited = "".join(kept).encode("utf-8", "surrogateescape")
        if edited == content:
            continue
        if path.parent.name == "sudoers.d" and not any(_says_something(line) for line in kept):
            yield Purge(path, "it has the rules of removed users only")
        else:
            yield Write(path, edited, f"without the rules of {', '.join(names)}")


def _logical_lines(text: str) -> list[str]:
    """Lines with their ends; one that a backslash continues is one with what follows it (sudoers(5))."""
    return re.findall(r"(?:[^\n]*\\\n)*[^\n]*\n|(?:[^\n]*\\\n)*[^\n]+\Z", text)


def _is_rule_of(line: str, names: Sequence[str]) -> bool:
    words = line.split(None, 1)
    return bool(words) and words[0] in names and "=" in line


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not re.match(r"\s*#(?!include)", line)
