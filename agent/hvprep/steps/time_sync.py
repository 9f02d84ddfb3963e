"""time-sync: chrony follows the clock of the host, which every machine on Azure has as a PTP device.

chronyd does not start where a device of its configuration is missing. So an image gets the line, and a
running system only where the device is there: elsewhere it would have no clock until it is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.facts.services import Service, find_service
from hvprep.formats import chrony_conf
from hvprep.formats.chrony_conf import ChronyConf, Directive
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.enabling import plan_enabling
from hvprep.system.overlay import Overlay
from hvprep.system.shipped import read_shipped

_DEVICE = "/dev/ptp_hyperv"
#: The first is Debian's.
_CONFIGS = (GuestPath("/etc/chrony/chrony.conf"), GuestPath("/etc/chrony.conf"))
_NAME, _STEP = "hvprep.conf", "makestep 1.0 -1"
_OTHERS = ("systemd-timesyncd", "ntpd", "ntp", "ntpsec", "openntpd")
_DEPTH = 10


@dataclass(frozen=True)
class _Place:
    path: GuestPath
    directive: Directive

    def __str__(self) -> str:
        words = " ".join((self.directive.name, *self.directive.arguments))
        return f"{self.path}, line {self.directive.line}: {words}"


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    service = find_service(view, "chrony", "chronyd")
    main = next((path for path in _CONFIGS if view.node(path) is not None), None)
    other = find_service(view, *_OTHERS)
    if other is not None and other.is_enabled and not (service is not None and service.is_enabled):
        yield Note(Verdict.MET, f"{other.name} keeps the clock by NTP; chrony would follow that of the host")
    elif service is None or main is None:
        because = "nothing keeps the clock of this system"
        yield Note(Verdict.UNMET, because, "install chrony: it can follow the clock of the host")
    else:
        yield from _plan_chrony(view, facts, service, main)


def _plan_chrony(view: View, facts: Facts, service: Service, main: GuestPath) -> Iterator[Outcome]:
    yield from plan_enabling(view, service)
    clock, step = _find_clock(view, main), _find(view, main, "makestep")[-1:]
    if clock is None and facts.live is not None and view.node(GuestPath(_DEVICE)) is None:
        because = f"chrony does not follow the clock of the host, and {_DEVICE} is not here"
        remedy = (
            "run hvprep prepare once the machine runs on Azure: chronyd does not start without that device"
        )
        yield Note(Verdict.UNMET, because, remedy)
        return
    changed = Overlay(view)
    if clock is not None:
        yield Note(Verdict.MET, str(clock))
    else:
        change = _add_clock(view, main)
        changed.apply(change)
        yield change
    step = _find(changed, main, "makestep")[-1:]
    if step and _steps_always(step[0]):
        yield Note(Verdict.MET, str(step[0]))
    else:
        yield _set_step(changed, main, step)


def _find_clock(view: View, main: GuestPath) -> _Place | None:
    found = (each for each in _find(view, main, "refclock") if "PHC" in each.directive.arguments[:1])
    return next((each for each in found if _DEVICE in each.directive.arguments[1:2]), None)


def _steps_always(place: _Place) -> bool:
    """Whether a difference of a second or more is set at once, whenever it comes up (chrony.conf(5))."""
    try:
        threshold, limit = map(float, place.directive.arguments)
    except ValueError:
        return False
    return threshold <= 1 and limit < 0


def _add_clock(view: View, main: GuestPath) -> Write:
    """A file of our own where the configuration reads one; else more lines at the end of the main file."""
    content = read_shipped("chrony.conf")
    why = "chrony does not follow the clock of the host"
    for own in _drop_ins(view, main):
        change = Write(own, content, why)
        after = Overlay(view)
        after.apply(change)
        if _find_clock(after, main) is not None:
            return change
    new = _parse(view, main).append(content.decode()).render()
    return Write(main, new.encode("utf-8", "surrogateescape"), why)


def _drop_ins(view: View, main: GuestPath) -> Iterator[GuestPath]:
    for place in _find(view, main, "confdir"):
        yield from (GuestPath(directory) / _NAME for directory in place.directive.arguments)
    for place in _find(view, main, "include"):
        pattern = GuestPath(" ".join(place.directive.arguments))
        if fnmatchcase(_NAME, pattern.name):
            yield pattern.parent / _NAME


def _set_step(view: View, main: GuestPath, step: list[_Place]) -> Write:
    """The line that counts is replaced; our own file would come too early."""
    why = f"{step[0]}: later differences are not set at once" if step else "nothing sets makestep"
    path = step[0].path if step else main
    conf = _parse(view, path)
    new = conf.replace(step[0].directive.line, _STEP) if step else conf.append(f"{_STEP}\n")
    return Write(path, new.render().encode("utf-8", "surrogateescape"), why)


def _find(view: View, main: GuestPath, name: str) -> list[_Place]:
    """The directives of that name in the order in which chronyd reads them."""
    return [place for place in _walk(view, main, 0) if place.directive.name == name]


def _walk(view: View, path: GuestPath, depth: int) -> Iterator[_Place]:
    if depth > _DEPTH:
        raise FormatError(f"{path} is included too deeply", "see which files include each other")
    for directive in _parse(view, path).directives:
        yield _Place(path, directive)
        for included in _included(view, directive):
            yield from _walk(view, included, depth + 1)


def _included(view: View, directive: Directive) -> list[GuestPath]:
    if directive.name == "include" and directive.arguments:
        return list(view.glob(" ".join(directive.arguments)))
    if directive.name != "confdir":
        return []
    found: dict[str, GuestPath] = {}
    for directory in directive.arguments:
        for path in view.glob(f"{directory}/*.conf"):
            found.setdefault(path.name, path)  # the first directory wins
    return [found[name] for name in sorted(found)]


def _parse(view: View, path: GuestPath) -> ChronyConf:
    return chrony_conf.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))


TIME_SYNC: Step[Facts, Settings] = Step(
    id="time-sync",
    title="chrony follows the clock of the host",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="Microsoft, Time sync for Linux VMs in Azure; LISA, verify_timesync_ptp",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("T01",),
    profiles=(Profile.AZURE,),
)
