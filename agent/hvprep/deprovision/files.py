"""The files of one machine, by the table of traces; and what hvprep itself keeps of it."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.deprovision.action import Action
from hvprep.deprovision.request import Request
from hvprep.facts.homes import find_homes
from hvprep.facts.traces import TRACES, How, Trace, find_paths
from hvprep.formats import fstab
from hvprep.model.change import Purge, Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.lock import STATE_DIRECTORY

#: What is left to tell that it was done; see result.py.
RESULT = STATE_DIRECTORY / "deprovisioned.json"
#: What stays of our own: the lock that we hold, the result.
_KEPT = ("lock", RESULT.name)
_BACKUPS = (
    "/boot/*.hvprep-old",
    "/boot/*/*.hvprep-old",
    "/boot/*/*/*.hvprep-old",
    "/boot/*/*/*/*.hvprep-old",
)
_BACKUPS_ON_ESP = ("/efi/*.hvprep-old", "/efi/*/*.hvprep-old", "/efi/*/*/*.hvprep-old")
#: Of people who stay, only what they typed is a trace; keys that they keep are theirs.
_ALL_HOMES = ("shell-history",)
#: Directories in /tmp that running programs have for themselves (systemd.exec(5), PrivateTmp=).
_IN_USE = ("systemd-private-", "snap-private-tmp", ".X11-unix", ".ICE-unix", ".XIM-unix", ".font-unix")
_FSTAB = GuestPath("/etc/fstab")
_OF_AGENTS = ("comment=cloudconfig", "comment=hvprep")


def plan_files(view: View, request: Request) -> Iterator[Action]:
    """Every path that the table has, by the first line that has it, the logs last: what happens meanwhile is
    logged."""
    homes = find_homes(view)
    of_root = [home for home in homes if "root" in home.users]
    planned: set[GuestPath] = set()
    for trace in TRACES:
        if trace.switch and not getattr(request.settings, trace.switch):
            continue
        chosen = homes if trace.requirement in _ALL_HOMES else of_root
        for path in find_paths(view, trace, chosen):
            if path not in planned and not path.name.startswith(_IN_USE):
                planned.add(path)
                yield _remove(trace, path)


def _remove(trace: Trace, path: GuestPath) -> Action:
    if trace.how is How.EMPTY:
        return Write(path, b"", trace.what)
    return Purge(path, trace.what)


def plan_fstab(view: View) -> Iterator[Action]:
    """Lines that an agent wrote for the temporary disk of this machine."""
    content = view.read(_FSTAB)
    if content is None:
        return
    table = fstab.parse(content.decode("utf-8", "surrogateescape"))
    gone = {entry.line for entry in table.entries if set(entry.options) & set(_OF_AGENTS)}
    if gone:
        kept = "".join(line for number, line in enumerate(table.lines, 1) if number not in gone)
        why = "lines that an agent wrote for the temporary disk of this machine"
        yield Write(_FSTAB, kept.encode("utf-8", "surrogateescape"), why)


def plan_own_state(view: View) -> Iterator[Action]:
    """The journal holds what files were before, and the backups of initrds too: they are of this machine."""
    for path in (path for pattern in (*_BACKUPS, *_BACKUPS_ON_ESP) for path in view.glob(pattern)):
        yield Purge(path, "what was there before hvprep prepare: it cannot be rolled back any more")
    for path in view.glob(f"{STATE_DIRECTORY}/*"):
        if path.name not in _KEPT and (path.name != "journal" or view.glob(f"{path}/*")):
            yield Purge(path, "what hvprep knows of this machine: nothing can be rolled back any more")
