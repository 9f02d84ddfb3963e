"""Random small trees, and random changes of them: few names, so that the changes meet each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

from hvprep.model.change import Change, Link, Purge, Remove, Run, Write
from hvprep.model.node import GuestPath
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.laws.machines import image, plant_programs


def law(examples: int) -> settings:
    """The same examples every time: CI must not fail on another's luck. No deadline: nothing is timed."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


class File(NamedTuple):
    content: bytes
    mode: int
    owner: Tuple[int, int]
    label: Optional[bytes]


class Directory(NamedTuple):
    mode: int
    owner: Tuple[int, int]


class Symlink(NamedTuple):
    target: str


Planted = Union[File, Directory, Symlink]
Tree = Dict[str, Planted]

_OWNERS = st.sampled_from([(0, 0), (0, 0), (12, 34)])
_CONTENTS = st.sampled_from([b"", b"one\n", b"two\n", b"image\nwanted\nend\n", b"\xff\0\r\n" * 2000])

#: Places in three levels; "boot" is where images go.
PLACES = (
    "/etc/a",
    "/etc/b",
    "/etc/a/a",
    "/etc/a/b",
    "/etc/b/a",
    "/etc/a/a/b",
    "/boot/a",
    "/boot/b",
    "/boot/b/a",
)
PATHS = st.sampled_from([GuestPath(place) for place in PLACES])

_TARGETS = st.sampled_from(
    [
        "a",
        "b",
        "../a",
        "../b/a",
        "/etc/a",
        "/etc/b",
        "/boot",
        ".",
        "..",
        "../../../../etc/b",
        "/dangling/a",
        "a/b",
    ]
)
_FILES = st.builds(
    File,
    _CONTENTS,
    st.sampled_from([0o644, 0o600, 0o4755, 0o000]),
    _OWNERS,
    st.sampled_from([None, None, b"label"]),
)
_DIRECTORIES = st.builds(Directory, st.sampled_from([0o755, 0o700, 0o2775]), _OWNERS)
_PLANTED = st.one_of(_FILES, _DIRECTORIES, _DIRECTORIES, st.builds(Symlink, _TARGETS))

TREES = st.dictionaries(st.sampled_from(PLACES), _PLANTED, max_size=len(PLACES))


def plant(tree: Tree, host_path: Path) -> None:
    """Make the tree, parents first; what would be below a file or a link is left out."""
    plant_programs(host_path)
    for place in sorted(tree, key=lambda place: (place.count("/"), place)):
        path, node = host_path / place[1:], tree[place]
        if any(parent.is_symlink() or parent.is_file() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, Symlink):
            path.symlink_to(node.target)
        elif isinstance(node, File):
            path.write_bytes(node.content)
            os.chown(path, *node.owner)
            path.chmod(node.mode)
            if node.label is not None:
                os.setxattr(path, "trusted.label", node.label)
        elif not path.exists():
            path.mkdir()
            os.chown(path, *node.owner)
            path.chmod(node.mode)


def _runs(pairs: List[Tuple[str, GuestPath]]) -> Run:
    words = tuple(word for operation, path in pairs for word in (operation, str(path)))
    return Run(("/usr/sbin/program", *words), tuple(dict.fromkeys(path for _, path in pairs)), "w")


#: A program that changes only what it declares; it fails where it would have to do more.
RUNS = st.builds(
    _runs,
    st.lists(
        st.tuples(st.sampled_from(["write", "remove", "append", "link", "mkdir", "rmdir"]), PATHS),
        min_size=1,
        max_size=3,
    ),
)
WRITES = st.builds(
    Write, PATHS, _CONTENTS, st.just("w"), st.one_of(st.none(), st.sampled_from([0o600, 0o755]))
)
LINKS = st.builds(Link, PATHS, _TARGETS, st.just("w"))
REMOVES = st.builds(Remove, PATHS, st.just("w"))
PURGES = st.builds(Purge, PATHS, st.just("w"))
BUILDS = st.builds(image, st.sampled_from([place for place in PLACES if place.startswith("/boot")]))

#: Everything that can be taken back.
CHANGES: st.SearchStrategy[Change] = st.one_of(WRITES, LINKS, REMOVES, BUILDS, RUNS)
PLANS = st.lists(CHANGES, min_size=1, max_size=5)
