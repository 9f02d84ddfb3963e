"""What the tests on real systems share: one preparation of each system, and mounts of their own."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest

from tests.chroot.guest import Done, Guest, enter_own_mounts
from tests.roots import BARE, copied_root
from tests.snapshot import Snapshot, take_snapshot


@dataclass(frozen=True)
class Prepared:
    """A system that was checked and then prepared. Never write to it: lay an `overlaid_guest` over it."""

    name: str
    guest: Guest
    before: Snapshot
    red: Done
    after_check: Snapshot
    plan: Any
    after_planning: Snapshot
    done: Done
    after: Snapshot


@pytest.fixture(scope="session", autouse=True)
def own_mounts() -> None:
    """From here on what this process mounts is seen by it and its children alone, and ends with them."""
    enter_own_mounts()


@pytest.fixture(scope="session")
def prepare_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Prepared]]:
    """The system of a name, prepared when it is first asked for."""
    made: Dict[str, Prepared] = {}
    with contextlib.ExitStack() as stack:

        def prepare(name: str) -> Prepared:
            if name not in made:
                guest = Guest(stack.enter_context(copied_root(name)))
                made[name] = _prepare(name, guest, tmp_path_factory.mktemp(name) / "plan.json")
            return made[name]

        yield prepare


def _prepare(name: str, guest: Guest, plan: Path) -> Prepared:
    before = take_snapshot(guest.root)
    red = guest.hvprep("check")
    after_check = take_snapshot(guest.root)
    guest.hvprep("prepare", "--save-plan", str(plan))
    after_planning = take_snapshot(guest.root)
    done = guest.hvprep("prepare", "--yes")
    after = take_snapshot(guest.root)
    return Prepared(
        name, guest, before, red, after_check, json.loads(plan.read_text()), after_planning, done, after
    )


@pytest.fixture(params=BARE)
def prepared(request: pytest.FixtureRequest, prepare_once: Callable[[str], Prepared]) -> Prepared:
    """Each system in turn, or those that a test names by indirect parametrize."""
    return prepare_once(request.param)
