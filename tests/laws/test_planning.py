"""Planning never writes; a met requirement plans nothing; a plan is data."""

from __future__ import annotations

import json
from typing import List

import pytest
from hvprep.engine.planner import make_plan
from hvprep.errors import HvprepError
from hvprep.model.change import Change
from hvprep.model.finding import Verdict
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan, plan_from_json, plan_to_json
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.laws.machines import fresh_directory, open_machine, plan_of, prepare
from tests.laws.scenario import first_changes, requirements
from tests.laws.scenario import plant as plant_scenario
from tests.laws.strategies import BUILDS, CHANGES, LINKS, PURGES, REMOVES, TREES, WRITES, Tree, law, plant
from tests.snapshot import take_snapshot


class WroteWhilePlanning(Exception):
    """Nothing below it is an HvprepError that somebody could swallow."""


def refuse_mutations(operation: str, path: GuestPath) -> None:
    raise WroteWhilePlanning(f"{operation} {path}")


#: At most one change a path, so that the requirements do not contradict each other.
REQUIREMENTS = st.lists(
    st.one_of(WRITES, LINKS, REMOVES, BUILDS),
    min_size=1,
    max_size=5,
    unique_by=lambda change: str(path_of(change)),
)


def path_of(change: Change) -> GuestPath:
    path = getattr(change, "target", None) if not hasattr(change, "path") else change.path
    assert isinstance(path, GuestPath)
    return path


@law(100)
@given(TREES, REQUIREMENTS)
def test_planning_never_writes_and_twice_gives_the_same(tree: Tree, changes: List[Change]) -> None:
    with fresh_directory() as host:
        plant(tree, host)
        before = take_snapshot(host, left_out=())
        root = open_machine(host, refuse_mutations).root
        plan = make_plan(requirements(changes), root, None, None)
        assert make_plan(requirements(changes), root, None, None) == plan
        assert take_snapshot(host, left_out=()) == before


@law(100)
@given(TREES, REQUIREMENTS)
def test_a_met_requirement_is_an_empty_plan_and_the_reverse(tree: Tree, changes: List[Change]) -> None:
    with fresh_directory() as host:
        plant(tree, host)
        plan = make_plan(requirements(changes), open_machine(host).root, None, None)
        met = [finding.verdict is Verdict.MET for finding in plan.findings]
        assert met == [not finding.changes for finding in plan.findings]
        assert all(met) == (not plan.changes)
        try:
            prepare(open_machine(host), requirements(changes))
        except HvprepError:
            assume(False)
        after = take_snapshot(host)
        assert prepare(open_machine(host), requirements(changes)) == 0
        assert take_snapshot(host) == after


@law(200)
@given(TREES, st.lists(st.one_of(CHANGES, PURGES), max_size=6))
def test_a_plan_survives_its_json(tree: Tree, changes: List[Change]) -> None:
    with fresh_directory() as host:
        plant(tree, host)
        plan = plan_of(open_machine(host).root, changes)
        assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_a_plan_with_all_fields_survives_its_json() -> None:
    with fresh_directory() as host:
        plant_scenario(host)
        plan = plan_of(open_machine(host).root, first_changes())
        assert {type(planned.change).__name__ for planned in plan.changes} >= {
            "Write",
            "Link",
            "Run",
            "Build",
        }
        assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_the_observer_that_refuses_does_refuse() -> None:
    """The law above would hold for an observer that nobody asks."""
    with fresh_directory() as host:
        plant_scenario(host)
        with pytest.raises(WroteWhilePlanning):
            prepare(open_machine(host, refuse_mutations), requirements(first_changes()))
        assert isinstance(plan_of(open_machine(host).root, ()), Plan)
