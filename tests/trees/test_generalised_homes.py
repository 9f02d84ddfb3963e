"""What people left in their homes: shell-history, no-authorized-keys, home-secrets, users-left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import pytest
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.command import hvprep_as_nobody
from tests.trees.generalised import ANN, clean_system, expect, judge
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtF ann@laptop"
STUB = (
    "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"echo 'Please login as the user"
    ' \\"azureuser\\" rather than the user \\"root\\".\';echo;sleep 10;exit 142"'
)
HOMES = ("shell-history", "no-authorized-keys", "home-secrets")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return clean_system(tmp_path)


@pytest.mark.parametrize("step", [*HOMES, "users-left"])
def test_a_system_that_nobody_used(rig: Rig, step: str) -> None:
    assert judge(rig, step)[0] is Verdict.MET


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file /root/.bash_history\n|ls\n", "/root/.bash_history holds 3 bytes"),
        ("file /root/.bash_history\n", None),
        ("file /root/.bash_history-01234.tmp\n|ls\n", "/root/.bash_history-01234.tmp"),
        ("file /root/.ash_history\n|ls\n", "/root/.ash_history"),
        ("file /root/.zsh_history\n|ls\n", "/root/.zsh_history"),
        ("file /root/.zhistory\n|ls\n", "/root/.zhistory"),
        ("file /root/.sh_history\n|ls\n", "/root/.sh_history"),
        ("file /root/.mksh_history\n|ls\n", "/root/.mksh_history"),
        ("file /root/.history\n|ls\n", "/root/.history"),
        ("file /root/.local/share/fish/fish_history\n|- cmd: ls\n", "fish_history"),
        ("file /root/.local/share/powershell/PSReadLine/ConsoleHost_history.txt\n|ls\n", "ConsoleHost"),
        ("file /root/.config/nushell/history.sqlite3\n|ls\n", "history.sqlite3"),
        ("file /root/.local/state/zsh/history\n|ls\n", "zsh/history"),
        ("file /root/.python_history\n|1\n", "/root/.python_history"),
        ("file /root/.viminfo\n|1\n", "/root/.viminfo"),
        ("file /root/history\n|my essay\n", None),
        ("dir /root/.bash_history\n", None),
        ("link /root/.bash_history /dev/null\n", None),
        ("link /root/.bash_history nowhere\n", None),
        ("file /root/commands\n|ls\nlink /root/.bash_history commands\n", "/root/.bash_history holds 3"),
        ("file /.bash_history\n|ls\n", "/.bash_history"),
        ("file /home/gone/.bash_history\n|ls\n", "/home/gone/.bash_history"),
        (ANN + "file /home/ann/.bash_history\n|ls\n", "/home/ann/.bash_history"),
        (ANN + "file /srv/ann/.bash_history\n|ls\nlink /home/ann ../srv/ann\n", "/srv/ann/.bash_history"),
        ("file /srv/gone/.bash_history\n|ls\nlink /home/gone ../srv/gone\n", "/srv/gone/.bash_history"),
        (
            ANN.replace("/home/ann", "/var/ann")
            + "file /srv/ann/.bash_history\n|ls\nlink /var/ann ../srv/ann\n",
            "/srv/ann/.bash_history",
        ),
        (ANN.replace("/home/ann", "/var/[ann]*") + "file /var/[ann]*/.bash_history\n|ls\n", "[ann]*/.bash"),
        (ANN.replace("/home/ann", "/var/*") + "file /var/bob/.bash_history\n|ls\n", None),
        (ANN.replace("/home/ann", "home/ann") + "file /home2/ann/.bash_history\n|ls\n", None),
    ],
)
def test_histories(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "shell-history", text, words)


BY_NAME = "file /etc/ssh/sshd_config\n|AuthorizedKeysFile /etc/keys/%u\n"
INCLUDE = "file /etc/ssh/sshd_config\n|Include sshd_config.d/*.conf\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"file /root/.ssh/authorized_keys\n|{KEY}\n", "the owners of 1 key"),
        (f"file /root/.ssh/authorized_keys\n|# none\n|\n|{KEY}\n|{KEY}\n", "the owners of 2 keys"),
        ("file /root/.ssh/authorized_keys\n|# none\n|\n", None),
        ("file /root/.ssh/authorized_keys\n", None),
        (f"file /root/.ssh/authorized_keys2\n|{KEY}\n", "authorized_keys2"),
        (f"file /root/.ssh/authorized_keys\n|{STUB} {KEY}\n", None),
        (f"file /root/.ssh/authorized_keys\n|{STUB} {KEY}\n|{KEY}\n", "the owners of 1 key"),
        (ANN + f"file /home/ann/.ssh/authorized_keys\n|{STUB} {KEY}\n", "/home/ann/.ssh/authorized_keys"),
        (f"file /home/gone/.ssh/authorized_keys\n|{KEY}\n", "/home/gone/.ssh/authorized_keys"),
        (f"file /etc/ssh/authorized_keys/ann\n|{KEY}\n", "/etc/ssh/authorized_keys/ann"),
        (f"file /etc/dropbear/authorized_keys\n|{KEY}\n", "/etc/dropbear/authorized_keys"),
        (
            "file /etc/ssh/sshd_config\n|AuthorizedKeysFile .ssh/authorized_keys /etc/keys/%u.pub\n"
            f"file /etc/keys/root.pub\n|{KEY}\n",
            "/etc/keys/root.pub",
        ),
        (
            INCLUDE
            + "file /etc/ssh/sshd_config.d/50-x.conf\n|Match User ann\n|  AuthorizedKeysFile %h/mine\n"
            + ANN
            + f"file /home/ann/mine\n|{KEY}\n",
            "/home/ann/mine",
        ),
        (
            "file /etc/ssh/sshd_config\n|Match User x\n|Include /opt/*.conf\n"
            f"file /opt/a.conf\n|AuthorizedKeysFile /opt/%U-%u%%\nfile /opt/0-root%\n|{KEY}\n",
            "/opt/0-root%",
        ),
        (  # a user without a home, and one who is gone
            BY_NAME.replace("%u", "%u/*.pub") + f"file /etc/keys/bob/a.pub\n|{KEY}\n",
            "/etc/keys/bob/a.pub",
        ),
        (
            BY_NAME + f"file /etc/keys/root\n|{STUB} {KEY}\n",
            None,
        ),
        (
            BY_NAME + f"file /etc/keys/ann\n|{STUB} {KEY}\n",
            "/etc/keys/ann",
        ),
        (
            f"file /etc/ssh/sshd_config.d/x.conf\n|AuthorizedKeysFile /opt/%u\nfile /opt/root\n|{KEY}\n",
            None,
        ),
        ("file /etc/ssh/sshd_config\n|AuthorizedKeysFile none\n", None),
        ("link /root/.ssh/authorized_keys /dev/null\n", None),
        ("dir /root/.ssh/authorized_keys\n", None),
        (f"file /srv/keys\n|{KEY}\nlink /root/.ssh/authorized_keys /srv/keys\n", "the owners of 1 key"),
    ],
)
def test_authorized_keys(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "no-authorized-keys", text, words)


def test_a_configuration_of_sshd_that_does_not_read(rig: Rig) -> None:
    add_to_tree(rig.root, 'file /etc/ssh/sshd_config\n|AuthorizedKeysFile "x\n')
    assert judge(rig, "no-authorized-keys")[0] is Verdict.NOT_ASSESSED


def test_a_file_of_keys_that_is_too_large_to_be_read_is_one(rig: Rig) -> None:
    path = rig.root / "root/.ssh/authorized_keys"
    path.parent.mkdir()
    path.touch()
    os.truncate(path, 1 << 40)
    expect(rig, "no-authorized-keys", "", "the owners of keys")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file /root/.ssh/id_ed25519\n|x\nfile /root/.ssh/id_ed25519.pub\n|x\n", "/root/.ssh/id_ed25519 is"),
        ("file /root/.ssh/id_ed25519.pub\n|x\n", None),
        ("file /root/.ssh/known_hosts\n|x\n", "/root/.ssh/known_hosts"),
        ("file /root/.ssh/known_hosts\n", None),
        ("file /root/.azure/msal_token_cache.json\n|{}\n", "msal_token_cache.json"),
        ("file /root/.netrc\n|machine x\n", "/root/.netrc"),
        ("file /root/anaconda-ks.cfg\n|rootpw --iscrypted $6$\n", "/root/anaconda-ks.cfg"),
        (ANN + "file /home/ann/.kube/config\n|x\n", "/home/ann/.kube/config"),
    ],
)
def test_secrets(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "home-secrets", text, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ANN, "ann (uid 1000) is a user"),
        (ANN.replace("1000", "999"), None),
        (ANN.replace("1000", "60001"), None),
        (ANN + "file /etc/login.defs\n|#UID_MIN 1\n|UID_MIN 2000 # later\n", None),
        (ANN.replace("1000", "500") + "file /etc/login.defs\n|UID_MIN 500\n", "ann (uid 500)"),
        ("remove /etc/login.defs\n" + ANN, "ann (uid 1000)"),
        ("dir /home/gone\n", "/home/gone is the home of nobody"),
        ("dir /home/lost+found\n", None),
        ("link /home/www /srv\ndir /srv\n", None),
    ],
)
def test_users(rig: Rig, text: str, words: Optional[str]) -> None:
    expect(rig, "users-left", text, words)


@pytest.mark.parametrize("step", [*HOMES, "users-left"])
def test_without_passwd_nothing_is_known(rig: Rig, step: str) -> None:
    (rig.root / "etc/passwd").unlink()
    verdict, because = judge(rig, step)
    assert verdict is Verdict.NOT_ASSESSED
    assert "there is no /etc/passwd" in because[0]


@pytest.mark.parametrize("step", HOMES)
def test_homes_on_a_file_system_that_is_not_mounted(rig: Rig, step: str) -> None:
    fstab = "file /etc/fstab\n|UUID=1 / ext4 defaults 0 1\n|UUID=2 /home ext4 defaults 0 2\n"
    verdict, because = judge(rig, step, ANN + fstab)
    assert verdict is Verdict.NOT_ASSESSED
    assert because == ("the home of ann is not there: fstab mounts /home, and nothing is in it",)
    assert judge(rig, step, "dir /home/lost+found\n")[0] is Verdict.MET  # mounted, and ann has not come yet
    assert judge(rig, step, "remove /etc/fstab\n")[0] is Verdict.MET


def test_a_finding_is_not_hidden_by_what_is_not_known(rig: Rig) -> None:
    fstab = "file /etc/fstab\n|UUID=2 /home ext4 defaults 0 2\n"
    expect(rig, "shell-history", ANN + fstab + "file /root/.bash_history\n|ls\n", "/root/.bash_history")


@pytest.mark.parametrize("step", HOMES)
def test_links_do_not_lead_out_of_the_root(rig: Rig, step: str, tmp_path: Path) -> None:
    """Ann's home, and all that is looked for in root's, are links to places of the builder."""
    outside = tmp_path / "outside"
    for name in (".bash_history", ".ssh/authorized_keys", ".ssh/id_rsa", ".ssh/known_hosts"):
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_text(f"{KEY}\n")
        (rig.root / "root" / name).parent.mkdir(exist_ok=True)
        (rig.root / "root" / name).symlink_to(outside / name)
    (rig.root / "home/ann").symlink_to(outside)
    (rig.root / "home/up").symlink_to("../../../../../../../.." + str(outside))
    add_to_tree(rig.root, ANN)
    before = take_snapshot(tmp_path)
    verdict, because = judge(rig, step)
    assert (verdict, because) == (Verdict.MET, ())
    assert diff_snapshots(before, take_snapshot(tmp_path)) == []


@pytest.mark.parametrize("name", [".bash_history", ".ssh/authorized_keys", ".ssh/known_hosts"])
def test_a_fifo_hangs_nothing(rig: Rig, name: str) -> None:
    path = rig.root / "root" / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    for step in HOMES:
        assert judge(rig, step)[0] is Verdict.MET


def test_homes_in_a_circle_of_links(rig: Rig) -> None:
    (rig.root / "home/ann").symlink_to("bob")
    (rig.root / "home/bob").symlink_to("ann")
    for step in HOMES:
        assert judge(rig, step, ANN)[0] is Verdict.MET


def test_a_home_that_may_not_be_read_hides_no_other(tmp_path: Path) -> None:
    rig = clean_system(tmp_path)
    add_to_tree(rig.root, ANN + "file /home/ann/.bash_history\n|ls\nfile /root/.bash_history\n|ls\n")
    for directory in (tmp_path, *list(tmp_path.parents)[:-1]):
        directory.chmod(directory.stat().st_mode | 0o055)
    done = hvprep_as_nobody("check", "--only", "shell-history", "--root", str(rig.root))
    assert done.status == 3, done
    assert "/home/ann/.bash_history holds 3 bytes" in done.out
    assert "/root/.bash_history" not in done.out
    add_to_tree(rig.root, "remove /home/ann/.bash_history\n")
    done = hvprep_as_nobody("check", "--only", "shell-history", "--root", str(rig.root))
    assert done.status == 0, done
    assert "not assessed" in done.out
    assert "/root may not be read by this user" in done.out
