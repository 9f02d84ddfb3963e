"""Armed: deprovisioning waits for the end of this boot. A marker of another boot never fires.

The marker is a file that outlives the boot, so that a boot that was cut off can be told from one that
was never armed; it holds the id of the boot that it belongs to (/proc/sys/kernel/random/boot_id, random(4)),
so that a clone of the disk does not take it for its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum

from hvprep.errors import FormatError, Refusal
from hvprep.model.document import as_items, as_text, read_json
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.view import View
from hvprep.system.lock import STATE_DIRECTORY, make_state_directory
from hvprep.system.root import Root

MARKER = STATE_DIRECTORY / "armed.json"
_BOOT_ID = GuestPath("/proc/sys/kernel/random/boot_id")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Arming(str, Enum):
    """What the marker says of the running boot."""

    NO = "not armed"
    ARMED = "armed: this machine is deprovisioned when it is powered off"
    INTERRUPTED = "deprovisioning was interrupted, arm it again: hvprep deprovision --at-shutdown"


@dataclass(frozen=True)
class Marker:
    """What was asked for, and in which boot."""

    boot_id: str
    users: tuple[str, ...]


def read_boot_id(view: View) -> str | None:
    """The id of the running boot; None for a system that does not run."""
    text = (view.read(_BOOT_ID) or b"").decode("ascii", "replace").strip()
    return text if _UUID.fullmatch(text) else None


def read_marker(view: View) -> Marker | None:
    """The marker, None where there is none. Raises FormatError where it does not read, Refusal where others
    than root could have written it."""
    node = view.node(MARKER)
    if node is None:
        return None
    if node.kind is not Kind.FILE or node.uid != 0 or node.mode & 0o022:
        raise Refusal(f"{MARKER} is not a file that only root can write", f"look at it, then: rm {MARKER}")
    hint = f"rm {MARKER}, and arm it again"
    document = read_json(view.read(MARKER) or b"", str(MARKER), hint)
    try:
        users = tuple(as_text(name) for name in as_items(document["users"]))
        boot_id = as_text(document["boot_id"])
    except (TypeError, ValueError, KeyError) as error:
        raise FormatError(f"{MARKER} does not read: {error}", hint) from error
    return Marker(boot_id, users)


def probe_arming(view: View) -> Arming:
    """Whether this boot is armed. Raises what `read_marker` raises."""
    marker = read_marker(view)
    if marker is None:
        return Arming.NO
    return Arming.ARMED if marker.boot_id == read_boot_id(view) else Arming.INTERRUPTED


def arm(root: Root, users: tuple[str, ...]) -> None:
    """Write the marker of this boot. Raises Refusal where no system runs there."""
    boot_id = read_boot_id(root)
    if boot_id is None:
        raise Refusal(
            "only a running system can be armed", "deprovision an image with: hvprep deprovision --root DIR"
        )
    make_state_directory(root)
    content = json.dumps({"boot_id": boot_id, "users": list(users)}) + "\n"
    root.put(MARKER, content.encode(), Node(Kind.FILE, 0o600, 0, 0))


def disarm(root: Root) -> bool:
    """Remove the marker, of whichever boot; whether there was one."""
    was_there = root.node(MARKER) is not None
    root.remove(MARKER)
    return was_there
