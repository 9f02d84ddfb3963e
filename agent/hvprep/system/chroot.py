"""Enter a root and become a program in it; run as a script of its own, with the standard library only.

    python3 -I chroot.py ROOT PROGRAM [ARGUMENT ...]

The mounts that a generator needs (/proc, /sys, /dev, an empty /run and /tmp) are made in a private mount
namespace (unshare(2)), so they end with the process, however it ends: nothing is left mounted on the
machine, and nobody else ever sees them. Mount points are opened without following links, so that an
image whose /proc is a link cannot put a mount elsewhere.

Exit status 125 means that the root could not be entered, 127 that the program is not there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

# sched.h, mount.h, prctl.h
_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG = 1

ENTER_FAILED = 125
PROGRAM_MISSING = 127

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _mount(source: str, fd: int, kind: str, flags: int, what: str) -> None:
    target = f"/proc/self/fd/{fd}"
    data = {"run": b"mode=0755", "tmp": b"mode=1777"}.get(os.path.basename(what)) if kind == "tmpfs" else None
    _check(_libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data), what)


def _populate(root: str) -> None:
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _check(_libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None), "/")
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    for name, source, kind, flags in (
        ("dev", "/dev", "none", _MS_BIND | _MS_REC),
        ("sys", "/sys", "none", _MS_BIND | _MS_REC),
        ("run", "tmpfs", "tmpfs", _MS_NOSUID | _MS_NODEV),
        ("tmp", "tmpfs", "tmpfs", _MS_NOSUID | _MS_NODEV),
        ("proc", "/proc", "none", _MS_BIND | _MS_REC),
    ):
        try:
            fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root_fd)
        except FileNotFoundError:
            continue
        _mount(source, fd, kind, flags, f"{root}/{name}")
        os.close(fd)


def _enter(arguments: list[str]) -> NoReturn:
    root, *command = arguments
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _populate(root)
        os.chroot(root)
        os.chdir("/")
    except OSError as error:
        print(f"cannot enter {root}: {error}", file=sys.stderr)
        os._exit(ENTER_FAILED)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        os._exit(PROGRAM_MISSING)


if __name__ == "__main__":
    _enter(sys.argv[1:])
