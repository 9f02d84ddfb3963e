"""programs: versions that Azure's tests ask for, as far as files tell them: no program is run for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.python import interpreter_at
from hvprep.facts.tools import find_program
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

#: LISA, verify_python_version.
_PYTHON = (3, 9)
#: LISA, verify_openssl_version: 3.0.0 and later, or the last of these two lines.
_OPENSSL, _OPENSSL_LINES = (3, 0, 0), ((1, 1, 1), (1, 0, 2))
#: In the program, as `openssl version` says it: "OpenSSL 3.0.22 ...", "OpenSSL 1.1.1k  FIPS ...".
_OPENSSL_TEXT = re.compile(rb"OpenSSL ([0-9]+)\.([0-9]+)\.([0-9]+)[a-z]*(?:-[a-z0-9]+)? ")
_OMI = GuestPath("/opt/omi/bin/omiserver")
#: OMIGOD, CVE-2021-38647 and three more.
_OMI_LEAST = (1, 6, 8, 1)
_DPKG_STATUS = GuestPath("/var/lib/dpkg/status")
_OMI_PACKAGE = re.compile(rb"^Package: omi\n(?:[^\n]+\n)*?Version: ([0-9.]+)(?:-([0-9]+))?", re.M)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from _judge_growpart(view)
    yield from _judge_python(view)
    yield from _judge_openssl(view)
    yield from _judge_omi(view)


def _judge_growpart(view: View) -> Iterator[Outcome]:
    tool = find_program(view, "growpart", "systemd-repart")
    if tool is None:
        yield Note(
            Verdict.UNMET,
            "there is no growpart: the root volume keeps its size where the disk is larger",
            "install cloud-guest-utils (Debian, Ubuntu) or cloud-utils-growpart",
        )
    elif tool.name == "growpart" and find_program(view, "sgdisk", "sfdisk") is None:
        because = f"{tool} works with sgdisk or sfdisk, and neither is there"
        yield Note(Verdict.UNMET, because, "install gdisk, or fdisk (util-linux)")


def _judge_python(view: View) -> Iterator[Outcome]:
    program = find_program(view, "python3")
    if program is None:
        yield Note(
            Verdict.UNMET, "there is no python3, which agents and extensions run with", "install python3"
        )
        return
    python = interpreter_at(view, program)
    if python is None:
        yield Note(
            Verdict.NOT_ASSESSED, f"{program} does not tell its version by its name", "python3 --version"
        )
    elif python.version < _PYTHON:
        yield Note(
            Verdict.UNMET,
            f"{program} is {_text(python.version)}, before {_text(_PYTHON)}",
            "install a later one",
        )


def _judge_openssl(view: View) -> Iterator[Outcome]:
    program = find_program(view, "openssl")
    if program is None:
        yield Note(Verdict.UNMET, "there is no openssl, which waagent runs", "install openssl")
        return
    match = _OPENSSL_TEXT.search(view.read(program) or b"")
    if match is None:
        yield Note(Verdict.NOT_ASSESSED, f"{program} does not tell its version", "openssl version")
        return
    version = tuple(int(number) for number in match.groups())
    if version < _OPENSSL and version not in _OPENSSL_LINES:
        because = f"{program} is {_text(version)}, neither of 1.0.2 or 1.1.1 nor 3.0 or later"
        yield Note(Verdict.UNMET, because, "install a later one")


def _judge_omi(view: View) -> Iterator[Outcome]:
    if view.node(_OMI) is None:
        return
    match = _OMI_PACKAGE.search(view.read(_DPKG_STATUS) or b"")
    if match is None:
        because = f"{_OMI} is there, and no database of packages that hvprep reads tells its version"
        yield Note(
            Verdict.NOT_ASSESSED, because, f"see that {_OMI} --version is {_text(_OMI_LEAST)} or later"
        )
        return
    version = tuple(int(number) for number in re.findall(rb"[0-9]+", match[0].partition(b"Version:")[2]))
    if version < _OMI_LEAST:
        because = f"OMI is {_text(version)}, which lets anybody in (CVE-2021-38647)"
        yield Note(Verdict.UNMET, because, f"install omi {_text(_OMI_LEAST)} or later, or remove it")


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


PROGRAMS: Step[Facts, Settings] = Step(
    id="programs",
    title="growpart, Python, OpenSSL and OMI are there in versions that Azure's tests accept",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing an image for Azure; LISA",
    remedy="install them",
    plan=_plan,
    rows=("P10", "P11", "P12", "P13"),
    profiles=(Profile.AZURE,),
)
