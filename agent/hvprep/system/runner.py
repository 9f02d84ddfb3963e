"""Start a program of the distribution and wait for it: argument tuples only, a built environment."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hvprep.errors import CommandFailed
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.interrupts import unshield

if TYPE_CHECKING:
    import subprocess

#: Turns a guest's argv into the argv that is started on the host.
Enter = Callable[[Sequence[str]], list[str]]
#: Told of the seconds passed, about once a second, while a program runs.
OnWait = Callable[[float], None]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL_BYTES = 64 * 1024
_POLL_S = 0.2
_PR_SET_PDEATHSIG = 1  # prctl.h
#: Printable ASCII only: an image may hold anything, and a NUL can be given to no program.
_LOCALE_LINE = re.compile(r"(?P<name>LANG|LANGUAGE|LC_[A-Z]+)=[\"' ]*(?P<value>[!-~]*?)[\"' ]*")

_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Result:
    """How a program ended. `output` is the last part of its standard output and error together."""

    status: int
    output: str


def enter_live(argv: Sequence[str]) -> list[str]:
    """The machine's own root: nothing to enter."""
    return list(argv)


def enter_chroot(host_path: Path) -> Enter:
    """A mounted image: see `system.chroot`."""
    from hvprep.system import chroot

    prefix = [sys.executable, "-I", chroot.__file__, str(host_path)]
    return lambda argv: [*prefix, *argv]


@dataclass(frozen=True)
class Runner:
    """Runs programs in one root. The environment is built, not inherited, save for the locale of a live
    system: grub-mkconfig puts translated titles into grub.cfg, and GRUB_DEFAULT may name one of them."""

    enter: Enter
    locale: Mapping[str, str]
    on_wait: OnWait = lambda seconds: None

    def run(
        self, argv: Sequence[str], timeout_s: float, env: Sequence[tuple[str, str]] = (), stdin: bytes = b""
    ) -> Result:
        """Run to the end. Raises CommandFailed where it could not start, or took longer than `timeout_s`.

        Standard input is `stdin` and then its end; no descriptor of ours is inherited; the program gets a
        session of its own, which is killed as a whole at the timeout, and is killed itself where we are.
        """
        import subprocess
        import tempfile

        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            try:
                process = subprocess.Popen(
                    self.enter(argv),
                    stdin=given,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={"PATH": _PATH, "HOME": "/root", "TERM": "dumb", **self.locale, **dict(env)},
                    cwd="/",
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
            except OSError as error:
                raise CommandFailed(f"{argv[0]} could not be started: {error.strerror}") from error
            except ValueError as error:  # a NUL or a lone surrogate in a word
                raise CommandFailed(f"{argv[0]!r} could not be started: {error}") from error
            try:
                status = self._wait(process, argv, timeout_s)
            except BaseException:
                _kill(process)
                raise
            return Result(status, _tail(output.fileno()))

    def check(
        self, argv: Sequence[str], timeout_s: float, env: Sequence[tuple[str, str]] = (), stdin: bytes = b""
    ) -> Result:
        """`run`, where any other end than exit status 0 raises CommandFailed with the last lines said."""
        result = self.run(argv, timeout_s, env, stdin)
        if result.status != 0:
            raise CommandFailed(f"{shlex.join(argv)} {_ending(result.status)}{_last_words(result.output)}")
        return result

    def _wait(self, process: subprocess.Popen[bytes], argv: Sequence[str], timeout_s: float) -> int:
        import subprocess

        start = time.monotonic()
        while True:
            try:
                return process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                passed = time.monotonic() - start
            if passed > timeout_s:
                raise CommandFailed(
                    f"{shlex.join(argv)} was stopped: it took longer than {timeout_s:.0f} seconds",
                    "if this machine is slow: an initrd gets Initrd.BuildTimeoutSeconds in /etc/hvprep.conf",
                )
            self.on_wait(passed)


def host_locale() -> Mapping[str, str]:
    """The locale words of our own environment."""
    return {
        name: value for name, value in os.environ.items() if name in ("LANG", "LANGUAGE") or name[:3] == "LC_"
    }


def guest_locale(view: View) -> Mapping[str, str]:
    """The locale of an image's own programs: its locale.conf(5), or Debian's /etc/default/locale."""
    for path in (GuestPath("/etc/locale.conf"), GuestPath("/etc/default/locale")):
        lines = (view.read(path) or b"").decode("utf-8", "replace").splitlines()
        found = filter(None, map(_LOCALE_LINE.fullmatch, lines))
        words = {match["name"]: match["value"] for match in found}
        if words:
            return words
    return {"LANG": "C.UTF-8"}


def _die_with_parent() -> None:
    """Runs in the child: what writes on while a new hvprep takes our changes back would be in its way."""
    unshield()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(fd: int) -> str:
    size = os.fstat(fd).st_size
    return os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode("utf-8", "replace")


def _ending(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"failed with exit status {status}"


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return ": " + " / ".join(lines[-3:]) if lines else ""
