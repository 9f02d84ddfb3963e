"""Looking into every home, so that one that may not be read hides no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hvprep.facts.homes import Home, find_homes, find_missing_homes
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.view import View


def look_into_homes(view: View, look: Callable[[View, Home], Iterator[Outcome]]) -> Iterator[Outcome]:
    """What `look` says of each home, and what cannot be known. Raises FormatError without /etc/passwd."""
    for home in find_homes(view):
        try:
            yield from list(look(view, home))
        except PermissionError as error:
            yield Note(Verdict.NOT_ASSESSED, f"{error.filename} may not be read by this user", "try as root")
    for account, mount_point in find_missing_homes(view):
        yield Note(
            Verdict.NOT_ASSESSED,
            f"the home of {account.name} is not there: fstab mounts {mount_point}, and nothing is in it",
            f"mount {mount_point} of the image too",
        )
