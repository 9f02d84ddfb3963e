"""Every file by which one machine is told from another, in one table, by which it is judged and removed.

Sources: what waagent -deprovision, `cloud-init clean` and virt-sysprep remove, and what all three forget; the
manual pages of the programs that keep the files. What has to be edited, not removed (users, host names, boot
entries), stands with the code that does it. Longer than others: it is a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.homes import Home, literal
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View


class How(str, Enum):
    """What becomes of a path."""

    ERASE = "erase"  # a file, a link, or a directory with all below it
    EMPTY = "empty"  # the file stays, with its owner and mode, and holds nothing


class Sign(str, Enum):
    """When a path that matches is a trace."""

    CONTENT = "content"  # a regular file, links followed, that is not empty
    PRESENCE = "presence"  # anything


@dataclass(frozen=True)
class Trace:
    """A kind of trace.

    requirement  the id of the requirement that judges it; "" where it is removed and not judged
    what         what it tells, in words
    patterns     as View.glob has them: absolute, or below each home where `in_homes` says so
    switch       the setting that has it removed; "" where it always is
    """

    requirement: str
    what: str
    patterns: tuple[str, ...]
    how: How = How.ERASE
    sign: Sign = Sign.CONTENT
    in_homes: bool = False
    switch: str = ""


#: Logs that their daemons write on, and that logrotate(8) moves to names that begin with theirs.
_LOGS = tuple(
    f"/var/log/{name}"
    for name in (
        *("auth.log", "secure", "messages", "syslog", "user.log", "kern.log", "daemon.log", "cron"),
        *("cron.log", "maillog", "mail.log", "mail.err", "mail.info", "mail.warn", "boot.log", "dmesg"),
        *("debug", "faillog"),
        *("wtmp", "btmp", "lastlog", "tallylog", "sudo.log", "lastlog2.db", "wtmp.db", "chrony/tracking.log"),
        *("cloud-init.log", "cloud-init-output.log", "waagent.log", "azure-init.log", "hvprep.log"),
    )
)

TRACES: tuple[Trace, ...] = (
    Trace(
        "host-keys",
        "SSH host keys",
        ("/etc/ssh/ssh_host_*key*", "/etc/ssh/*_host_key*", "/etc/dropbear/dropbear_*_host_key"),
        sign=Sign.PRESENCE,
    ),
    Trace(
        # Of sh, bash, ash, ksh, zsh, tcsh, fish, PowerShell, nushell, elvish; then of programs that keep what
        # was typed in them: python, mysql, psql, sqlite, redis, node (`.*_history`), less, vim.
        "shell-history",
        "what was typed",
        (
            *(".*sh_history*", ".history*", ".zhistory", ".histfile", ".local/share/fish/*_history"),
            *(".config/fish/*_history", ".local/share/powershell/PSReadLine/*_history.txt"),
            *(".config/nushell/history.*", ".local/state/*sh/history", ".local/state/elvish/db.bolt"),
            *(".elvish/db", ".*_history", ".lesshst", ".viminfo"),
        ),
        in_homes=True,
    ),
    Trace(
        # sshd_config(5), AuthorizedKeysFile: the default, and places that administrators keep them in.
        "no-authorized-keys",
        "keys that open the machine",
        (".ssh/authorized_keys", ".ssh/authorized_keys2"),
        in_homes=True,
    ),
    Trace(
        "no-authorized-keys",
        "keys that open the machine",
        (
            *("/etc/ssh/authorized_keys", "/etc/ssh/authorized_keys/*", "/etc/ssh/authorized_keys.d/*"),
            "/etc/dropbear/authorized_keys",
        ),
    ),
    Trace(
        # pam_unix(8), remember=: without the file nobody could change a password.
        "no-password-hashes",
        "hashes of old passwords",
        ("/etc/security/opasswd", "/etc/security/opasswd.old"),
        how=How.EMPTY,
    ),
    Trace(
        # dhclient, dhcpcd, udhcpc, NetworkManager, wicked, systemd-networkd: leases, and the identity (DUID).
        "dhcp-leases",
        "DHCP leases",
        (
            *("/var/lib/dhcp/*", "/var/lib/dhcp3/*", "/var/lib/dhclient/*", "/var/lib/dhcpcd/*"),
            *("/var/lib/dhcpcd/*/*", "/var/lib/udhcpc/*", "/var/db/dhclient.leases*", "/var/db/dhcpcd/*"),
            *("/var/lib/NetworkManager/*.lease", "/var/lib/NetworkManager/dhclient*.conf"),
            *("/var/lib/wicked/lease-*", "/var/lib/wicked/*.xml", "/var/lib/systemd/network/*"),
            *("/etc/dhcpcd.duid", "/etc/dhcpcd.secret"),
        ),
    ),
    Trace(
        "agent-state",
        "what agents know of the machine",
        (
            *("/var/lib/cloud/instance", "/var/lib/cloud/instances/*", "/var/lib/cloud/data/*"),
            *("/var/lib/cloud/sem/*", "/var/lib/cloud/seed/*", "/var/lib/cloud/handlers/*"),
            *("/var/lib/waagent/*", "/var/lib/azure-init/*.provisioned"),
        ),
        sign=Sign.PRESENCE,
    ),
    Trace(
        "agent-state",
        "configuration that provisioning made",
        (
            *("/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init*"),
            *("/etc/NetworkManager/system-connections/cloud-init-*", "/etc/systemd/network/10-cloud-init-*"),
            *("/etc/sysconfig/network-scripts/ifcfg-*.cloud-init", "/etc/sudoers.d/90-cloud-init-users"),
            *("/etc/sudoers.d/waagent", "/etc/ssh/sshd_config.d/50-cloud-init.conf"),
        ),
        sign=Sign.PRESENCE,
    ),
    Trace(
        # systemd, sysvinit, SUSE, seedrng, systemd-boot
        "machine-secrets",
        "seeds of random numbers",
        (
            *("/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/misc/random-seed"),
            *("/var/lib/random-seed", "/var/lib/seedrng/seed.*", "/boot/loader/random-seed"),
            *("/boot/efi/loader/random-seed", "/efi/loader/random-seed"),
        ),
    ),
    Trace(
        "machine-secrets",
        "keys of the machine",
        (
            *("/var/lib/systemd/credential.secret", "/var/lib/NetworkManager/secret_key", "/etc/krb5.keytab"),
            *("/etc/pki/consumer/*.pem", "/etc/pki/entitlement/*.pem"),
        ),
    ),
    Trace(
        "machine-secrets",
        "names of the machine for storage and for services",
        (
            *("/etc/nvme/hostid", "/etc/nvme/hostnqn", "/etc/iscsi/initiatorname.iscsi"),
            *("/etc/lvm/devices/system.devices", "/etc/multipath/wwids", "/etc/multipath/bindings"),
            *("/etc/machine-info", "/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem"),
            *("/var/ossec/etc/client.keys", "/var/lib/landscape/client/*", "/etc/sysconfig/rhn/systemid"),
        ),
    ),
    Trace(
        "home-secrets",
        "keys and passwords of a person",
        (
            *(".ssh/known_hosts*", ".ssh/id_*", ".gnupg/private-keys-v1.d/*.key", ".gnupg/secring.gpg"),
            *(".netrc", ".pgpass", ".my.cnf", ".git-credentials", ".aws/credentials"),
            *(".azure/msal_token_cache*", ".azure/accessTokens.json", ".config/gcloud/*credentials*"),
            *(".docker/config.json", ".config/containers/auth.json", ".kube/config", ".pypirc", ".npmrc"),
        ),
        in_homes=True,
    ),
    Trace(
        # Anaconda, AutoYaST, Debian's installer, subiquity
        "home-secrets",
        "the answers that the installer was given, passwords among them",
        (
            *("/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/root/initial-setup-ks.cfg"),
            *("/root/autoinst.xml", "/var/adm/autoinstall/cache/*", "/var/cache/debconf/passwords.dat"),
            "/var/log/installer/autoinstall-user-data",
        ),
    ),
    Trace("logs", "logs of what was done, and by whom", _LOGS, How.EMPTY),
    Trace("logs", "older logs", tuple(f"{path}[-.]*" for path in _LOGS)),
    Trace(
        "logs",
        "logs of what was done, and by whom",
        (
            *("/var/log/audit/*", "/var/log/azure/*", "/var/log/azure/*/*", "/var/log/anaconda/*"),
            *("/var/log/installer/*", "/var/log/chrony/*", "/var/log/apt/*", "/var/log/YaST2/*"),
        ),
    ),
    Trace("logs", "the journal of systemd", ("/var/log/journal/*/*",)),
    Trace("", "its directory, called after the machine id", ("/var/log/journal/*",), sign=Sign.PRESENCE),
    Trace(
        "logs",
        "crashes, with the memory of programs",
        (
            *("/var/crash/*", "/var/lib/systemd/coredump/*", "/var/lib/systemd/pstore/*"),
            *("/var/spool/abrt/*", "/var/tmp/abrt/*", "/var/lib/apport/coredump/*"),
        ),
    ),
    Trace(
        "",
        "who used sudo, when the clock stopped, what was connected to",
        (
            *(
                "/var/lib/sudo/ts/*",
                "/var/lib/sudo/lectured/*",
                "/run/sudo/ts/*",
                "/var/lib/systemd/timesync/clock",
            ),
            *("/var/lib/NetworkManager/timestamps", "/var/lib/NetworkManager/seen-bssids"),
            *(
                "/var/lib/systemd/timers/*",
                "/var/lib/chrony/*",
                "/var/lib/logrotate/*",
                "/var/lib/logrotate.status",
            ),
        ),
    ),
    Trace(
        "",
        "what the host told the machine (KVP)",
        ("/var/lib/hyperv/.kvp_pool_*", "/var/opt/hyperv/.kvp_pool_*"),
    ),
    Trace(
        # Also symptoms of a clone that was made without generalising: udev's generator writes them (70-).
        "",
        "names of network interfaces by their hardware addresses",
        ("/etc/udev/rules.d/70-persistent-net.rules", "/etc/udev/rules.d/70-persistent-cd.rules"),
        sign=Sign.PRESENCE,
    ),
    Trace(
        "", "mail and crontabs of users", ("/var/mail/*", "/var/spool/mail/*", "/var/spool/cron/lastrun/*")
    ),
    Trace(
        "", "temporary files", ("/tmp/*", "/tmp/.[!.]*", "/var/tmp/*", "/var/tmp/.[!.]*"), sign=Sign.PRESENCE
    ),
    Trace(
        "",
        "packages that were downloaded",
        (
            *(
                "/var/cache/apt/archives/*.deb",
                "/var/lib/apt/lists/*_*",
                "/var/cache/dnf/*",
                "/var/cache/yum/*",
            ),
            *("/var/cache/zypp/*", "/var/cache/pacman/pkg/*", "/var/cache/apk/*"),
        ),
        sign=Sign.PRESENCE,
        switch="deprovision_package_caches",
    ),
)


def traces_of(requirement: str) -> tuple[Trace, ...]:
    """The lines of the table by which a requirement is judged."""
    return tuple(trace for trace in TRACES if trace.requirement == requirement)


def find_paths(view: View, trace: Trace, homes: Iterable[Home]) -> Iterator[GuestPath]:
    """The paths that are such a trace, in the order of the patterns, each once.

    Raises PermissionError where a directory may not be looked into.
    """
    places = [literal(home.path) + "/" for home in homes] if trace.in_homes else [""]
    found = (
        path for place in places for pattern in trace.patterns for path in view.glob(f"{place}{pattern}")
    )
    return (path for path in dict.fromkeys(found) if trace.sign is Sign.PRESENCE or has_content(view, path))


def has_content(view: View, path: GuestPath) -> bool:
    """Whether it is a regular file, links followed, that is not empty: an empty one tells nothing."""
    node = view.node(view.resolve(path))
    return node is not None and node.kind is Kind.FILE and node.size > 0
