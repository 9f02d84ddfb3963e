"""The tools of the distribution unpack, refuse, fail, hang or are not there: each is told apart."""

from __future__ import annotations

import io
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hvprep.errors import CommandFailed, FormatError
from hvprep.formats.cpio import Readable
from hvprep.system.decompressor import TOOLS, decompress
from hypothesis import given, settings
from hypothesis import strategies as st

PACKERS = {
    "zstd": ("zstd", "-qc"),
    "lz4": ("lz4", "-qlc"),
    "lz4-frame": ("lz4", "-qc"),
    "lzop": ("lzop", "-qc"),
}
every_kind = pytest.mark.parametrize("kind", list(TOOLS))


def compress(kind: str, data: bytes) -> bytes:
    return subprocess.run(PACKERS[kind], input=data, stdout=subprocess.PIPE, check=True).stdout


def unpack(kind: str, packed: Readable, stall_timeout_s: float = 60.0) -> bytes:
    context = decompress(kind, packed, stall_timeout_s)
    assert context is not None
    parts = []
    with context as plain:
        while part := plain.read(100_000):
            parts.append(part)
        assert plain.read(1) == b""
    return b"".join(parts)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a zstd that stands first in PATH; a test writes it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "zstd"


def write(tool: Path, script: str) -> None:
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


@every_kind
@settings(max_examples=10, deadline=None)
@given(data=st.binary(max_size=3000), times=st.sampled_from((1, 1000)))
def test_what_was_packed_is_unpacked(kind: str, data: bytes, times: int) -> None:
    assert unpack(kind, io.BytesIO(compress(kind, data * times))) == data * times


@every_kind
def test_a_tool_that_is_not_installed(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert decompress(kind, io.BytesIO()) is None


def test_a_kind_that_no_tool_is_known_for() -> None:
    with pytest.raises(KeyError):
        decompress("gzip", io.BytesIO())


@pytest.mark.parametrize("damage", ["cut", "garbage", "zeroed"])
@every_kind
def test_damaged_data_is_a_format_error_in_the_words_of_the_tool(kind: str, damage: str) -> None:
    packed = compress(kind, os.urandom(300_000))
    half = len(packed) // 2
    if damage == "garbage":
        packed = b"no such format at all, and long enough for a header"
    elif damage == "cut" or kind == "lz4":  # a legacy lz4 stream has no checksums
        packed = packed[:half]
    else:
        packed = packed[:half] + bytes(16) + packed[half + 16 :]
    with pytest.raises(FormatError, match=f"{TOOLS[kind][0]} cannot unpack the data: .*\\w") as caught:
        unpack(kind, io.BytesIO(packed))
    assert caught.value.hint


def test_a_silent_failure_tells_its_exit_status(tool: Path) -> None:
    write(tool, "exit 3")
    with pytest.raises(FormatError, match="zstd cannot unpack the data: exit status 3"):
        unpack("zstd", io.BytesIO(b"x"))


def test_many_words_of_a_tool_neither_block_nor_overflow(tool: Path) -> None:
    write(tool, "yes 'bad  thing' | head -c 1000000 >&2; exit 1")
    with pytest.raises(FormatError, match="bad thing bad thing") as caught:
        unpack("zstd", io.BytesIO(b"x"))
    assert len(caught.value.sentence) < 1100


def test_a_killed_tool_is_no_damaged_data(tool: Path) -> None:
    write(tool, "echo some; kill -9 $$")
    with pytest.raises(CommandFailed, match="zstd was killed by signal 9"):
        unpack("zstd", io.BytesIO(b"x"))


@pytest.mark.parametrize("script", ["exec sleep 60", "exec >&-; exec sleep 60"])
def test_a_tool_that_hangs_is_given_up(tool: Path, script: str) -> None:
    write(tool, script)
    began = time.monotonic()
    with pytest.raises(CommandFailed, match="zstd (gave nothing for|did not end within) 0.2 seconds"):
        unpack("zstd", io.BytesIO(b"x"), stall_timeout_s=0.2)
    assert time.monotonic() - began < 10


def test_a_tool_that_does_not_start(tool: Path) -> None:
    tool.write_bytes(b"\x7fELF no program")
    tool.chmod(0o755)
    context = decompress("zstd", io.BytesIO(b"x"))
    assert context is not None
    with pytest.raises(CommandFailed, match="zstd does not start: Exec format error"), context:
        pass


def test_a_tool_that_reads_nothing_may_still_end_well(tool: Path) -> None:
    write(tool, "exec <&-; echo done")
    assert unpack("zstd", io.BytesIO(bytes(5_000_000))) == b"done\n"


def test_the_tool_sees_nothing_of_our_environment(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSTD_CLEVEL", "7")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    write(tool, 'cat /proc/$$/environ; echo "$@"; pwd')
    environment, _, rest = unpack("zstd", io.BytesIO()).decode().rpartition("\0")
    assert environment.split("\0") == ["LC_ALL=C", f"PATH={os.environ['PATH']}"]
    assert rest == "-dcq\n/\n"


class Failing:
    """A stream on a disk that fails."""

    def read(self, size: int, /) -> bytes:
        raise OSError(5, "Input/output error")


@every_kind
def test_input_that_cannot_be_read_is_no_damaged_data(kind: str) -> None:
    with pytest.raises(CommandFailed, match="had no input: .*Input/output error"):
        unpack(kind, Failing())


class Endless:
    """A stream without an end."""

    def read(self, size: int, /) -> bytes:
        return bytes(size)


def test_the_tool_is_dead_when_the_context_ends(tool: Path) -> None:
    write(tool, "echo $$; exec cat")
    context = decompress("zstd", Endless())
    assert context is not None
    with context as plain:
        pid = int(plain.read(100).split(b"\n")[0])
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert threading.active_count() == 1


def test_an_error_within_the_context_is_let_through_and_ends_the_tool() -> None:
    context = decompress("zstd", io.BytesIO(compress("zstd", bytes(50_000_000))))
    assert context is not None
    with pytest.raises(ZeroDivisionError), context as plain:
        assert 1 // (len(plain.read(1000)) - 1000)
    assert threading.active_count() == 1
