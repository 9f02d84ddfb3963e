"""dhcp-leases, machine-secrets, agent-state, logs: files of one machine that its clones must not share.

Sources: what waagent -deprovision, `cloud-init clean` and virt-sysprep remove, and what all three forget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from hvprep.facts.gather import Facts
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.listing import name_some

#: Of dhclient, dhcpcd, NetworkManager, wicked, udhcpc and systemd-networkd: leases, and the identity (DUID).
_LEASES = (
    "/var/lib/dhcp/*",
    "/var/lib/dhcp3/*",
    "/var/lib/dhclient/*",
    "/var/lib/dhcpcd/*",
    "/var/lib/dhcpcd/*/*",
    "/var/lib/udhcpc/*",
    "/var/db/dhclient.leases*",
    "/var/db/dhcpcd/*",
    "/var/lib/NetworkManager/*.lease",
    "/var/lib/wicked/lease-*",
    "/var/lib/wicked/*.xml",
    "/var/lib/systemd/network/*",
)
#: Seeds of random numbers (systemd, sysvinit, SUSE, systemd-boot), keys, and names for storage servers.
_SECRETS = (
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/credential.secret",
    "/var/lib/urandom/random-seed",
    "/var/lib/misc/random-seed",
    "/var/lib/random-seed",
    "/var/lib/seedrng/seed.*",
    "/boot/loader/random-seed",
    "/boot/efi/loader/random-seed",
    "/efi/loader/random-seed",
    "/var/lib/NetworkManager/secret_key",
    "/etc/krb5.keytab",
    "/etc/nvme/hostid",
    "/etc/nvme/hostnqn",
    "/etc/pki/consumer/*.pem",
    "/etc/pki/entitlement/*.pem",
)
#: What the agents know of this machine, and the configuration that cloud-init made for it.
_STATE = (
    "/var/lib/cloud/instance",
    "/var/lib/cloud/instances/*",
    "/var/lib/cloud/data/*",
    "/var/lib/cloud/sem/*",
    "/var/lib/cloud/seed/*",
    "/var/lib/waagent/*",
    "/var/lib/azure-init/*.provisioned",
    "/etc/netplan/50-cloud-init.yaml",
    "/etc/network/interfaces.d/50-cloud-init*",
    "/etc/NetworkManager/system-connections/cloud-init-*",
    "/etc/systemd/network/10-cloud-init-*",
    "/etc/sysconfig/network-scripts/ifcfg-*.cloud-init",
    "/etc/sudoers.d/90-cloud-init-users",
    "/etc/sudoers.d/waagent",
    "/etc/ssh/sshd_config.d/50-cloud-init.conf",
)
#: Who logged in, from where, what was done; and what crashed, with its memory.
_LOGS = (
    "/var/log/auth.log*",
    "/var/log/secure*",
    "/var/log/messages*",
    "/var/log/syslog*",
    "/var/log/user.log*",
    "/var/log/kern.log*",
    "/var/log/daemon.log*",
    "/var/log/cron*",
    "/var/log/maillog*",
    "/var/log/mail.log*",
    "/var/log/boot.log*",
    "/var/log/dmesg*",
    "/var/log/wtmp*",
    "/var/log/btmp*",
    "/var/log/lastlog",
    "/var/log/wtmp.db",
    "/var/log/audit/*",
    "/var/log/journal/*/*",
    "/var/log/cloud-init*.log*",
    "/var/log/waagent.log*",
    "/var/log/azure/*",
    "/var/log/azure/*/*",
    "/var/log/azure-init.log*",
    "/var/log/anaconda/*",
    "/var/log/installer/*",
    "/var/crash/*",
    "/var/lib/systemd/coredump/*",
    "/var/lib/systemd/pstore/*",
)


def _plan(
    patterns: tuple[str, ...],
    counts: Callable[[View, GuestPath], bool],
    view: View,
    facts: Facts,
    settings: Settings,
) -> Iterator[Outcome]:
    found = [path for pattern in patterns for path in view.glob(pattern) if counts(view, path)]
    if found:
        yield Note(Verdict.UNMET, name_some(found))


def _has_content(view: View, path: GuestPath) -> bool:
    """Whether it is a regular file, links followed, that is not empty: an empty one tells nothing."""
    node = view.node(view.resolve(path))
    return node is not None and node.kind is Kind.FILE and node.size > 0


def _is_there(view: View, path: GuestPath) -> bool:
    return view.node(path) is not None


DHCP_LEASES: Step[Facts, Settings] = Step(
    id="dhcp-leases",
    title="no DHCP client remembers an address",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (waagent -deprovision)",
    remedy="stop the DHCP client, then remove these files",
    plan=partial(_plan, _LEASES, _has_content),
    rows=("H08",),
)
MACHINE_SECRETS: Step[Facts, Settings] = Step(
    id="machine-secrets",
    title="no seed, key or name of one machine is shared by its clones",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="systemd, Building Images Safely",
    remedy="remove these files",
    plan=partial(_plan, _SECRETS, _has_content),
    rows=("H08", "H09"),
)
AGENT_STATE: Step[Facts, Settings] = Step(
    id="agent-state",
    title="no agent takes the clone for the machine that it was made from",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="seed (waagent -deprovision); cloud-init clean",
    remedy="waagent -deprovision, cloud-init clean --logs --seed, then remove what is left of these",
    plan=partial(_plan, _STATE, _is_there),
    rows=("H08",),
)
LOGS: Step[Facts, Settings] = Step(
    id="logs",
    title="no log tells who used the machine that the image was made from",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="Microsoft, generalising an image",
    remedy="empty these files, or remove them",
    plan=partial(_plan, _LOGS, _has_content),
    rows=("H08",),
)
