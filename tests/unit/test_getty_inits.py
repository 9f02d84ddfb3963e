"""A login on the serial port where systemd is not the init: upstart, inittab; and securetty."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.engine.planner import make_plan
from hvprep.facts.gather import gather
from hvprep.model.change import Link, Write
from hvprep.model.finding import Finding, Verdict
from hvprep.settings import Settings
from hvprep.steps.serial_getty import SERIAL_GETTY
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

SHELL = "elf /bin/sh x86_64\n"
AGETTY = "elf /sbin/agetty x86_64\n"
SYSV = "file /etc/inittab\n|id:3:initdefault:\n|1:2345:respawn:/sbin/mingetty tty1\n"
BUSYBOX = "file /etc/inittab\n|::sysinit:/sbin/openrc sysinit\n|tty1::respawn:/sbin/getty 38400 tty1\n"
UPSTART = "elf /sbin/initctl x86_64\nfile /etc/init/tty1.conf\n|exec /sbin/getty -8 38400 tty1\n"
EL6 = UPSTART + (
    "file /etc/init/serial.conf\n|start on fedora.serial-console-available DEV=*\n|exec /sbin/agetty $DEV\n"
)
#: What boots the system where a test says nothing else: extlinux, which counts only where it is alone.
EXTLINUX = """file /boot/vmlinuz-6.9
|x
file /boot/extlinux.conf
|label one
|kernel vmlinuz-6.9
|append ro
"""
#: GRUB legacy, whose one entry has a console= or not.
GRUB = """file /boot/grub/stage2
|x
file /boot/vmlinuz-2.6.32
|x
file /boot/grub/grub.conf
|title One
| kernel /vmlinuz-2.6.32 ro {}
"""


#: Gentoo, Artix: gettys are services.
OPENRC = """file /etc/init.d/agetty 0755
|#!/sbin/openrc-run
dir /etc/runlevels/default
link /etc/init.d/agetty.tty1 agetty
link /etc/runlevels/default/agetty.tty1 /etc/init.d/agetty.tty1
"""
ENABLED = """link /etc/init.d/agetty.ttyS0 agetty
link /etc/runlevels/default/agetty.ttyS0 /etc/init.d/agetty.ttyS0
"""


def find(tmp_path: Path, text: str, settings: Settings | None = None) -> Finding:
    add_to_tree(tmp_path, SHELL + EXTLINUX + text)
    root = Root(tmp_path)
    chosen = settings or Settings()
    (finding,) = make_plan((SERIAL_GETTY,), root, gather(root, False, chosen), chosen).findings
    return finding


def written(finding: Finding) -> dict[str, str]:
    """The last line of each file that is written."""
    assert all(isinstance(change, Write) for change in finding.changes)
    writes = [change for change in finding.changes if isinstance(change, Write)]
    return {str(change.path): change.content.decode().splitlines()[-1] for change in writes}


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        (SYSV + AGETTY, "/etc/inittab", "S0:2345:respawn:/sbin/agetty -L 115200 ttyS0 vt100"),
        (
            BUSYBOX + "file /bin/busybox 0755\n|x\nlink /sbin/getty /bin/busybox\n",
            "/etc/inittab",
            "ttyS0::respawn:/sbin/getty -L 115200 ttyS0 vt100",
        ),
        (UPSTART + AGETTY, "/etc/init/ttyS0.conf", "exec /sbin/agetty -L 115200 ttyS0 vt100"),
        (
            UPSTART
            + AGETTY
            + "file /etc/init/ttyS0.conf\n|#exec /sbin/getty ttyS0\n|# serial-console-available\n",
            "/etc/init/ttyS0.conf",
            "exec /sbin/agetty -L 115200 ttyS0 vt100",
        ),
    ],
)
def test_one_is_added(tmp_path: Path, text: str, path: str, line: str) -> None:
    finding = find(tmp_path, text)
    assert written(finding) == {path: line}
    assert (finding.verdict, finding.remedy) == (Verdict.UNMET, "run hvprep prepare")
    add_to_tree(
        tmp_path, "".join(_as_tree(change) for change in finding.changes if isinstance(change, Write))
    )
    assert find(tmp_path, "").verdict is Verdict.MET


def test_openrc_gets_a_service_of_the_port(tmp_path: Path) -> None:
    finding = find(tmp_path, OPENRC, Settings(kernel_console="ttyS1,9600n8"))
    links = [change for change in finding.changes if isinstance(change, Link)]
    assert [(str(link.path), link.target) for link in links] == [
        ("/etc/init.d/agetty.ttyS1", "agetty"),
        ("/etc/runlevels/default/agetty.ttyS1", "/etc/init.d/agetty.ttyS1"),
    ]
    (settings,) = [change for change in finding.changes if isinstance(change, Write)]
    assert (str(settings.path), b'\nbaud="9600"\n' in settings.content) == ("/etc/conf.d/agetty.ttyS1", True)


def test_openrc_beside_an_inittab_with_gettys_leaves_them_there(tmp_path: Path) -> None:
    assert list(written(find(tmp_path, SYSV + AGETTY + OPENRC))) == ["/etc/inittab"]


def test_a_service_that_is_in_no_runlevel_is_put_there(tmp_path: Path) -> None:
    finding = find(tmp_path, OPENRC + ENABLED.splitlines()[0] + "\n")
    links = [str(change.path) for change in finding.changes if isinstance(change, Link)]
    assert links == ["/etc/runlevels/default/agetty.ttyS0"]


def test_what_the_administrator_set_for_the_service_stays(tmp_path: Path) -> None:
    finding = find(tmp_path, OPENRC + 'file /etc/conf.d/agetty.ttyS0\n|baud="57600"\n')
    assert [type(change) for change in finding.changes] == [Link, Link]


def _as_tree(change: Write) -> str:
    return f"file {change.path}\n" + "".join(f"|{line}\n" for line in change.content.decode().splitlines())


def test_on_the_port_and_with_the_speed_of_the_console(tmp_path: Path) -> None:
    finding = find(tmp_path, SYSV + AGETTY, Settings(kernel_console="ttyS1,9600n8"))
    assert written(finding)["/etc/inittab"] == "S1:2345:respawn:/sbin/agetty -L 9600 ttyS1 vt100"


@pytest.mark.parametrize(
    ("text", "verdict", "why"),
    [
        (SYSV + "|S0:2345:respawn:/sbin/agetty -L 9600 ttyS0\n", Verdict.MET, "keeps a getty on ttyS0"),
        (
            SYSV + "|co:2345:respawn:/sbin/agetty -L 9600 console\n" + GRUB.format("console=ttyS0"),
            Verdict.MET,
            "keeps a getty on the console",
        ),
        (SYSV, Verdict.UNMET, "no agetty and no getty"),
        (UPSTART, Verdict.UNMET, "no agetty and no getty"),
        (UPSTART + "file /etc/init/s.conf\n|exec /sbin/getty -L ttyS0 9600\n", Verdict.MET, "s.conf starts"),
        (
            UPSTART
            + "file /etc/init/s.conf\n|exec /sbin/getty -L ttyS0\nfile /etc/init/s.override\n|manual\n",
            Verdict.UNMET,
            "s.override keeps /etc/init/s.conf from being started",
        ),
        (EL6 + GRUB.format("console=ttyS0"), Verdict.MET, "starts a getty for the kernel's console=ttyS0"),
        (EL6 + GRUB.format(""), Verdict.UNMET, "starts a getty once every boot entry has console=ttyS0"),
        ("file /etc/inittab\n|id:3:initdefault:\n", Verdict.NOT_ASSESSED, "no getty is started by systemd"),
        (OPENRC + ENABLED, Verdict.MET, "agetty.ttyS0 is in a runlevel of OpenRC"),
        (SYSV + OPENRC + ENABLED, Verdict.MET, "agetty.ttyS0 is in a runlevel of OpenRC"),
        (SYSV + ENABLED, Verdict.UNMET, "no agetty and no getty"),
        ("file /etc/inittab\n|# inittab is no longer used.\n", Verdict.NOT_ASSESSED, "no getty is started"),
        (SYSV + "|2:2345:respawn:/sbin/x\r\n", Verdict.NOT_ASSESSED, "has a carriage return"),
    ],
)
def test_verdicts(tmp_path: Path, text: str, verdict: Verdict, why: str) -> None:
    finding = find(tmp_path, text)
    assert (finding.verdict, finding.changes) == (verdict, ())
    assert why in finding.because[0]


@pytest.mark.parametrize("init", ["/lib/sysvinit/init", "/bin/busybox"])
def test_systemd_that_is_not_the_init_starts_nothing(tmp_path: Path, init: str) -> None:
    template = "file /lib/systemd/system/serial-getty@.service\n|[Service]\n"
    text = f"{template}elf {init} x86_64\nlink /sbin/init {init}\n{SYSV}{AGETTY}"
    assert "/etc/inittab" in written(find(tmp_path, text))


@pytest.mark.parametrize(
    ("lines", "added"),
    [
        ("|console\n|tty1\n", True),
        ("|tty1\n|ttyS0\n", False),
        ("|console\n", False),
        ("|# nobody\n", False),
        ("", False),
        ("|# ttyS0\n|tty1\n", True),
        ("|ttyS01\n", True),
    ],
)
def test_securetty(tmp_path: Path, lines: str, added: bool) -> None:
    finding = find(tmp_path, f"{SYSV}|S0:3:respawn:/sbin/agetty ttyS0\nfile /etc/securetty 0600\n{lines}")
    assert written(finding) == ({"/etc/securetty": "ttyS0"} if added else {})
