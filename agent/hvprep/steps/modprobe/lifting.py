"""Taking out the rules of a hardening guide, where the administrator allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hvprep.formats.modprobe_conf import take_out
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.modprobe.rules import Placed, read_text

_ETC = GuestPath("/etc")
#: Where packages put such files: one in /etc of the same name is read instead (modprobe.d(5)).
_OF_PACKAGES = tuple(map(GuestPath, ("/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")))
_OWN = GuestPath("/etc/modprobe.d")


def plan_lifting(view: View, bans: Mapping[Placed, str]) -> Iterator[Outcome]:
    """The changes that take these rules, each with what it keeps out, from the system's files: one of /etc is
    edited, one of a package gets a namesake in /etc. A note for each that no change here can take out.
    """
    for path in dict.fromkeys(ban.path for ban in bans):
        found = {ban: name for ban, name in bans.items() if ban.path == path}
        target = _target(view, path) if path is not None else None
        if path is None or target is None:
            yield from (explain(ban, name) for ban, name in found.items())
            continue
        text = take_out(read_text(view, path), [ban.rule.line for ban in found])
        why = "; ".join(explain(ban, name).because for ban, name in found.items())
        if target != path:
            why += f"; {target} is then read instead of {path}, which is a package's"
        yield Write(target, text.encode("utf-8", "surrogateescape"), why)


def explain(ban: Placed, name: str, remedy: str = "") -> Note:
    """The finding that a rule is. `remedy` holds for one in a file of the system's."""
    because = f"{ban.where} keeps {name} out: {ban.rule.text}"
    return Note(Verdict.UNMET, because, remedy if ban.path is not None and remedy else ban.remedy)


def _target(view: View, path: GuestPath) -> GuestPath | None:
    """Where the edited text goes; None where it could not be written: a file of /run is made anew at each
    boot, and a link may lead to somebody else's file."""
    if path.parent in _OF_PACKAGES:
        return _OWN / path.name
    is_own = _ETC in path.parents and _ETC in view.resolve(path).parents
    return path if is_own else None
