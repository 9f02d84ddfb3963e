"""Have a service started at boot: the links that its init's own tool would make.

Source of the facts: systemctl(1) on `enable`, systemd.unit(5) on [Install], rc-update(8), chkconfig(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.services import Service, find_unit_file
from hvprep.facts.tools import find_program
from hvprep.formats import key_file
from hvprep.model.change import Link, Remove
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View

_UNITS = GuestPath("/etc/systemd/system")
_PULLING = (("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds"))
_JOBS = GuestPath("/etc/init")
_OPENRC = GuestPath("/etc/runlevels/default")
_SYSV = GuestPath("/etc/rc.d")
#: What a person enables a service with, by the first program that is there.
_TOOLS = (
    ("systemctl", "systemctl enable {0}"),
    ("rc-update", "rc-update add {0} default"),
    ("update-rc.d", "update-rc.d {0} defaults; update-rc.d {0} enable"),
    ("chkconfig", "chkconfig {0} on"),
)
_CHKCONFIG = re.compile(r"^#\s*chkconfig:\s*(?P<levels>[0-6]+)\s+(?P<start>\d\d?)\s+\d\d?\s*$", re.MULTILINE)


def plan_enabling(view: View, service: Service) -> Iterator[Outcome]:
    """The changes after which boot starts the service; nothing where it does. A service that somebody masked,
    or whose own files do not tell how it is enabled, is a finding."""
    if service.masked_by is not None:
        because = f"{service.masked_by} masks {service.name}: systemd never starts it"
        yield Note(Verdict.UNMET, because, f"systemctl unmask {service.name}")
    elif not service.is_enabled:
        plan = _plan_unit if service.is_unit else _plan_script
        links = tuple(plan(view, service))
        yield from links or (_cannot_tell(view, service),)


def _cannot_tell(view: View, service: Service) -> Note:
    name, because = service.name, f"{service.path} does not say by what {service.name} is started at boot"
    if service.path.parent == _JOBS:
        because = f"no event starts {service.path}, a job of upstart"
        remedy = f"take manual out of it and of {name}.override, or add start on"
        return Note(Verdict.UNMET, because, remedy)
    tools = (words for program, words in _TOOLS if find_program(view, program) is not None)
    return Note(Verdict.UNMET, because, next(tools, "have {0} started at boot").format(name))


def _plan_unit(view: View, service: Service) -> Iterator[Link]:
    """As `systemctl enable`: the unit, and those that it names in Also=."""
    todo, done = [service.name], set()
    while todo:
        unit = todo.pop(0)
        path = find_unit_file(view, unit)
        if path is None or unit in done:
            continue
        done.add(unit)
        text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
        install = key_file.parse(text)
        yield from _plan_links(view, unit, path, install)
        todo.extend(_plain(install.words("Install", "Also")))


def _plan_links(view: View, unit: str, path: GuestPath, install: key_file.KeyFile) -> Iterator[Link]:
    for key, kind in _PULLING:
        for target in _plain(install.words("Install", key)):
            link = _UNITS / f"{target}.{kind}" / unit
            if view.node(link) is None:
                yield Link(link, str(path), f"{unit} is not started at boot: {target} shall want it")
    for alias in _plain(install.words("Install", "Alias")):
        if find_unit_file(view, alias) is None:
            yield Link(_UNITS / alias, str(path), f"{unit} is known as {alias} where it is enabled")


def _plain(words: tuple[str, ...]) -> list[str]:
    """Names of units; one with a specifier or an instance to be filled in (systemd.unit(5)) is none."""
    return [word for word in words if re.fullmatch(r"[\w:.@\\-]+\.[a-z]+", word) and "@." not in word]


def _plan_script(view: View, service: Service) -> Iterator[Link | Remove]:
    """OpenRC, and the run levels of chkconfig. In what order Debian starts scripts, only its tool knows."""
    if view.node(_OPENRC) is not None:
        why = f"{service.name} is not started at boot: it joins the run level default"
        yield Link(_OPENRC / service.name, str(service.path), why)
        return
    text = (view.read(service.path) or b"").decode("utf-8", "surrogateescape")
    header = _CHKCONFIG.search(text)
    if header is None or view.resolve(_SYSV) != _SYSV or find_program(view, "chkconfig") is None:
        return
    for level in header["levels"]:
        directory = _SYSV / f"rc{level}.d"
        for stop in view.glob(f"{directory}/K[0-9][0-9]{service.name}"):
            yield Remove(stop, f"{service.name} is stopped in run level {level}")
        start = directory / f"S{int(header['start']):02d}{service.name}"
        yield Link(start, f"../init.d/{service.name}", f"{service.name} is not started in run level {level}")
