"""The one logger: to people on stderr, to the journal under systemd. stdout is for results and not ours.

systemd-python is imported here alone, and only where systemd has asked for it (`JOURNAL_STREAM`,
`NOTIFY_SOCKET`); without it the journal gets lines with a priority prefix (sd-daemon(3)).
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

LOGGER = logging.getLogger("hvprep")

#: syslog(3) priorities, for lines that start with <N>.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))

#: C0 and C1 control characters but for tab and newline. What a guest's file says must not steer the terminal.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def configure(
    level: int = logging.INFO, stream: TextIO | None = None, environ: Mapping[str, str] | None = None
) -> None:
    """Send what hvprep logs, from `level` on, to `stream` (None: stderr), or to the journal if that is it.

    `environ` None is the environment of the process. Repeating the call replaces what stood before.
    """
    stream = sys.stderr if stream is None else stream
    handler = _handler(stream, os.environ if environ is None else environ)
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(level)
    LOGGER.propagate = False


def warn_ignoring(sentence: str) -> None:
    """Log a warning about a thing that hvprep carries on without; `, ignoring` is added to the sentence."""
    LOGGER.warning("%s, ignoring", sentence.rstrip(". \n"))


def harmless(text: str) -> str:
    r"""The text with every control character but tab and newline written out: \x1b."""
    return text.translate(_CONTROL)


def notify_status(text: str, environ: Mapping[str, str] | None = None) -> bool:
    """Tell systemd in one line what goes on (`systemctl status` shows it); whether it was told.

    Does nothing without NOTIFY_SOCKET or systemd-python. A manager that doesn't answer is no error.
    """
    if "NOTIFY_SOCKET" not in (os.environ if environ is None else environ):
        return False
    daemon = _import_systemd("daemon")
    if daemon is None:
        return False
    try:
        # A line break would begin another assignment, READY=1 for example.
        return bool(daemon.notify("STATUS=" + " ".join(text.translate(_CONTROL).split())))
    except OSError as error:
        LOGGER.debug("systemd was not told the status: %s", error)
        return False


def _handler(stream: TextIO | None, environ: Mapping[str, str]) -> logging.Handler:
    if stream is None:  # Python's stderr where descriptor 2 is closed
        return logging.NullHandler()
    people = logging.StreamHandler(stream)
    people.setFormatter(_ForPeople())
    if not _is_journal(stream, environ):
        return people
    journal = _import_systemd("journal")
    if journal is not None:
        handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER="hvprep")
        return handler
    people.setFormatter(_ForJournal())
    return people


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    # Processes whose stderr went elsewhere inherit the variable, hence device:inode (systemd.exec(5)).
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _import_systemd(module: str) -> Any:
    try:
        return importlib.import_module(f"systemd.{module}")
    except ImportError:
        return None


class _ForPeople(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = harmless(super().format(record))
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"hvprep: {level}{text}"


class _ForJournal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        lines = harmless(super().format(record)).split("\n")
        return "\n".join(f"<{priority}>{line}" for line in lines)
