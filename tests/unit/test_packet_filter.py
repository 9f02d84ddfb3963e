"""What becomes of a packet, whatever language its rules are written in."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

import pytest
from hvprep.formats.packet_filter import (
    Condition,
    Filter,
    Hook,
    Packet,
    Rule,
    read_value,
    too_many,
    unknown,
)
from hypothesis import given
from hypothesis import strategies as st

PACKET = Packet({"port": ((80, 80),), "source": ((10, 19), (30, 39)), "state": ((1, 1),)})
LATER = Packet({"port": ((80, 80),), "state": ((2, 2),)})
HTTP = Condition.read("port", ["http"], "port http")
SSH = Condition.read("port", ["ssh"], "port ssh")
SOME = unknown("the moon")


def rule(action: str, *conditions: Condition, target: str = "") -> Rule:
    return Rule(action, action, f"file, line {len(conditions)}", conditions, target)


def passes(
    rules: Sequence[Rule], chains: Mapping[str, Sequence[Rule]] = {}, policy: str = "drop"
) -> Optional[bool]:
    hook = Hook("in", "in", Rule(policy, f"policy {policy}"))
    return Filter((hook,), {"in": rules, **chains}).judge("in", PACKET).passes


@pytest.mark.parametrize(
    ("asks", "word", "value"),
    [
        ("port", "80", (80, 80)),
        ("port", "HTTP", (80, 80)),
        ("source port", "1024:", (1024, 1 << 32)),
        ("port", ":80", (0, 80)),
        ("port", "20-30", (20, 30)),
        ("port", "imaps", (-2, -2)),
        ("port", "ftp-http", None),
        ("port", "$x", None),
        ("port", "", None),
        ("port", ":", None),
        ("port", "80 . 81", None),
        ("protocol", "ipv6-icmp", (58, 58)),
        ("protocol", "gre", (-2, -2)),
        ("destination", "168.63.129.16", (2822734096, 2822734096)),
        ("destination", "10.0.0.1/31", (167772160, 167772161)),
        ("source", "0.0.0.1-0.0.0.9", (1, 9)),
        ("source", "fe80::/10", (-2, -2)),
        ("source", "host.example", None),
        ("source", "1:2:x", None),
        ("in", "eth0", (0, 0)),
        ("in", "et*", (0, 0)),
        ("out", "eth+", (0, 0)),
        ("out", "eth1", (-1, -1)),
        ("user", "root", (0, 0)),
        ("user", "walinuxagent", None),
        ("state", "untracked", (-2, -2)),
        ("state", "8", None),
        ("type", "LOCAL", (1, 1)),
    ],
)
def test_words_stand_for_values(asks: str, word: str, value: object) -> None:
    assert read_value(asks, word) == value


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (HTTP, True),
        (SSH, False),
        (Condition.read("port", ["22", "80"], ""), True),
        (Condition.read("port", ["22", "80"], "", is_not=True), False),
        (Condition.read("port", ["a b", "80"], ""), True),
        (Condition.read("port", ["a b", "22"], ""), None),
        (Condition.read("port", ["a b", "22"], "", is_not=True), None),
        (Condition.read("port", [], ""), False),
        (Condition.read("destination", ["10.0.0.1"], ""), None),
        (Condition("source", ((10, 39),), ""), True),
        (Condition("source", ((0, 15),), ""), None),
        (Condition("source", ((10, 19),), ""), None),
        (Condition("source", ((20, 29),), ""), False),
        (Condition("source", ((20, 29),), "", is_not=True), True),
        (SOME, None),
        (too_many("--hitcount 4"), False),
    ],
)
def test_conditions(condition: Condition, holds: Optional[bool]) -> None:
    assert condition.holds(PACKET) is holds


def test_that_a_host_comes_too_often_cannot_be_told_of_later_packets() -> None:
    assert too_many("--connlimit-above 4").holds(LATER) is None


def test_ranges_that_touch_are_one() -> None:
    read = Condition.read(
        "source", ["0.0.0.30-0.0.0.39", "0.0.0.0/28", "0.0.0.16-0.0.0.29", "9.9.9.9-1.1.1.1"], ""
    )
    assert read.wanted == ((0, 39),)
    assert read.holds(PACKET) is True


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], False),
        ([rule("accept", HTTP)], True),
        ([rule("accept", SSH)], False),
        ([rule("accept", SOME)], None),
        ([rule("drop", SOME)], False),
        ([rule("accept", SOME), rule("accept")], True),
        ([rule("drop", SOME), rule("accept")], None),
        ([rule("drop", SOME, SSH), rule("accept")], True),
        ([rule("go on"), rule("accept")], True),
        ([rule("return"), rule("accept")], False),
        ([rule("return", SOME), rule("accept")], None),
        ([rule("?"), rule("accept")], None),
        ([rule("?", SSH), rule("accept")], True),
        ([rule("accept"), rule("?")], True),
        ([rule("jump", target="user"), rule("accept")], True),
        ([rule("goto", target="user"), rule("accept")], False),
        ([rule("goto", SOME, target="user"), rule("accept")], None),
        ([rule("jump", target="shut"), rule("accept")], False),
        ([rule("jump", SOME, target="shut"), rule("accept")], None),
        ([rule("jump", target="maybe"), rule("accept")], None),
        ([rule("jump", SSH, target="maybe"), rule("accept")], True),
        ([rule("jump", target="round"), rule("accept")], None),
        ([rule("jump", target="nowhere"), rule("accept")], True),
    ],
)
def test_rules(rules: Sequence[Rule], expected: Optional[bool]) -> None:
    chains = {
        "user": [rule("return"), rule("drop")],
        "shut": [rule("drop")],
        "maybe": [rule("drop", SOME)],
        "round": [rule("jump", target="back")],
        "back": [rule("jump", target="round")],
    }
    assert passes(rules, chains) is expected


def test_chains_that_multiply_end() -> None:
    """Each leads to the next one twice: a million ways to the last."""
    chains = {f"c{n}": [rule("jump", SOME, target=f"c{n + 1}")] * 2 for n in range(50)}
    assert passes([rule("jump", target="c0")], {**chains, "c50": [rule("drop")]}, "accept") is None


def test_chains_without_end_are_not_followed() -> None:
    chains = {f"c{n}": [rule("jump", target=f"c{n + 1}")] for n in range(5000)}
    assert passes([rule("jump", target="c0")], chains, "accept") is None


def test_every_hook_on_the_way_has_to_let_it_through_and_a_dropping_one_is_named() -> None:
    accept, drop = Rule("accept", "policy accept"), Rule("drop", "policy drop", "file, line 9")
    hooks = (Hook("in", "a", accept), Hook("in", "b", drop), Hook("out", "c", accept))
    both = Filter(hooks, {"a": (rule("drop", SOME),), "b": ()})
    assert both.judge("out", PACKET).passes is True
    fate = both.judge("in", PACKET)
    assert (fate.passes, fate.rule) == (False, drop)
    fate = Filter(hooks[:1], both.chains).judge("in", PACKET)
    assert (fate.passes, fate.rule, fate.doubt) == (None, rule("drop", SOME), "the moon")


def test_only_the_first_packet_comes_by_where_addresses_are_translated() -> None:
    translated = Filter((Hook("in", "nat", Rule("accept", ""), is_nat=True),), {"nat": (rule("?"),)})
    assert translated.judge("in", PACKET).passes is None
    assert translated.judge("in", LATER).passes is True


RANGES = st.tuples(st.integers(0, 40), st.integers(0, 9)).map(lambda each: (each[0], each[0] + each[1]))


@given(st.lists(RANGES, max_size=5), st.lists(RANGES, min_size=1, max_size=3), st.booleans())
def test_conditions_hold_where_they_hold_for_every_value(
    wanted: Sequence[Sequence[int]], known: Sequence[Sequence[int]], is_not: bool
) -> None:
    condition = Condition.read("port", [f"{low}-{high}" for low, high in wanted], "", is_not)
    answers = {
        any(low <= value <= high for low, high in wanted) is not is_not
        for first, last in known
        for value in range(first, last + 1)
    }
    packet = Packet({"port": tuple((low, high) for low, high in known)})
    assert condition.holds(packet) is (answers.pop() if len(answers) == 1 else None)
