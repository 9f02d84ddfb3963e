"""Decompression by the tools of the distribution: what made an image knows how to unpack it."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, BinaryIO, ContextManager

from hvprep.errors import CommandFailed, FormatError, HvprepError
from hvprep.formats.cpio import DAMAGED, Readable

#: The kinds of `formats.initrd_image.Decompress`, and what unpacks each from stdin to stdout.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "zstd": ("zstd", "-dcq"),
    "lz4": ("lz4", "-dcq"),
    "lz4-frame": ("lz4", "-dcq"),
    "lzop": ("lzop", "-dcq"),
}

#: A tool that gives no byte for so long does not work.
STALL_TIMEOUT_S = 120.0

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_JOIN_TIMEOUT_S = 5.0
_CHUNK_BYTES = 128 * 1024
_PIPE_BYTES = 256 * 1024  # a bigger one, or bigger reads, are slower: they fall out of the cache
_F_SETPIPE_SZ = 1031  # fcntl(2); the module fcntl has it from Python 3.10 on


def decompress(
    kind: str, packed: Readable, stall_timeout_s: float = STALL_TIMEOUT_S
) -> ContextManager[Plain] | None:
    """A context with the plain bytes of what `packed` gives to its end; None where the tool is not installed.

    `packed` is read by a thread and belongs to it until the context ends, when the tool is dead. What reading
    raises is told by `Plain.read`. The tool is looked for in PATH. Raises KeyError for a kind not in TOOLS.
    """
    tool, *options = TOOLS[kind]
    search = os.environ.get("PATH", _PATH)
    program = shutil.which(tool, path=search)
    if program is None:
        return None
    return _running((program, *options), search, packed, stall_timeout_s)


class Plain:
    """What a running tool writes to its standard output."""

    def __init__(self, tool: _Tool, stall_timeout_s: float) -> None:
        self._tool = tool
        self._timeout_s = stall_timeout_s
        self._poll = select.poll()
        self._poll.register(tool.output, select.POLLIN)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none only at the end, when the tool has ended well.

        Raises FormatError where the tool refuses the data, CommandFailed where it was killed or hangs or its
        input cannot be read.
        """
        if not self._poll.poll(self._timeout_s * 1000):
            raise CommandFailed(f"{self._tool.name} gave nothing for {self._timeout_s:g} seconds")
        data = os.read(self._tool.output, size)
        if not data:
            self._tool.end(self._timeout_s)
        return data


class _Tool:
    """A running process, fed by a thread from `packed`; `output` is the file descriptor of what it writes."""

    def __init__(self, argv: tuple[str, ...], search: str, packed: Readable, complaints: BinaryIO) -> None:
        self.name = os.path.basename(argv[0])
        self._complaints = complaints
        self._failure: Exception | None = None
        environment = {"LC_ALL": "C", "PATH": search}
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment, cwd="/"
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.output = self._process.stdout.fileno()
        _widen(self.output)
        _widen(self._process.stdin.fileno())
        self._feeder = threading.Thread(target=self._feed, args=(packed, self._process.stdin), daemon=True)
        self._feeder.start()

    def _feed(self, packed: Readable, pipe: IO[bytes]) -> None:
        try:
            with pipe:
                while data := packed.read(_CHUNK_BYTES):
                    pipe.write(data)
        except BrokenPipeError:
            pass  # the tool ended first; its exit status tells why
        except (OSError, ValueError, HvprepError) as error:
            self._failure = error

    def end(self, timeout_s: float) -> None:
        """Wait for the tool and judge its end."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"{self.name} did not end within {timeout_s:g} seconds") from None
        self._feeder.join(timeout_s)
        if self._failure is not None:
            raise CommandFailed(f"{self.name} had no input: {self._failure}") from self._failure
        if status < 0:
            raise CommandFailed(f"{self.name} was killed by signal {-status}")
        if status > 0:
            self._complaints.seek(0)
            words = " ".join(self._complaints.read(1000).decode("utf-8", "replace").split())
            raise FormatError(
                f"{self.name} cannot unpack the data: {words or f'exit status {status}'}", DAMAGED
            )

    def kill(self) -> None:
        """Leave no process and no thread behind."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._feeder.join(_JOIN_TIMEOUT_S)


@contextmanager
def _running(argv: tuple[str, ...], search: str, packed: Readable, stall_timeout_s: float) -> Iterator[Plain]:
    with os.fdopen(os.memfd_create("stderr"), "w+b") as complaints:
        try:
            tool = _Tool(argv, search, packed, complaints)
        except OSError as error:
            raise CommandFailed(f"{argv[0]} does not start: {error.strerror}") from error
        try:
            yield Plain(tool, stall_timeout_s)
        finally:
            tool.kill()


def _widen(pipe: int) -> None:
    """Fewer switches between the tool and us; where the limit is lower, the pipe stays as it is."""
    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return
