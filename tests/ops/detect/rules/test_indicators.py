"""Thresholds and objectives on traces alone: rates, errors, durations of services, without a metric."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from tests.ops.detect.rules.worlds import World
from tests.store.telemetry.scenes import CUMULATIVE, NOON, put_metric, put_spans, span_body

from wellkept.kernel.clock import to_nanos
from wellkept.ops.detect.rules.base import Threshold
from wellkept.ops.detect.rules.slo.base import OfService
from wellkept.ops.detect.rules.slo.counts import Counts
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Vector

NOON_MS = to_nanos(NOON) // 1_000_000
MINUTES = Steps(NOON_MS + 60_000, 60_000, 5)
"""The steps that end one to five minutes after noon."""


def spans(world: World) -> None:
    """Checkout answers ten requests in each of three minutes: in the second two fail, in the third four are slow."""
    number, bodies = 0, []
    for minute in range(3):
        for index in range(10):
            number += 1
            status = "Error" if minute == 1 and index < 2 else "Ok"
            took = 2.0 if minute == 2 and index < 4 else 0.1
            name = "POST /pay" if index % 2 else "GET /"
            began = minute * 60 + index * 5 + 1
            bodies.append(span_body("shop/checkout", began, took, trace=number, span=number, status=status, name=name))
    put_spans(world.telemetry, [*bodies, span_body("shop/payments", 30, 0.1, trace=999, span=999)])


def asked(
    world: World, metric: str, limit: float, where: Mapping[str, str] | None = None, *, above: bool = True
) -> Vector:
    return world.trial().answers.ask(Threshold(metric, limit, above, where or {}), MINUTES)


def test_a_rate_below_a_limit_holds_while_a_service_that_was_asked_is_asked_no_more(world: World) -> None:
    spans(world)
    found = asked(world, "span.rate", 0.1, {"service": "checkout"}, above=False)
    assert list(found.labels) == [(("entity", "service:shop/checkout"),)]
    assert found.present.tolist() == [[False, False, False, True, True]]
    assert found.values[0, 3:].tolist() == [0.0, 0.0]


def test_errors_and_durations_above_a_limit(world: World) -> None:
    spans(world)
    errors = asked(world, "span.errors", 0.01)
    assert errors.present.tolist() == [[False, True, False, False, False]]
    assert errors.values[0, 1] == pytest.approx(2 / 60)
    slow = asked(world, "span.duration.p95", 0.5)
    assert slow.present.tolist() == [[False, False, True, False, False]]


def test_a_service_without_traces_is_judged_by_what_it_counts_itself(world: World) -> None:
    """As Prometheus scrapes it: from the second minute on every fifth request fails, and answers take longer."""
    totals = {"200": [0, 60, 108, 156, 204, 252], "503": [0, 0, 12, 24, 36, 48]}
    for code, values in totals.items():
        points = [(60.0 * minute, float(value)) for minute, value in enumerate(values)]
        put_metric(world.telemetry, points, kind=CUMULATIVE, name="http_requests_total", labels={"code": code})
    for part, values in (("count", [0, 60, 120, 180, 240, 300]), ("sum", [0, 6, 66, 126, 186, 246])):
        points = [(60.0 * minute, float(value)) for minute, value in enumerate(values)]
        put_metric(world.telemetry, points, kind=CUMULATIVE, name=f"http_request_duration_seconds_{part}")
    errors = asked(world, "span.errors", 0.1)
    assert errors.values[0, errors.present[0]] == pytest.approx(12 / 60)
    slow = asked(world, "span.duration.mean", 0.5)
    assert slow.values[0, slow.present[0]] == pytest.approx(1.0)
    assert counted(world, OfService("shop")).bad[1:].tolist() == pytest.approx([0, 12, 12, 12]), (
        "a point is of its step"
    )


def test_of_a_service_without_traces_the_buckets_of_its_histogram_say_how_long_answers_take(world: World) -> None:
    """From the second minute on half of the answers take from half a second to a whole one."""
    within = {"0.1": [0, 60, 90, 120, 150], "0.5": [0, 60, 90, 120, 150], "1": [0, 60, 120, 180, 240]}
    base = "http_request_duration_seconds"
    told = {("_count", ""): within["1"], ("_sum", ""): within["1"]}
    told |= {("_bucket", bound): values for bound, values in {**within, "+Inf": within["1"]}.items()}
    for (part, bound), values in told.items():
        points = [(60.0 * minute, float(value)) for minute, value in enumerate(values)]
        labels = {"le": bound} if bound else {}
        put_metric(world.telemetry, points, kind=CUMULATIVE, name=f"{base}{part}", labels=labels)
    slow = asked(world, "span.duration.p95", 0.5)
    assert slow.present.tolist() == [[False, False, True, True, True]]
    assert slow.values[0, 2:] == pytest.approx(0.95)
    objective = counted(world, OfService("shop", slower_than_s=0.5))
    assert objective.bad[1:].tolist() == pytest.approx([0, 30, 30, 30])
    assert objective.total[1:].tolist() == pytest.approx([60] * 4)
    assert np.isnan(counted(world, OfService("shop", slower_than_s=0.5, endpoint="GET /")).total).all()


def test_an_objective_of_an_endpoint_counts_what_is_told_of_its_route(world: World) -> None:
    """Half of the payments take long, and every tenth of them fails; what is looked at is quick."""
    asked_for = {("GET", "/", "200"): (60, 60), ("POST", "/pay", "200"): (54, 27), ("POST", "/pay", "500"): (6, 3)}
    for (method, route, code), (count, quick) in asked_for.items():
        labels = {"method": method, "route": route, "code": code}
        told = {("_count", ""): count, ("_sum", ""): count}
        told |= {("_bucket", bound): each for bound, each in {"0.5": quick, "1": count, "+Inf": count}.items()}
        for (part, bound), each in told.items():
            points = [(60.0 * minute, float(minute * each)) for minute in range(5)]
            own = {**labels, "le": bound} if bound else labels
            put_metric(
                world.telemetry, points, kind=CUMULATIVE, name=f"http_request_duration_seconds{part}", labels=own
            )
    for endpoint in ("POST /pay", "/pay"):
        slow = counted(world, OfService("shop", slower_than_s=0.5, endpoint=endpoint))
        assert (slow.bad[1:].tolist(), slow.total[1:].tolist()) == ([30] * 4, [60] * 4)
        failed = counted(world, OfService("shop", endpoint=endpoint))
        assert (failed.bad[1:].tolist(), failed.total[1:].tolist()) == ([6] * 4, [60] * 4)
    assert counted(world, OfService("shop", endpoint="GET /")).bad[1:].tolist() == [0] * 4


@pytest.mark.parametrize(
    ("where", "count"),
    [({}, 2), ({"service": "checkout"}, 1), ({"entity": "service:shop/checkout"}, 1), ({"service": "other"}, 0)],
)
def test_where_names_a_service_by_its_name_or_its_id(world: World, where: dict[str, str], count: int) -> None:
    spans(world)
    assert len(asked(world, "span.rate", 0, where).labels) == count


def test_the_last_value_of_a_metric_counts_for_five_minutes(world: World) -> None:
    put_metric(world.telemetry, [(10.0, 0.95)], name="disk.share", service="shop")
    steps = Steps(NOON_MS + 60_000, 60_000, 8)
    found = world.trial().answers.ask(Threshold("disk.share", 0.9, is_above=True), steps)
    assert found.present.tolist() == [[True] * 6 + [False] * 2]


def test_of_several_reporters_alike_the_worst_counts(world: World) -> None:
    for value, kind in ((0.5, "a"), (0.95, "b")):
        put_metric(world.telemetry, [(10.0, value)], name="disk.share", service="shop", labels={"disk": kind})
    found = world.trial().answers.ask(Threshold("disk.share", 0.9, is_above=True), MINUTES)
    assert [dict(labels)["disk"] for labels in found.labels] == ["b"]


def counted(world: World, indicator: OfService) -> Counts:
    return world.trial().counting.count(indicator, MINUTES)


@pytest.mark.parametrize("service", ["checkout", "shop/checkout", "service:shop/checkout"])
def test_availability_counts_requests_that_failed(world: World, service: str) -> None:
    spans(world)
    found = counted(world, OfService(service))
    assert np.array_equal(found.total, [10, 10, 10, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(found.bad, [0, 2, 0, np.nan, np.nan], equal_nan=True)


def test_latency_counts_requests_that_took_longer(world: World) -> None:
    spans(world)
    found = counted(world, OfService("checkout", slower_than_s=0.3))
    assert found.bad[:3].tolist() == [0, 0, 4]


def test_one_endpoint_alone(world: World) -> None:
    spans(world)
    found = counted(world, OfService("checkout", slower_than_s=0.3, endpoint="POST /pay"))
    assert (found.total[:3].tolist(), found.bad[:3].tolist()) == ([5, 5, 5], [0, 0, 2])


def test_a_service_without_spans_tells_of_its_requests_itself(world: World) -> None:
    put_metric(
        world.telemetry, [(float(s), 2.0) for s in range(1, 300, 10)], name="service.request.rate", service="mesh"
    )
    put_metric(
        world.telemetry, [(float(s), 0.5) for s in range(1, 300, 10)], name="service.request.errors", service="mesh"
    )
    found = counted(world, OfService("mesh"))
    assert found.total.tolist() == pytest.approx([120.0] * 5)
    assert found.bad.tolist() == pytest.approx([30.0] * 5)


def test_a_service_of_which_nothing_is_known_has_no_events(world: World) -> None:
    assert np.isnan(counted(world, OfService("nobody")).total).all()
