"""Ending the processes of a user, before what they hold is taken away."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

_POLL_S = 0.1


def end_processes(
    uid: int, find: Callable[[int], tuple[int, ...]], patience_s: float = 5.0
) -> tuple[int, ...]:
    """Ask every process of `uid` to end, kill those that are left, and return the ids of those that stay.

    `find` tells the processes of a user now. We are never among them. Raises ValueError for root.
    """
    if uid == 0:
        raise ValueError("root's processes are the system")
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _others(find(uid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while _others(find(uid)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    return _others(find(uid))


def _others(pids: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(pid for pid in pids if pid != os.getpid())
