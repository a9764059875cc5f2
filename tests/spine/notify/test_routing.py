"""The routing tree: where something goes, why, and which trees are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.spine.notify.board import BOTH, Board

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Member
from wellkept.spine.notify.describing import Describer
from wellkept.spine.notify.facts import Facts
from wellkept.spine.notify.routing import Routed, route
from wellkept.spine.notify.settings import NotifySettings
from wellkept.store.state.state import State

TUESDAY = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PAY = Facts(
    severity=Severity.ERROR,
    entities=("service:shop/pay", "host:a"),
    owners=frozenset({"payments"}),
    tier=1,
    labels={"env": frozenset({"prod"}), "team": frozenset({"a", "b"})},
)


def tree(*routes: dict[str, Any], **more: Any) -> NotifySettings:
    receivers = [{"type": "webhook", "name": name, "url": "https://x.example/", "secret_env": "S"} for name in "abcd"]
    return NotifySettings.model_validate(
        {"receivers": receivers, "route": {"receivers": ["d"], "routes": routes}, **more}
    )


def where(settings: NotifySettings, facts: Facts = PAY, at: datetime = TUESDAY) -> Routed:
    return route(settings.route, facts, at)


def names(settings: NotifySettings, facts: Facts = PAY, at: datetime = TUESDAY) -> list[str]:
    return [way.name for way in where(settings, facts, at).ways]


@pytest.mark.parametrize(
    ("when", "unmet"),
    [
        ({}, ""),
        ({"at_least": "error"}, ""),
        ({"at_least": "critical"}, "severity error is below critical"),
        ({"kinds": ["host"]}, ""),
        ({"kinds": ["model"]}, "no kind is model"),
        ({"entities": ["service:shop/*"]}, ""),
        ({"entities": ["service:bank/*"]}, "no entity is service:bank/*"),
        ({"owners": ["pay*"]}, ""),
        ({"owners": ["web"]}, "no owner is web"),
        ({"tiers": [1, 2]}, ""),
        ({"tiers": [4, 5]}, "tier 1 is not 4 or 5"),
        ({"labels": {"env": "prod", "team": "b"}}, ""),
        ({"labels": {"env": "test"}}, "label env is not test"),
        ({"labels": {"absent": "*"}}, "label absent is not *"),
        ({"events": ["approval"]}, "it takes approval, and this is incident"),
        ({"during": [{"days": "sat-sun"}]}, "it is outside the hours of this route"),
        ({"during": [{"days": "mon-fri", "start": "08:00", "end": "18:00"}]}, ""),
    ],
)
def test_all_conditions_must_hold_and_the_first_that_does_not_is_named(when: dict[str, Any], unmet: str) -> None:
    routed = where(tree({"name": "x", "when": when, "receivers": ["a"]}))

    assert routed.steps[0].why == (unmet or "all its conditions hold")
    assert list(routed.takers()) == (["d"] if unmet else ["a"])
    if unmet:
        assert routed.steps[-1].why == "no branch took it"


@pytest.mark.parametrize(
    ("owner", "by", "owners"),
    [
        ("shop", "", {"shop", "pay"}),
        ("", "", {"shop", "pay"}),
        ("hosting", "", {"hosting", "shop", "pay"}),
        ("hosting", "ada", {"hosting"}),
    ],
)
def test_an_incident_is_of_all_whose_entities_it_is_about_unless_a_person_gave_it_to_somebody(
    state: State, owner: str, by: str, owners: set[str]
) -> None:
    board = Board(state, {})
    board.catalogue.owners = {"service:web": "shop", "service:pay": "pay"}
    members = tuple(Member(f"fnd-{name}", f"service:{name}", TUESDAY, "a sign") for name in ("web", "pay", "log"))
    made = board.save(owner=owner, owned_by=by, members=members)

    assert Describer(board.stream, board, board.catalogue).incident(made).owners == owners


def test_somebody_new_is_looked_for_whenever_something_changes_however_seldom_those_who_know_are_told(
    state: State,
) -> None:
    routes = [{"name": "pay", "when": {"owners": ["pay"]}, "receivers": ["bot"]}]
    board = Board(state, {**BOTH, "route": {**BOTH["route"], "receivers": ["team"], "routes": routes}})
    board.catalogue.owners = {"service:c": "pay"}
    members = tuple(Member(f"fnd-{name}", f"service:{name}", TUESDAY, "a sign") for name in "abc")
    board.save(members=members[:2])
    board.turn()
    board.save(members=members)
    board.turn(1)

    assert {name: channel.said() for name, channel in board.channels.items()} == {"bot": ["opened"], "team": ["opened"]}


def test_the_first_branch_that_fits_wins_unless_it_goes_on() -> None:
    first = {"name": "first", "when": {"kinds": ["service"]}, "receivers": ["a"]}
    second = {"name": "second", "when": {"tiers": [1]}, "receivers": ["b"]}

    assert names(tree(first, second)) == ["first"]
    assert names(tree({**first, "continue": True}, second)) == ["first", "second"]


def test_a_branch_goes_deeper_and_inherits_what_it_does_not_say() -> None:
    deep = {"name": "deep", "when": {"at_least": "error"}, "repeat_s": 60}
    other = {"name": "other", "receivers": ["b"]}
    settings = tree({"name": "x", "receivers": ["a"], "group_wait_s": 5, "routes": [deep, other]})

    (way,) = where(settings).ways
    assert (way.name, way.receivers, way.group_wait_s, way.repeat_s) == ("x/deep", ("a",), 5, 60)
    assert names(settings, Facts(severity=Severity.INFO)) == ["x/other"]


def test_other_events_go_only_where_a_branch_asks_for_them() -> None:
    settings = tree({"name": "plans", "when": {"events": ["approval", "rollback"]}, "receivers": ["b"]})

    assert list(where(settings, Facts(event="approval")).takers()) == ["b"]
    assert where(settings, Facts(event="plan")).takers() == {}


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-24T21:59:00+01:00", False),
        ("2026-11-24T22:00:00+01:00", True),
        ("2026-11-25T05:59:00+01:00", True),
        ("2026-11-25T06:00:00+01:00", False),
        ("2026-11-28T22:30:00+01:00", False),
    ],
)
def test_hours_are_those_of_their_zone_and_may_go_over_midnight(moment: str, holds: bool) -> None:
    hours = {"days": "mon-fri", "start": "22:00", "end": "06:00", "zone": "Europe/Berlin"}
    settings = tree({"name": "night", "when": {"during": [hours]}, "receivers": ["a"]})

    assert bool(names(settings, at=datetime.fromisoformat(moment))[0] == "night") is holds


def test_a_receiver_is_told_once_by_the_first_way_that_names_it() -> None:
    one = {"name": "one", "receivers": ["a", "b"], "when": {"tiers": [1]}, "continue": True}
    two = {"name": "two", "receivers": ["b", "c"]}

    assert {name: way.name for name, way in where(tree(one, two)).takers().items()} == {
        "a": "one",
        "b": "one",
        "c": "two",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"route": {"receivers": ["nobody"]}}, "route top names receiver nobody, which is not one of a, b"),
        ({"fallback": "nobody"}, "fallback names receiver nobody"),
        ({"route": {}}, "route must name receivers"),
        (
            {"route": {"receivers": ["a"], "routes": [{"name": "x", "receivers": ["nobody"]}]}},
            "route x names receiver nobody",
        ),
        (
            {"route": {"receivers": ["a"], "escalation": "none-such"}},
            "route top names escalation none-such, which is not one of none",
        ),
        (
            {"escalations": [{"name": "e", "steps": [{"after_s": 1, "receivers": ["nobody"]}]}]},
            "escalation e names receiver nobody",
        ),
        (
            {"route": {"receivers": ["a"], "routes": [{"name": "x"}, {"name": "y", "when": {"tiers": [1]}}]}},
            "route y is never reached: x takes all that it would take",
        ),
        (
            {"route": {"receivers": ["a"], "routes": [{"name": "x", "when": {"tiers": [1]}}, {"name": "x"}]}},
            "route x is there twice",
        ),
        (
            {"receivers": [{"type": "webhook", "name": "a", "url": "http://x/", "secret_env": "S"}]},
            "receiver a: url must begin with https://",
        ),
        (
            {"route": {"receivers": ["a"], "routes": [{"name": "x", "when": {"during": [{"start": "25:00"}]}}]}},
            "must be a time of day",
        ),
    ],
)
def test_a_tree_with_a_mistake_is_refused_by_name(given: dict[str, Any], said: str) -> None:
    receivers = [{"type": "webhook", "name": name, "url": "https://x.example/", "secret_env": "S"} for name in "ab"]

    with pytest.raises(ValidationError) as error:
        NotifySettings.model_validate({"receivers": receivers, "route": {"receivers": ["a"]}, **given})

    assert said in str(error.value)


def test_the_example_of_the_docs_is_right_and_survives_being_shown() -> None:
    text = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text("utf-8")
    given = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])["notify"]

    settings = NotifySettings.model_validate(given)

    assert [way.name for way in where(settings, Facts(event="rollback")).ways] == ["decisions"]
    assert NotifySettings.model_validate(settings.model_dump(mode="json")) == settings


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "at_least": st.sampled_from(["info", "warning", "error", "critical"]),
        "tiers": st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True),
        "owners": st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2, unique=True),
        "labels": st.dictionaries(st.sampled_from(["env"]), st.sampled_from(["prod", "test"]), max_size=1),
    },
)
FACTS = st.builds(
    Facts,
    severity=st.sampled_from(list(Severity)),
    owners=st.frozensets(st.sampled_from(["x", "y"]), max_size=2),
    tier=st.integers(1, 3),
    labels=st.dictionaries(st.just("env"), st.frozensets(st.sampled_from(["prod", "test"]), min_size=1), max_size=1),
)


@given(conditions=st.lists(CONDITIONS, min_size=2, max_size=4), facts=FACTS)
def test_what_is_said_to_be_never_reached_never_is(conditions: list[dict[str, Any]], facts: Facts) -> None:
    routes = [{"name": f"r{n}", "when": when, "receivers": ["a"]} for n, when in enumerate(conditions)]
    try:
        tree(*routes)
    except ValueError as error:
        hidden = {f"r{n}" for n in range(len(routes)) if f"route r{n} is never reached" in str(error)}
        assert hidden
        lenient = tree().route.model_copy(update={"routes": tuple(_branch(one) for one in routes)})
        assert not hidden & {way.name for way in route(lenient, facts, TUESDAY).ways}


def _branch(given: dict[str, Any]) -> Any:
    from wellkept.spine.notify.routing import Branch

    return Branch.model_validate(given)
