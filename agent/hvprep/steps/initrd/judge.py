"""Inspects a new initrd before it may take the old one's place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hvprep.facts.initrds import Initrd, probe_initrd
from hvprep.formats.initrd_modules import loaded_modules
from hvprep.formats.initrd_resume import resume_devices
from hvprep.model.change import Build
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.modprobe.requests import Request
from hvprep.steps.modprobe.rules import Placed, find_bans, rules_in

#: Before the name of a module that the image may not keep out, in what a Build wants. No module begins so.
NO_BAN = "!ban "

#: What early user space cannot do without; where the old image has it, the new one must have it too.
#: A generator that died half-way and one whose temporary directory confused it left these out.
_ESSENTIAL = ("init", "bin/sh", "usr/bin/sh", "nash", "libc.so.6", "systemd-udevd", "udevadm", "busybox")
#: Programs that set up what the root volume lies on: by module, base names.
_TOOLS = {
    "dm_mod": ("lvm", "dmsetup"),
    "dm_crypt": ("cryptsetup", "systemd-cryptsetup"),
}
_FILE = "file "


def tool_wants(old: Initrd | None, below: Sequence[str]) -> tuple[str, ...]:
    """What a new image has to keep of the old one so that it finds the root volume on these modules, in the
    words of a Build."""
    bases = {name.rpartition("/")[2] for name in _names(old)}
    return tuple(f"{_FILE}{name}" for module in below for name in _TOOLS[module] if name in bases)


#: What a Build wants of an image that is to wait for no swap; no module has such a name.
NO_RESUME = "!resume"


def judge_initrd(view: View, candidate: GuestPath, build: Build) -> tuple[str, ...]:
    """What is wrong with the image at `candidate`; `build.wants` are modules, "a|b" one of several, programs
    as `tool_wants` names them, "!ban a" a module that no rule of the image's may keep out, or NO_RESUME."""
    new = probe_initrd(view, candidate)
    if new.contents is None and new.unreadable is not None:
        return (f"its content cannot be read, so nothing proves that it boots: {new.unreadable}",)
    if new.contents is None:
        return (f"it is damaged: {new.damage}",)
    problems = []
    modules = loaded_modules(new.contents, build.subject)
    wanted = [want for want in build.wants if not want.startswith((_FILE, NO_BAN, NO_RESUME))]
    missing = [want.replace("|", " or ") for want in wanted if not modules.intersection(want.split("|"))]
    if missing:
        problems.append(f"it lacks the drivers {' '.join(missing)}{_usual_cause(build)}")
    problems += [f"{ban.where} says: {ban.rule.text}" for ban in _bans(new, build)]
    if NO_RESUME in build.wants and (devices := resume_devices(new.contents)):
        problems.append(f"it waits for {' and '.join(devices)} to resume from")
    old = _old_image(view, build)
    if _root_lines(old) and _root_lines(new) != _root_lines(old):
        problems.append("its init looks for the root volume elsewhere than that of the old one")
    bases = {name.rpartition("/")[2] for name in _names(new)}
    tools = {want[len(_FILE) :] for want in build.wants if want.startswith(_FILE)}
    lost = sorted((_essentials(old) - _essentials(new)) | (tools - bases))
    if lost:
        problems.append(f"it lacks {' '.join(lost)}, which the old one has")
    if "init" not in _essentials(new) and not lost:
        problems.append("it has no /init")
    return tuple(problems)


def _bans(new: Initrd, build: Build) -> Iterator[Placed]:
    needs = frozenset(build.wants)
    for name in (want[len(NO_BAN) :] for want in build.wants if want.startswith(NO_BAN)):
        yield from find_bans(rules_in(new), Request(name, name, needs, is_early=True))


def _usual_cause(build: Build) -> str:
    if not build.argv[0].endswith("dracut"):
        return ""
    return " (dracut drops every name after an unknown one: look at add_drivers in /etc/dracut.conf*)"


def _old_image(view: View, build: Build) -> Initrd | None:
    return probe_initrd(view, build.target) if view.node(view.resolve(build.target)) is not None else None


def _root_lines(initrd: Initrd | None) -> list[str]:
    """What the script of EL 5's nash does about the root volume: for one machine, maybe the builder."""
    files = initrd.contents.files if initrd is not None and initrd.contents is not None else {}
    lines = files.get("init", b"").decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(("mkrootdev ", "lvm vgchange "))]


def _names(initrd: Initrd | None) -> Collection[str]:
    return initrd.contents.names if initrd is not None and initrd.contents is not None else ()


def _essentials(initrd: Initrd | None) -> set[str]:
    names = _names(initrd)
    bases = {name.rpartition("/")[2] for name in names}
    return {name for name in _ESSENTIAL if name in (names if "/" in name or name == "init" else bases)}
