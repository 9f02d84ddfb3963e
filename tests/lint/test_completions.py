"""The shell completions know every verb, option and requirement; the shells themselves make use of them."""

from __future__ import annotations

import argparse
import importlib.util
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Dict, Set, Tuple

import pytest
from hvprep.steps.registry import STEPS

from tests.lint.sources import CHECKOUT
from tests.lint.test_manuals import verbs

GENERATOR = CHECKOUT / "packaging" / "completions.py"
SHELLS = ("bash", "zsh", "fish")
IDS = {step.id for step in STEPS}
CHECKS: Dict[str, Tuple[str, ...]] = {
    "bash": ("bash", "-n"),
    "zsh": ("zsh", "-n"),
    "fish": ("fish", "--no-execute"),
}


#: By shell, the name that it looks for.
NAMES = {"bash": "hvprep", "zsh": "_hvprep", "fish": "hvprep.fish"}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """The scripts as files, by shell."""
    directory = tmp_path_factory.mktemp("completions")
    for shell, name in NAMES.items():
        (directory / name).write_text(run(sys.executable, str(GENERATOR), shell))
    return {shell: directory / name for shell, name in NAMES.items()}


def nested_parser() -> argparse.ArgumentParser:
    """Verbs below a verb, as `hvprep image` will have, and signs that shells are touchy about."""
    parser = argparse.ArgumentParser(prog="hvprep")
    verbs = parser.add_subparsers()
    verbs.add_parser("check", help="it's [so]: a check").add_argument("--live", action="store_true")
    below = verbs.add_parser("image", help='$(images) `of` \\ "disks"').add_subparsers()
    check = below.add_parser("check", help="looks")
    check.add_argument("--profile", metavar="NAME", choices=["azure", "hyperv"], help="100%% of [it's] a:b")
    check.add_argument("image", metavar="IMAGE")
    return parser


@pytest.fixture(scope="module")
def nested_scripts(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    spec = importlib.util.spec_from_file_location("hvprep_completions", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    generator = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    directory = tmp_path_factory.mktemp("nested")
    for shell, name in NAMES.items():
        (directory / name).write_text(generator.RENDERERS[shell](generator.read_grammar(nested_parser())))
    return {shell: directory / name for shell, name in NAMES.items()}


def run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def options_of(verb: str) -> Set[str]:
    return {option for action in dict(verbs())[verb]._actions for option in action.option_strings}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_understands_it(shell: str, scripts: Dict[str, Path]) -> None:
    done = subprocess.run([*CHECKS[shell], str(scripts[shell])], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_shellcheck_has_nothing_to_say(scripts: Dict[str, Path]) -> None:
    argv = ["shellcheck", "--shell=bash", str(scripts["bash"])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def complete(shell: str, script: Path, line: str) -> Set[str]:
    """The words that a real shell offers at the end of the line."""
    return {"bash": complete_bash, "zsh": complete_zsh, "fish": complete_fish}[shell](script, line)


def complete_bash(script: Path, line: str) -> Set[str]:
    words = line.split(" ")
    program = (
        'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        'COMPREPLY=(); _hvprep; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return set(run("bash", "-c", program, "bash", str(script), *words).split())


def complete_fish(script: Path, line: str) -> Set[str]:
    program = f'source {script}; complete -C "{line}"'
    return {offer.split("\t")[0] for offer in run("fish", "--no-config", "-c", program).splitlines()}


#: Writes down what is offered, and says when all has been.
ZSH_PROBE = r"""
PROMPT=
fpath=({directory} $fpath)
autoload -Uz compinit
compinit -D -u
compadd() {{
    if [[ ${{@[1,(i)(-|--)]}} != *-(O|A|D)\ * ]]; then
        local -a offered
        builtin compadd -O offered "$@"
        print -rl -- $offered >>{offers}
    fi
    builtin compadd "$@"
}}
probe() {{ zle complete-word; print -r all of it }}
zle -N probe
bindkey '^T' probe
print ready
"""


def complete_zsh(script: Path, line: str) -> Set[str]:
    """As somebody at a terminal: the line is typed, and a key pressed."""
    offers, setup = script.parent / "offers", script.parent / "setup"
    offers.write_text("")
    setup.write_text(ZSH_PROBE.format(directory=script.parent, offers=offers))
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", HOME=str(script.parent))
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        os.write(terminal, f". {setup}\n".encode())
        _read_until(terminal, "\nready\n")
        os.write(terminal, f"{line}\x14".encode())
        _read_until(terminal, "all of it\n")
        return set(offers.read_text().split())
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def _read_until(terminal: int, end: str) -> None:
    text = ""
    while end not in text:
        text += os.read(terminal, 65536).decode("utf-8", "replace").replace("\r", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_it_offers_every_verb(shell: str, scripts: Dict[str, Path]) -> None:
    assert {name for name, _ in verbs()} <= complete(shell, scripts[shell], "hvprep ")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("verb", [name for name, _ in verbs()])
def test_it_offers_every_option_of_a_verb_and_no_other(
    verb: str, shell: str, scripts: Dict[str, Path]
) -> None:
    offered = {word for word in complete(shell, scripts[shell], f"hvprep {verb} --") if word[:2] == "--"}
    assert offered - {"--"} == {option for option in options_of(verb) if option[:2] == "--"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("verb", [name for name, _ in verbs() if "--only" in options_of(name)])
def test_it_offers_every_requirement(verb: str, shell: str, scripts: Dict[str, Path]) -> None:
    assert complete(shell, scripts[shell], f"hvprep {verb} --only ") >= IDS


@pytest.mark.parametrize("shell", SHELLS)
def test_it_offers_paths_where_one_is_wanted(shell: str, scripts: Dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "image-directory").mkdir()
    (tmp_path / "image-file").write_text("")
    directories = complete(shell, scripts[shell], f"hvprep check --root {tmp_path}/im")
    assert any(word.rstrip("/").endswith("image-directory") for word in directories)
    assert not any(word.endswith("image-file") for word in directories)
    files = complete(shell, scripts[shell], f"hvprep prepare --plan {tmp_path}/image-f")
    assert any(word.endswith("image-file") for word in files)


def test_bash_knows_a_value_after_an_equals_sign(scripts: Dict[str, Path]) -> None:
    """Readline breaks the line there."""
    assert complete_bash(scripts["bash"], "hvprep check --only =") >= IDS
    assert complete_bash(scripts["bash"], "hvprep check --only = initrd") == {"initrd-drivers"}


def test_a_verb_that_is_a_value_is_no_verb(scripts: Dict[str, Path]) -> None:
    offered = complete_bash(scripts["bash"], "hvprep check --root prepare --")
    assert offered == {option for option in options_of("check") if option[:2] == "--"}


@pytest.mark.parametrize("shell", SHELLS)
def test_verbs_may_have_verbs(shell: str, nested_scripts: Dict[str, Path], tmp_path: Path) -> None:
    script, image = nested_scripts[shell], tmp_path / "disk.vhd"
    image.write_text("")
    assert complete(shell, script, "hvprep ") >= {"check", "image"}
    assert "check" in complete(shell, script, "hvprep image ch")
    assert "--live" in complete(shell, script, "hvprep check --")
    below = complete(shell, script, "hvprep image check --")
    assert "--profile" in below
    assert "--live" not in below
    assert complete(shell, script, "hvprep image check --profile ") >= {"azure", "hyperv"}
    images = complete(shell, script, f"hvprep image check {tmp_path}/di")
    assert any(word.endswith("disk.vhd") for word in images)
