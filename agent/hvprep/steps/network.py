"""network: the first interface gets an address by DHCP, on every machine that is made from the image.

Several managers may be there; each is asked what it would do with eth0 of a MAC address that nobody has seen
yet. What is only for interfaces that do not exist on Hyper-V (ens3, enp0s3) does no harm and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.networking import (
    cloud_init,
    dhcpcd,
    ifcfg,
    ifupdown,
    netplan,
    network_manager,
    networkd,
    old_agent,
    persistent_names,
    wicked,
)
from hvprep.steps.networking.profile import Reading, plan_profiles

#: The first one that is used says what to write where nothing configures eth0.
_MANAGERS = (netplan, network_manager, ifcfg, wicked, ifupdown, networkd, dhcpcd)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from persistent_names.plan(view, facts)
    yield from old_agent.plan(view)
    try:
        yield from _plan_managers(view)
    except FormatError as error:  # it hides nothing of what names are given by
        yield Note(Verdict.NOT_ASSESSED, error.sentence, error.hint)


def _plan_managers(view: View) -> Iterator[Outcome]:
    managers = [manager for manager in _MANAGERS if manager.is_used(view)]
    if not managers:
        because = "no network manager that hvprep knows is started at boot"
        yield Note(Verdict.NOT_ASSESSED, because, "see that eth0 gets an address by DHCP")
        return
    yield from cloud_init.plan_leftovers(view)
    at_first_boot = cloud_init.read(view)
    readings = tuple(manager.read(view) for manager in managers)
    if at_first_boot is not None:
        readings = (*(_without_rendered(view, each) for each in readings), at_first_boot)
    yield from plan_profiles(readings)


def _without_rendered(view: View, reading: Reading) -> Reading:
    """What cloud-init wrote for one machine it writes anew for the next."""
    kept = (each for each in reading.profiles if not cloud_init.is_rendered(view, each.path))
    return replace(reading, profiles=tuple(kept))


NETWORK: Step[Facts, Settings] = Step(
    id="network",
    title="the first interface, eth0, gets an address by DHCP on every machine made from the image",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing images (DHCP, no persistent names); seed (NetworkManager)",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("N01", "N02", "N06", "P06"),
)
