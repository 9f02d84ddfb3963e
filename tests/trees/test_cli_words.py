"""What the command line prints and how it ends: statuses, JSON, colours, mistakes of whoever types."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Iterator, Tuple

import pytest
from hvprep import __version__
from hvprep.steps.registry import STEPS
from jsonschema import Draft202012Validator

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.command import AGENT, argv, environment, hvprep, hvprep_as_nobody, hvprep_on_terminal
from tests.trees.tree import add_to_tree, make_tree

SCHEMA = AGENT.parent / "conf" / "report.schema.json"
ESCAPE = "\x1b"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A tree that nothing here changes."""
    root = make_tree("debian-12-dracut", tmp_path / "root")
    before = take_snapshot(root, ("/run",))
    yield root
    for name in ("hvprep.conf", "hvprep.conf.d/10.conf", "hvprep.conf.d"):
        path = root / "etc" / name
        if path.is_dir():
            path.rmdir()
        elif path.exists():
            path.unlink()
    assert diff_snapshots(before, take_snapshot(root, ("/run",))) == []


def test_check_prints_a_report_for_programs(root: Path) -> None:
    everything = ",".join(step.id for step in STEPS)
    done = hvprep("check", "--root", str(root), "--json", "--only", everything)
    assert (done.status, done.err) == (3, "")
    report = json.loads(done.out)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert report["exit_status"] == 3
    assert report["root"] == str(root)
    assert [finding["id"] for finding in report["findings"]] == [step.id for step in STEPS]


def test_check_prints_one_requirement(root: Path) -> None:
    done = hvprep("check", "--root", str(root), "--json", "--only", "initrd-drivers")
    assert [finding["id"] for finding in json.loads(done.out)["findings"]] == ["initrd-drivers"]
    assert done.status == 3


def test_the_list_of_requirements(root: Path) -> None:
    done = hvprep("check", "--root", str(root), "--list")
    assert done.status == 0
    for step in STEPS:
        assert f"{step.id}: {step.title}\n" in done.out
        assert step.source in done.out
    rows = json.loads(hvprep("check", "--list", "--json").out)
    assert [row["id"] for row in rows] == [step.id for step in STEPS]


def test_strict_counts_required_rows_all_the_same(root: Path) -> None:
    assert hvprep("check", "--root", str(root), "--strict").status == 3


def test_every_finding_says_why_and_what_to_do(root: Path) -> None:
    done = hvprep("check", "--root", str(root))
    assert done.out.count("not met   ") == 4
    assert done.out.count("                - ") >= 3
    assert done.out.count("                remedy: ") == 4


def test_there_are_no_colours_without_a_terminal(root: Path) -> None:
    for words in (("check",), ("prepare", "--dry-run"), ("status",)):
        assert ESCAPE not in hvprep(words[0], "--root", str(root), *words[1:]).out


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_on_a_terminal(root: Path, env: Dict[str, str], coloured: bool) -> None:
    """no-color.org: "when present and not an empty string"."""
    done = hvprep_on_terminal("", "check", "--root", str(root), env=env)
    assert done.status == 3
    assert (f"{ESCAPE}[31mnot met" in done.out) == coloured
    assert (ESCAPE in done.out) == coloured


def test_what_an_image_says_does_not_steer_the_terminal(root: Path) -> None:
    """Nor does it stop us where it is no UTF-8."""
    path = root / "boot/grub/grub.cfg"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'Debian GNU/Linux'", b"'Debian \x1b[2J\x07\xc2\x9b1m\xff'"))
    for env in ({}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        done = hvprep("check", "--root", str(root), env=env)
        assert done.status == 3
        assert r'entry "Debian \x1b[2J\x07\x9b1m\udcff"' in done.out
        assert set(done.out.encode()) <= {0x0A, *range(0x20, 0x7F)}
    path.write_bytes(content)


def test_whoever_stops_reading_gets_no_traceback(root: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            argv("check", "--root", str(root)),
            stdout=nobody,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "the following arguments are required: VERB"),
        (("nonsense",), "invalid choice: 'nonsense'"),
        (("check", "--nonsense"), "unrecognized arguments: --nonsense"),
        (("check", "--root", "/no/such/directory"), "--root /no/such/directory: there is no such directory"),
        (("check", "--root", "/etc/passwd"), "--root /etc/passwd: there is no such directory"),
        (("check", "--only", "nonsense"), "--only nonsense: there is no such requirement"),
        (("prepare", "--only", "nonsense"), "--only nonsense: there is no such requirement"),
        (("prepare", "--plan", "a", "--save-plan", "b"), "not allowed with argument"),
    ],
)
def test_a_mistake_on_the_command_line(words: Tuple[str, ...], says: str) -> None:
    done = hvprep(*words)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


@pytest.mark.parametrize("verb", ["prepare", "rollback"])
def test_without_a_terminal_a_yes_has_to_be_said_beforehand(root: Path, verb: str) -> None:
    done = hvprep(verb, "--root", str(root))
    assert done.status == 2
    assert done.err.startswith("hvprep: there is no terminal to ask on\n        add --yes")


def test_a_transaction_that_there_is_not(root: Path) -> None:
    done = hvprep("rollback", "--root", str(root), "--dry-run", "0007")
    assert done.status == 2
    assert "there is no transaction 0007" in done.err


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("hvprep.conf", "Kernel.RootDelai=3\n", "line 1: 'Kernel.RootDelai' is no key"),
        ("hvprep.conf", "\n\nKernel.RootDelay=soon\n", "line 3: Kernel.RootDelay takes a whole"),
        ("hvprep.conf.d/10.conf", "# x\nKernel.Console\n", "line 2: 'Kernel.Console' is"),
    ],
)
def test_a_mistake_in_the_settings(root: Path, path: str, text: str, says: str) -> None:
    add_to_tree(root, f"file /etc/{path}\n" + "".join(f"|{line}\n" for line in text.splitlines()))
    for words in (("check",), ("prepare", "--dry-run"), ("status",)):
        done = hvprep(words[0], "--root", str(root), *words[1:])
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith(f"hvprep: /etc/{path}, {says}")


def test_settings_change_what_is_asked_for(root: Path) -> None:
    text = "|Kernel.Console=ttyS1,9600n8\n|Kernel.RootDelay=0\n|SerialGetty.Enable=n\n"
    add_to_tree(root, f"file /etc/hvprep.conf\n{text}")
    done = hvprep("check", "--root", str(root))
    assert "console=ttyS1,9600n8; it lacks earlyprintk=ttyS1,9600" in " ".join(done.out.split())
    assert "rootdelay" not in done.out
    assert "not applicable  serial-getty" in done.out


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 99}', '{"version": 1, "changes": [{}], "before": {}}']
)
def test_a_file_that_is_no_plan(root: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    done = hvprep("prepare", "--root", str(root), "--dry-run", "--plan", str(file))
    assert done.status in (1, 2)
    assert done.err.startswith("hvprep: ")
    assert done.err.count("\n") <= 2
    missing = hvprep("prepare", "--root", str(root), "--dry-run", "--plan", str(tmp_path / "none"))
    assert missing.status == 2
    assert missing.err.startswith(f"hvprep: --plan {tmp_path}/none: No such file or directory\n")


def test_version_and_help() -> None:
    assert hvprep("--version") == (0, f"hvprep {__version__}\n", "")
    done = hvprep("--help")
    assert done.status == 0
    assert "exit status:" in done.out
    for verb in ("check", "prepare", "rollback", "status"):
        assert hvprep(verb, "--help").status == 0


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("prepare", "--yes"), 1, "hvprep: only root can do this\n        run it with sudo, or as root\n"),
        (("rollback", "--yes"), 1, "hvprep: only root can do this\n        run it with sudo, or as root\n"),
        (("check",), 3, ""),
    ],
)
def test_others_than_root_may_look(words: Tuple[str, ...], status: int, says: str) -> None:
    """What they may not read (grub.cfg and dracut's initrds have mode 0600) is not judged."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        root = make_tree("debian-12-dracut", Path(directory) / "root")
        before = take_snapshot(root, ("/run",))
        done = hvprep_as_nobody(words[0], "--root", str(root), *words[1:])
        assert (done.status, done.err) == (status, says), done.out
        if words == ("check",):
            assert "initrd.img-6.1.0-56-amd64 cannot be read: Permission denied" in done.out
            assert "not assessed    kernel-parameters" in done.out
        assert diff_snapshots(before, take_snapshot(root, ("/run",))) == []


def test_the_words_do_not_depend_on_the_locale(root: Path) -> None:
    plain = hvprep("check", "--root", str(root))
    for env in ({"LC_ALL": "de_DE.UTF-8"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"LANG": "tr_TR.UTF-8"}):
        assert hvprep("check", "--root", str(root), env=env) == plain
