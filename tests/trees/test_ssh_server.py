"""ssh-server: which server starts, what its configuration amounts to, and what prepare does about it."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from hvprep.errors import HvprepError
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

ID = "ssh-server"
CONFIG = "/etc/ssh/sshd_config"
OWN = "/etc/ssh/sshd_config.d/00-hvprep.conf"
WANTS = "/etc/systemd/system/multi-user.target.wants/ssh.service"
#: EL 7 (openssh-server-7.4p1), shortened: sshd of then knows no Include.
EL_7 = f"""
file {CONFIG} 0600
|HostKey /etc/ssh/ssh_host_rsa_key
|SyslogFacility AUTHPRIV
|#ClientAliveInterval 0
|AuthorizedKeysFile .ssh/authorized_keys
|Subsystem sftp /usr/libexec/openssh/sftp-server
|Match User backup
|  ClientAliveInterval 30
"""
#: openSUSE Tumbleweed: the vendor's file lies below /usr/etc.
TUMBLEWEED = f"""
remove {CONFIG}
file /usr/etc/ssh/sshd_config 0640
|Include /etc/ssh/sshd_config.d/*.conf
|Include /usr/etc/ssh/sshd_config.d/*.conf
|ClientAliveInterval 0
"""
#: Starts ssh.service when somebody connects.
SOCKET = "file /usr/lib/systemd/system/ssh.socket\n|[Socket]\n"
SOCKET += "link /etc/systemd/system/sockets.target.wants/ssh.socket /x\n"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    root = make_tree("small-system", tmp_path / "root")
    add_to_tree(root, (Path(__file__).parent / "data/ssh-server.tree").read_text())
    return Rig(root, only=ID)


def changed(rig: Rig) -> List[str]:
    """What prepare changed; a second one changes nothing, and rollback brings back what was."""
    before = take_snapshot(rig.root)
    rig.prepare()
    assert rig.plan().changes == ()
    assert rig.finding(ID).verdict is Verdict.MET, rig.finding(ID)
    after = take_snapshot(rig.root)
    texts = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    prepared = {path: (rig.root / path[1:]) for path in texts}
    shown = [f"{path}: {file.read_text()}" for path, file in prepared.items() if file.is_file()]
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []
    return shown


def test_a_prepared_one_is_met(rig: Rig) -> None:
    add_to_tree(rig.root, "file /etc/ssh/sshd_config.d/10-mine.conf\n|ClientAliveInterval 2m\n")
    finding = rig.finding(ID)
    assert finding.verdict is Verdict.MET
    assert finding.because == (
        f"ssh.service is started at boot, by {WANTS}",
        "/etc/ssh/sshd_config.d/10-mine.conf, line 1: ClientAliveInterval 2m",
    )


@pytest.mark.parametrize(
    ("words", "is_good"),
    [("0", False), ("29", False), ("30", True), ("235", True), ("236", False), ("180 60", False)],
)
def test_which_intervals_do(rig: Rig, words: str, is_good: bool) -> None:
    add_to_tree(rig.root, f"file {OWN}\n|ClientAliveInterval {words}\n")
    assert (rig.finding(ID).verdict is Verdict.MET) == is_good


def test_a_drop_in_sets_the_interval(rig: Rig) -> None:
    add_to_tree(rig.root, "file /etc/ssh/sshd_config.d/50-mine.conf\n|ClientAliveInterval 0\n")
    (text,) = changed(rig)
    assert text.startswith(f"{OWN}: # Written by hvprep")
    assert text.endswith("\nClientAliveInterval 180\n")


def test_it_has_the_mode_of_the_main_file(rig: Rig) -> None:
    (rig.root / CONFIG[1:]).chmod(0o600)
    rig.prepare()
    assert (rig.root / OWN[1:]).stat().st_mode & 0o777 == 0o600


def test_without_drop_ins_the_line_comes_before_the_first_match(rig: Rig) -> None:
    add_to_tree(rig.root, EL_7)
    (text,) = changed(rig)
    assert text.split("\n")[4:7] == [
        "Subsystem sftp /usr/libexec/openssh/sftp-server",
        "ClientAliveInterval 180",
        "Match User backup",
    ]


def test_a_line_that_comes_before_every_drop_in_is_replaced(rig: Rig) -> None:
    path = rig.root / CONFIG[1:]
    path.write_text(f"clientaliveinterval = 600 # STIG\n{path.read_text()}")
    (text,) = changed(rig)
    assert text.startswith(f"{CONFIG}: ClientAliveInterval 180\n\n# This is")


def test_a_drop_in_that_comes_before_ours_is_edited(rig: Rig) -> None:
    name = "/etc/ssh/sshd_config.d/00-a.conf"
    add_to_tree(rig.root, f"file {name}\n|ClientAliveInterval 600\n|ClientAliveCountMax 2\n")
    assert changed(rig) == [f"{name}: ClientAliveInterval 180\nClientAliveCountMax 2\n"]


def test_the_vendors_file_stays(rig: Rig) -> None:
    add_to_tree(rig.root, TUMBLEWEED)
    (text,) = changed(rig)
    assert text.startswith(f"{OWN}: ")


def test_a_vendors_file_that_reads_no_other_is_a_finding(rig: Rig) -> None:
    add_to_tree(rig.root, f"remove {CONFIG}\nfile /usr/etc/ssh/sshd_config\n|ClientAliveInterval 0\n")
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert "/usr/etc/ssh/sshd_config, line 1: ClientAliveInterval 0" in finding.because


@pytest.mark.parametrize("link", ["sshd_config.d", "sshd_config.d/00-hvprep.conf"])
@pytest.mark.parametrize("target", ["/outside", "../../../../../../outside"])
def test_links_stay_inside(rig: Rig, link: str, target: str) -> None:
    """What our file would be written through still ends inside the root."""
    if link == "sshd_config.d":
        (rig.root / "etc/ssh/sshd_config.d").rmdir()
    add_to_tree(rig.root, f"link /etc/ssh/{link} {target}\n")
    assert "nothing sets ClientAliveInterval" in rig.finding(ID).because[-1]
    rig.prepare()
    assert rig.finding(ID).verdict is Verdict.MET
    assert not Path("/outside").exists()
    assert (rig.root / "outside").exists()


def test_a_server_that_is_off_is_enabled(rig: Rig) -> None:
    add_to_tree(rig.root, f"remove {WANTS}\nremove /etc/systemd/system/sshd.service\n")
    rig.prepare()
    assert (rig.root / WANTS[1:]).readlink() == Path("/usr/lib/systemd/system/ssh.service")
    assert (rig.root / "etc/systemd/system/sshd.service").is_symlink()
    assert rig.finding(ID).verdict is Verdict.MET


def test_a_socket_does(rig: Rig) -> None:
    link = "link /etc/systemd/system/sockets.target.wants/ssh.socket /usr/lib/systemd/system/ssh.socket\n"
    socket = "file /usr/lib/systemd/system/ssh.socket\n|[Socket]\n|ListenStream=22\n"
    add_to_tree(rig.root, f"remove {WANTS}\n{socket}{link}")
    assert "ssh.socket is started at boot" in rig.finding(ID).because[0]


@pytest.mark.parametrize(
    ("text", "because", "remedy"),
    [
        (
            "link /etc/systemd/system/ssh.service /dev/null\n",
            "masks ssh.service",
            "systemctl unmask ssh.service",
        ),
        (
            "file /etc/ssh/sshd_not_to_be_run\n",
            "keeps ssh.service from being started",
            "rm /etc/ssh/sshd_not",
        ),
        ("remove /usr/sbin/sshd\n", "no SSH server is installed", "openssh-server"),
        ("remove /usr/lib/systemd/system/ssh.service\n", "nothing starts /usr/sbin/sshd", "unit"),
        (f"file {CONFIG}\n|NoSuchKeyword 1\n", "line 1: Bad configuration option: NoSuchKeyword", "sshd -t"),
        (f"remove {CONFIG}\n", "No such file or directory", "sshd -t"),
        (SOCKET + "link /etc/systemd/system/ssh.service /dev/null\n", "masks", "unmask"),
        (
            SOCKET.replace("|[Socket]", "|[Socket]\n|Accept=yes")
            + "link /etc/systemd/system/ssh.service /dev/null\n",
            "masks",
            "unmask",
        ),
    ],
)
def test_what_only_a_person_can_mend(rig: Rig, text: str, because: str, remedy: str) -> None:
    add_to_tree(rig.root, f"file {OWN}\n|ClientAliveInterval 180\n{text}")
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert because in " ".join(finding.because)
    assert "Unable to load host key" not in " ".join(finding.because)
    assert remedy in (finding.remedy or "")


def test_a_socket_that_starts_a_service_of_another_name(rig: Rig) -> None:
    socket = SOCKET.replace("|[Socket]", "|[Socket]\n|Service=mine.service")
    socket += "file /usr/lib/systemd/system/mine.service\n|[Service]\n"
    mask = "link /etc/systemd/system/ssh.service /dev/null\n"
    add_to_tree(rig.root, f"file {OWN}\n|ClientAliveInterval 180\n{socket}{mask}")
    assert rig.finding(ID).verdict is Verdict.MET


def test_a_socket_that_starts_a_service_for_each_connection(rig: Rig) -> None:
    socket = SOCKET.replace("|[Socket]", "|[Socket]\n|Accept=yes")
    template = "file /usr/lib/systemd/system/ssh@.service\n|[Service]\n"
    mask = "link /etc/systemd/system/ssh.service /dev/null\n"
    add_to_tree(rig.root, f"file {OWN}\n|ClientAliveInterval 180\n{socket}{template}{mask}")
    finding = rig.finding(ID)
    assert finding.verdict is Verdict.MET
    assert finding.because[0].startswith("ssh.socket is started at boot")


def test_the_switch_of_debian_means_nothing_elsewhere(rig: Rig) -> None:
    unit = rig.root / "usr/lib/systemd/system/ssh.service"
    unit.write_text(unit.read_text().replace("ConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n", ""))
    add_to_tree(rig.root, f"file /etc/ssh/sshd_not_to_be_run\nfile {OWN}\n|ClientAliveInterval 180\n")
    assert rig.finding(ID).verdict is Verdict.MET


def test_a_configuration_that_sshd_refuses_afterwards_is_taken_back(rig: Rig) -> None:
    (rig.root / "usr/sbin/sshd.fault").write_text(OWN[1:])
    before = take_snapshot(rig.root)
    with pytest.raises(HvprepError, match="ssh-server.*NoSuchKeyword"):
        rig.prepare()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("elf /usr/sbin/sshd aarch64\n", "could not be started"),
        ("elf /usr/bin/sh aarch64\n", "programs for aarch64 do not run here"),
    ],
)
def test_an_sshd_that_does_not_run_here_is_not_judged(rig: Rig, text: str, because: str) -> None:
    add_to_tree(rig.root, f"file {OWN}\n|ClientAliveInterval 180\n{text}")
    finding = rig.finding(ID)
    assert finding.verdict is Verdict.NOT_ASSESSED
    assert because in finding.because[0]


def test_a_configuration_that_is_missing_is_found_without_sshd(rig: Rig) -> None:
    add_to_tree(rig.root, f"remove {CONFIG}\nelf /usr/bin/sh aarch64\n")
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.UNMET, ())
    assert finding.because[-1] == f"there is no {CONFIG}"


def test_no_server_is_one_finding(rig: Rig) -> None:
    add_to_tree(rig.root, "remove /usr/sbin/sshd\n")
    assert len(rig.finding(ID).because) == 1


def test_what_may_be_done_is_done_though_sshd_was_not_asked(rig: Rig) -> None:
    add_to_tree(rig.root, "elf /usr/bin/sh aarch64\n")
    rig.prepare()
    assert (rig.root / OWN[1:]).exists()
    assert rig.finding(ID).verdict is Verdict.NOT_ASSESSED


@pytest.mark.parametrize(
    "line",
    [
        "Include a.d/[!x]*.conf",
        r"Include a\*b",
        "Match version OpenSSH_10*",
        "Include sshd_config",
    ],
)
def test_a_configuration_that_cannot_be_followed_is_not_judged(rig: Rig, line: str) -> None:
    path = rig.root / CONFIG[1:]
    path.write_text(f"{line}\n{path.read_text()}")
    finding = rig.finding(ID)
    assert (finding.verdict, finding.changes) == (Verdict.NOT_ASSESSED, ())


def test_dropbear(rig: Rig) -> None:
    unit = "file /usr/lib/systemd/system/dropbear.service\n|[Install]\n|WantedBy=multi-user.target\n"
    add_to_tree(rig.root, f"remove /usr/sbin/sshd\nelf /usr/sbin/dropbear x86_64\n{unit}")
    assert [str(change.path) for change in rig.finding(ID).changes if hasattr(change, "path")] == [
        WANTS.replace("ssh.service", "dropbear.service")
    ]
    rig.prepare()
    assert rig.finding(ID).verdict is Verdict.NOT_ASSESSED
