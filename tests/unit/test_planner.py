"""Steps become one ordered plan and one finding each."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, List, Sequence

import pytest
from hvprep.engine.planner import make_plan
from hvprep.engine.verifier import find_failures
from hvprep.errors import FormatError, Refusal
from hvprep.model.change import Build, Change, Link, Remove, Run, Write
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan
from hvprep.model.view import View
from hvprep.system.root import Root

A, B = GuestPath("/etc/a"), GuestPath("/etc/b")

OneStep = Step[None, None]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """/etc/a is a file, /etc/link leads to it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/a").write_bytes(b"a")
    (tmp_path / "etc/link").symlink_to("a")
    return Root(tmp_path)


def step(name: str, plan: Callable[[View], Iterator[Outcome]]) -> OneStep:
    return Step(
        name,
        "Title",
        Severity.REQUIRED,
        Phase.PREPARE,
        "source",
        "do it",
        lambda view, facts, settings: plan(view),
    )


def wanting(name: str, *outcomes: Outcome) -> OneStep:
    return step(name, lambda view: iter(outcomes))


def plan(root: View, *steps: OneStep) -> Plan:
    return make_plan(steps, root, None, None)


def changes(plan: Plan) -> List[Change]:
    return [planned.change for planned in plan.changes]


def build(target: str, *wants: str, subject: str = "") -> Build:
    return Build(GuestPath(target), ("x",), "judge", f"wants {wants}", wants, subject)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "because", "remedy"),
    [
        ((), Verdict.MET, (), None),
        ((Note(Verdict.MET, "seen"),), Verdict.MET, ("seen",), None),
        ((Write(A, b"", "why"),), Verdict.UNMET, ("why",), "do it"),
        ((Note(Verdict.UNMET, "old", "buy"),), Verdict.UNMET, ("old",), "buy"),
        ((Note(Verdict.MET, "half"), Write(A, b"", "why")), Verdict.UNMET, ("half", "why"), "do it"),
        (
            (Note(Verdict.NOT_ASSESSED, "n", "look"), Note(Verdict.MET, "m")),
            Verdict.NOT_ASSESSED,
            ("n",),
            "look",
        ),
        ((Note(Verdict.NOT_APPLICABLE, "none here"),), Verdict.NOT_APPLICABLE, ("none here",), None),
        ((Note(Verdict.NOT_APPLICABLE, "x"), Note(Verdict.UNMET, "u")), Verdict.UNMET, ("x", "u"), "do it"),
    ],
)
def test_verdicts(
    root: Root, outcomes: Sequence[Outcome], verdict: Verdict, because: Sequence[str], remedy: str
) -> None:
    (finding,) = plan(root, wanting("one", *outcomes)).findings
    assert (finding.verdict, finding.because, finding.remedy) == (verdict, because, remedy)
    assert (finding.id, finding.title, finding.source) == ("one", "Title", "source")


def test_an_error_of_one_step_hides_no_other(root: Root) -> None:
    def fails(error: Exception) -> Callable[[View], Iterator[Outcome]]:
        def plan(view: View) -> Iterator[Outcome]:
            yield Write(B, b"never made", "w")
            raise error

        return plan

    made = plan(
        root,
        step("format", fails(FormatError("does not read", "mend it"))),
        step("refusal", fails(Refusal("no", None))),
        step("system", fails(OSError(5, "Input/output error"))),
        step("user", fails(PermissionError(13, "Permission denied", "shadow"))),
        wanting("last", Write(A, b"x", "w")),
    )
    assert changes(made) == [Write(A, b"x", "w")]
    assert [finding.verdict for finding in made.findings] == [
        Verdict.NOT_ASSESSED,
        Verdict.UNMET,
        Verdict.UNMET,
        Verdict.NOT_ASSESSED,
        Verdict.UNMET,
    ]
    assert made.findings[0].because == ("does not read",)
    assert made.findings[0].remedy == "mend it"
    assert made.findings[1].remedy == "do it"
    assert "Input/output error" in made.findings[2].because[0]
    assert made.findings[3].because == ("shadow may not be read by this user",)


def test_a_later_step_sees_what_an_earlier_one_would_do(root: Root) -> None:
    def second(view: View) -> Iterator[Outcome]:
        assert view.read(GuestPath("/etc/link")) == b"first"
        assert view.is_pending(GuestPath("/boot/image"))
        yield Write(A, (view.read(A) or b"") + b" second", "w2")

    made = plan(
        root, wanting("one", Write(A, b"first", "w1", 0o600), build("/boot/image")), step("two", second)
    )
    assert changes(made)[0] == Write(A, b"first second", "w1; w2", 0o600)
    assert made.changes[0].steps == ("one", "two")
    assert dict(made.before).keys() == {A, GuestPath("/boot/image")}


def test_what_is_between_two_writes_keeps_its_place(root: Root) -> None:
    run = Run(("x",), (B,), "r")
    first, second = Write(A, b"1", "w"), Write(A, b"2", "w")
    for between in (run, Remove(A, "w"), Link(A, "x", "w")):
        assert changes(plan(root, wanting("one", first, between, second))) == [first, between, second]
    assert changes(plan(root, wanting("one", first, Write(B, b"", "w"), second, run, first))) == [
        second,
        Write(B, b"", "w"),
        run,
        first,
    ]


def test_builds_of_one_target_are_one_and_come_last(root: Root) -> None:
    made = plan(
        root,
        wanting(
            "drivers", build("/boot/initrd-2", "a", subject="2"), build("/boot/initrd-1", "a", subject="1")
        ),
        wanting("words", build("/boot/grub.cfg", "w"), Write(A, b"", "w")),
        wanting("more", Run(("x",), (), "r"), build("/boot/initrd-2", "b", "a", subject="2")),
    )
    names = [getattr(change, "target", None) for change in changes(made)]
    assert names == [
        None,
        None,
        *(GuestPath("/boot") / name for name in ("initrd-2", "initrd-1", "grub.cfg")),
    ]
    merged = changes(made)[2]
    assert isinstance(merged, Build)
    assert merged.wants == ("a", "b")
    assert made.changes[2].steps == ("drivers", "more")


def test_the_state_before_is_that_of_the_canonical_paths(root: Root) -> None:
    made = plan(
        root,
        wanting("one", Write(GuestPath("/etc/link"), b"x", "w"), Run(("x",), (GuestPath("/etc/link"),), "w")),
    )
    before = dict(made.before)
    assert before.keys() == {A, GuestPath("/etc/link")}
    state, link = before[A], before[GuestPath("/etc/link")]
    assert state is not None
    assert link is not None
    assert (link.target, state.target) == ("a", None)


def test_a_link_that_is_removed_first_is_then_written_in_its_own_place(root: Root) -> None:
    link = GuestPath("/etc/link")
    made = plan(root, wanting("one", Remove(link, "w"), Write(link, b"x", "w")))
    assert [path for path, _ in made.before] == [link]


def test_failures_are_steps_that_still_have_changes(root: Root) -> None:
    open_note = wanting("open", Note(Verdict.UNMET, "kernel too old"))
    before = plan(root, wanting("one", Write(A, b"x", "w")), wanting("two", Write(B, b"x", "w")), open_note)
    after = plan(root, wanting("one"), wanting("two", Write(B, b"x", "still")), open_note)
    assert find_failures(before, after) == ("two: Title: still",)
    assert (
        find_failures(before, plan(root, wanting("one"), wanting("two"), wanting("new", Write(A, b"", "w"))))
        == ()
    )
