"""Ends a process of hvprep by SIGKILL right before its n-th mutation, as the OOM killer may."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import List, Tuple

from hvprep.model.node import GuestPath

from tests.laws.machines import Action, open_machine

_FAILED = 70

#: (operation, path) of every mutation, in order.
Trace = List[Tuple[str, GuestPath]]


def trace_of(host_path: Path, action: Action) -> Trace:
    """Every mutation that `action` makes on this tree, which it makes."""
    trace: Trace = []
    action(open_machine(host_path, lambda operation, path: trace.append((operation, path))))
    return trace


def kill_at(number: int, host_path: Path, action: Action) -> None:
    """Run `action` in a process of its own that is killed before its mutation `number` (from 1)."""
    status = end_of(host_path, action, number)
    assert os.WIFSIGNALED(status), f"ended before mutation {number}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def end_of(host_path: Path, action: Action, number: int = 0) -> int:
    """The wait status of a process that runs `action`, killed before mutation `number` where there is one."""
    child = os.fork()
    if child == 0:
        _run_and_exit(number, host_path, action)
    _, status = os.waitpid(child, 0)
    assert not (os.WIFEXITED(status) and os.WEXITSTATUS(status)), "the action raised; see the traceback"
    return status


def _run_and_exit(number: int, host_path: Path, action: Action) -> None:
    made = 0

    def observe(operation: str, path: GuestPath) -> None:
        nonlocal made
        made += 1
        if made == number:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        action(open_machine(host_path, observe))
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(_FAILED)
    os._exit(0)


def copy_tree(source: Path, target: Path) -> Path:
    """A copy with modes, owners, attributes, links and hard links."""
    target.mkdir()
    copied: dict[int, Path] = {}
    for directory, _, _ in os.walk(source):
        here = target / Path(directory).relative_to(source)
        _dress(Path(directory), here)
        for item in os.scandir(directory):
            path, new = Path(item.path), here / item.name
            inode = item.stat(follow_symlinks=False).st_ino
            if item.is_dir(follow_symlinks=False):
                new.mkdir()
            elif inode in copied:
                os.link(copied[inode], new, follow_symlinks=False)
            else:
                shutil.copy2(path, new, follow_symlinks=False)
                _dress(path, new)
                copied[inode] = new
    return target


def _dress(path: Path, new: Path) -> None:
    info = path.lstat()
    os.chown(new, info.st_uid, info.st_gid, follow_symlinks=False)
    if not path.is_symlink():
        new.chmod(info.st_mode & 0o7777)
        for name in os.listxattr(path):
            os.setxattr(new, name, os.getxattr(path, name))
