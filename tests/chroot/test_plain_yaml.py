"""What we read of YAML is what PyYAML, which cloud-init reads it with, makes of the same text."""

from __future__ import annotations

import json
from typing import Any, Iterator, List

import pytest
from hvprep.errors import FormatError
from hvprep.formats.plain_yaml import Node, parse
from hypothesis import given
from hypothesis import strategies as st

from tests.chroot.guest import Guest, overlaid_guest
from tests.laws.strategies import law
from tests.roots import pristine_root

SCRIPT = """
import json, sys, yaml
answers = []
for text in json.load(open("/root/texts.json")):
    try:
        loaded = yaml.load(text, Loader=yaml.BaseLoader)
        answers.append("" if loaded is None else loaded)
    except yaml.YAMLError:
        answers.append(None)
json.dump(answers, sys.stdout)
"""

WORDS = ["a", "b c", "true", "00:0d:3a:01:02:03", "10.0.0.4/24", "-1", "x#y", "it's", "a:b", ":z", "?", "-"]
SCALARS = st.sampled_from([*WORDS, "'x: y'", '"q\\"r"', "''", "~", "1 # c", ""])
KEYS = st.sampled_from(["a", "b", "'c d'", '"e"', "f-g", "00:01"])
FLOWS = st.recursive(
    st.sampled_from([*WORDS[:-3], "'x, y'", '"]"']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=2).map(lambda items: f"[{','.join(items)} ,]" if items else "[ ]"),
        st.dictionaries(KEYS, inner, max_size=2).map(
            lambda members: "{" + ", ".join(f"{key}: {value}" for key, value in members.items()) + "}"
        ),
    ),
    max_leaves=6,
)


def indented(lines: List[str], first: str, rest: str) -> List[str]:
    return [(first if number == 0 else rest) + line for number, line in enumerate(lines)]


def mapping(members: Any) -> List[str]:
    lines: List[str] = []
    for key, (value, indent) in members:
        if isinstance(value, str):
            lines.append(f"{key}: {value}")
        else:
            lines += [f"{key}:", *indented(value, " " * indent, " " * indent)]
    return lines


def sequence(items: Any) -> List[str]:
    lines: List[str] = []
    for value in items:
        lines += [f"- {value}"] if isinstance(value, str) else indented(value, "- ", "  ")
    return lines


BLOCKS = st.recursive(
    st.one_of(SCALARS, FLOWS),
    lambda inner: st.one_of(
        st.lists(
            st.tuples(KEYS, st.tuples(inner, st.sampled_from([1, 2, 4]))),
            min_size=1,
            max_size=3,
            unique_by=lambda member: member[0].strip("'\""),
        ).map(mapping),
        st.lists(inner, min_size=1, max_size=3).map(sequence),
    ),
    max_leaves=8,
)
NOISE = st.lists(st.sampled_from(["", "# c", "  # d"]), max_size=1)


def document(head: List[str], block: Any, tail: List[str]) -> str:
    return "".join(f"{line}\n" for line in [*head, *([block] if isinstance(block, str) else block), *tail])


DOCUMENTS = st.builds(document, NOISE, BLOCKS, NOISE)


def plain(node: Node) -> Any:
    if node.members is not None:
        return {key: plain(value) for key, value in node.members}
    if node.items is not None:
        return [plain(item) for item in node.items]
    return node.scalar


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as made:
        yield made


@law(40)
@given(st.lists(DOCUMENTS, min_size=1, max_size=10))
def test_as_pyyaml_reads_it(sandbox: Guest, texts: List[str]) -> None:
    (sandbox.root / "root/texts.json").write_text(json.dumps(texts))
    answers = json.loads(sandbox.tool("python3", "-c", SCRIPT))
    for text, answer in zip(texts, answers):
        ours = read(text)
        assert ours == answer or ours is None, text
        # What is refused without a reason would never be judged.
        assert ours is not None or answer is None or "?" in text or "\\" in text, text


def read(text: str) -> Any:
    try:
        return plain(parse(text))
    except FormatError:
        return None
