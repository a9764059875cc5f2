"""Rules over history: what they would have fired is what they fire when they are on; and what that means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.ops.detect.rules.worlds import START_S, World, moment

from wellkept.kernel.errors import OverloadError
from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.backtest import Backtest, Known, KnownIncident, backtest
from wellkept.ops.detect.rules.history import Span
from wellkept.ops.detect.rules.loading import load_text

ALERT = """
      - alert: Slow
        expr: job:errors:ratio > 0.1
        for: 45s
        keep_firing_for: 30s
        labels: {severity: error}
"""
RECORD = """
      - {record: "job:errors:ratio", expr: "sum by (job) (errors) / sum by (job) (requests)"}
"""
HEAD = "groups:\n  - name: shop\n    interval: 15s\n    rules:"
GROUP = HEAD + ALERT + RECORD
"""The user before the maker, which matters to the evaluation alone."""
IN_ORDER = HEAD + RECORD + ALERT
OWN = """
rules:
  - {name: Full, metric: disk, above: 0.9, every: 15s, for: 30s}
"""
SPAN = Span(START_S * 1000, (START_S + 900) * 1000)


def furnish(world: World) -> None:
    wave = [30.0 if 10 <= step < 20 or step in (23, 24) else 1.0 for step in range(61)]
    world.store_line("errors", wave, job="shop", instance="a:1")
    world.store_line("requests", [100.0] * 61, job="shop", instance="a:1")
    world.store_line("disk", [0.95 if 30 <= step < 40 else 0.5 for step in range(61)], job="shop", instance="a:1")


def test_what_would_have_fired_is_what_fires(world: World) -> None:
    furnish(world)
    ((_, _, tried),) = world.trial().run(load_text(GROUP, "x"), SPAN).alerts
    (world.folder / "shop.yaml").write_text(IN_ORDER, "utf-8")
    seen = []
    for step in (*range(30), 45, 60):  # and now and then, when it is long over
        world.tick(step * 15)
        (run,) = [run for group in world.rules.groups for run in group.rules if run.rule.is_alert]
        if run.firing:
            seen.append(round((START_S + step * 15) * 1000))
    assert (seen[0], seen[-1]) == (tried.fired_ms, tried.last_ms)
    assert len(seen) == (tried.last_ms - tried.fired_ms) // 15_000 + 1


def test_a_recording_rule_is_tried_before_those_that_use_it_and_nothing_is_stored(world: World) -> None:
    furnish(world)
    history = world.trial().run(load_text(GROUP, "x"), SPAN)
    assert history.failed == ()
    assert len(history.alerts) == 1
    assert not world.value("job:errors:ratio", 900)


def test_thresholds_of_ours_are_tried_as_they_are_evaluated(world: World) -> None:
    furnish(world)
    ((_, _, tried),) = world.trial().run(load_text(OWN, "x"), SPAN).alerts
    (world.folder / "own.yaml").write_text(OWN, "utf-8")
    seen = []
    for step in (0, 15, *range(25, 46), 60):  # step by step while there is something to see
        world.tick(step * 15)
        if world.rules.groups[0].rules[0].firing:
            seen.append(round((START_S + step * 15) * 1000))
    assert (seen[0], seen[-1]) == (tried.fired_ms, tried.last_ms)


def test_what_records_itself_is_said_not_to_be_tried(world: World) -> None:
    rules = "{record: 'a:b', expr: 'a:b + 1'}, {alert: A, expr: 'a:b > 1'}, {alert: B, expr: up}"
    text = f"groups: [{{name: a, rules: [{rules}]}}]"
    history = world.trial().run(load_text(text, "x"), SPAN)
    assert [rule for rule, _ in history.failed] == ["a:b", "A"]


def test_when_the_time_is_over_the_rest_is_named(world: World) -> None:
    trial = world.trial()
    trial.gone = lambda: True
    history = trial.run(load_text(GROUP, "x"), SPAN)
    assert {why for _, why in history.failed} == {"was not tried: the time for it was over"}


def known(*incidents: KnownIncident) -> Known:
    return Known(incidents, lambda labels: f"service:{labels.get('job', '')}", lambda a, b: a == b)


def incident(name: str, start: float, end: float | None, *entities: str) -> KnownIncident:
    return KnownIncident(name, name, moment(start), None if end is None else moment(end), entities)


def tried(world: World, *incidents: KnownIncident, text: str = GROUP) -> Backtest:
    furnish(world)
    return backtest(world.trial(), load_text(text, "x"), moment(0), moment(900), known(*incidents))


def test_a_page_early_enough_is_about_the_incident(world: World) -> None:
    found = tried(world, incident("one", 240, 400, "service:shop"))
    (page,) = found.pages
    assert (page.incident, page.lead_s, page.severity) == ("one", 240 - 195, Severity.ERROR)
    assert [one.lead_s for one in found.incidents] == [45.0]
    assert (found.missed, found.unmatched) == ((), 0)
    assert found.per_day == pytest.approx(96)


def test_of_two_incidents_the_median_lead_lies_between_theirs(world: World) -> None:
    found = tried(world, incident("one", 105, 400, "service:shop"), incident("two", 245, 400, "service:shop"))
    assert sorted(one.lead_s or 0.0 for one in found.incidents) == [-90.0, 50.0]
    assert found.document()["lead_median_s"] == -20.0


def test_a_page_that_was_over_before_an_incident_is_not_about_it(world: World) -> None:
    found = tried(world, incident("after", 315 + 46, 600, "service:shop"))
    (page,) = found.pages
    assert page.ended_at == moment(315)
    assert (page.incident, [one.lead_s for one in found.incidents]) == ("", [None])


def test_a_page_that_ended_within_its_rule_s_patience_before_an_incident_is_about_it(world: World) -> None:
    found = tried(world, incident("on", 315 + 45, 600, "service:shop"))
    assert found.pages[0].incident == "on"


def test_a_page_goes_to_the_incident_of_its_own_entity_first(world: World) -> None:
    nowhere, near = incident("nowhere", 195, 400), incident("near", 195, 400, "service:payments")
    own = incident("own", 300, 500, "service:shop", "service:payments")
    furnish(world)
    there = Known([nowhere, near, own], lambda labels: f"service:{labels.get('job', '')}", lambda a, b: True)
    found = backtest(world.trial(), load_text(GROUP, "x"), moment(0), moment(900), there)
    assert found.pages[0].incident == "own"
    assert [one.id for one in found.missed] == ["near", "nowhere"]


def test_an_incident_elsewhere_is_missed_and_the_page_is_about_none(world: World) -> None:
    found = tried(world, incident("other", 240, 400, "service:elsewhere"))
    assert [one.id for one in found.missed] == ["other"]
    assert found.unmatched == 1


def test_an_incident_of_which_nobody_knows_where_counts_by_time(world: World) -> None:
    assert tried(world, incident("one", 240, None)).pages[0].incident == "one"


def test_an_incident_that_was_over_before_is_not_met(world: World) -> None:
    found = tried(world, incident("before", 10, 100, "service:shop"))
    assert (found.pages[0].incident, len(found.missed)) == ("", 1)


def test_information_is_no_page(world: World) -> None:
    found = tried(world, text=GROUP.replace("severity: error", "severity: info"))
    assert (found.pages, found.information) == ((), 1)


def test_a_back_test_is_a_plain_document(world: World) -> None:
    document = tried(world, incident("one", 240, 400, "service:shop")).document()
    assert document["pages"][0]["severity"] == "error"
    assert document["incidents"][0]["lead_s"] == 45.0
    assert document["missed"] == 0


def test_steps_are_whole_multiples_of_the_rhythm() -> None:
    steps = Span(1_000, 61_000).steps(15_000)
    assert (steps.start_ms, steps.count, steps.end_ms) == (15_000, 4, 60_000)
    assert Span(1_000, 2_000).steps(15_000).start_ms == 0


def test_moments_of_pages_are_in_utc(world: World) -> None:
    page = tried(world).pages[0]
    assert page.fired_at.tzinfo is UTC
    assert page.fired_at - page.held_since == timedelta(seconds=45)
    assert page.fired_at > datetime(2023, 1, 1, tzinfo=UTC)


def test_one_back_test_runs_at_a_time(world: World) -> None:
    backtests = world.rules._backtests
    with backtests._turn, pytest.raises(OverloadError, match="another one is under way"):
        backtests.run(load_text(GROUP, "x"), moment(0), moment(900))
    assert world.rules.try_out(load_text(OWN, "x"), moment(0), moment(900)).now is None
