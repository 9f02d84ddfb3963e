"""What a network manager does with the first interface of a machine that it has never seen.

On Hyper-V that is eth0, with the driver hv_netvsc, for a device of the VMBus has no slot or path from which
udev could make another name (systemd.net-naming-scheme(7)). Its MAC address is new on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath


@dataclass(frozen=True)
class Device:
    """An interface as udev and the managers see it. `paths`: what its ID_PATH may be."""

    name: str
    driver: str
    paths: tuple[str, ...] = ()


INTERFACE = "eth0"
#: By the device of ACPI above the VMBus (udev-builtin-path_id.c).
ETH0 = Device(INTERFACE, "hv_netvsc", ("acpi-VMBUS:00", "acpi-VMBUS:01", "acpi-MSFT1000:00"))
#: How long, in seconds, DHCP has to be waited for (LISA, verify_dhcp_client_timeout).
PATIENCE_S = 300


@dataclass(frozen=True)
class Profile:
    """A configuration that is meant for eth0, for every interface, or for one of a certain MAC address.

    path      the file
    fixed     why eth0 gets no address by DHCP from it, as somebody wanted it; then there is no `mend`
    unclear   why that cannot be told
    faults    what does harm on another machine: a MAC address that it gives to the interface
    bound_by  the MAC address by which it is chosen: on every other machine it says nothing
    off       why nothing brings the interface up at boot
    mend      the file without its faults, bound to nothing, and on
    patient   the file without a time-out of its own by which DHCP would be given up too early
    """

    path: GuestPath
    fixed: tuple[str, ...] = ()
    unclear: str | None = None
    faults: tuple[str, ...] = ()
    bound_by: str | None = None
    off: str | None = None
    mend: Write | None = None
    patient: Write | None = None

    @property
    def serves(self) -> bool:
        """Whether eth0 gets its address from it, on every machine."""
        return not (self.fixed or self.unclear or self.faults or self.bound_by or self.off)


@dataclass(frozen=True)
class Reading:
    """What one manager would do.

    name      of the manager, for people
    profiles  of its files, those that concern eth0
    default   why eth0 gets an address by DHCP although no file says so; None where it does not
    new       what to write where nothing gives eth0 an address
    is_first  whether its default holds whatever the files of the others say
    """

    name: str
    profiles: tuple[Profile, ...] = ()
    default: str | None = None
    new: tuple[Write, ...] = ()
    is_first: bool = False

    @property
    def served_by(self) -> str | None:
        """From what eth0 gets its address, in words."""
        serving = [profile for profile in self.profiles if profile.serves]
        if serving:
            return f"{self.name}: {serving[0].path} gives {INTERFACE} an address by DHCP"
        # A profile that fits, whatever it does, takes the place of the default.
        is_taken = any(not profile.bound_by for profile in self.profiles)
        return f"{self.name}: {self.default}" if self.default is not None and not is_taken else None


def plan_profiles(readings: tuple[Reading, ...]) -> Iterator[Outcome]:
    """The verdict of all managers together."""
    profiles = [profile for reading in readings for profile in reading.profiles]
    served = [because for because in (each.served_by for each in readings) if because is not None]
    yield from (Note(Verdict.MET, because) for because in served)
    is_settled = bool(served)
    has_better = any(each.is_first and each.served_by for each in readings) or any(
        profile.serves for profile in profiles
    )
    for profile in profiles:
        outcomes = tuple(_plan_profile(profile, has_better))
        yield from outcomes
        is_settled = is_settled or any(_settles(outcome) for outcome in outcomes)
    if not is_settled:
        yield from next((reading.new for reading in readings if reading.new), ()) or (_nothing(readings),)


def _plan_profile(profile: Profile, has_better: bool) -> Iterator[Outcome]:
    if profile.unclear:
        yield Note(Verdict.NOT_ASSESSED, profile.unclear, f"see that {INTERFACE} gets an address by DHCP")
    elif profile.bound_by and (has_better or profile.mend is None):
        yield Note(Verdict.MET, f"{profile.bound_by}, which does nothing on another machine")
    elif profile.fixed:
        remedy = f"have {profile.path} use DHCP: the platform gives an address by nothing else"
        yield from (Note(Verdict.UNMET, because, remedy) for because in profile.fixed)
    elif profile.mend is not None and (profile.faults or not has_better):
        yield profile.mend
    elif profile.faults:
        yield from (Note(Verdict.UNMET, because, f"edit {profile.path}") for because in profile.faults)
    elif profile.off:
        yield Note(Verdict.MET, f"{profile.off}, and it is not needed")


def _settles(outcome: Outcome) -> bool:
    """Whether nothing more is to be written for eth0."""
    return not isinstance(outcome, Note) or outcome.verdict is not Verdict.MET


def _nothing(readings: tuple[Reading, ...]) -> Note:
    because = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address by DHCP"
    return Note(Verdict.UNMET, because, f"have {readings[0].name} configure {INTERFACE} by DHCP")


def fits_any(words: Iterable[str], patterns: Iterable[str]) -> bool:
    """Whether one of the words is, or fits, one of the names and patterns (glob(7))."""
    patterns = tuple(patterns)
    return any(fnmatchcase(word, pattern) for word in words for pattern in patterns)


def fits_interface(patterns: Iterable[str], device: Device = ETH0) -> bool:
    """Whether one of these names or patterns is that of the interface."""
    return fits_any((device.name,), patterns)


def fits_driver(patterns: Iterable[str], device: Device = ETH0) -> bool:
    """Whether one of these names or patterns is that of its driver."""
    return fits_any((device.driver,), patterns)


def is_long(timeout: str) -> bool:
    """Whether a time-out of DHCP, in seconds, is as long as it has to be."""
    return timeout == "infinity" or (
        re.fullmatch("[0-9]{1,10}", timeout) is not None and int(timeout) >= PATIENCE_S
    )


def is_address(text: str) -> bool:
    """Whether it is a MAC address, and not a word for what to do about it ("preserve", "random")."""
    return re.fullmatch(r"(?:[0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2}", text) is not None
