"""The marker of an armed system: whose it is, what it says, and what is not believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hvprep.deprovision.arming import MARKER, Arming, arm, disarm, probe_arming, read_marker
from hvprep.errors import FormatError, Refusal
from hvprep.system.root import Root

from tests.trees.generalised import clean_system
from tests.trees.tree import add_to_tree

BOOT, OTHER = "0c5e1a2b-1111-4222-8333-444455556666", "0c5e1a2b-1111-4222-8333-444455556667"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A system that runs, as far as its boot id tells."""
    path = clean_system(tmp_path).root
    add_to_tree(path, f"file /proc/sys/kernel/random/boot_id\n|{BOOT}\n")
    return Root(path)


def marker_file(root: Root) -> Path:
    return root.host_path / str(MARKER)[1:]


def test_armed_and_disarmed(root: Root) -> None:
    assert (probe_arming(root), read_marker(root)) == (Arming.NO, None)
    arm(root, ("ann", "bert"))
    stat = marker_file(root).stat()
    assert (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (0o600, 0, 0)
    marker = read_marker(root)
    assert marker is not None
    assert (marker.boot_id, marker.users) == (BOOT, ("ann", "bert"))
    assert probe_arming(root) is Arming.ARMED
    assert disarm(root)
    assert not marker_file(root).exists()
    assert not disarm(root)


def test_another_boot_is_not_armed_by_it(root: Root) -> None:
    arm(root, ())
    add_to_tree(root.host_path, f"file /proc/sys/kernel/random/boot_id\n|{OTHER}\n")
    assert probe_arming(root) is Arming.INTERRUPTED


@pytest.mark.parametrize("boot_id", ["", "0c5e1a2b", f"{BOOT}0"])
def test_what_does_not_run_cannot_be_armed(root: Root, boot_id: str) -> None:
    add_to_tree(root.host_path, f"file /proc/sys/kernel/random/boot_id\n|{boot_id}\n")
    with pytest.raises(Refusal, match="only a running system can be armed"):
        arm(root, ())
    assert not marker_file(root).exists()


@pytest.mark.parametrize("how", ["owner", "group", "others", "link"])
def test_a_marker_that_others_could_have_written(root: Root, how: str) -> None:
    arm(root, ())
    path = marker_file(root)
    if how == "owner":
        os.chown(path, 1000, 0)
    elif how == "link":
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")
    else:
        path.chmod({"group": 0o620, "others": 0o602}[how])
    with pytest.raises(Refusal, match="not a file that only root can write"):
        probe_arming(root)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({"boot_id": BOOT}),
        json.dumps({"users": []}),
        json.dumps({"boot_id": 1, "users": []}),
        json.dumps({"boot_id": BOOT, "users": [1]}),
        json.dumps({"boot_id": BOOT, "users": "ann"}),
    ],
)
def test_a_marker_that_does_not_read(root: Root, content: str) -> None:
    arm(root, ())
    marker_file(root).write_text(content)
    with pytest.raises(FormatError) as caught:
        probe_arming(root)
    assert "armed.json" in str(caught.value)
