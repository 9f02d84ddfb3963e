"""The command line as people use it: a process of its own, on a tree that can be entered by a real chroot.

Such a tree holds the host's own sh and cat with their libraries. Its generators are scripts that hand out
what the stand-ins made of the same tree before: the process has the real Enter, with all its mounts.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from tests.requirements import only_boot
from tests.trees.rig import Rig
from tests.trees.tree import make_tree

AGENT = Path(__file__).parents[2] / "agent"
KERNEL = "6.1.0-56-amd64"
INITRD = f"boot/initrd.img-{KERNEL}"

#: How long a command may say nothing on a terminal.
_TERMINAL_TIMEOUT_S = 60.0
_MKINITRAMFS = """#!/bin/sh
while [ $# -gt 1 ]; do
    [ "$1" != -o ] || out=$2
    shift
done
[ ! -e /usr/share/stand-in/wait ] || { echo started >/var/started; read -r word </var/go; }
cat /usr/share/stand-in/new-initrd >"$out"
"""
_MKCONFIG = """#!/bin/sh
# reads /etc/default/grub.d/*.cfg
cat /usr/share/stand-in/new-grub.cfg >"$2"
"""


class Done(NamedTuple):
    """How a process ended."""

    status: int
    out: str
    err: str


def make_runnable_tree(root: Path) -> Path:
    """Debian 12 with initramfs-tools, whose programs run in a chroot."""
    twin = Rig(make_tree("debian-12-initramfs-tools", root.with_name("twin")))
    twin.prepare()
    make_tree("debian-12-initramfs-tools", root)
    made = root / "usr/share/stand-in"
    shutil.copy(twin.root / INITRD, made / "new-initrd")
    shutil.copy(twin.root / "boot/grub/grub.cfg", made / "new-grub.cfg")
    shutil.rmtree(twin.root)
    for program in ("dash", "cat"):
        _copy_program(root, f"/usr/bin/{program}")
    for name, text in (
        ("usr/sbin/mkinitramfs", _MKINITRAMFS),
        ("usr/sbin/grub-mkconfig", _MKCONFIG),
        ("usr/bin/grub-script-check", "#!/bin/sh\n"),
    ):
        (root / name).write_text(text)
    return root


def _copy_program(root: Path, program: str) -> None:
    listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(", listing)]:
        target = root / path[1:]
        directory = target.parent.resolve()  # /lib64 is a link
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, directory)


def environment(extra: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(AGENT), "TERM": "xterm", **(extra or {})}


def argv(*words: str) -> List[str]:
    """By the requirements of the boot alone where `words` name no others."""
    return [sys.executable, "-m", "hvprep.cli", *only_boot(words)]


def hvprep(*words: str, env: Optional[Mapping[str, str]] = None) -> Done:
    """Run to the end without a terminal."""
    done = subprocess.run(
        argv(*words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(env),
        check=False,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def hvprep_on_terminal(answer: str, *words: str, env: Optional[Mapping[str, str]] = None) -> Done:
    """Run on a terminal, where somebody types `answer` when asked; all that appears there is `out`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv(*words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(env),
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    seen = b""
    is_answered = False
    while True:
        if not select.select([ours], [], [], _TERMINAL_TIMEOUT_S)[0]:
            process.kill()
            raise AssertionError(f"it waits on the terminal: {seen.decode()}")
        try:
            data = os.read(ours, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            break
        if not data:
            break
        seen += data
        if not is_answered and b"[y/N] " in seen:
            os.write(ours, answer.encode())
            is_answered = True
    os.close(ours)
    return Done(process.wait(60), seen.decode().replace("\r\n", "\n"), "")


def _take_terminal() -> None:
    """Its keys, like Ctrl-C, are for this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def start_and_wait(root: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """A prepare that has come to the first generator and waits in it; `let_go` lets it go on."""
    (root / "usr/share/stand-in/wait").touch()
    os.mkfifo(root / "var/go")
    process = subprocess.Popen(
        argv(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    deadline = time.monotonic() + 30
    while not (root / "var/started").exists():
        assert process.poll() is None, "it ended before it came to the generator"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def clean_up(root: Path) -> None:
    """Remove what `start_and_wait` made."""
    for name in ("usr/share/stand-in/wait", "var/go", "var/started"):
        (root / name).unlink()


#: The first run imports all that is needed: root's own Python may be out of reach afterwards.
_AS_NOBODY = """
import contextlib, io, os, sys
from hvprep.cli import parser
with contextlib.redirect_stdout(io.StringIO()):
    parser.run(["check", "--root", sys.argv[3]])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(parser.run(sys.argv[1:]))
"""


def hvprep_as_nobody(*words: str) -> Done:
    """A run as the user nobody, with all modules loaded before: they may lie where only root can read."""
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
