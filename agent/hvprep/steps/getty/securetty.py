"""/etc/securetty: where root may log in (login, pam_securetty), on systems that have such a file."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View

_SECURETTY = GuestPath("/etc/securetty")


def plan(view: View, device: str) -> Iterator[Outcome]:
    """The change after which root may log in on the port. A list that names no terminal, or the console
    alone, is hardening that somebody wants: it stays."""
    content = view.read(_SECURETTY)
    if content is None:
        return
    text = content.decode("utf-8", "surrogateescape")
    names = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if device in names:
        return
    if set(names) <= {"console"}:
        who = " and ".join(names) or "no terminal"
        yield Note(Verdict.MET, f"root may log in on {who} by {_SECURETTY}, which stays as it is")
        return
    glue = "" if text.endswith("\n") else "\n"
    new = f"{text}{glue}{device}\n".encode("utf-8", "surrogateescape")
    yield Write(_SECURETTY, new, f"{_SECURETTY} does not let root log in on {device}")
