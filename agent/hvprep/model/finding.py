"""What a step says about a requirement, and what the planner makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Callable, Generic, Iterator, TypeVar, Union

from hvprep.model.change import Change
from hvprep.model.view import View

F = TypeVar("F")
S = TypeVar("S")


class Verdict(str, Enum):
    """The four answers to "does this machine satisfy the requirement?"."""

    MET = "met"
    UNMET = "not met"
    NOT_ASSESSED = "not assessed"
    NOT_APPLICABLE = "not applicable"


class Severity(str, Enum):
    """Only an unmet required row makes `check` exit with 3 (`--strict` counts the others too)."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"


class Profile(str, Enum):
    """Where an image is meant to run: on Azure, or on a Hyper-V of one's own."""

    AZURE = "azure"
    HYPERV = "hyperv"


class Phase(str, Enum):
    """When a requirement has to hold: on a prepared machine, or on one that was generalised."""

    PREPARE = "prepare"
    GENERALISED = "generalised"


@dataclass(frozen=True)
class Note:
    """What a step saw: its verdict and why. An UNMET note is a finding that no change can mend."""

    verdict: Verdict
    because: str
    remedy: str | None = None


#: What a step yields. No Change and no UNMET note means that the requirement is met.
Outcome = Union[Change, Note]


@dataclass(frozen=True)
class Step(Generic[F, S]):
    """One requirement: words for people, and one pure function of the machine.

    `plan` sees the machine through a View, the facts and the settings. `source` names the document that
    asks for it, `remedy` what a person can do where the step can't. `rows` are the ids that the requirement
    has in the list of HACKING.md, `profiles` the places where it counts.
    """

    id: str
    title: str
    severity: Severity
    phase: Phase
    source: str
    remedy: str
    plan: Callable[[View, F, S], Iterator[Outcome]]
    rows: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = tuple(Profile)

    @property
    def sources(self) -> str:
        """The document and the rows, in words."""
        return "; ".join(filter(None, (self.source, " ".join(self.rows))))


@dataclass(frozen=True)
class Finding:
    """The judgement on one requirement. `changes` is what prepare would do about it."""

    id: str
    title: str
    severity: Severity
    verdict: Verdict
    because: tuple[str, ...]
    remedy: str | None
    source: str
    changes: tuple[Change, ...] = ()
