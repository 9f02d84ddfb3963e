"""The manual pages: every verb, option, requirement and setting stands in them, and they format."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import Iterator

import pytest
from docutils.core import publish_string
from hvprep.cli.parser import make_parser
from hvprep.settings import TABLE
from hvprep.steps.documents import render_requirements
from hvprep.steps.registry import STEPS

MANUALS = Path(__file__).parents[2] / "packaging" / "man"
COMMAND, SETTINGS = MANUALS / "hvprep.8.rst", MANUALS / "hvprep.conf.5.rst"


def verbs() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def section(verb: str) -> str:
    """The text under the heading of a verb."""
    match = re.search(rf"^{verb}\n-+\n(.*?)(?=^\S+\n[-=]+\n)", COMMAND.read_text(), re.S | re.M)
    assert match, f"{COMMAND.name} has no section {verb}"
    return match[1]


def described(text: str, option: str) -> bool:
    return re.search(rf"^{re.escape(option)}(?: [A-Z]+)?(?:  +|\n +)\S", text, re.M) is not None


@pytest.mark.parametrize("verb", [name for name, _ in verbs()])
def test_every_option_of_a_verb_is_described(verb: str) -> None:
    parser = dict(verbs())[verb]
    options = {option for action in parser._actions for option in action.option_strings}
    own = options - {"-h", "--help", "--root"}
    assert [option for option in own if not described(section(verb), option)] == []


def test_no_option_is_described_that_there_is_not() -> None:
    actions = [action for _, parser in verbs() for action in parser._actions]
    known = {option for action in actions for option in action.option_strings} | {"--version"}
    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]*", COMMAND.read_text())) - known == set()


def test_every_requirement_is_described() -> None:
    text = COMMAND.read_text()
    assert [step.id for step in STEPS if not re.search(rf"^{step.id}\n    \S", text, re.M)] == []


def test_every_setting_is_described() -> None:
    text = SETTINGS.read_text()
    assert [setting.key for setting in TABLE if setting.key not in text] == []


@pytest.mark.parametrize("path", [COMMAND, SETTINGS], ids=lambda path: path.stem)
def test_it_formats_without_a_warning(path: Path) -> None:
    complaints = io.StringIO()
    settings = {"warning_stream": complaints, "report_level": 1}
    page = publish_string(
        path.read_text(), source_path=str(path), writer_name="manpage", settings_overrides=settings
    )
    assert complaints.getvalue() == ""
    assert b".TH" in page


def test_the_readme_names_every_verb_and_requirement() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    names = [*(f"hvprep {name}" for name, _ in verbs()), *(step.id for step in STEPS)]
    assert [name for name in names if name not in text] == []


def test_the_list_of_requirements_is_made_from_the_steps() -> None:
    made = COMMAND.with_name("requirements.inc").read_text("utf-8")
    assert made == render_requirements(), "make it anew with ./dev conf"
    assert [step.id for step in STEPS if f"\n**{step.id}**\n" not in made] == []
