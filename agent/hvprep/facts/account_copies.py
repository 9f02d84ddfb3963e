"""What is kept of the tables of users from before: by their own tools, by packages, by people."""

from __future__ import annotations

from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: shadow-utils, vipw(8) and editors; dpkg, rpm and pacman; Debian's cron; habit.
_PLACES = (
    *("/etc/{}-", "/etc/{}~", "/etc/{}.edit", "/var/backups/{}.bak", "/var/backups/{}.bak.[0-9]*"),
    *(f"/etc/{{}}.{each}" for each in ("bak", "old", "orig", "save", "backup")),
    *(f"/etc/{{}}.{each}" for each in ("dpkg-old", "dpkg-dist", "dpkg-new", "rpmsave", "rpmorig", "rpmnew")),
    *(f"/etc/{{}}.{each}" for each in ("pacsave", "pacnew", "pacorig")),
)


def find_copies(view: View, table: str) -> tuple[GuestPath, ...]:
    """The copies of /etc/passwd, shadow, group and so on, by the name of the table."""
    return tuple(path for place in _PLACES for path in view.glob(place.format(table)))
