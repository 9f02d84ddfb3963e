"""Every error that hvprep raises, in one tree.

    HvprepError                 one sentence, and a hint that says what to do next
    ├── UsageError              the command line or a settings file is wrong (exit status 2)
    ├── FormatError             a foreign file does not read as what it should be
    ├── Refusal                 nothing was changed, because going on could make things worse
    ├── CommandFailed           a program of the distribution failed, timed out or is missing
    ├── ChangeFailed            a change of the plan could not be made or did not have its effect
    └── Interrupted             a person or the service manager ended it; what was begun has been taken back

Raised low, with one sentence and a hint; the planner turns a step's error into a finding, cli turns the
rest into text. Nothing below cli ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class HvprepError(Exception):
    """An expected failure: one sentence for the person, and what to do next."""

    exit_status = 1

    def __init__(self, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class UsageError(HvprepError):
    """The command line or a settings file is wrong."""

    exit_status = 2


class FormatError(HvprepError):
    """A foreign file does not read as what it should be. The sentence names what and where."""


class Refusal(HvprepError):
    """hvprep declines to go on; nothing was changed."""


class CommandFailed(HvprepError):
    """A program of the distribution failed, timed out, was killed or is not there."""


class ChangeFailed(HvprepError):
    """A change could not be made, or was made and did not have its effect."""


class Interrupted(HvprepError):
    """A signal ended a transaction, and everything that it had begun has been taken back."""


@contextmanager
def in_file(path: object) -> Iterator[None]:
    """Where a FormatError comes up, its sentence gets the name of the file that does not read."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path}: {error.sentence}", error.hint) from error
