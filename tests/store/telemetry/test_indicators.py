"""Rate, errors and duration of services that report them as libraries of Prometheus, meshes and gateways do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.store.telemetry.indicators import slower_than, with_reported
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]
TIMES = np.arange(1.0, 5.0) * 10
NOTHING = Window(TIMES, np.empty((4, 0)), ())
Told = tuple[str, dict[str, str], float]


def reported(*told: Told, entity: str = "service:web") -> dict[str, list[float]]:
    """The indicators of a service by what its series say in each step, the second of which is a hole."""
    series = tuple(SeriesInfo(n, name, "", "sum", entity, labels) for n, (name, labels, _) in enumerate(told, start=1))
    values = np.full((4, len(told)), [value for *_, value in told])
    values[1] = np.nan
    red = with_reported(NOTHING, Window(TIMES, values, series))
    return {info.name: np.delete(red.values[:, j], 1).tolist() for j, info in enumerate(red.series)}


@pytest.mark.parametrize(
    ("name", "label", "fine", "failed"),
    [
        ("http_requests_total", "code", "200", "503"),
        ("http_requests_total", "status", "2xx", "5xx"),
        ("http_requests_received_total", "code", "404", "500"),
        ("flask_http_request_total", "status", "200", "500"),
        ("istio_requests_total", "response_code", "200", "504"),
        ("grpc_server_handled_total", "grpc_code", "NotFound", "Unavailable"),
        ("rpc.server.duration_count", "rpc.grpc.status_code", "5", "14"),
        ("rpc_server_duration_milliseconds_count", "rpc_grpc_status_code", "0", "13"),
        ("rpc.server.call.duration_count", "rpc.response.status_code", "NOT_FOUND", "DEADLINE_EXCEEDED"),
        ("nginx_ingress_controller_requests", "status", "301", "502"),
        ("envoy_http_downstream_rq_xx", "envoy_response_code_class", "2", "5"),
        ("apiserver_request_total", "code", "201", "500"),
        ("shop_http_requests_total", "code", "200", "503"),
        ("shop_http_request_duration_seconds_count", "status", "302", "500"),
        ("loki_request_duration_seconds_count", "status_code", "204", "500"),
        ("http_server_requests_seconds_count", "status", "200", "500"),
        ("http_request_duration_seconds_count", "status_code", "200", "500"),
        ("http_server_request_duration_seconds_count", "http_response_status_code", "200", "500"),
    ],
)
def test_requests_that_are_counted_by_status(name: str, label: str, fine: str, failed: str) -> None:
    found = reported((name, {label: fine}, 8.0), (name, {label: failed}, 2.0))
    assert found == {"span.rate": [10.0] * 3, "span.errors": [2.0] * 3}


def test_of_what_never_failed_there_are_no_errors_and_of_what_says_nothing_none_are_known() -> None:
    assert reported(("http_requests_total", {"code": "200"}, 8.0))["span.errors"] == [0.0] * 3
    assert "span.errors" not in reported(("http_requests_total", {}, 8.0))


@pytest.mark.parametrize(("unit", "sum_"), [("seconds", 1.0), ("milliseconds", 1000.0)])
def test_a_histogram_says_how_long_answers_take(unit: str, sum_: float) -> None:
    base = f"http_request_duration_{unit}"
    found = reported((f"{base}_count", {"code": "200"}, 8.0), (f"{base}_sum", {"code": "200"}, sum_))
    assert found["span.duration.mean"] == [0.125] * 3


def test_who_counts_twice_is_counted_once_by_what_says_what_became_of_the_requests() -> None:
    base = "http_request_duration_seconds"
    durations: list[Told] = [(f"{base}_count", {}, 11.0), (f"{base}_sum", {}, 2.2)]
    counted = [("http_requests_total", {"status": "2xx"}, 8.0), ("http_requests_total", {"status": "5xx"}, 2.0)]
    found = reported(*durations, *counted)
    assert (found["span.rate"], found["span.errors"]) == ([10.0] * 3, [2.0] * 3)
    assert found["span.duration.mean"] == pytest.approx([0.2] * 3)
    mesh = [
        ("istio_requests_total", {"response_code": "200", "reporter": who}, 5.0) for who in ("source", "destination")
    ]
    assert reported(*mesh)["span.rate"] == [5.0] * 3


def by_senders(*told: tuple[str, dict[str, str], str, float]) -> list[float]:
    """Requests per second, by series of a service with the name, the labels and the instance of each."""
    series = tuple(
        SeriesInfo(n, name, "", "sum", "service:web", labels, {"service.instance.id": who})
        for n, (name, labels, who, _) in enumerate(told, start=1)
    )
    metrics = Window(TIMES, np.full((4, len(told)), [value for *_, value in told]), series)
    red = with_reported(NOTHING, metrics)
    rate = red.values[:, [info.name for info in red.series].index("span.rate")]
    return sorted({float(value) for value in rate})


NEW, OLD = "http.server.request.duration_count", "http.server.duration_count"


def test_each_request_is_counted_once_whatever_it_is_called() -> None:
    fine, before = {"http.response.status_code": "200"}, {"http.status_code": "200"}
    assert by_senders((NEW, fine, "a", 8.0), (OLD, before, "a", 8.0)) == [8.0], "http/dup"
    assert by_senders((NEW, fine, "a", 8.0), (OLD, before, "b", 8.0)) == [16.0], "one instance is of a newer version"
    counted = ("http_requests_total", {"code": "200"}, "10.0.0.1:8080", 8.0)
    mesh = ("istio_requests_total", {"response_code": "200", "reporter": "destination"}, "10.0.0.1:15020", 8.1)
    assert by_senders(counted, mesh) == [8.0]
    assert by_senders((counted[0], {}, *counted[2:]), mesh) == [8.1], "the mesh alone says what became of them"
    calls = ("grpc_server_handled_total", {"grpc_code": "OK"}, "10.0.0.1:8080", 2.0)
    assert by_senders(counted, calls, mesh) == [10.0], "requests by HTTP and by gRPC are others"
    ready: list[tuple[str, dict[str, str], str, float]] = [
        ("service.requests", {}, "a", 8.0),
        ("service.request.rate", {}, "a", 8.0),
    ]
    assert by_senders(*ready, (NEW, fine, "a", 8.0)) == [8.0]


def test_durations_are_those_of_one_name() -> None:
    found = reported(
        ("http.server.request.duration_count", {}, 8.0),
        ("http.server.request.duration_sum", {}, 0.8),
        ("http.server.duration_count", {}, 8.0),
        ("http.server.duration_sum", {}, 800.0),
    )
    assert found["span.duration.mean"] == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("name", ["nginx_http_requests_total", "apache.requests", "varnish_main_client_req"])
def test_who_counts_without_saying_what_became_of_it_has_a_rate(name: str) -> None:
    assert reported((name, {"server": "a"}, 3.0), (name, {"server": "b"}, 2.0)) == {"span.rate": [5.0] * 3}


def test_what_a_proxy_counts_at_each_of_its_stages_is_counted_once() -> None:
    series = tuple(
        SeriesInfo(number, "haproxy.requests.total", "", "sum", "service:lb", {"status_code": "2xx"}, resource)
        for number, stage in enumerate(("FRONTEND", "BACKEND", "web-1", "web-2"))
        for resource in [{"haproxy.proxy_name": "web", "haproxy.service_name": stage}]
    )
    red = with_reported(NOTHING, Window(TIMES, np.full((4, 4), [10.0, 10.0, 6.0, 4.0]), series))
    rates = red.values[:, [info.name for info in red.series].index("span.rate")]
    assert rates.tolist() == [10.0] * 4


def test_what_may_be_no_counter_is_no_rate() -> None:
    told = SeriesInfo(1, "varnish_main_client_req", "", "prometheus_unknown", "service:web")
    assert with_reported(NOTHING, Window(TIMES, np.full((4, 1), 9e9), (told,))) is NOTHING


def test_other_counters_are_no_requests() -> None:
    assert reported(("jobs_total", {"status": "500"}, 3.0)) == {}
    assert reported(("pg_stat_database_xact_commit", {}, 3.0)) == {}, "the end of a batch is no fall of traffic"
    assert reported(("http_requests_total", {"code": "200"}, 3.0), entity="host:a") == {}
    for own in ("bank_client", "outgoing", "proxy_upstream"):
        assert reported((f"{own}_http_requests_total", {"code": "200"}, 3.0)) == {}, "it asks, and does not answer"


def test_names_of_a_programs_own_count_where_no_usual_one_does() -> None:
    own = [("shop_http_requests_total", {"code": "200"}, 3.0), ("admin_http_requests_total", {"code": "200"}, 1.0)]
    assert reported(*own)["span.rate"] == [1.0] * 3, "one of them, always the same"
    assert reported(*own, ("http_requests_total", {"code": "200"}, 7.0))["span.rate"] == [7.0] * 3


def test_a_mesh_says_200_of_a_failure_of_grpc() -> None:
    labels = {"response_code": "200", "reporter": "destination"}
    found = reported(
        ("istio_requests_total", {**labels, "grpc_response_status": "0"}, 8.0),
        ("istio_requests_total", {**labels, "grpc_response_status": "14"}, 2.0),
    )
    assert (found["span.rate"], found["span.errors"]) == ([10.0] * 3, [2.0] * 3)


def test_seconds_and_milliseconds_of_one_service_are_not_mixed() -> None:
    new, old = "http_server_request_duration_seconds", "rpc_server_duration_milliseconds"
    found = reported(
        (f"{new}_count", {}, 8.0), (f"{new}_sum", {}, 0.8), (f"{old}_count", {}, 2.0), (f"{old}_sum", {}, 200.0)
    )
    assert found["span.duration.mean"] == pytest.approx([0.1] * 3)


def shifted(*steps: tuple[int, ...], deltas: bool = False) -> dict[str, list[float]]:
    """The indicators by two instances, seen in these of nine steps; 100 requests per second each, 1 of which fails."""
    values = np.full((9, 3), np.nan)
    values[list(steps[0]), 0], values[list(steps[1]), 1], values[list(steps[0]), 2] = 99.0, 100.0, 1.0
    series = tuple(
        SeriesInfo(n, "http_requests_total", "", "sum", "service:web", {"code": code}, {"instance": who}, deltas)
        for n, (code, who) in enumerate((("200", "a"), ("200", "b"), ("500", "a")))
    )
    times = np.arange(1.0, 10.0) * 10
    red = with_reported(Window(times, np.empty((9, 0)), ()), Window(times, values, series))
    return {info.name: red.values[:, j].tolist() for j, info in enumerate(red.series)}


def test_instances_that_are_asked_in_turn_are_added_all_the_same() -> None:
    """Of 15 s, on steps of 10 s: each is missing in every third step, and not both in the same one."""
    found = shifted((0, 1, 3, 4, 6, 7), (0, 2, 3, 5, 6, 8))
    assert (found["span.rate"], found["span.errors"]) == ([200.0] * 9, [1.0] * 9)
    deltas = shifted((0, 1, 3, 4, 6, 7), (0, 2, 3, 5, 6, 8), deltas=True)
    assert deltas["span.rate"] == [200.0, 100.0, 100.0] * 3, "a delta says all of its time"


def test_an_instance_that_is_gone_counts_until_its_next_word_was_due() -> None:
    assert shifted((0, 1), (0, 1, 2, 3, 4, 5, 6))["span.rate"][:7] == [200.0] * 3 + [100.0] * 4


def test_ready_figures_are_as_they_are_told() -> None:
    series = tuple(
        SeriesInfo(n, name, "", "gauge", "service:web", {"statistic": "p95"})
        for n, name in enumerate(("service.request.rate", "service.request.duration"), start=1)
    )
    values = np.array([[5.0, 0.1], [5.0, 0.1], [5.0, np.nan], [5.0, 0.1]])
    red = with_reported(NOTHING, Window(TIMES, values, series))
    names = [info.name for info in red.series]
    assert np.isnan(red.values[2, names.index("span.duration.p95")])


Buckets = tuple[str, dict[str, str], dict[str, float]]


def answered_within(*histograms: Buckets, unit: str = "", mean_s: float = 0.3) -> dict[str, list[float]]:
    """How long answers take, by histograms: a name, labels, and what is within each bound."""
    told: list[Told] = []
    for base, labels, within in histograms:
        took = (mean_s if "seconds" in base and "milli" not in base else 1000 * mean_s) * within["+Inf"]
        told += [(f"{base}_count", labels, within["+Inf"]), (f"{base}_sum", labels, took)]
        told += [(f"{base}_bucket", {**labels, "le": bound}, count) for bound, count in within.items()]
    series = tuple(SeriesInfo(n, name, unit, "", "service:web", labels) for n, (name, labels, _) in enumerate(told))
    values = np.full((4, len(told)), [value for *_, value in told])
    values[1] = np.nan
    window = Window(TIMES, values, series)
    is_bucket = np.array([name.endswith("_bucket") for name, *_ in told])
    buckets = Window(TIMES, values[:, is_bucket], tuple(s for s, own in zip(series, is_bucket, strict=True) if own))
    red = with_reported(NOTHING, window, buckets)
    names = ("span.duration.p50", "span.duration.p95")
    return {i.name: np.delete(red.values[:, j], 1).tolist() for j, i in enumerate(red.series) if i.name in names}


SECONDS, MILLIS = "http_server_request_duration_seconds", "http_server_duration_milliseconds"


def test_buckets_say_how_long_the_slowest_take() -> None:
    found = answered_within((SECONDS, {"code": "200"}, {"0.1": 50.0, "0.5": 90.0, "1": 100.0, "+Inf": 100.0}))
    assert found == {"span.duration.p50": [0.1] * 3, "span.duration.p95": [0.75] * 3}
    millis = answered_within((MILLIS, {}, {"100": 50.0, "500": 90.0, "1000": 100.0, "+Inf": 100.0}))
    assert millis == found
    told = answered_within(("http.server.duration", {}, {"100": 50.0, "1000": 100.0, "+Inf": 100.0}), unit="ms")
    assert told["span.duration.p95"] == pytest.approx([0.91] * 3)


def test_histograms_are_added_by_what_each_knows_to_be_within_a_bound() -> None:
    fast = (SECONDS, {"route": "/"}, {"0.1": 90.0, "0.5": 90.0, "1": 90.0, "+Inf": 90.0})
    slow = (SECONDS, {"route": "/pay"}, {"0.5": 0.0, "1": 10.0, "+Inf": 10.0})
    assert answered_within(fast, slow) == {
        "span.duration.p50": pytest.approx([0.1 * 50 / 90] * 3),
        "span.duration.p95": [0.75] * 3,
    }
    again = (MILLIS, {"route": "/"}, {"500": 0.0, "1000": 90.0, "+Inf": 90.0})
    assert answered_within(fast, slow, again) == answered_within(fast, slow), "one name is taken"


def test_of_no_answers_and_of_one_bucket_no_quantile_is_known() -> None:
    none = answered_within((SECONDS, {}, {"0.1": 0.0, "1": 0.0, "+Inf": 0.0}))
    assert np.isnan(none["span.duration.p95"]).all()
    assert answered_within((SECONDS, {}, {"+Inf": 100.0})) == {}
    assert answered_within((SECONDS, {}, {"0.1": 0.0, "1": 0.0, "+Inf": 9.0}))["span.duration.p95"] == [1.0] * 3


def test_buckets_that_are_too_coarse_say_no_more_than_the_mean_allows() -> None:
    first: Buckets = (SECONDS, {}, {"0": 0.0, "5": 100.0, "+Inf": 100.0})
    found = answered_within(first, mean_s=0.02)
    assert found["span.duration.p50"] == pytest.approx([0.04] * 3), "at most half take more than twice the mean"
    assert found["span.duration.p95"] == pytest.approx([0.4] * 3)
    last: Buckets = (SECONDS, {}, {"0.5": 0.0, "1": 10.0, "+Inf": 100.0})
    assert answered_within(last, mean_s=7.0)["span.duration.p95"] == pytest.approx([7.0] * 3)


def test_a_bound_that_is_not_told_counts_what_is_below_it() -> None:
    """Exponential histograms tell the bounds that they need, each its own."""
    nan = float("nan")
    fast = (SECONDS, {"route": "/"}, {"0.1": 50.0, "0.2": 100.0, "0.5": nan, "1": nan, "+Inf": 100.0})
    slow = (SECONDS, {"route": "/pay"}, {"0.5": 10.0, "1": 100.0, "+Inf": 100.0})
    whole = (SECONDS, {"route": "/"}, {"0.1": 50.0, "0.2": 100.0, "0.5": 100.0, "1": 100.0, "+Inf": 100.0})
    assert answered_within(fast, slow) == answered_within(whole, slow)
    unknown = (SECONDS, {"route": "/pay"}, {"0.5": 10.0, "?": 50.0, "1": 100.0, "+Inf": 100.0})
    assert answered_within(whole, unknown) == answered_within(whole, slow)


def test_what_two_scopes_tell_alike_is_added() -> None:
    told = [{"0.1": within, "1": 100.0, "+Inf": 100.0} for within in (100.0, 0.0)]
    alike: list[Buckets] = [(SECONDS, {}, within) for within in told]
    apart: list[Buckets] = [(SECONDS, {"scope": str(number)}, within) for number, within in enumerate(told)]
    assert answered_within(*alike) == answered_within(*apart)


@pytest.mark.parametrize(("seconds", "slow"), [(0.05, 50.0), (0.1, 50.0), (0.3, 10.0), (0.5, 10.0), (1.0, 4.0)])
def test_what_takes_longer_than_an_objective_wants(seconds: float, slow: float) -> None:
    within = {"0.1": 50.0, "0.5": 90.0, "1": 96.0, "+Inf": 100.0}
    series = tuple(
        SeriesInfo(n, f"{SECONDS}_bucket", "", "", "service:web", {"le": bound}) for n, bound in enumerate(within)
    )
    values = np.vstack([np.full((3, 4), list(within.values())), np.zeros((1, 4))])
    assert slower_than(Window(TIMES, values, series), 9.0) == {}, "nothing is known beyond the last bound"
    longer, every = slower_than(Window(TIMES, values, series), seconds)["service:web"]
    assert longer[:3].tolist() == pytest.approx([slow] * 3)
    assert np.isnan(every[3])
