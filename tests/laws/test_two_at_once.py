"""One hvprep at a time on one root; the lock ends with its holder, however that ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Tuple

import pytest
from hvprep.errors import Refusal
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.system.lock import lock
from hvprep.system.root import Root

from tests.laws.machines import fresh_directory, make, open_machine, plant_programs
from tests.snapshot import take_snapshot


def hold(host_path: Path) -> Tuple[int, int]:
    """A process that holds the lock as `prepare` until it is killed; its id, and the end of a pipe to it."""
    ready, said = os.pipe()
    child = os.fork()
    if child == 0:
        with lock(Root(host_path), "prepare"):
            os.write(said, b"held")
            while True:
                signal.pause()
    os.close(said)
    assert os.read(ready, 4) == b"held"
    os.close(ready)
    return child, ready


def test_the_second_is_told_who_holds_the_lock_and_changes_nothing() -> None:
    with fresh_directory() as host:
        plant_programs(host)
        child, _ = hold(host)
        try:
            before = take_snapshot(host, left_out=())
            for _ in range(2):
                with pytest.raises(Refusal, match=f"another hvprep is at work.*: prepare, process {child}"):
                    make(open_machine(host), [Write(GuestPath("/etc/a"), b"x", "w")])
            assert take_snapshot(host, left_out=()) == before
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        make(open_machine(host), [Write(GuestPath("/etc/a"), b"x", "w")])
        assert (host / "etc/a").read_bytes() == b"x"


def test_two_roots_do_not_meet() -> None:
    with fresh_directory() as top:
        for name in ("one", "two"):
            plant_programs(top / name)
        with lock(Root(top / "one"), "prepare"), lock(Root(top / "two"), "prepare"):
            pass
        with lock(Root(top / "one"), "rollback"):
            assert "rollback" in (top / "one/var/lib/hvprep/lock").read_text()
