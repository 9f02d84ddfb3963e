"""What boot starts, by init: files as the distributions have them, in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Optional, Tuple

import pytest
from hvprep.facts.services import Service, find_service, uses_systemd
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

SYSTEMD = """
file /usr/lib/systemd/system/basic.target
link /lib usr/lib
elf /usr/lib/systemd/systemd x86_64
link /usr/sbin/init ../lib/systemd/systemd
link /sbin usr/sbin
file /usr/lib/systemd/system/ssh.service
|[Install]
|WantedBy=multi-user.target
file /usr/lib/systemd/system/ssh.socket
|[Install]
|WantedBy=sockets.target
"""
WANTS = "link /etc/systemd/system/multi-user.target.wants/ssh.service /lib/systemd/system/ssh.service\n"
SOCKET = "link /etc/systemd/system/sockets.target.wants/ssh.socket /lib/systemd/system/ssh.socket\n"
#: Debian's openssh-server without systemd: insserv's links.
SCRIPT = """
file /etc/init.d/ssh 0755
|### BEGIN INIT INFO
link /etc/rc2.d/S02ssh ../init.d/ssh
link /etc/rc3.d/S02ssh ../init.d/ssh
"""
SYSV = "elf /sbin/init x86_64\n" + SCRIPT
UPSTART = """
elf /sbin/init x86_64
file /etc/init/ssh.conf
|# start on nothing
|description "OpenSSH server"
|start on runlevel [2345]
|stop on runlevel [!2345]
"""
OPENRC = """
elf /sbin/init x86_64
file /etc/init.d/sshd 0755
|#!/sbin/openrc-run
link /etc/runlevels/{}/sshd /etc/init.d/sshd
"""


def find(root: Path, text: str, *names: str) -> Optional[Service]:
    add_to_tree(root, text)
    return find_service(Root(root), *names)


def cases() -> Iterator[Tuple[str, str, Tuple[str, ...], bool, Optional[str]]]:
    """Name, tree, names asked for, whether it is started, the path that was found."""
    unit = "/usr/lib/systemd/system/ssh.service"
    yield "systemd", SYSTEMD + WANTS, ("ssh",), True, unit
    yield "systemd, by unit", SYSTEMD + WANTS, ("ssh.service",), True, unit
    yield "systemd, off", SYSTEMD, ("ssh",), False, unit
    yield "the socket", SYSTEMD + SOCKET, ("ssh", "ssh.socket"), True, "/usr/lib/systemd/system/ssh.socket"
    yield "all off: the first", SYSTEMD, ("sshd", "ssh", "ssh.socket"), False, unit
    mask = "link /etc/systemd/system/ssh.service /dev/null\n"
    yield "masked", SYSTEMD + WANTS + mask, ("ssh",), False, "/etc/systemd/system/ssh.service"
    own = "file /etc/systemd/system/ssh.service\n|[Service]\n"
    yield "an own unit", SYSTEMD + WANTS + own, ("ssh",), True, "/etc/systemd/system/ssh.service"
    vendor = "link /usr/lib/systemd/system/multi-user.target.wants/ssh.service ../ssh.service\n"
    yield "the vendor's link", SYSTEMD + vendor, ("ssh",), True, unit
    for kind, target, starts in (
        ("requires", "multi-user.target", True),
        ("upholds", "multi-user.target", True),
        ("wants", "cloud-init.target", True),
        ("wants", "rescue.target", False),
        ("wants", "shutdown.target", False),
    ):
        link = f"link /etc/systemd/system/{target}.{kind}/ssh.service /lib/systemd/system/ssh.service\n"
        yield f"{target}.{kind}", SYSTEMD + link, ("ssh",), starts, unit
    mine = "link /etc/systemd/system/mine.target.wants/ssh.service /x\n"
    mine += "file /etc/systemd/system/mine.target\n|[Install]\n|WantedBy=multi-user.target\n"
    named = "file /etc/systemd/system/ssh.service\n|[Install]\n|WantedBy=mine.target\n"
    into = "link /etc/systemd/system/multi-user.target.wants/mine.target /x\n"
    own = "/etc/systemd/system/ssh.service"
    yield "a target that nothing starts", SYSTEMD + mine, ("ssh",), False, unit
    yield "one that the unit alone names", SYSTEMD + mine + named, ("ssh",), False, own
    yield "one that a boot comes by", SYSTEMD + mine + into, ("ssh",), True, unit
    default = "link /etc/systemd/system/default.target mine.target\n"
    yield "the default target", SYSTEMD + mine + default, ("ssh",), True, unit
    drop_in = "file /etc/systemd/system/basic.target.d/x.conf\n|[Unit]\n|Wants=a.service mine.target\n"
    yield "one that another asks for", SYSTEMD + mine + drop_in, ("ssh",), True, unit
    yield "one of a like name", SYSTEMD + mine + drop_in.replace(" mine", " x-mine"), ("ssh",), False, unit
    ring = mine + "link /etc/systemd/system/a.target.wants/mine.target /x\n"
    ring += "link /etc/systemd/system/mine.target.wants/a.target /x\n"
    units = "abcdefghij"
    web = "".join(
        f"link /etc/systemd/system/{a}.service.wants/{b}.service /x\n" for a in units for b in units
    )
    web += "".join(f"link /etc/systemd/system/{a}.service.wants/ssh.service /x\n" for a in units)
    yield "a web of services", SYSTEMD + web, ("ssh",), False, unit
    graphical = "link /etc/systemd/system/graphical.target.wants/ssh.service /x\n"
    text = "link /etc/systemd/system/default.target /usr/lib/systemd/system/multi-user.target\n"
    yield "the graphical target, where that is the default", SYSTEMD + graphical, ("ssh",), True, unit
    yield "the graphical target, where it is not", SYSTEMD + graphical + text, ("ssh",), False, unit
    after = drop_in.replace("Wants=", "After=")
    yield "one that another only comes after", SYSTEMD + mine + after, ("ssh",), False, unit
    rescue = drop_in.replace("basic.target.d", "rescue.target.d")
    yield "one that only the rescue target asks for", SYSTEMD + mine + rescue, ("ssh",), False, unit
    folded = drop_in.replace("|Wants=a.service mine.target", "|Wants=a.service \\\n| mine.target")
    yield "one that a folded line asks for", SYSTEMD + mine + folded, ("ssh",), True, unit
    yield "a ring of targets", SYSTEMD + ring, ("ssh",), False, unit
    template = SYSTEMD + "file /usr/lib/systemd/system/getty@.service\n|[Service]\n"
    path = "/usr/lib/systemd/system/getty@.service"
    yield "a template", template + WANTS, ("getty@.service",), False, path
    instance = "link /etc/systemd/system/getty.target.wants/getty@tty1.service /lib/x\n"
    yield "an instance", template + instance, ("getty@.service",), True, path
    yield "a script, systemd", SYSTEMD + SCRIPT.replace("ssh", "old"), ("old",), True, "/etc/init.d/old"
    yield "a unit hides the script", SYSTEMD + SCRIPT, ("ssh",), False, unit
    yield "sysvinit", SYSV, ("ssh",), True, "/etc/init.d/ssh"
    stopped = SYSV.replace("S02ssh", "K01ssh")
    yield "sysvinit, off", stopped, ("ssh",), False, "/etc/init.d/ssh"
    longer = SYSV + "file /etc/init.d/ss 0755\n|#\n"
    yield "sysvinit, another's link", longer, ("ss",), False, "/etc/init.d/ss"
    el = SYSV.replace("/etc/rc", "/etc/rc.d/rc").replace("/etc/init.d", "/etc/rc.d/init.d")
    yield "EL 5", el + "link /etc/init.d rc.d/init.d\n", ("ssh",), True, "/etc/init.d/ssh"
    sles = SYSV.replace("/etc/rc", "/etc/init.d/rc")
    yield "SLES 11", sles, ("ssh",), True, "/etc/init.d/ssh"
    yield "upstart", UPSTART, ("ssh",), True, "/etc/init/ssh.conf"
    manual = "file /etc/init/ssh.override\n|# mine\n|  manual\n"
    yield "upstart, manual", UPSTART + manual, ("ssh",), False, "/etc/init/ssh.conf"
    event = UPSTART.replace("|start on", "|#start on")
    yield "upstart, no event", event, ("ssh",), False, "/etc/init/ssh.conf"
    override = "file /etc/init/ssh.override\n|start on filesystem\n"
    yield "upstart, event beside", event + override, ("ssh",), True, "/etc/init/ssh.conf"
    yield "OpenRC", OPENRC.format("default"), ("ssh", "sshd"), True, "/etc/init.d/sshd"
    yield "OpenRC, boot", OPENRC.format("boot"), ("sshd",), True, "/etc/init.d/sshd"
    yield "OpenRC, shutdown", OPENRC.format("shutdown"), ("sshd",), False, "/etc/init.d/sshd"
    yield "none", SYSTEMD, ("dropbear",), False, None
    yield "none without systemd", SYSV, ("dropbear",), False, None


@pytest.mark.parametrize(
    ("tree", "names", "starts", "path"), [case[1:] for case in cases()], ids=[case[0] for case in cases()]
)
def test_what_boot_starts(
    tmp_path: Path, tree: str, names: Tuple[str, ...], starts: bool, path: Optional[str]
) -> None:
    service = find(tmp_path, tree, *names)
    assert (service is not None and service.is_enabled) is starts
    assert (None if service is None else service.path) == (None if path is None else GuestPath(path))


def test_an_empty_unit_is_a_mask(tmp_path: Path) -> None:
    service = find(tmp_path, SYSTEMD + WANTS + "file /etc/systemd/system/ssh.service\n", "ssh")
    assert service is not None
    assert service.masked_by == GuestPath("/etc/systemd/system/ssh.service")
    assert not service.is_enabled


def test_a_link_is_named_once_where_lib_is_usr_lib(tmp_path: Path) -> None:
    vendor = "link /usr/lib/systemd/system/multi-user.target.wants/ssh.service ../ssh.service\n"
    service = find(tmp_path, SYSTEMD + vendor, "ssh")
    assert service is not None
    assert service.started_by == (GuestPath("/usr/lib/systemd/system/multi-user.target.wants/ssh.service"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SYSTEMD, True),
        (SYSTEMD + "remove /usr/sbin/init\n", True),
        (SYSTEMD + "remove /usr/sbin/init\nelf /usr/sbin/init x86_64\n", False),
        (SYSTEMD + "remove /usr/lib/systemd/system/basic.target\n", True),
        (SYSV, False),
        ("dir /etc\n", False),
    ],
)
def test_which_init(tmp_path: Path, text: str, expected: bool) -> None:
    add_to_tree(tmp_path, text)
    assert uses_systemd(Root(tmp_path)) is expected
