"""Users who are removed: all that is theirs goes, and nothing of anybody else's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hvprep.deprovision.accounts import find_provisioned, plan_users
from hvprep.deprovision.action import EndProcesses
from hvprep.errors import Refusal

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.deprovisioning import USERS, changed, deprovision, text
from tests.trees.generalised import clean_system
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return clean_system(tmp_path)


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


def test_a_home_whose_user_is_gone_already(rig: Rig) -> None:
    add_to_tree(rig.root, "file /home/gone/.bash_history\n|secret\nfile /home/gone/notes\n|kept\n")
    assert changed(rig) == ["removed /home/gone/.bash_history"]


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
