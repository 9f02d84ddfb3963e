"""Deprovisioning trees: what has to go goes, nothing else does, and the findings about it are met after."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

import pytest
from hvprep.cli.session import read_machine
from hvprep.deprovision.accounts import find_provisioned, plan_users
from hvprep.deprovision.action import EndProcesses
from hvprep.deprovision.plan import plan_deprovisioning
from hvprep.deprovision.request import Request
from hvprep.deprovision.runner import Outcome, Result, run_actions
from hvprep.errors import Refusal
from hvprep.model.finding import Verdict
from hvprep.settings import Settings

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.generalised import clean_system
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

DEFAULTS = Settings()
ID = "8d7f3c0e9a1b4c5d8e6f7a0b1c2d3e4f"
HASH = "$6$salt$abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghi"
USERS = f"""\
file /etc/passwd
|root:x:0:0:root:/root:/bin/bash
|daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
|ann:x:1000:1000:Ann:/home/ann:/bin/bash
|annika:x:1001:1001:Annika:/home/annika:/bin/bash
file /etc/shadow 640
|root:{HASH}:20783:0:99999:7:::
|daemon:*:20783:0:99999:7:::
|ann:{HASH}:20783:0:99999:7:::
|annika:!:20783:0:99999:7:::
file /etc/shadow- 640
|ann:{HASH}:20783:0:99999:7:::
file /etc/group
|root:x:0:
|adm:x:4:syslog,ann,annika
|ann:x:1000:
|annika:x:1001:ann
file /etc/gshadow 640
|adm:*:ann:syslog,ann,annika
|ann:!::
file /etc/subuid
|ann:100000:65536
|annika:165536:65536
file /etc/sudoers
|Defaults env_reset
|root ALL=(ALL:ALL) ALL
|ann ALL=(ALL) \\
|    NOPASSWD: ALL
|annika ALL=(ALL) ALL
|@includedir /etc/sudoers.d
file /etc/sudoers.d/90-cloud-init-users
|# Created by cloud-init v. 22.4.2
|
|# User rules for ann
|ann ALL=(ALL) NOPASSWD:ALL
file /home/ann/.bash_history
|secret
file /home/annika/.bash_history
|secret too
file /home/annika/.ssh/authorized_keys
|ssh-ed25519 AAAA annika
file /root/.bash_history
|secret
file /root/.ssh/authorized_keys
|ssh-ed25519 AAAA builder
file /var/mail/ann
|secret
file /var/spool/cron/crontabs/ann
|* * * * * secret
file /var/lib/systemd/linger/ann
"""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return clean_system(tmp_path)


def deprovision(rig: Rig, *users: str, settings: Settings = DEFAULTS) -> Tuple[Result, ...]:
    session = read_machine(replace(rig.machine(), live=False))
    actions = plan_deprovisioning(session.machine.root, session.facts, Request(users, settings))
    return run_actions(session.machine, actions, lambda number, total, action: None)


def changed(rig: Rig, *users: str) -> List[str]:
    before = take_snapshot(rig.root, ("/run",))
    results = deprovision(rig, *users)
    assert [result for result in results if result.outcome is Outcome.FAILED] == []
    lines = diff_snapshots(before, take_snapshot(rig.root, ("/run",)))
    assert deprovision(rig) == (), "nothing is left to do"
    return [line.partition(" (")[0] if line.startswith("removed") else line for line in lines]


def text(rig: Rig, path: str) -> str:
    return (rig.root / path).read_text()


def test_a_system_that_nobody_used_is_left_alone(rig: Rig) -> None:
    assert changed(rig) == []


def test_the_whole_difference_without_users(rig: Rig) -> None:
    """Who stays keeps the account, the home and the keys; what was typed goes of everybody."""
    add_to_tree(rig.root, USERS)
    assert changed(rig) == [
        "changed /etc/shadow (content)",
        "removed /etc/shadow-",
        "removed /etc/sudoers.d/90-cloud-init-users",
        "removed /home/ann/.bash_history",
        "removed /home/annika/.bash_history",
        "removed /root/.bash_history",
        "removed /root/.ssh/authorized_keys",
        "removed /var/mail/ann",
    ]
    assert text(rig, "etc/shadow").splitlines()[0] == "root:*:20783:0:99999:7:::"


def test_a_user_goes_with_all_that_is_the_users(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    lines = changed(rig, "ann")
    for path in ("/home/ann", "/var/spool/cron/crontabs/ann", "/var/lib/systemd/linger/ann"):
        assert f"removed {path}" in lines
    assert text(rig, "etc/passwd").count("ann") == 2, "annika and her home"
    assert text(rig, "etc/shadow").splitlines()[-1] == "annika:!:20783:0:99999:7:::"
    assert text(rig, "etc/group") == "root:x:0:\nadm:x:4:syslog,annika\nannika:x:1001:\n"
    assert text(rig, "etc/gshadow") == "adm:*::syslog,annika\n"
    assert text(rig, "etc/subuid") == "annika:165536:65536\n"
    assert text(rig, "etc/sudoers").splitlines() == [
        "Defaults env_reset",
        "root ALL=(ALL:ALL) ALL",
        "annika ALL=(ALL) ALL",
        "@includedir /etc/sudoers.d",
    ]
    assert stat.S_IMODE((rig.root / "etc/shadow").stat().st_mode) == 0o640
    assert (rig.root / "home/annika/.ssh/authorized_keys").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/var/mail/ann",
        "/var/spool/mail/ann",
        "/var/spool/cron/ann",
        "/var/spool/cron/tabs/ann",
        "/var/lib/AccountsService/users/ann",
        "/var/lib/AccountsService/icons/ann",
        "/var/lib/sudo/lectured/ann",
        "/var/backups/passwd.bak",
        "/var/backups/gshadow.bak",
        "/etc/subgid-",
        "/etc/sudoers.d/10-ann",
    ],
)
def test_what_is_called_after_a_user(rig: Rig, path: str) -> None:
    """Under the name itself: another's that begins like it stays."""
    rule = "|# ours\n|ann ALL=(ALL) ALL\n" if "sudoers" in path else ""
    add_to_tree(rig.root, f"{USERS}file {path}\n{rule}file {path}ika\n")
    lines = changed(rig, "ann")
    assert f"removed {path}" in lines
    assert f"removed {path}ika" not in lines


def test_what_else_is_said_of_others_stays(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    files = {
        "subgid": ("ann:100000:65536\nannika:165536:65536\n", "annika:165536:65536\n"),
        "sudoers.d/a": ("ann ALL=(ALL) ALL\n#includedir /etc/more\n", "#includedir /etc/more\n"),
        "sudoers.d/b": ("ann ALL=(ALL) ALL\n%adm ALL=(ALL) ALL\n", "%adm ALL=(ALL) ALL\n"),
        "group": ("ann:x:1000:annika\n", "ann:x:1000:annika\n"),
    }
    for name, (before, _) in files.items():
        (rig.root / "etc" / name).write_text(before)
    changed(rig, "ann")
    assert {name: text(rig, f"etc/{name}") for name in files} == {
        name: after for name, (_, after) in files.items()
    }


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/sudoers.d/90-cloud-init-users", "# User rules for annika"),
        ("/etc/sudoers.d/waagent", "annika ALL = (ALL) ALL"),
        ("/var/lib/waagent/ovf-env.xml", "<a xmlns:w='x'><w:UserName>annika</w:UserName></a>"),
    ],
)
def test_who_was_provisioned(rig: Rig, path: str, content: str) -> None:
    add_to_tree(
        rig.root,
        f"{USERS}remove /etc/sudoers.d/90-cloud-init-users\nfile {path}\n|{content}\n|gone ALL=(ALL) ALL\n",
    )
    assert find_provisioned(rig.machine().root) == ("annika",)


def test_processes_end_before_anything_is_removed(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    view = rig.machine().root
    assert next(plan_users(view, ("ann",), True)) == EndProcesses(1000, "ann", "ann is removed")
    assert not any(isinstance(action, EndProcesses) for action in plan_users(view, ("ann",), False))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("root", "root (uid 0) is a user of the system"),
        ("daemon", "daemon (uid 1) is a user of the system"),
        ("an", "there is no user 'an'"),
        ("ann:x", "there is no user 'ann:x'"),
        ("../etc", "there is no user '../etc'"),
        ("", "there is no user ''"),
    ],
)
def test_users_that_are_not_removed(rig: Rig, name: str, words: str) -> None:
    add_to_tree(rig.root, USERS)
    before = take_snapshot(rig.root)
    with pytest.raises(Refusal) as caught:
        deprovision(rig, name)
    assert words in caught.value.sentence
    assert caught.value.hint
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_home_that_is_another_users_too_stays(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    path = rig.root / "etc/passwd"
    path.write_text(path.read_text().replace("/home/annika", "/home/ann"))
    assert "removed /home/ann" not in changed(rig, "ann")
    assert (rig.root / "home/ann").is_dir()


SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr")


@pytest.mark.parametrize(
    "home", ["/", "/etc", "/home", "/nonexistent", "home/ann", "", *(f"/{name}/kept" for name in SYSTEM)]
)
def test_a_home_that_is_the_systems_stays(rig: Rig, home: str) -> None:
    add_to_tree(rig.root, USERS)
    if home.endswith("/kept"):
        if (rig.root / home[1:]).parent.is_symlink():  # of a system whose /bin is not /usr/bin
            (rig.root / home[1:]).parent.unlink()
        add_to_tree(rig.root, f"dir {home}\n")
    path = rig.root / "etc/passwd"
    path.write_text(path.read_text().replace("/home/ann:", f"{home}:"))
    changed(rig, "ann")
    assert (rig.root / "etc/passwd").exists()
    assert (rig.root / "home/annika").is_dir()
    assert not home.endswith("/kept") or (rig.root / home[1:]).is_dir()


def test_a_link_that_is_planted_in_a_home_leads_nowhere(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    home = rig.root / "home/ann"
    (home / ".config").symlink_to("/etc")
    (home / "way").symlink_to("../../etc/sudoers")
    (home / ".ssh").symlink_to("/root")
    changed(rig, "ann")
    assert not home.exists()
    assert (rig.root / "etc/sudoers").exists()


def test_a_home_that_is_a_link(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    (rig.root / "srv").mkdir()
    (rig.root / "home/ann").rename(rig.root / "srv/ann")
    (rig.root / "home/ann").symlink_to("/srv/ann")
    changed(rig, "ann")
    assert not (rig.root / "srv/ann").exists()
    assert not (rig.root / "home/ann").is_symlink()


TRACES = f"""\
file /usr/lib/systemd/system/basic.target
|[Unit]
file /etc/machine-id 444
|{ID}
file /var/lib/dbus/machine-id
|{ID}
file /etc/hostname
|builder
file /etc/hosts
|127.0.0.1	localhost
|127.0.1.1	builder.example.org builder
|10.0.0.5	files builder.lan # the disk
|::1	localhost ip6-localhost
file /etc/resolv.conf
|# Generated by NetworkManager
|nameserver 10.0.0.1
file /etc/ssh/ssh_host_ed25519_key 600
|secret
file /etc/ssh/ssh_host_ed25519_key.pub
|public
file /var/lib/dhcp/dhclient.eth0.leases
|lease
file /var/lib/NetworkManager/internal-1-eth0.lease
|lease
file /var/lib/NetworkManager/secret_key 600
|secret
file /var/lib/systemd/random-seed 600
|seed
file /var/lib/cloud/instances/one/user-data.txt
|secret
link /var/lib/cloud/instance /var/lib/cloud/instances/one
file /var/lib/cloud/scripts/per-boot/mine.sh 755
|kept
file /var/lib/waagent/ovf-env.xml 600
|<UserName>ann</UserName>
file /var/log/auth.log 640
|ann logged in
file /var/log/auth.log.1 640
|ann logged in
file /var/log/wtmp 664
|ann
file /var/log/dpkg.log
|kept
file /var/log/journal/{ID}/system.journal 640
|secret
file /var/lib/hvprep/journal/0001/blobs/x 600
|before
file /boot/initrd.img-1.hvprep-old
|before
file /etc/fstab
|UUID=1 / ext4 defaults 0 1
|/dev/disk/cloud/azure_resource-part1 /mnt auto defaults,nofail,comment=cloudconfig 0 2
file /tmp/left
|secret
dir /tmp/systemd-private-x
"""
GENERALISED = Callable[[Rig], Sequence[str]]


def unmet(rig: Rig) -> List[str]:
    whole = Rig(rig.root, only="generalised")
    return [finding.id for finding in whole.plan().findings if finding.verdict is Verdict.UNMET]


def test_the_traces_of_a_machine(rig: Rig) -> None:
    add_to_tree(rig.root, TRACES)
    assert len(unmet(rig)) >= 6
    lines = changed(rig)
    assert unmet(rig) == []
    assert lines == [
        "removed /boot/initrd.img-1.hvprep-old",
        "changed /etc/fstab (content)",
        "changed /etc/hostname (content)",
        "changed /etc/hosts (content)",
        "changed /etc/machine-id (content)",
        "removed /etc/resolv.conf",
        "removed /etc/ssh/ssh_host_ed25519_key",
        "removed /etc/ssh/ssh_host_ed25519_key.pub",
        "removed /tmp/left",
        "removed /var/lib/NetworkManager/internal-1-eth0.lease",
        "removed /var/lib/NetworkManager/secret_key",
        "removed /var/lib/cloud/instance",
        "removed /var/lib/cloud/instances/one",
        "removed /var/lib/cloud/instances/one/user-data.txt",
        "changed /var/lib/dbus/machine-id (file -> link, mode 0644 -> 0777)",
        "removed /var/lib/dhcp/dhclient.eth0.leases",
        "removed /var/lib/hvprep/journal",
        "removed /var/lib/hvprep/journal/0001",
        "removed /var/lib/hvprep/journal/0001/blobs",
        "removed /var/lib/hvprep/journal/0001/blobs/x",
        "removed /var/lib/systemd/random-seed",
        "removed /var/lib/waagent/ovf-env.xml",
        "changed /var/log/auth.log (content)",
        "removed /var/log/auth.log.1",
        f"removed /var/log/journal/{ID}",
        f"removed /var/log/journal/{ID}/system.journal",
        "changed /var/log/wtmp (content)",
    ]
    assert text(rig, "etc/machine-id") == ""
    assert text(rig, "var/log/auth.log") == ""
    assert text(rig, "etc/hostname") == "localhost\n"
    assert text(rig, "etc/hosts").splitlines() == [
        "127.0.0.1\tlocalhost",
        "10.0.0.5\tfiles # the disk",
        "::1\tlocalhost ip6-localhost",
    ]
    assert text(rig, "etc/fstab") == "UUID=1 / ext4 defaults 0 1\n"


@pytest.mark.parametrize(
    ("content", "goes"),
    [
        ("# Generated by NetworkManager\nnameserver 10.0.0.1\n", True),
        ("; generated by /usr/sbin/dhclient-script\nnameserver 10.0.0.1\n", True),
        ("# Generated by dhcpcd from eth0.dhcp\nnameserver 10.0.0.1\n", True),
        (
            "### /etc/resolv.conf is a symlink\n### autogenerated by netconfig!\n",
            True,
        ),
        ("nameserver 10.0.0.1\n", False),
        ("# my own, not Generated at all\nnameserver 10.0.0.1\n", False),
    ],
)
def test_resolv_conf(rig: Rig, content: str, goes: bool) -> None:
    (rig.root / "etc/resolv.conf").write_text(content)
    deprovision(rig)
    assert (rig.root / "etc/resolv.conf").exists() != goes


LEASE = """file /var/lib/dhcp/dhclient.eth0.leases
|lease {
|  fixed-address 10.0.0.9;
|  option domain-name-servers 10.0.0.1, 10.0.0.2;
|}
"""


@pytest.mark.parametrize(
    ("content", "goes"),
    [
        ("domain lab.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n", True),
        ("search lab.example\n\nnameserver 10.0.0.2\n", True),
        ("nameserver 10.0.0.1\nnameserver 9.9.9.9\n", False),
        ("nameserver 10.0.0.1\noptions edns0\n", False),
        ("# ours\nnameserver 10.0.0.1\n", False),
        ("search lab.example\n", False),
    ],
)
def test_a_resolv_conf_that_only_a_lease_tells_of(rig: Rig, content: str, goes: bool) -> None:
    """Debian's dhclient-script does not sign what it makes."""
    add_to_tree(rig.root, LEASE)
    (rig.root / "etc/resolv.conf").write_text(content)
    deprovision(rig)
    assert (rig.root / "etc/resolv.conf").exists() != goes


def test_a_resolv_conf_that_is_a_link_stays(rig: Rig) -> None:
    add_to_tree(rig.root, "link /etc/resolv.conf /run/systemd/resolve/stub-resolv.conf\n")
    assert changed(rig) == []


def test_settings(rig: Rig) -> None:
    add_to_tree(rig.root, USERS)
    add_to_tree(rig.root, "file /var/cache/apt/archives/a.deb\n|x\n")
    deprovision(rig, settings=Settings(deprovision_lock_root_password=False))
    assert text(rig, "etc/shadow").startswith(f"root:{HASH}:")
    assert (rig.root / "var/cache/apt/archives/a.deb").exists()
    deprovision(rig, settings=Settings(deprovision_package_caches=True))
    assert not (rig.root / "var/cache/apt/archives/a.deb").exists()
    assert text(rig, "etc/shadow").startswith("root:*:")


def test_boot_entries_are_called_after_no_machine(tmp_path: Path) -> None:
    rig = Rig(make_tree("el-9", tmp_path / "root"), only="generalised")
    entries = rig.root / "boot/loader/entries"
    add_to_tree(rig.root, "file /etc/passwd\n|root:x:0:0:root:/root:/bin/bash\n")
    before = {path.name: path.read_text() for path in entries.iterdir()}
    (old,) = {name.partition("-")[0] for name in before}
    assert len(old) == 32
    env = rig.root / "boot/grub2/grubenv"
    saved = next(name for name in before if "rescue" not in name)[: -len(".conf")]
    add_to_tree(rig.root, f"grubenv /boot/grub2/grubenv\n|saved_entry={saved}\n|kernelopts=ro\n")
    assert "machine-id" in unmet(rig)
    results = deprovision(rig)
    assert [result for result in results if result.outcome is Outcome.FAILED] == []
    assert "machine-id" not in unmet(rig)
    after = {path.name: path.read_text() for path in entries.iterdir()}
    assert set(after) == {name.replace(old, "Image") for name in before}
    assert f"saved_entry={saved.replace(old, 'Image')}" in env.read_text()
    assert len(env.read_bytes()) == 1024
    assert not [path for path in rig.root.rglob("*") if old in path.name]
    for name, content in after.items():
        for line in content.splitlines():
            if line.startswith(("linux ", "initrd ")):
                for word in line.split()[1:]:
                    if word.startswith("/"):
                        assert os.path.lexists(f"{rig.root}/boot{word}") or os.path.lexists(
                            f"{rig.root}{word}"
                        ), (name, line)
    assert [finding.verdict for finding in Rig(rig.root, only="kernel-parameters").plan().findings] != [
        Verdict.NOT_ASSESSED
    ]


def test_kernels_in_directories_of_the_machine_id(rig: Rig) -> None:
    add_to_tree(
        rig.root,
        f"file /efi/{ID}/6.1/linux\n|x\nfile /efi/{ID}/6.1/initrd\n|x\nfile /efi/loader/loader.conf\n"
        f"|default {ID}-*\n|timeout 3\nfile /etc/kernel/entry-token\n|{ID}\n"
        f"file /efi/loader/entries/{ID}-6.1.conf\n|title x\n|machine-id {ID}\n|sort-key debian\n"
        f"|options ro systemd.machine_id={ID} quiet\n|linux /{ID}/6.1/linux\n|initrd /{ID}/6.1/initrd\n",
    )
    changed(rig)
    assert text(rig, "efi/Image/6.1/linux") == "x\n"
    assert text(rig, "efi/loader/loader.conf") == "default Image-*\ntimeout 3\n"
    assert text(rig, "efi/loader/entries/Image-6.1.conf") == (
        "title x\nsort-key debian\noptions ro quiet\nlinux /Image/6.1/linux\ninitrd /Image/6.1/initrd\n"
    )
    assert text(rig, "etc/kernel/entry-token") == "Image\n"


def test_one_failure_hinders_no_other(rig: Rig) -> None:
    add_to_tree(rig.root, TRACES)
    (rig.root / "etc/hostname").unlink()
    add_to_tree(
        rig.root,
        f"file /boot/loader/entries/{ID}-1.conf\n|title x\nfile /boot/loader/entries/Image-1.conf\n|y\n",
    )
    results = deprovision(rig)
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    assert [result.why for result in failed] == [
        "/boot/loader/entries/Image-1.conf is there already: look at both, then rename one"
    ]
    assert not (rig.root / "etc/ssh/ssh_host_ed25519_key").exists()
    assert text(rig, "boot/loader/entries/Image-1.conf") == "y\n"


def test_what_comes_too_late_is_told(rig: Rig) -> None:
    add_to_tree(rig.root, TRACES)
    session = read_machine(replace(rig.machine(), live=False))
    actions = plan_deprovisioning(session.machine.root, session.facts, Request((), Settings()))
    ticks = iter([False, False])
    results = run_actions(session.machine, actions, lambda *_: None, lambda: next(ticks, True))
    assert [result.outcome for result in results[:2]] == [Outcome.DONE, Outcome.DONE]
    assert {(result.outcome, result.why) for result in results[2:]} == {
        (Outcome.FAILED, "the time for it was over")
    }
