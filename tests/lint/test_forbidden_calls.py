"""The rules of rules.py hold everywhere, and each is seen to bite on a small bad example."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Dict, Tuple

import pytest

from tests.lint.rules import (
    LAZY,
    Rule,
    dependencies_are_lazy,
    files_are_small,
    functions_are_small,
    names_say_something,
    nobody_starts_a_shell,
    nothing_is_patched,
    only_cli_exits,
    only_render_prints,
    only_system_touches_the_machine,
)
from tests.lint.sources import AGENT, TESTS, Source, imported, sources

AGENT_RULES: Tuple[Rule, ...] = (
    only_system_touches_the_machine,
    only_render_prints,
    only_cli_exits,
    nobody_starts_a_shell,
    dependencies_are_lazy,
    names_say_something,
    files_are_small,
    functions_are_small,
    nothing_is_patched,
)
TEST_RULES: Tuple[Rule, ...] = (nobody_starts_a_shell, names_say_something, nothing_is_patched)


@pytest.mark.parametrize("rule", AGENT_RULES)
def test_the_program(rule: Rule) -> None:
    assert [breach for source in sources(AGENT) for breach in rule(source)] == []


@pytest.mark.parametrize("rule", TEST_RULES)
def test_the_tests(rule: Rule) -> None:
    assert [breach for source in sources(TESTS) for breach in rule(source)] == []


def test_each_dependency_is_imported_behind_one_module() -> None:
    importers: Dict[str, str] = {}
    for source in sources(AGENT):
        for name in {name.split(".")[0] for _, name in imported(source)} & LAZY:
            assert importers.setdefault(name, str(source.path)) == str(source.path)


BAD: Tuple[Tuple[Rule, str, str], ...] = (
    (only_system_touches_the_machine, "cli/check.py", "import subprocess"),
    (only_system_touches_the_machine, "cli/check.py", "from shutil import copy"),
    (only_system_touches_the_machine, "facts/dmi.py", "import ctypes.util"),
    (only_system_touches_the_machine, "facts/dmi.py", "from os import rename"),
    (only_system_touches_the_machine, "steps/grub.py", "open('/etc/fstab')"),
    (only_system_touches_the_machine, "steps/grub.py", "import os\nos.replace('a', 'b')"),
    (only_system_touches_the_machine, "steps/grub.py", "import os\nos.path.exists('a')"),
    (only_system_touches_the_machine, "engine/journal.py", "Path('a').write_text('b')"),
    (only_render_prints, "cli/check.py", "print('met')"),
    (only_render_prints, "system/runner.py", "print('met')"),
    (only_render_prints, "engine/journal.py", "import sys\nsys.stdout.write('met')"),
    (only_cli_exits, "engine/journal.py", "import sys\nsys.exit(1)"),
    (only_cli_exits, "engine/journal.py", "raise SystemExit(1)"),
    (nobody_starts_a_shell, "system/runner.py", "subprocess.run('ls', shell=True)"),
    (nobody_starts_a_shell, "system/runner.py", "os.system('ls')"),
    (dependencies_are_lazy, "facts/mounts.py", "import psutil"),
    (dependencies_are_lazy, "log.py", "from systemd import journal"),
    (names_say_something, "system/utils.py", ""),
    (names_say_something, "facts/base.py", ""),
    (files_are_small, "facts/dmi.py", "x = 1\n" * 301),
    (functions_are_small, "facts/dmi.py", "def read():\n" + "    x = 1\n" * 40),
    (nothing_is_patched, "unit/test_dmi.py", "from unittest import mock"),
    (
        nothing_is_patched,
        "unit/test_dmi.py",
        "def test(monkeypatch):\n    monkeypatch.setattr(os, 'open', None)",
    ),
)


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_a_breach_is_found(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(PurePosixPath(path), text)))


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (only_system_touches_the_machine, "system/root.py", "import subprocess\nopen('/etc/fstab')"),
        (
            only_system_touches_the_machine,
            "steps/grub.py",
            "view.open(path)\nview.glob('/boot/*')\nview.read(path)",
        ),
        (
            only_system_touches_the_machine,
            "steps/grub.py",
            "import os\nos.path.join('a', 'b')\nos.environ.get('A')",
        ),
        (only_render_prints, "cli/render.py", "print('met')"),
        (only_cli_exits, "cli/main.py", "import sys\nsys.exit(main())"),
        (nobody_starts_a_shell, "system/runner.py", "subprocess.run(['ls'], shell=False)"),
        (dependencies_are_lazy, "facts/mounts.py", "def mounts():\n    import psutil"),
        (names_say_something, "formats/based_on.py", ""),
        (
            functions_are_small,
            "a.py",
            "def read():\n    '''Longer than 40 lines: a table.'''\n" + "    x = 1\n" * 40,
        ),
        (
            nothing_is_patched,
            "unit/test_dmi.py",
            "def test(monkeypatch):\n    monkeypatch.setenv('PATH', '')",
        ),
    ],
)
def test_what_is_allowed_is_left_alone(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(PurePosixPath(path), text))) == []


def test_every_rule_has_been_seen_to_bite() -> None:
    assert {rule for rule, _, _ in BAD} == {*AGENT_RULES, *TEST_RULES}
