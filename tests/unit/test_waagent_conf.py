"""/etc/waagent.conf: read as waagent reads it, edited without touching anything else."""

from __future__ import annotations

from typing import Dict, Optional

import pytest
from hvprep.errors import FormatError
from hvprep.formats.waagent_conf import parse
from hypothesis import given
from hypothesis import strategies as st

KEY = "ResourceDisk.Format"
LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [f"{KEY}=y", f"#{KEY}=y", f"# {KEY} = n", f' {KEY} = "n" # c', "None", "", "A.B=None"]
        ),
        st.text(max_size=20),
    ),
    max_size=8,
).map("\n".join)
VALUES = st.one_of(
    st.sampled_from(["y", "n", "None", "", "2048", "/mnt/re source"]),
    st.text(max_size=10).filter(lambda text: not set('#"\n\r\0') & set(text) and text == text.strip()),
)


def reference(content: str) -> Dict[str, Optional[str]]:
    """ConfigurationProvider.load of WALinuxAgent 2.7.3 (common/conf.py)."""
    values: Dict[str, Optional[str]] = {}
    for line in content.split("\n"):
        if not line.startswith("#") and "=" in line:
            parts = line.split("=", 1)
            key = parts[0].strip()
            value = parts[1].split("#")[0].strip('" ').strip()
            values[key] = value if value != "None" else None
    return values


@given(LINES)
def test_every_text_is_read_as_waagent_reads_it(text: str) -> None:
    conf = parse(text)
    assert conf.render() == text
    values = reference(text)
    assert {key: conf.value(key) for key in values} == values
    assert conf.value("Not.There") is None


@given(LINES, VALUES)
def test_what_is_set_is_read_and_nothing_else_changes(text: str, value: str) -> None:
    edited = parse(text).with_values({KEY: value})
    expected = {**reference(text), KEY: None if value == "None" else value}
    assert reference(edited.render()) == expected
    assert edited.with_values({KEY: value}) == edited


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", f"{KEY}=n\n"),
        ("A=1", f"A=1\n{KEY}=n\n"),
        ("A=1\r\n", f"A=1\r\n{KEY}=n\r\n"),
        (f"{KEY}=y\n", f"{KEY}=n\n"),
        (f"{KEY}=y", f"{KEY}=n"),
        (f"{KEY}=y\r\n", f"{KEY}=n\r\n"),
        (f'{KEY} = "y"   # keep\nA=1\n', f"{KEY} = n   # keep\nA=1\n"),
        (f"{KEY}=y\nA=1\n{KEY}=y\n", f"{KEY}=y\nA=1\n{KEY}=n\n"),
        (f"# {KEY}=y\nA=1\n", f"# {KEY}=y\n{KEY}=n\nA=1\n"),
        (f"#{KEY} = y", f"#{KEY} = y\n{KEY}=n\n"),
        (f"# Another{KEY}=y\nA=1\n", f"# Another{KEY}=y\nA=1\n{KEY}=n\n"),
    ],
)
def test_the_line_that_counts_is_edited(text: str, edited: str) -> None:
    assert parse(text).with_values({KEY: "n"}).render() == edited


@pytest.mark.parametrize("value", ["a#b", '"a"', " a", "a ", "a\nb", "a\rb", "a\0b"])
def test_a_value_that_would_read_back_as_another_is_refused(value: str) -> None:
    with pytest.raises(FormatError, match="cannot hold"):
        parse("").with_values({KEY: value})


@pytest.mark.parametrize(
    ("value", "is_on"), [("y", True), ("Y", True), ("n", False), ("yes", None), ("", None), ("None", None)]
)
def test_switches(value: str, is_on: Optional[bool]) -> None:
    conf = parse(f"{KEY}={value}\n")
    for otherwise in (True, False):
        assert conf.is_on(KEY, otherwise) is (otherwise if is_on is None else is_on)
