"""A system that was used is made out by its own programs; what the remedies say mends it."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List

import pytest

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

#: With the tools of the system: a user with a password and keys, ids, what a shell keeps.
USE = """
set -e
useradd --create-home --shell /bin/bash ann
echo ann:secret | chpasswd
useradd --system --home-dir /var/lib/tool tool
usermod --lock root
ssh-keygen -q -t ed25519 -N '' -f /home/ann/.ssh/id_ed25519 2>/dev/null || {
    mkdir /home/ann/.ssh; ssh-keygen -q -t ed25519 -N '' -f /home/ann/.ssh/id_ed25519; }
cp /home/ann/.ssh/id_ed25519.pub /home/ann/.ssh/authorized_keys
systemd-machine-id-setup >/dev/null 2>&1
rm -f /var/lib/dbus/machine-id
dbus-uuidgen --ensure=/var/lib/dbus/machine-id
su ann -c "bash --norc -i" >/dev/null 2>&1 <<'END'
HISTFILE=~/.bash_history
ls
history -a
END
echo "lease { }" >/var/lib/dhcp/dhclient.eth0.leases
head -c 512 /dev/urandom >/var/lib/systemd/random-seed
echo "nameserver 10.1.2.3" >/etc/resolv.conf
mkdir -p /var/lib/cloud/instances/1
echo 1f3c >/var/lib/waagent/provisioned
echo "session opened for user ann" >/var/log/auth.log
"""
#: What the remedies of the findings say.
MEND = """
set -e
rm /etc/ssh/ssh_host_*
truncate --size 0 /etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
usermod --password '*' root
userdel --remove ann
rm -rf /var/lib/dhcp/* /var/lib/systemd/random-seed /etc/resolv.conf /var/lib/cloud /var/lib/waagent/*
rm -f /etc/shadow- /etc/passwd- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
truncate --size 0 /var/log/auth.log
"""


@pytest.fixture
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        yield guest


def findings(guest: Guest) -> Dict[str, Dict[str, Any]]:
    report = json.loads(guest.hvprep("check", "--json", "--only", "generalised").output)
    return {finding["id"]: finding for finding in report["findings"]}


def unmet(guest: Guest) -> List[str]:
    return [name for name, finding in findings(guest).items() if finding["verdict"] != "met"]


def test_a_system_that_was_used(guest: Guest) -> None:
    assert unmet(guest) == ["host-keys"]  # which the package makes when it is installed
    guest.tool("sh", "-c", USE)
    before = take_snapshot(guest.root)
    found = findings(guest)
    assert {name for name, finding in found.items() if finding["verdict"] == "not met"} == set(found)
    text = json.dumps(found)
    for words in (
        "/etc/shadow: ann has a password",
        "/home/ann/.ssh/authorized_keys lets the owners of 1 key in",
        "/home/ann/.bash_history holds",
        "/home/ann/.ssh/id_ed25519 is left",
        "ann (uid 1000) is a user",
        "/var/lib/dbus/machine-id is a file of its own",
    ):
        assert words in text
    assert "tool" not in text  # a user of the system's own
    for line in (guest.root / "etc/shadow").read_text().splitlines():
        password = line.split(":")[1]
        assert len(password) < 3 or password not in text
    assert guest.hvprep("check", "--only", "generalised").status == 3
    assert diff_snapshots(before, take_snapshot(guest.root)) == []
    guest.tool("sh", "-c", MEND)
    assert unmet(guest) == []
    assert guest.hvprep("check", "--only", "generalised", "--strict").status == 0


@pytest.mark.parametrize("method", ["MD5", "SHA256", "SHA512", "YESCRYPT", "DES"])
def test_every_method_of_crypt_is_a_hash(guest: Guest, method: str) -> None:
    guest.tool("sh", "-c", f"useradd ann; echo ann:secret | chpasswd --crypt-method {method}")
    because = findings(guest)["no-password-hashes"]["because"]
    assert "/etc/shadow: ann has a password" in because
    guest.tool("usermod", "--lock", "ann")
    because = findings(guest)["no-password-hashes"]["because"]
    assert "/etc/shadow: ann is locked, and the hash of the password is there" in because
    guest.tool("usermod", "--password", "*", "ann")
    guest.tool("rm", "/etc/shadow-")
    assert findings(guest)["no-password-hashes"]["verdict"] == "met"


def test_a_password_that_is_empty(guest: Guest) -> None:
    guest.tool("sh", "-c", "useradd ann; passwd --delete ann")
    assert "/etc/shadow: ann needs no password to log in" in findings(guest)["no-password-hashes"]["because"]
