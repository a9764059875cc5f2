"""Spans read back: rate, errors and duration, exclusive time, who called whom, traces, the latest."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.scenes import at, put_span, put_spans, span_body

from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.trace_pages import TracePages
from wellkept.store.telemetry.window import Window

CHECKOUT, PAYMENTS = "service:shop/checkout", "service:shop/payments"


def columns(window: Window) -> dict[tuple[str, str], list[float]]:
    return {
        (series.entity, series.name): [float(value) for value in window.values[:, index]]
        for index, series in enumerate(window.series)
    }


def test_rate_errors_and_duration(telemetry: Telemetry) -> None:
    for span, (began, took_s, status) in enumerate(
        [(1, 0.1, "Unset"), (2, 0.3, "Error"), (3, 0.2, "Ok"), (25, 1, "Ok")]
    ):
        put_span(telemetry, "shop/checkout", began, took_s, status=status, span=span + 1)
    found = columns(telemetry.spans.red(at(0), at(30), 10))
    assert found[CHECKOUT, "span.rate"] == pytest.approx([0.3, math.nan, 0.1], nan_ok=True)
    assert found[CHECKOUT, "span.errors"] == pytest.approx([0.1, math.nan, 0.0], nan_ok=True)
    assert found[CHECKOUT, "span.duration.p50"] == pytest.approx([0.2, math.nan, 1.0], nan_ok=True)
    assert found[CHECKOUT, "span.duration.p95"] == pytest.approx([0.3, math.nan, 1.0], nan_ok=True)


@pytest.mark.parametrize(
    ("kind", "counts"), [("Server", 1), ("Consumer", 1), ("Client", 0), ("Internal", 0), ("Producer", 0)]
)
def test_only_what_a_service_answers_counts(telemetry: Telemetry, kind: str, counts: int) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.1, kind=kind)
    assert len(telemetry.spans.red(at(0), at(10), 10).series) == 4 * counts


def test_a_span_that_came_twice_counts_once(telemetry: Telemetry) -> None:
    for _ in range(2):
        put_span(telemetry, "shop/checkout", 1, 0.1, times=2)
        put_span(telemetry, "shop/checkout", 1, 0.05, kind="Client", span=2, parent=1, service_peer_name="payments")
    assert columns(telemetry.spans.red(at(0), at(10), 10))[CHECKOUT, "span.rate"] == [0.1]
    assert columns(telemetry.spans.exclusive(at(0), at(10), 10))[CHECKOUT, "span.exclusive.p90"] == pytest.approx(
        [0.05]
    )
    assert telemetry.spans.edges(at(0), at(10))["calls"].to_pylist() == [1]
    assert telemetry.spans.trace(f"{1:032x}").num_rows == 2
    assert telemetry.spans.recent(at(0), at(10)).num_rows == 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(
        st.tuples(st.integers(-80, 320), st.integers(1, 900), st.sampled_from(["Unset", "Ok", "Error"])), max_size=8
    ),
    length=st.integers(1, 300),
    step=st.sampled_from([0.5, 7.0, 10.0]),
)
def test_the_grid_is_what_brute_force_gives(
    telemetry: Telemetry, spans: list[tuple[int, int, str]], length: int, step: float
) -> None:
    telemetry.engine.command("TRUNCATE TABLE otel_traces")
    bodies = [
        span_body("shop/checkout", began / 10, took / 1000, status=status, span=number)
        for number, (began, took, status) in enumerate(spans, 1)
    ]
    put_spans(telemetry, bodies)
    found = columns(telemetry.spans.red(at(0), at(length / 10), step))
    for index in range(math.ceil(length / 10 / step)):
        low, high = index * step, min((index + 1) * step, length / 10)
        inside = [(took / 1000, status) for began, took, status in spans if low <= began / 10 < high]
        if not inside:
            assert all(math.isnan(values[index]) for values in found.values())
            continue
        assert found[CHECKOUT, "span.rate"][index] == pytest.approx(len(inside) / step)
        errors = sum(status == "Error" for _, status in inside)
        assert found[CHECKOUT, "span.errors"][index] == pytest.approx(errors / step)
        p50 = found[CHECKOUT, "span.duration.p50"][index]
        durations = sorted(took for took, _ in inside)
        assert statistics.median_low(durations) <= p50 + 1e-9
        assert p50 <= statistics.median_high(durations) + 1e-9


def test_exclusive_time_leaves_out_what_was_waited_for(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 1.0, span=1)
    put_span(telemetry, "shop/checkout", 1.1, 0.3, kind="Client", span=2, parent=1)
    put_span(telemetry, "shop/checkout", 1.5, 0.4, kind="Client", span=3, parent=1)
    put_span(telemetry, "shop/payments", 1.1, 0.25, span=4, parent=2)
    put_span(telemetry, "shop/payments", 1.5, 0.35, span=5, parent=3)
    found = columns(telemetry.spans.exclusive(at(0), at(10), 10))
    assert found[CHECKOUT, "span.exclusive.p90"] == pytest.approx([0.3])
    assert found[PAYMENTS, "span.exclusive.p90"] == pytest.approx([0.3])


def test_exclusive_time_is_never_negative(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.5, span=1)
    for span in (2, 3):  # side by side
        put_span(telemetry, "shop/checkout", 1, 0.4, kind="Client", span=span, parent=1)
    assert columns(telemetry.spans.exclusive(at(0), at(10), 10)) == {(CHECKOUT, "span.exclusive.p90"): [0.0]}


def edges(telemetry: Telemetry) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = telemetry.spans.edges(at(0), at(100)).to_pylist()
    return found


def test_a_call_is_told_by_the_caller_and_the_callee(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.30, kind="Client", span=2, parent=1, status="Error")
    put_span(telemetry, "shop/payments", 1.01, 0.25, span=3, parent=2)
    put_span(telemetry, "shop/checkout", 2, 0.10, kind="Client", span=4, parent=1)
    put_span(telemetry, "shop/payments", 2.01, 0.05, span=5, parent=4)
    (edge,) = edges(telemetry)
    assert (edge["source"], edge["target"], edge["calls"], edge["errors"]) == (CHECKOUT, PAYMENTS, 2, 1)
    assert edge["p95_s"] == pytest.approx(0.3)
    assert edge["gap_p50_s"] == pytest.approx(0.05)


def test_a_sample_of_calls_holds_whole_traces_and_stands_for_all(telemetry: Telemetry) -> None:
    bodies = []
    for number in range(60):
        began, trace = 1 + number / 10, number + 1
        bodies.append(span_body("shop/checkout", began, 0.3, kind="Client", trace=trace, span=2, parent=1))
        bodies.append(span_body("shop/payments", began, 0.2, trace=trace, span=3, parent=2))
    put_spans(telemetry, bodies)
    (edge,) = telemetry.spans.edges(at(0), at(100), limit=30).to_pylist()
    assert edge["calls"] % 4 == 0  # one trace in four
    assert 20 < edge["calls"] < 120
    assert edge["gap_p50_s"] == pytest.approx(0.1)
    own = columns(telemetry.spans.exclusive(at(0), at(100), 100, limit=30))
    assert own == {(PAYMENTS, "span.exclusive.p90"): [pytest.approx(0.2)]}
    red = columns(telemetry.spans.red(at(0), at(100), 100, limit=30))
    assert red[PAYMENTS, "span.rate"] == [pytest.approx(edge["calls"] / 100)], "the same traces"
    assert red[PAYMENTS, "span.duration.p50"] == [pytest.approx(0.2)]
    asked = (at(0), at(100), [PAYMENTS], ["GET /"])
    (sampled,) = TracePages(telemetry.engine).usual(*asked, limit=30).to_pylist()
    (whole,) = TracePages(telemetry.engine).usual(*asked).to_pylist()
    assert (sampled["spans"], whole["spans"]) == (edge["calls"], 60)


@pytest.mark.parametrize("label", ["service_peer_name", "peer_service"])
def test_a_call_that_nobody_answered_counts_towards_whom_the_caller_named(telemetry: Telemetry, label: str) -> None:
    named: dict[str, Any] = {label: "payments"}
    put_span(telemetry, "shop/checkout", 1, 5, kind="Client", span=2, status="Error", **named)
    (edge,) = edges(telemetry)
    assert (edge["source"], edge["target"], edge["calls"], edge["errors"]) == (CHECKOUT, PAYMENTS, 1, 1)


def test_a_message_is_a_call_from_who_produced_it(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.01, kind="Producer", span=2)
    put_span(telemetry, "shop/payments", 3, 0.2, kind="Consumer", span=3, parent=2, status="Error")
    (edge,) = edges(telemetry)
    assert (edge["source"], edge["target"], edge["errors"]) == (CHECKOUT, PAYMENTS, 1)
    assert edge["p95_s"] == pytest.approx(0.2)


def test_a_service_within_itself_is_no_edge(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.30, kind="Client", span=2)
    put_span(telemetry, "shop/checkout", 1, 0.20, span=3, parent=2)
    put_span(telemetry, "shop/checkout", 1, 0.20, kind="Client", span=4)
    assert edges(telemetry) == []


def test_spans_without_ids_are_not_one_anothers_children(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.3, trace=0, span=0)
    put_span(telemetry, "shop/payments", 1, 0.3, trace=0, span=0)
    put_span(telemetry, "shop/payments", 2, 0.3, trace=7, span=1)
    put_span(telemetry, "shop/checkout", 3, 0.3, trace=7, span=0, kind="Client")
    assert edges(telemetry) == []


def test_a_trace(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/payments", 2, 0.1, trace=255, span=2, parent=1, status="Error")
    put_span(telemetry, "shop/checkout", 1, 2, trace=255, span=1)
    put_span(telemetry, "shop/checkout", 1, 2, trace=254, span=1)
    trace = telemetry.spans.trace(f"{255:032X}")
    assert trace["SpanId"].to_pylist() == [f"{1:016x}", f"{2:016x}"]
    assert trace["ServiceEntity"].to_pylist() == [CHECKOUT, PAYMENTS]
    assert trace["Duration"].to_pylist() == [2_000_000_000, 100_000_000]
    assert telemetry.spans.trace("unknown").num_rows == 0
    assert telemetry.spans.trace("' OR 1=1").num_rows == 0


def test_the_latest_first_and_what_is_asked_for(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.1, span=1)
    put_span(telemetry, "shop/checkout", 2, 2.0, span=2, status="Error")
    put_span(telemetry, "shop/payments", 3, 0.1, span=3, status="Error")
    put_span(telemetry, "shop/payments", 3, 0.1, span=4, kind="Client")

    def recent(**options: Any) -> list[int]:
        return [int(span, 16) for span in telemetry.spans.recent(at(0), at(10), **options)["SpanId"].to_pylist()]

    assert recent() == [3, 2, 1]
    assert recent(limit=2) == [3, 2]
    assert recent(entity=CHECKOUT) == [2, 1]
    assert recent(errors_only=True) == [3, 2]
    assert recent(slower_than_s=0.1) == [3, 2, 1]
    assert recent(slower_than_s=0.2) == [2]
    assert recent(entity=PAYMENTS, errors_only=True, slower_than_s=1) == []


def parts(window: Window, name: str, attribute: str) -> dict[tuple[str, str], list[float]]:
    return {
        (series.entity, series.attributes[attribute]): [float(value) for value in window.values[:, index]]
        for index, series in enumerate(window.series)
        if series.name == name
    }


def test_endpoints_by_their_route_with_their_own_time(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 1.0, http_route="/cart/{id}", http_request_method="GET")
    put_span(telemetry, "shop/checkout", 1.1, 0.75, kind="Client", span=2, parent=1)
    put_span(telemetry, "shop/checkout", 12, 0.2, trace=2, status="Error", http_route="/pay")
    window = telemetry.spans.endpoints(at(0), at(20), 10)
    cart, pay = (CHECKOUT, "GET /cart/{id}"), (CHECKOUT, "/pay")
    assert parts(window, "endpoint.rate", "span.endpoint") == {
        cart: pytest.approx([0.1, math.nan], nan_ok=True),
        pay: pytest.approx([math.nan, 0.1], nan_ok=True),
    }
    assert parts(window, "endpoint.errors", "span.endpoint")[pay][1] == pytest.approx(0.1)
    assert parts(window, "endpoint.duration.p95", "span.endpoint")[cart][0] == pytest.approx(1.0, rel=0.01)
    assert parts(window, "endpoint.exclusive.p90", "span.endpoint")[cart][0] == pytest.approx(0.25, rel=0.01)


def test_many_endpoints_are_bounded_and_ids_make_none(telemetry: Telemetry) -> None:
    bodies = [
        span_body("shop/checkout", 1, 0.1, trace=number, http_route=f"/{letter}")
        for number, letter in enumerate("abcdefghijkl", 1)
    ]
    put_spans(telemetry, [*bodies, span_body("shop/checkout", 2, 0.1, trace=20, http_route="/a")])
    found = parts(telemetry.spans.endpoints(at(0), at(10), 10, most=3), "endpoint.rate", "span.endpoint")
    assert found == {(CHECKOUT, name): pytest.approx([rate]) for name, rate in
                     {"/a": 0.2, "/b": 0.1, "/c": 0.1, "other": 0.9}.items()}  # fmt: skip


def test_endpoints_of_one_service_by_some_of_its_traces(telemetry: Telemetry) -> None:
    many = [span_body("shop/checkout", 1, 0.1, trace=number, span=number, http_route="/a") for number in range(1, 2001)]
    put_spans(telemetry, [*many, span_body("shop/payments", 1, 0.1, trace=5001, http_route="/pay")])
    exact = telemetry.spans.endpoints(at(0), at(10), 10, entity=CHECKOUT)
    assert parts(exact, "endpoint.rate", "span.endpoint") == {(CHECKOUT, "/a"): pytest.approx([200.0])}
    some = telemetry.spans.endpoints(at(0), at(10), 10, entity=CHECKOUT, limit=500)
    assert parts(some, "endpoint.rate", "span.endpoint") == {(CHECKOUT, "/a"): pytest.approx([200.0], rel=0.25)}


def test_calls_between_services_by_step(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.5, kind="Client", span=1)
    put_span(telemetry, "shop/payments", 1.1, 0.3, span=2, parent=1)
    put_span(telemetry, "shop/checkout", 13, 0.7, kind="Client", span=3, trace=2, status="Error", peer_service="ledger")
    window = telemetry.spans.calls(at(0), at(20), 10)
    payments, ledger = (CHECKOUT, PAYMENTS), (CHECKOUT, "service:shop/ledger")
    assert parts(window, "call.duration.p95", "span.callee") == {
        payments: pytest.approx([0.5, math.nan], nan_ok=True),
        ledger: pytest.approx([math.nan, 0.7], nan_ok=True),
    }
    assert parts(window, "call.errors", "span.callee")[ledger][1] == pytest.approx(0.1)
