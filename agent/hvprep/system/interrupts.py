"""Stretches that no signal of a person or of the service manager cuts off."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def shielded() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP wait until the end of this stretch, and arrive right after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    waiting: KeyboardInterrupt | None = None
    try:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        except KeyboardInterrupt as interrupt:  # it came right before the mask, which is set all the same
            waiting = interrupt
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if waiting is not None:
        raise waiting


def unshield() -> None:
    """For a new child: it inherits the mask of its parent, and must be able to be ended."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
