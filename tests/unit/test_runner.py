"""Programs are started with an environment and descriptors of our making, and are ended when they hang."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import List

import pytest
from hvprep.errors import CommandFailed
from hvprep.system.root import Root
from hvprep.system.runner import Runner, enter_live, guest_locale, host_locale

PYTHON = sys.executable
RUNNER = Runner(enter_live, {"LANG": "de_DE.UTF-8"})


def sh(script: str, *words: str) -> List[str]:
    return ["/bin/sh", "-c", script, "sh", *words]


def test_output_and_errors_come_together() -> None:
    result = RUNNER.run(sh("echo out; echo err >&2; exit 3"), 20)
    assert (result.status, result.output) == (3, "out\nerr\n")


def test_words_are_words() -> None:
    nasty = "$(touch /x); `id` * 'quoted' \"two\" \\ \n"
    assert RUNNER.run(["/usr/bin/printf", "%s", nasty], 20).output == nasty


def test_the_environment_is_built_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    monkeypatch.setenv("LD_PRELOAD", "")
    output = RUNNER.run(["/usr/bin/env"], 20, (("TMPDIR", "/scratch"),)).output
    names = dict(line.split("=", 1) for line in output.splitlines())
    assert sorted(names) == ["HOME", "LANG", "PATH", "TERM", "TMPDIR"]
    assert (names["LANG"], names["TMPDIR"]) == ("de_DE.UTF-8", "/scratch")


def test_standard_input_is_what_was_given_and_then_its_end() -> None:
    assert RUNNER.run(["/bin/cat"], 20, stdin=b"a secret").output == "a secret"
    assert RUNNER.run(["/bin/cat"], 20).output == ""


def test_no_descriptor_of_ours_is_inherited(tmp_path: Path) -> None:
    with open(tmp_path / "held", "w") as held:
        os.set_inheritable(held.fileno(), True)
        output = RUNNER.run(["/bin/ls", "-l", "/proc/self/fd"], 20).output
    assert "held" not in output


def test_check_tells_the_last_words() -> None:
    with pytest.raises(CommandFailed, match=r"/bin/sh -c .* failed with exit status 7: two / three / four"):
        RUNNER.check(sh("echo one; echo; echo two; echo three; echo four; exit 7"), 20)
    with pytest.raises(CommandFailed, match="was killed by signal 9"):
        RUNNER.check(sh("kill -9 $$"), 20)
    assert RUNNER.check(["/bin/true"], 20).status == 0


def test_only_the_end_of_a_long_output_is_kept() -> None:
    output = RUNNER.run(sh("yes something | head -c 3000000; echo the end"), 20).output
    assert output.endswith("the end\n")
    assert len(output) < 100_000


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(CommandFailed, match="/nowhere/x could not be started: No such file"):
        RUNNER.run(["/nowhere/x"], 20)


def test_a_timeout_ends_the_whole_session(tmp_path: Path) -> None:
    """A child in the background would keep its end of the pipe, were it still there."""
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    ours = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    seconds: List[float] = []
    script = 'sleep 1000 3>"$1" & sleep 1000 3>"$1"'
    with pytest.raises(CommandFailed, match="took longer than 1 seconds"):
        Runner(enter_live, {}, seconds.append).run(sh(script, str(alive)), 1)
    poll = select.poll()
    poll.register(ours, select.POLLHUP)
    assert poll.poll(60_000) == [(ours, select.POLLHUP)]
    os.close(ours)
    assert seconds == sorted(seconds)
    assert seconds


def test_an_interrupt_ends_the_program(tmp_path: Path) -> None:
    said = tmp_path / "pid"

    def interrupt(seconds: float) -> None:
        if said.exists() and said.read_text().endswith("\n"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(enter_live, {}, interrupt).run(sh('echo $$ > "$1"; exec sleep 1000', str(said)), 900)
    assert not Path("/proc", said.read_text().strip()).exists()


@pytest.mark.parametrize(
    ("name", "text", "locale"),
    [
        (
            "etc/locale.conf",
            'LANG="de_DE.UTF-8"\nLC_TIME=C\n# LANG=x\n',
            {"LANG": "de_DE.UTF-8", "LC_TIME": "C"},
        ),
        ("etc/default/locale", "LANG=fr_FR\nLANGUAGE=fr:en\n", {"LANG": "fr_FR", "LANGUAGE": "fr:en"}),
        ("etc/default/locale", "\xef\xbb\xbf# nothing\n", {"LANG": "C.UTF-8"}),
        ("etc/other", "", {"LANG": "C.UTF-8"}),
    ],
)
def test_the_locale_of_an_image_is_its_own(tmp_path: Path, name: str, text: str, locale: object) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    assert guest_locale(Root(tmp_path)) == locale


def test_the_locale_of_a_live_system_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_MESSAGES", "sv_SE")
    monkeypatch.setenv("LCOUNT", "1")
    locale = host_locale()
    assert locale["LC_MESSAGES"] == "sv_SE"
    assert "LCOUNT" not in locale


def test_a_locale_that_no_program_can_be_given_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/locale").write_bytes(b'LANG="de_DE.UTF-8"\nLC_ALL=a\0b\nLC_X=\xff\nLANGX=y\n')
    assert guest_locale(Root(tmp_path)) == {"LANG": "de_DE.UTF-8"}


def test_a_word_that_no_program_can_be_given() -> None:
    for argv, env in (
        (["/bin/true", "\0"], ()),
        (["/bin/true"], (("A", "\0"),)),
        (["/bin/true", "\ud800"], ()),
    ):
        with pytest.raises(CommandFailed, match="could not be started"):
            Runner(enter_live, {}).run(argv, 20, env)
