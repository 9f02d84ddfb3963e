"""A login on the serial port where systemd is not the init: upstart, inittab; and securetty."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.engine.planner import make_plan
from hvprep.facts.gather import gather
from hvprep.model.change import Write
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
#: GRUB legacy, whose one entry has a console= or not.
GRUB = """file /boot/grub/stage2
|x
file /boot/vmlinuz-2.6.32
|x
file /boot/grub/grub.conf
|title One
| kernel /vmlinuz-2.6.32 ro {}
"""


def find(tmp_path: Path, text: str, settings: Settings | None = None) -> Finding:
    add_to_tree(tmp_path, SHELL + text)
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
        ("file /etc/inittab\n|id:3:initdefault:\n", Verdict.NOT_ASSESSED, "nothing in /etc/inittab"),
        ("file /etc/inittab\n|# inittab is no longer used.\n", Verdict.NOT_ASSESSED, "nothing in"),
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
