"""Whether OpenSSH's server accepts its configuration: it is asked itself (sshd(8), -t).

A generalised image has no host keys, so sshd gets one that is thrown away: it comes by the standard input, a
file without a name, and nothing is written into the system. The key is random bytes in the form of one of
ed25519 (OpenSSH, PROTOCOL.key), for sshd checks no more than the form when it starts.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import struct
from dataclasses import dataclass

from hvprep.errors import CommandFailed
from hvprep.facts.architecture import Architecture
from hvprep.facts.tools import find_program
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.system.chroot import ENTER_FAILED, PROGRAM_MISSING
from hvprep.system.runner import Result, Runner

_TIMEOUT_S = 30
#: What sshd says at the very end, with all of its configuration read: that a directory is not there which
#: whatever starts it makes before (RuntimeDirectory= of the unit), or that it knows no key of this kind.
_AT_THE_END = re.compile(
    r"Missing privilege separation directory: (/var)?/run/\S+|.*no hostkeys available -- exiting\.?"
)


@dataclass(frozen=True)
class SshServer:
    """sshd, and what it says of its configuration.

    complaint  what is wrong; None where it accepts it, or could not be asked
    not_asked  why it could not be asked; None where it was
    """

    program: GuestPath
    complaint: str | None = None
    not_asked: str | None = None


def probe_ssh_server(view: View, architecture: Architecture, runner: Runner | None) -> SshServer | None:
    """sshd with its own answer; None where there is no sshd. Without a `runner` no program is started."""
    program = find_program(view, "sshd")
    if program is None:
        return None
    if runner is None:
        return SshServer(program, not_asked="no program of this system is started")
    if os.geteuid() != 0:
        return SshServer(program, not_asked="only root can have sshd read its configuration")
    if not architecture.runs_here:
        return SshServer(program, not_asked=f"programs for {architecture.name or 'it'} do not run here")
    argv = (str(program), "-t", "-h", "/proc/self/fd/0")
    try:
        result = runner.run(argv, _TIMEOUT_S, stdin=_make_key())
    except CommandFailed as error:
        return SshServer(program, not_asked=error.sentence)
    return _judge(program, result)


def _judge(program: GuestPath, result: Result) -> SshServer:
    lines = [line.strip() for line in result.output.splitlines() if line.strip()]
    if result.status == 0 or (lines and _AT_THE_END.fullmatch(lines[-1])):
        return SshServer(program)
    if result.status < 0 or result.status in (ENTER_FAILED, PROGRAM_MISSING):
        return SshServer(program, not_asked=" / ".join(lines[-1:]) or f"it ended with {result.status}")
    # That it cannot load a key is said before anything else, and is no fault of an image without keys.
    told = [line for line in lines if not line.startswith("Unable to load host key")]
    return SshServer(program, complaint=" / ".join(told[-3:]) or f"exit status {result.status}")


def _make_key() -> bytes:
    public, kind = secrets.token_bytes(32), _field(b"ssh-ed25519")
    secret = kind + _field(public) + _field(secrets.token_bytes(32) + public) + _field(b"")
    secret = secrets.token_bytes(4) * 2 + secret
    secret += bytes(range(1, -len(secret) % 8 + 1))
    key = b"openssh-key-v1\0" + _field(b"none") * 2 + _field(b"") + struct.pack(">I", 1)
    key += _field(kind + _field(public)) + _field(secret)
    lines = base64.encodebytes(key)
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + lines + b"-----END OPENSSH PRIVATE KEY-----\n"


def _field(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
