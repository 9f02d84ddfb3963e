"""sudo-targetpw: sudo asks people for a password that they have.

With targetpw or rootpw it asks for that of root, which has none on Azure: nobody would become root. SUSE has
targetpw together with a rule that lets everybody do everything: that must not stay without the other. Where
such a rule stands alone somebody wanted it, and it is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.facts.tools import find_program
from hvprep.formats import sudoers
from hvprep.formats.sudoers import Flag, Sudoers
from hvprep.model.change import CANDIDATE, Write
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings

#: openSUSE ships the second; a file in /etc takes its place.
_MAINS = (GuestPath("/etc/sudoers"), GuestPath("/usr/etc/sudoers"))
_FLAGS = ("targetpw", "rootpw", "runaspw")
_DEPTH = 10
_REMEDY = "edit it with visudo"


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    main = next((path for path in _MAINS if view.node(path) is not None), None)
    if find_program(view, "sudo") is None or main is None:
        yield Note(Verdict.NOT_APPLICABLE, "sudo is not installed")
        return
    files = dict(_files(view, main, 0))
    problems = {path: _problems(path, file) for path, file in files.items()}
    if not any(problems.values()):
        yield Note(Verdict.MET, f"{main} and what it includes have none of {', '.join(_FLAGS)}")
    visudo = find_program(view, "visudo") if facts.image.architecture.runs_here else None
    for path, found in problems.items():
        if visudo is not None and path.parts[1] == "etc" and _flags_on(files[path]):
            mended = _mend(files[path]).render().encode("utf-8", "surrogateescape")
            yield Write(path, mended, "; ".join(found), check=(str(visudo), "-c", "-f", CANDIDATE))
        else:
            yield from (Note(Verdict.UNMET, because, _REMEDY) for because in found)


def _problems(path: GuestPath, file: Sudoers) -> list[str]:
    found = [f"{path}, line {flag.line}: Defaults{flag.scope} {name}" for flag, name in _flags_on(file)]
    return found + [f"{path}, line {line}: everybody may do everything" for line in file.rules_for_all]


def _flags_on(file: Sudoers) -> list[tuple[Flag, str]]:
    """Those that are not taken back below: for one and the same scope the last one counts."""
    found = []
    for name in _FLAGS:
        last = {flag.scope: flag for flag in file.flags(name)}
        found += [(flag, name) for flag in file.flags(name) if flag.is_on and last[flag.scope].is_on]
    return found


def _mend(file: Sudoers) -> Sudoers:
    """One line after the other: each edit moves those below it."""
    while on := _flags_on(file):
        line = on[0][0].line
        file = file.without_flags(line, *(name for flag, name in on if flag.line == line))
    while file.rules_for_all:
        file = file.without_line(file.rules_for_all[0])
    return file


def _files(view: View, path: GuestPath, depth: int) -> Iterator[tuple[GuestPath, Sudoers]]:
    """The file and those that it includes."""
    if depth > _DEPTH:
        raise FormatError(f"{path} is included too deeply", "see what visudo -c says")
    file = sudoers.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))
    yield path, file
    for kind, name in file.includes:
        for included in _included(view, kind, path.parent / name):
            yield from _files(view, included, depth + 1)


def _included(view: View, kind: str, path: GuestPath) -> Iterator[GuestPath]:
    """Of a directory, names with a dot or a tilde at their end are left out (sudoers(5))."""
    if kind == "include":
        yield path
        return
    for each in view.glob(f"{path}/*"):
        node = view.node(view.resolve(each))
        if node is not None and node.kind is Kind.FILE and not re.search(r"\.|~$", each.name):
            yield each


SUDO_TARGETPW: Step[Facts, Settings] = Step(
    id="sudo-targetpw",
    title="sudo asks people for their own password, not for that of root",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing SLES images; LISA",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("H03",),
    profiles=(Profile.AZURE,),
)
