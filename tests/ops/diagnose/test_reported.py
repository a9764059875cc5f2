"""Services that report requests, failures and durations themselves, without a single span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from tests.ops.diagnose.test_traces import SHOP
from tests.ops.diagnose.tracing import START, many
from tests.ops.diagnose.tracing import case as traced_case

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.signals import signals
from wellkept.ops.diagnose.base import Case, Period
from wellkept.ops.diagnose.clues.mass import MassClue
from wellkept.ops.diagnose.clues.starved import StarvedClue
from wellkept.ops.diagnose.felt import FAILING, felt
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.indicators import with_reported
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]
STEPS, ONSET = 60, 50
SITE, SEARCH, PAY, TABLE, RARE = (f"service:{name}" for name in ("site", "search", "pay", "table", "rare"))
CALLS = ((SITE, SEARCH), (SITE, PAY), (SITE, RARE), (SEARCH, TABLE), (PAY, TABLE))
RATES = {SITE: 10.0, SEARCH: 8.0, PAY: 2.0, TABLE: 10.0, RARE: 0.02}
TIMES: Floats = np.asarray(np.arange(1, STEPS + 1) * 300.0 + START.timestamp(), dtype=np.float64)
NOTHING = Window(TIMES, np.empty((STEPS, 0)), ())
BAD = np.array([52, 55, 57, 59])
"""The trouble comes and goes."""

P95 = "span.duration.p95"


def steady(value: float, seed: int) -> Floats:
    return np.asarray(value * (1 + 0.03 * np.random.default_rng(seed).standard_normal(STEPS)), dtype=np.float64)


def told(
    slow: Mapping[str, float], failing: Mapping[str, float], signal: str, rates: Mapping[str, Floats] | None = None
) -> Case:
    """A case of services that take (seconds) or fail (share) more in the bad steps."""
    columns: list[Floats] = []
    series: list[SeriesInfo] = []

    def add(entity: str, name: str, unit: str, values: Floats, **attributes: str) -> None:
        series.append(SeriesInfo(len(series) + 1, name, unit, "gauge", entity, attributes))
        columns.append(values)

    for number, (entity, rate) in enumerate(RATES.items()):
        takes, fails = steady(0.1, number), np.full(STEPS, 0.001)
        takes[BAD] += slow.get(entity, 0.0)
        fails[BAD] += failing.get(entity, 0.0)
        add(entity, "service.requests", "{request}/s", (rates or {}).get(entity, steady(rate, 50 + number)))
        add(entity, "service.request.duration", "s", takes, statistic="mean")
        add(entity, "service.request.availability", "1", 1.0 - fails)
    metrics = Window(NOTHING.times, np.stack(columns, axis=1), tuple(series))
    red = with_reported(NOTHING, metrics)
    onset = START + timedelta(seconds=300 * ONSET)
    alert = Finding(
        fingerprint="fp-1", detector="outside", detector_version="1", entity=SITE, kind=FindingKind.EXTERNAL,
        severity=Severity.ERROR, score=1.0, score_meaning="", starts_at=onset, sentence="it is bad",
        evidence=(Evidence(signal=signal),), attributes={"symptom": "yes"},
    )  # fmt: skip
    graph = Graph(
        [Entity(EntityKind.SERVICE, name, name) for name in RATES],
        [Edge(a, b, EdgeKind.CALLS, START) for a, b in CALLS],
    )
    before = Period(START, onset, 0, ONSET - 3)
    during = Period(onset, onset + timedelta(seconds=300 * (STEPS - ONSET)), ONSET, STEPS)
    base = traced_case(many(SHOP, 3), many(SHOP, 3))
    return replace(
        base, findings=(alert,), suspects=tuple(RATES), graph=graph, onset=onset, metrics=metrics, red=red,
        before=before, during=during, traces=None,
        felt=felt((alert,), red, slice(0, ONSET - 3), slice(ONSET - 3, STEPS)),
    )  # fmt: skip


def strengths(case: Case, clue: MassClue | StarvedClue | None = None) -> dict[str, float]:
    return {entity: round(hint.strength, 2) for entity, hint in (clue or MassClue()).weigh(case).items()}


LATENCY, AVAILABILITY = "service.request.duration", "service.request.availability"


def test_the_bad_steps_are_those_in_which_it_is_felt() -> None:
    case = told({SITE: 0.2, SEARCH: 0.25, TABLE: 0.2}, {}, LATENCY)

    assert case.felt is not None
    assert (case.felt.entity, case.felt.indicator) == (SITE, "span.duration.mean")
    assert case.felt.bad.tolist() == BAD.tolist()


def test_the_deepest_that_makes_up_the_seconds_is_blamed() -> None:
    found = strengths(told({SITE: 0.2, SEARCH: 0.25, TABLE: 0.2}, {}, LATENCY))

    assert max(found, key=lambda entity: found[entity]) == TABLE
    assert found[TABLE] > 0.7
    assert found.get(SEARCH, 0.0) < 0.2
    assert found.get(SITE, 0.0) < 0.2


def test_a_slow_service_that_hardly_anybody_calls_cannot_be_it() -> None:
    found = strengths(told({SITE: 0.2, SEARCH: 0.25, RARE: 5.0}, {}, LATENCY))

    assert found[SEARCH] > 0.7
    assert found.get(RARE, 0.0) < 0.1


def test_failures_are_counted_the_same_way() -> None:
    found = strengths(told({}, {SITE: 0.16, SEARCH: 0.2}, AVAILABILITY))

    assert max(found, key=lambda entity: found[entity]) == SEARCH


def test_nothing_felt_accuses_nobody() -> None:
    assert max(strengths(told({}, {}, LATENCY)).values(), default=0.0) < 0.3


def test_trouble_that_never_pauses_is_compared_with_the_time_before() -> None:
    case = told({}, {}, LATENCY)
    values = case.red.values.copy()
    for entity, more in ((SITE, 0.2), (TABLE, 0.2)):
        column = next(
            j for j, info in enumerate(case.red.series) if info.entity == entity and info.name == "span.duration.mean"
        )
        values[ONSET - 3 :, column] += more
    red = replace(case.red, values=values)
    always = replace(case, red=red, felt=felt(case.findings, red, slice(0, ONSET - 3), slice(ONSET - 3, STEPS)))

    assert always.felt is not None
    assert len(always.felt.bad) == STEPS - ONSET + 3
    assert strengths(always)[TABLE] > 0.7


def test_a_caller_that_asks_its_only_callee_no_more_is_blamed_for_that() -> None:
    """Only rates are known: mail is asked by pay alone, pay goes on, and mail hears nothing."""
    stopped = steady(2.0, 9)
    stopped[BAD] = 0.0
    case = told({}, {SITE: 0.1}, AVAILABILITY, rates={SEARCH: stopped})

    found = strengths(case, StarvedClue())

    assert max(found, key=lambda entity: found[entity]) == SITE
    assert found[SITE] > 0.5


def test_reported_histograms_count_as_well() -> None:
    times = NOTHING.times
    failed = {"http.response.status_code": "503"}
    series = (
        SeriesInfo(1, "http.server.request.duration_count", "1/s", "histogram_count", SITE, {"http.route": "/"}),
        SeriesInfo(2, "http.server.request.duration_sum", "s/s", "histogram_sum", SITE, {"http.route": "/"}),
        SeriesInfo(3, "http.server.request.duration_count", "1/s", "histogram_count", SITE, failed),
    )
    values = np.tile([8.0, 0.9, 2.0], (STEPS, 1))

    red = with_reported(NOTHING, Window(times, values, series))

    shown = {info.name: red.values[0, j] for j, info in enumerate(red.series)}
    assert shown == {"span.errors": 2.0, "span.rate": 10.0, "span.duration.mean": 0.09}


def test_spans_win_where_they_tell_more() -> None:
    reported = Window(NOTHING.times, np.full((STEPS, 1), np.nan), (SeriesInfo(1, "service.requests", "", "sum", SITE),))
    reported.values[:5] = 1.0
    traced = Window(NOTHING.times, np.full((STEPS, 1), 3.0), (SeriesInfo(2, "span.rate", "1/s", "derived", SITE),))

    assert with_reported(traced, reported).values[0, 0] == 3.0
    assert with_reported(NOTHING, reported).values[0, 0] == 1.0


def test_of_requests_of_which_only_some_are_traced_spans_tell_the_times_and_reports_the_counts() -> None:
    series = tuple(SeriesInfo(n, name, "", "derived", SITE) for n, name in enumerate(("span.rate", "span.errors", P95)))
    traced = Window(NOTHING.times, np.tile([10.0, 0.5, 0.2], (STEPS, 1)), series)
    counted = Window(NOTHING.times, np.full((STEPS, 1), 200.0), (SeriesInfo(9, "service.requests", "", "sum", SITE),))
    counted.values[3] = np.nan

    red = with_reported(traced, counted)

    assert [info.name for info in red.series] == ["span.rate", "span.errors", P95]
    assert red.values[0].tolist() == [200.0, 10.0, 0.2]
    assert red.values[3].tolist() == [200.0, 10.0, 0.2]
    assert with_reported(traced, replace(counted, values=counted.values / 20.0)).values[0].tolist() == [10.0, 0.5, 0.2]


def test_failures_are_unknown_where_no_span_ever_failed() -> None:
    from wellkept.ops.diagnose.felt import indicator

    series = (SeriesInfo(1, "span.rate", "1/s", "derived", SITE), SeriesInfo(2, "span.errors", "1/s", "derived", SITE))
    calm = Window(NOTHING.times, np.tile([4.0, 0.0], (STEPS, 1)), series)
    failing = Window(NOTHING.times, np.tile([4.0, 1.0], (STEPS, 1)), series)

    assert indicator(calm, FAILING) == {}
    assert indicator(failing, FAILING)[SITE][0] == 0.25


def test_what_was_not_reported_is_not_zero() -> None:
    """A detector takes a silent step of spans for a step without requests; a hole in a report is no such thing."""
    rate = steady(10.0, 3)
    rate[ONSET:] = np.nan
    reported = Window(TIMES, rate[:, None], (SeriesInfo(1, "service.request.rate", "1/s", "gauge", SITE),))
    view = View(NOTHING, with_reported(NOTHING, reported), NOTHING, NOTHING, 300.0, Graph([], []))

    (row,) = signals(view, lambda meaning: meaning.name == "span.rate").values

    assert np.isnan(row[ONSET:]).all()
