"""What one machine leaves in the image made from it: keys, ids, passwords, leases, state, logs."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from hvprep.model.finding import Verdict
from hvprep.steps.registry import STEPS

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.generalised import USERS, clean_system, expect, judge
from tests.trees.rig import Rig
from tests.trees.tree import TREES, add_to_tree, make_tree

ID = "8d7f3c0e9a1b4c5d8e6f7a0b1c2d3e4f"
SYSTEMD = "file /usr/lib/systemd/system/basic.target\n|[Unit]\n"
HASH = "$y$j9T$oPwlNnZ0Iut2LRSrlVDIA.$ZvXw5Cy1MX0rPzsnCcZ1SOh1Yn8NqzHcWbXfVjrOcE7"
GENERALISED = [step.id for step in STEPS if step.phase.value == "generalised"]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return clean_system(tmp_path)


@pytest.mark.parametrize("step", GENERALISED)
def test_a_system_that_nobody_used(rig: Rig, step: str) -> None:
    assert judge(rig, step)[0] is Verdict.MET


@pytest.mark.parametrize("name", TREES)
def test_nothing_is_written(name: str, tmp_path: Path) -> None:
    rig = Rig(make_tree(name, tmp_path / "root"), only="generalised")
    before = take_snapshot(rig.root)
    plan = rig.plan()
    assert [finding.id for finding in plan.findings] == GENERALISED
    assert plan.changes == ()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file /etc/ssh/ssh_host_rsa_key 600\n|x\n", "/etc/ssh/ssh_host_rsa_key"),
        ("file /etc/ssh/ssh_host_rsa_key.pub\n|x\n", "/etc/ssh/ssh_host_rsa_key.pub"),
        ("file /etc/ssh/ssh_host_rsa_key\n", "/etc/ssh/ssh_host_rsa_key"),
        ("file /etc/dropbear/dropbear_rsa_host_key\n|x\n", "dropbear_rsa_host_key"),
        ("file /etc/ssh/ssh_known_hosts\n|x\n", None),
        (
            "elf /usr/sbin/sshd x86_64\nelf /usr/sbin/waagent x86_64\nelf /usr/sbin/init x86_64\n"
            "file /etc/init.d/waagent 755\n|x\nlink /etc/rc3.d/S20waagent ../init.d/waagent\n",
            None,
        ),
        # openssh-server 8.7p1-38 of EL 9
        (
            "elf /usr/sbin/sshd x86_64\nfile /usr/lib/systemd/system/sshd-keygen@.service\n"
            "|[Service]\n|ExecStart=/usr/libexec/openssh/sshd-keygen %i\n",
            None,
        ),
        # openssh 8.4p1 of SLES 15
        (
            "elf /usr/sbin/sshd x86_64\nfile /usr/lib/systemd/system/sshd.service\n"
            "|[Service]\n|ExecStartPre=/usr/sbin/sshd-gen-keys-start\n",
            None,
        ),
    ],
)
def test_host_keys(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "host-keys", text, words)


def test_host_keys_that_nothing_makes(rig: Rig) -> None:
    # openssh-server of Debian 12, which makes them when it is installed and never again
    verdict, because = judge(
        rig,
        "host-keys",
        "elf /usr/sbin/sshd x86_64\nfile /usr/lib/systemd/system/ssh.service\n|[Service]\n"
        "|ExecStartPre=/usr/sbin/sshd -t\n|ExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n",
    )
    assert verdict is Verdict.NOT_ASSESSED
    assert "nothing was found that makes them" in because[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"file /etc/machine-id\n|{ID}\n", "/etc/machine-id holds an id"),
        ("file /etc/machine-id\n|xyz\n", "/etc/machine-id holds something else"),
        ("file /etc/machine-id\n", None),
        ("file /etc/machine-id\n|uninitialized\n", None),
        (SYSTEMD, "there is no /etc/machine-id"),
        (f"{SYSTEMD}file /etc/machine-id\n", None),
        (f"{SYSTEMD}link /etc/machine-id /run/none\n", "there is no /etc/machine-id"),
        (f"file /var/lib/dbus/machine-id\n|{ID}\n", "/var/lib/dbus/machine-id is a file of its own"),
        ("file /etc/machine-id\nlink /var/lib/dbus/machine-id /etc/machine-id\n", None),
        (f"file /etc/kernel/entry-token\n|{ID}\n", "/etc/kernel/entry-token holds a machine id"),
        ("file /etc/kernel/entry-token\n|debian\n", None),
        (f"file /boot/loader/entries/{ID}-5.14.0.conf\n|title x\n", f"{ID}-5.14.0.conf: called after"),
        ("file /boot/loader/entries/debian-6.1.0.conf\n|title x\n", None),
        (f"file /boot/vmlinuz-0-rescue-{ID}\n|x\n", f"vmlinuz-0-rescue-{ID}: called after"),
        (f"file /efi/{ID}/6.1/linux\n|x\n", f"/efi/{ID}/6.1/linux: called after"),
        (f"grubenv /boot/grub2/grubenv\n|saved_entry={ID}-5.14.0\n", "the entry that is booted"),
        ("grubenv /boot/grub2/grubenv\n|saved_entry=gnulinux-simple\n", None),
        (f"file /etc/kernel/cmdline\n|ro systemd.machine_id={ID}\n", f"has systemd.machine_id={ID}"),
        ("file /etc/kernel/cmdline\n|ro systemd.machine_id=firmware\n", None),
    ],
)
def test_machine_ids(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "machine-id", text, words)


def test_a_machine_id_in_boot_entries(tmp_path: Path) -> None:
    rig = Rig(make_tree("el-9", tmp_path / "root"), only="generalised")
    entry = sorted((rig.root / "boot/loader/entries").iterdir())[-1]
    entry.write_text(entry.read_text().replace("options ", f"options systemd.machine_id={ID} "))
    verdict, because = judge(rig, "machine-id")
    assert verdict is Verdict.UNMET
    assert [sentence for sentence in because if f"has systemd.machine_id={ID}" in sentence]
    assert [sentence for sentence in because if "called after a machine id" in sentence]


def test_a_grubenv_that_does_not_read(rig: Rig) -> None:
    add_to_tree(rig.root, "file /boot/grub2/grubenv\n|rubbish\n")
    assert judge(rig, "machine-id")[0] is Verdict.NOT_ASSESSED


def user(password: str) -> str:
    return f"file /etc/shadow 640\n|root:*:1::::::\n|ann:{password}:20783:0:99999:7:::\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (user(HASH), "/etc/shadow: ann has a password"),
        (user("$6$salt$hash"), "/etc/shadow: ann has a password"),
        (user("rl.3StKT.4T8M"), "/etc/shadow: ann has a password"),
        (user("_J9..rasmBYk8r9AiWNc"), "/etc/shadow: ann has a password"),
        (user(f"!{HASH}"), "/etc/shadow: ann is locked, and the hash"),
        (user("!!$1$x"), "/etc/shadow: ann is locked, and the hash"),
        (user(""), "/etc/shadow: ann needs no password"),
        (user("secret"), "neither locked nor a hash"),
        (user("!"), None),
        (user("!!"), None),
        (user("*"), None),
        (user("!*"), None),
        (user("x"), None),
        (user("*LOCK*"), None),
        (user("!locked"), None),
        (user("*NP*"), None),
        (f"file /etc/shadow\n|ann:{HASH}\n", "ann has a password"),
        (f"file /etc/passwd\n|ann:{HASH}:1000:1000::/:/bin/sh\n", "/etc/passwd: ann has a password"),
        ("file /etc/passwd\n|ann::1000:1000::/:/bin/sh\n", "/etc/passwd: ann needs no password"),
        (f"file /etc/gshadow\n|adm:{HASH}::\n", "/etc/gshadow: adm has a password"),
        ("file /etc/gshadow\n|adm:::\n", None),
        (f"file /etc/shadow-\n|ann:{HASH}:1::::::\n", "/etc/shadow-, an old copy"),
        (f"file /etc/shadow-\n|ann:!{HASH}:1::::::\n", "/etc/shadow-, an old copy"),
        (f"file /var/backups/shadow.bak\n|ann:{HASH}:1::::::\n", "/var/backups/shadow.bak, an old copy"),
        (f"file /etc/shadow.rpmsave\n|ann:{HASH}:1::::::\n", "/etc/shadow.rpmsave, an old copy"),
        (f"file /var/backups/shadow.bak.1\n|ann:{HASH}:1::::::\n", "/var/backups/shadow.bak.1, an old copy"),
        (f"file /etc/security/opasswd 600\n|ann:1000:1:{HASH}\n", "/etc/security/opasswd holds hashes"),
        ("file /etc/security/opasswd 600\n", None),
        ("file /etc/shadow-\n|ann::1::::::\n", None),
        (f"file /etc/shadow\n|#ann:{HASH}:1::::::\n", None),
    ],
)
def test_passwords(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "no-password-hashes", text, words)
    because = rig.finding("no-password-hashes").because
    assert not [sentence for sentence in because if "secret" in sentence or "$" in sentence]


def test_without_tables_of_users_nothing_is_known(rig: Rig) -> None:
    for name in ("passwd", "shadow"):
        (rig.root / "etc" / name).unlink()
    assert judge(rig, "no-password-hashes")[0] is Verdict.NOT_ASSESSED


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("dhcp-leases", "/var/lib/dhcp/dhclient.eth0.leases"),
        ("dhcp-leases", "/var/lib/dhclient/dhclient--eth0.lease"),
        ("dhcp-leases", "/var/lib/dhcpcd/eth0.lease"),
        ("dhcp-leases", "/var/lib/NetworkManager/internal-1f3c-eth0.lease"),
        ("dhcp-leases", "/var/lib/NetworkManager/dhclient-1f3c-eth0.lease"),
        ("dhcp-leases", "/var/lib/NetworkManager/dhclient-eth0.conf"),
        ("dhcp-leases", "/etc/dhcpcd.duid"),
        ("dhcp-leases", "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml"),
        ("dhcp-leases", "/var/lib/wicked/duid.xml"),
        ("machine-secrets", "/var/lib/systemd/random-seed"),
        ("machine-secrets", "/var/lib/systemd/credential.secret"),
        ("machine-secrets", "/boot/efi/loader/random-seed"),
        ("machine-secrets", "/var/lib/NetworkManager/secret_key"),
        ("machine-secrets", "/etc/nvme/hostid"),
        ("machine-secrets", "/etc/krb5.keytab"),
        ("logs", "/var/log/auth.log.1"),
        ("logs", "/var/log/wtmp"),
        ("logs", f"/var/log/journal/{ID}/system.journal"),
        ("logs", "/var/log/cloud-init-output.log"),
        ("logs", "/var/log/waagent.log"),
        ("logs", "/var/log/azure/Microsoft.OSTCExtensions/CommandExecution.log"),
    ],
)
def test_files_with_content(rig: Rig, step: str, path: str) -> None:
    expect(rig, step, f"file {path}\n", None)
    expect(rig, step, f"file {path}\n|x\n", path)
    expect(rig, step, f"link {path} /dev/null\n", None)


@pytest.mark.parametrize(
    "text",
    [
        "link /var/lib/cloud/instance /var/lib/cloud/instances/1\n",
        "dir /var/lib/cloud/instances/1f3c\n",
        "file /var/lib/cloud/data/instance-id\n|1f3c\n",
        "file /var/lib/waagent/provisioned\n|1f3c\n",
        "file /var/lib/waagent/ovf-env.xml\n|<x/>\n",
        "file /var/lib/azure-init/1f3c.provisioned\n",
        "file /etc/netplan/50-cloud-init.yaml\n|network: {}\n",
        "file /etc/sudoers.d/90-cloud-init-users\n|ann ALL=(ALL) NOPASSWD:ALL\n",
        "file /etc/sudoers.d/waagent\n|ann ALL=(ALL) ALL\n",
    ],
)
def test_state_of_agents(rig: Rig, text: str) -> None:
    expect(rig, "agent-state", "dir /var/lib/waagent\ndir /var/lib/cloud/instances\n", None)
    expect(rig, "agent-state", text, text.split()[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file /etc/resolv.conf\n|search corp.example\n|nameserver 10.0.0.1\n", "corp.example, 10.0.0.1"),
        ("file /etc/resolv.conf\n|# empty\n|options edns0\n", None),
        ("file /etc/resolv.conf\n|nameserver 127.0.0.53\n|nameserver ::1\n", None),
        ("link /etc/resolv.conf ../run/systemd/resolve/stub-resolv.conf\n", None),
    ],
)
def test_name_servers(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "resolv-conf", text, words)


def test_thousands_of_users_and_files(rig: Rig) -> None:
    add_to_tree(
        rig.root,
        USERS
        + "file /etc/passwd\n"
        + "".join(f"|u{n}:x:{n}:{n}::/home/u{n}:/bin/sh\n" for n in range(1000, 1300)),
    )
    for n in range(1000, 1300):
        (rig.root / f"home/u{n}").mkdir()
        (rig.root / f"home/u{n}/.bash_history").write_text("ls\n")
    assert len(judge(rig, "shell-history")[1]) == 300
