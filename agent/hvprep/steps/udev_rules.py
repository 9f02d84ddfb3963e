"""udev: patience with the platform's disks, a name for the temporary disk and for the host's clock.

Others bring such rules too: Azure's agent, azure-vm-utils, cloud-init, newer systemd. What anybody brings is
enough; otherwise a file with all of them is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from hvprep.facts.gather import Facts
from hvprep.facts.services import find_service
from hvprep.formats.udev_rules import Rule
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.udev.rules import find_rules, write_rules

_RULES = "66-hvprep-azure.rules"
#: WALinuxAgent, OS.RootDeviceScsiTimeout; LISA, verify_scsi_disk_timeout.
_SECONDS = 300
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
    wanted = {
        f"the kernel waits {_SECONDS} seconds for a disk": _find_timeout(view, rules),
        "/dev/ptp_hyperv is the clock of the host": _find_clock(rules),
    }
    if settings.image_profile == Profile.AZURE.value:
        wanted["/dev/disk/azure has the temporary disk"] = _find_resource_disk(rules)
    missing = [what for what, because in wanted.items() if because is None]
    for what, because in wanted.items():
        if because is not None:
            yield Note(Verdict.MET, f"{what}: {because}")
    if missing:
        yield write_rules(_RULES, "; ".join(f"no rule of udev sees to it that {what}" for what in missing))
    yield from _judge_last_word(rules)


def _judge_last_word(rules: list[tuple[GuestPath, Rule]]) -> Iterator[Note]:
    """A rule after ours that takes the patience back: only one of which it is certain that it fits."""
    certain = [(path, rule) for path, rule in rules if _timeouts(rule) and _may_fit(rule, is_certain=True)]
    path, rule = certain[-1] if certain else (None, None)
    if path is None or rule is None or path.name < _RULES:
        return
    value = _timeouts(rule)[-1]
    if value.isdecimal() and not _is_long([value]):
        because = f"{path}, line {rule.line} has the kernel wait {value} seconds for a disk"
        yield Note(Verdict.UNMET, because, f"take it out of {path}, or write {_SECONDS}")


def _timeouts(rule: Rule) -> list[str]:
    values = [*rule.assigns("ATTR", "device/timeout"), *rule.assigns("ATTR", "timeout")]
    found = (re.finditer(r"echo (\d+) *>.*/timeout", each) for each in rule.assigns("RUN"))
    return values + [match[1] for matches in found for match in matches]


def _is_long(values: list[str]) -> bool:
    return any(value.isdecimal() and int(value) >= _SECONDS for value in values)


def _find_timeout(view: View, rules: list[tuple[GuestPath, Rule]]) -> str | None:
    for path, rule in rules:
        if _is_long(_timeouts(rule)) and _may_fit(rule):
            return f"{path}, line {rule.line}"
    found = re.search(
        rb"^[ \t]*OS\.RootDeviceScsiTimeout[ \t]*=[ \t]*(\d+)", view.read(_AGENT) or b"", re.MULTILINE
    )
    service = find_service(view, "walinuxagent", "waagent")
    is_on = service is not None and service.is_enabled
    return f"{_AGENT}, of waagent" if is_on and found is not None and int(found[1]) >= _SECONDS else None


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
