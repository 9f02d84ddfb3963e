"""udev: patience with the platform's disks, a name for the temporary disk and for the host's clock.

Others bring such rules too: Azure's agent, azure-vm-utils, cloud-init, newer systemd. What anybody brings is
enough; otherwise a file with all of them is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hvprep.facts.gather import Facts
from hvprep.facts.services import is_started
from hvprep.formats.udev_rules import Rule
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.udev.rules import find_rules, write_rules
from hvprep.system.overlay import Overlay

_RULES = "66-hvprep-azure.rules"
#: WALinuxAgent, OS.RootDeviceScsiTimeout; LISA, verify_scsi_disk_timeout.
_SECONDS = 300
_WAITING = f"the kernel waits {_SECONDS} seconds for a disk"
_WRITING = re.compile(r"echo (\d+) *>.*/timeout")
_AGENT = GuestPath("/etc/waagent.conf")
#: A disk of Hyper-V, as rules may ask for one: (key, attribute) -> what it says.
_DISK: Mapping[tuple[str, str], str] = {
    ("ACTION", ""): "add",
    ("SUBSYSTEM", ""): "block",
    ("SUBSYSTEMS", ""): "scsi",
    ("KERNEL", ""): "sda",
    ("ENV", "DEVTYPE"): "disk",
    ("ENV", "ID_VENDOR"): "Msft",
    ("ENV", "ID_MODEL"): "Virtual_Disk",
    ("ATTRS", "vendor"): "Msft",
    ("ATTRS", "model"): "Virtual Disk",
    ("DRIVERS", ""): "hv_storvsc",
}


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    rules = [(path, rule) for path, found in find_rules(view) for rule in found]
    patience = tuple(_find_patience(view))
    wanted = {
        _WAITING: _lasting(view, patience),
        "/dev/ptp_hyperv is the clock of the host": _find_clock(rules),
    }
    if settings.image_profile == Profile.AZURE.value:
        wanted["/dev/disk/azure has the temporary disk"] = _find_resource_disk(rules)
    missing = [what for what, because in wanted.items() if because is None]
    for what, because in wanted.items():
        if because is not None:
            yield Note(Verdict.MET, f"{what}: {because}")
    if missing:
        change = write_rules(_RULES, "; ".join(f"no rule of udev sees to it that {what}" for what in missing))
        after = Overlay(view)
        after.apply(change)
        later = tuple(_find_patience(after))
        if missing != [_WAITING] or _lasting(after, later) is not None:
            yield change
            patience = later
    yield from _judge_last_word(view, patience)


def _judge_last_word(view: View, patience: Sequence[_Patience]) -> Iterator[Note]:
    """A rule that takes the patience back, after ours as after any other."""
    last = next((each for each in reversed(patience) if each.is_certain), None)
    if last is not None and not last.is_long and _lasting(view, patience) is None:
        because = f"{last.path}, line {last.line} has the kernel wait {last.seconds} seconds for a disk"
        yield Note(Verdict.UNMET, because, f"take it out of {last.path}, or write {_SECONDS}")


@dataclass(frozen=True)
class _Patience:
    """A rule that sets the time-out of disks, and whether it is certain that it does so for ours."""

    path: GuestPath
    line: int
    seconds: int
    is_certain: bool

    @property
    def is_long(self) -> bool:
        return self.seconds >= _SECONDS


def _find_patience(view: View) -> Iterator[_Patience]:
    """Those for disks of Hyper-V, in the order in which they take effect: programs run after all rules."""
    found: list[_Patience] = []
    run_later: list[_Patience] = []
    for path, rules in find_rules(view):
        jumps: set[str] = set()
        for rule in rules:
            jumps = (jumps | set(rule.assigns("GOTO"))) - set(rule.assigns("LABEL"))
            certain = not jumps and _may_fit(rule, is_certain=True)
            values = [*rule.assigns("ATTR", "device/timeout"), *rule.assigns("ATTR", "timeout")]
            runs = [number for each in rule.assigns("RUN") for number in _WRITING.findall(each)]
            for into, numbers in ((found, values), (run_later, runs)):
                good = [int(number) for number in numbers if number.isdecimal()] if _may_fit(rule) else []
                into += [_Patience(path, rule.line, number, certain) for number in good]
    yield from (*found, *run_later)


def _lasting(view: View, patience: Sequence[_Patience]) -> str | None:
    """What has the kernel wait in the end: the agent sets it when all rules have had their say."""
    found = re.search(
        rb"^[ \t]*OS\.RootDeviceScsiTimeout[ \t]*=[ \t]*(\d+)", view.read(_AGENT) or b"", re.MULTILINE
    )
    is_long = found is not None and int(found[1]) >= _SECONDS
    if is_long and is_started(view, "walinuxagent", "waagent"):
        return f"{_AGENT}, of waagent"
    for each in reversed(patience):
        if each.is_long:
            return f"{each.path}, line {each.line}"
        if each.is_certain:
            return None
    return None


def _may_fit(rule: Rule, is_certain: bool = False) -> bool:
    """Whether the rule is not for other disks; what it asks for beyond what we know may be so, unless the
    answer has to be certain."""
    for term in rule.terms:
        answer = _DISK.get((term.key, term.attribute))
        if term.operator not in ("==", "!="):
            continue
        if answer is None:
            if is_certain:
                return False
            continue
        fits = any(fnmatchcase(answer, pattern.rstrip()) for pattern in term.value.split("|"))
        if fits is not (term.operator == "=="):
            return False
    return True


def _find_clock(rules: list[tuple[GuestPath, Rule]]) -> str | None:
    return next((f"{path}, line {rule.line}" for path, rule in rules if "ptp_hyperv" in _links(rule)), None)


def _find_resource_disk(rules: list[tuple[GuestPath, Rule]]) -> str | None:
    """The agent's, azure-vm-utils' or cloud-init's: they build the last part of the name from a variable."""
    pattern = r"disk/(azure|cloud)/(\$env\{\w+\}|(azure_)?resource)"
    for path, rule in rules:
        if any(re.fullmatch(pattern, link) for link in _links(rule)):
            return f"{path}, line {rule.line}"
    return None


def _links(rule: Rule) -> list[str]:
    return [link for value in rule.assigns("SYMLINK") for link in value.split()]


UDEV: Step[Facts, Settings] = Step(
    id="udev",
    title="udev knows the platform's disks and the host's clock",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="LISA (disk timeout); Microsoft, Time sync for Linux VMs in Azure; WALinuxAgent",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("S07", "T02"),
)
