"""firewall: what Azure and an administrator have to get through to.

168.63.129.16 answers DHCP and DNS, gives the agent its settings and takes its report; without it provisioning
fails. 169.254.169.254 is the metadata service. Judged is what the system loads at boot, by its files; nothing
is changed, for what a firewall is to let through is its owner's to decide.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.firewalls import firewalld, iptables, nftables, traffic, ufw

_FIREWALLS = (iptables, nftables, ufw, firewalld)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    exchanges = tuple(traffic.list_exchanges(settings.image_profile == Profile.AZURE.value))
    notes = [note for firewall in _FIREWALLS for note in _judge(firewall.read(view), exchanges)]
    yield from notes or (Note(Verdict.MET, "no firewall that hvprep knows is started at boot"),)


def _judge(read: Iterator[traffic.Loaded], exchanges: tuple[traffic.Exchange, ...]) -> Iterator[Note]:
    """What one firewall does: where it does not read, the others still say theirs."""
    try:
        for loaded in read:
            yield from traffic.judge(loaded, exchanges)
    except FormatError as error:
        yield Note(Verdict.NOT_ASSESSED, error.sentence, error.hint)


FIREWALL: Step[Facts, Settings] = Step(
    id="firewall",
    title="the firewall lets SSH in, and the platform's own addresses out",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft, IP address 168.63.129.16; Instance Metadata Service",
    remedy="let them through",
    plan=_plan,
    rows=("N08",),
)
