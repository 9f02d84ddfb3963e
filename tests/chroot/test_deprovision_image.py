"""A machine that was provisioned and used becomes an image: nothing that is its own is left anywhere.

Its state (used_machine.sh) is made by its own programs where they run without a boot: cloud-init with a seed,
useradd, ssh-keygen. What only a running machine writes (the state of waagent, the journal) is written as they
are known to write it (reference: deprovision.md); test_deprovision_leases.py has DHCP clients that run.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import Snapshot, diff_snapshots, take_snapshot

#: By what it is found again. No text of the distribution's has any of them.
IDENTITY = {
    "HOST": "goldenmaster7",
    "USER": "zacharias",
    "INSTANCE": "iid-5f2c1f3e",
    "ADDRESS": "10.77.66.55",
    "VM": "91267c52-9f02-4cfe-b1f4-a4da7ebac2cf",
    "TYPED": "correcthorsebattery",
    "TOKEN": "s3cr3t-token-of-the-builder",
    "COMMENT": "zacharias@laptop-of-the-builder",
}
#: What deprovisioning may touch, and what it must not.
INVENTORY = re.compile(
    r"/etc/(passwd|shadow|group|gshadow|subuid|subgid)-?|/etc/(hostname|hosts|machine-id|resolv\.conf|fstab)"
    r"|/etc/ssh/(ssh_host_.*|sshd_config\.d/50-cloud-init\.conf)|/etc/sudoers\.d/90-cloud-init-users"
    r"|/etc/(netplan|network/interfaces\.d)/50-cloud-init.*|/etc/udev/rules\.d/70-persistent-net\.rules"
    r"|/etc/NetworkManager/system-connections/cloud-init-.*|/home/.*|/root/\..*|/tmp/.*|/var/tmp/.*"
    r"|/var/(log|crash|mail|spool/cron)(/.*)?|/var/lib/(cloud|waagent|hyperv|dhcp|dbus|NetworkManager|systemd)/.*"
    r"|/var/lib/(hvprep|chrony|logrotate|sudo)(/.*)?|/var/backups/.*|/var/cache/debconf/passwords\.dat|/boot/.*\.hvprep-old"
)


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        script = Path(__file__).with_name("used_machine.sh").read_text()
        for name, word in IDENTITY.items():
            script = script.replace(f"@{name}@", word)
        guest.tool("sh", "-c", script)
        yield guest


def found(guest: Guest) -> Dict[str, List[str]]:
    """Where each part of the identity is to be found: in contents and in names."""
    places: Dict[str, List[str]] = {}
    for what, word in IDENTITY.items():
        argv = ["grep", "-rlaF", "--exclude-dir=proc", "--exclude-dir=sys", word, str(guest.root)]
        listed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
        named = [str(path) for path in guest.root.rglob(f"*{word}*")]
        places[what] = sorted({*listed, *named})
    return places


def test_a_machine_becomes_an_image(guest: Guest) -> None:
    before_words = found(guest)
    assert all(before_words.values()), before_words
    machine_id = (guest.root / "etc/machine-id").read_text().strip()
    before = take_snapshot(guest.root)
    done = guest.hvprep(
        "deprovision", "--force", "--user", IDENTITY["USER"], "--user", "berta", "--user", "caesar"
    )
    assert done.status == 0, done
    assert {what: places for what, places in found(guest).items() if places} == {}
    argv = ["grep", "-rlaF", machine_id, str(guest.root)]
    assert subprocess.run(argv, capture_output=True, text=True, check=False).stdout == ""
    assert list(guest.root.rglob(f"*{machine_id}*")) == []
    assert IDENTITY["TYPED"] not in done.output + done.errors
    assert IDENTITY["TOKEN"] not in done.output + done.errors
    after: Snapshot = take_snapshot(guest.root)
    lines = diff_snapshots(before, after)
    assert [line for line in lines if not INVENTORY.fullmatch(line.split()[1])] == [], (
        "nothing else was touched"
    )
    assert guest.hvprep("check", "--only", "generalised", "--strict").status == 0
    assert guest.hvprep("deprovision", "--force").output.startswith("Done: 0 actions.")


def test_the_system_is_whole(guest: Guest) -> None:
    """What its own programs say of the tables that were edited, and of what is left."""
    assert guest.inside("pwck", "--read-only", "--quiet").status == 0
    assert guest.inside("grpck", "--read-only").status == 0
    assert guest.inside("visudo", "--check").status == 0
    assert guest.tool("systemctl", "is-enabled", "ssh.service").strip() == "enabled"
    assert guest.inside("dpkg", "--verify", "openssh-server", "sudo", "passwd").output == ""
    guest.tool("useradd", "--create-home", "dora")  # as the next provisioning does
    assert ":1000:" in guest.tool("getent", "passwd", "dora")


def test_the_next_instance_is_provisioned_again(guest: Guest) -> None:
    """cloud-init takes it for a new machine, and makes keys of its own for it."""
    guest.tool(
        "sh",
        "-c",
        "mkdir -p /var/lib/cloud/seed/nocloud; cd /var/lib/cloud/seed/nocloud;"
        " echo 'instance-id: iid-next' >meta-data; echo '#cloud-config' >user-data;"
        " echo 'datasource_list: [ NoCloud ]' >/etc/cloud/cloud.cfg.d/99-seed.cfg",
    )
    guest.inside("cloud-init", "init", "--local")
    guest.inside("cloud-init", "init")
    assert (guest.root / "var/lib/cloud/instances/iid-next").is_dir()
    keys = sorted(path.name for path in (guest.root / "etc/ssh").glob("ssh_host_*_key"))
    assert "ssh_host_ed25519_key" in keys, "and host keys are made anew"
