"""The logger against real streams, a real notification socket, and a stand-in for journald's socket."""

from __future__ import annotations

import io
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hvprep import log

AGENT = Path(log.__file__).parents[1]

# Logs one warning, with stderr as the journal's stream. Run in a process of its own.
PROGRAM = """
import os
from hvprep import log
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
log.configure()
log.warn_ignoring("the first line\\nthe second line")
"""


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    before = (log.LOGGER.handlers[:], log.LOGGER.level, log.LOGGER.propagate)
    yield
    log.LOGGER.handlers[:], level, log.LOGGER.propagate = before
    log.LOGGER.setLevel(level)


def run(program: str, *pythonpath: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": ":".join(map(str, (*pythonpath, AGENT)))}
    return subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=60
    )


def test_people_get_sentences_with_the_level_where_it_matters() -> None:
    stream = io.StringIO()
    log.configure(stream=stream, environ={})
    log.LOGGER.debug("unseen")
    log.LOGGER.info("building %s", "initrd")
    log.warn_ignoring("no such thing.")
    log.LOGGER.error("it failed")
    assert stream.getvalue() == (
        "hvprep: building initrd\nhvprep: warning: no such thing, ignoring\nhvprep: error: it failed\n"
    )


def test_the_level_is_the_callers_and_a_second_call_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    log.configure(stream=first, environ={})
    log.configure(level=logging.DEBUG, stream=second, environ={})
    log.LOGGER.debug("seen")
    assert (first.getvalue(), second.getvalue()) == ("", "hvprep: debug: seen\n")


def test_control_characters_of_a_guest_do_not_reach_the_terminal() -> None:
    stream = io.StringIO()
    log.configure(stream=stream, environ={})
    log.LOGGER.info("a\x1b]0;title\x07 \x9b2J")
    assert stream.getvalue() == "hvprep: a\\x1b]0;title\\x07 \\x9b2J\n"


def test_a_stderr_that_is_not_the_journal_gets_the_text_for_people(tmp_path: Path) -> None:
    with (tmp_path / "terminal").open("w+") as stream:
        log.configure(stream=stream, environ={"JOURNAL_STREAM": "8:1"})
        log.LOGGER.info("to people")
        stream.seek(0)
        assert stream.read() == "hvprep: to people\n"


def test_a_closed_stderr_is_no_crash() -> None:
    program = "from hvprep import log; log.configure(); log.LOGGER.error('nobody'); print('carried on')"
    command = ["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program]
    environ = {**os.environ, "PYTHONPATH": str(AGENT)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "carried on\n"


def test_without_systemd_python_every_line_carries_its_priority(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/__init__.py").write_text("raise ImportError('not installed')\n")
    assert run(PROGRAM, tmp_path).stderr == "<4>the first line\n<4>the second line, ignoring\n"


def test_the_journal_gets_fields() -> None:
    # A mount namespace with a /run of its own, in which the test stands in for journald.
    program = f"""
import os, socket
os.makedirs("/run/systemd/journal")
journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journald.bind("/run/systemd/journal/socket")
journald.settimeout(10)
{PROGRAM}
print(journald.recv(65536).decode("utf-8", "replace"))
"""
    script = 'mount -t tmpfs none /run && exec "$0" -c "$1"'
    environ = {**os.environ, "PYTHONPATH": str(AGENT)}
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", script, sys.executable, program],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""  # nothing goes there twice
    fields = done.stdout.splitlines()
    assert "PRIORITY=4" in fields
    assert "SYSLOG_IDENTIFIER=hvprep" in fields
    assert "LOGGER=hvprep" in fields
    assert "the second line, ignoring" in done.stdout


def test_systemd_is_told_the_status_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(10)
        program = "from hvprep import log; print(log.notify_status('building\\nREADY=1 \\x1b'))"
        command = [sys.executable, "-c", program]
        environ = {**os.environ, "PYTHONPATH": str(AGENT), "NOTIFY_SOCKET": str(path)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
        assert manager.recv(4096) == b"STATUS=building READY=1 \\x1b"
    assert done.stdout == "True\n"


def test_no_manager_is_told_nothing(tmp_path: Path) -> None:
    assert log.notify_status("building", {}) is False


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    program = f"""
import os
from hvprep import log
os.environ["NOTIFY_SOCKET"] = {str(tmp_path / "gone")!r}
print(log.notify_status("building"))
"""
    assert run(program).stdout == "False\n"


def test_systemd_python_is_imported_only_where_it_is_wanted() -> None:
    program = """
import sys
from hvprep import log
log.configure()
log.notify_status("building")
print("systemd" in sys.modules)
"""
    environ = {
        name: value for name, value in os.environ.items() if name not in ("JOURNAL_STREAM", "NOTIFY_SOCKET")
    }
    environ["PYTHONPATH"] = str(AGENT)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
