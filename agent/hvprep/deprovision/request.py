"""What deprovisioning is asked for, and of which system."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hvprep.settings import Settings


class Moment(str, Enum):
    """How much of the system is at work."""

    IMAGE = "image"  # nothing: an image that is mounted somewhere
    RUNNING = "running"  # all of it, in a container too
    ENDING = "ending"  # services and sessions have ended, systemd is there


@dataclass(frozen=True)
class Request:
    """`users` are to be removed, by their exact names."""

    users: tuple[str, ...]
    settings: Settings
    moment: Moment = Moment.IMAGE
