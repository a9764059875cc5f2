"""Prometheus's interface for reading, on a real store: the answers that its clients expect, to the letter."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from tests.api.calls import TOKEN, Doors
from tests.store.telemetry.promql.scenario import write_series

from wellkept.api import prometheus
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.store.telemetry.failures import SlowError
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.promql.values import NAME, labels_of
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
AT = int(NOON.timestamp())
LIMITS = Limits(steps=100, series=3, cells=150, spread=100)


@pytest.fixture
def doors(telemetry: Telemetry) -> Doors:
    """A store with a counter on two hosts and a gauge, one sample in 15 s for five minutes before noon."""
    labels = {
        1: labels_of([(NAME, "requests_total"), ("job", "api"), ("host", "a")]),
        2: labels_of([(NAME, "requests_total"), ("job", "api"), ("host", "b")]),
        3: labels_of([(NAME, "level"), ("job", "api"), ("q", 'a"b\\c')]),
    }
    points = [(s, (AT - 300 + 15 * i) * 1000, float(i * s)) for i in range(21) for s in (1, 2)]
    points += [(3, AT * 1000 - 500, 0.25)]
    write_series(telemetry.engine, labels, points)
    return Doors(prometheus.routes(PromQL(telemetry.engine, LIMITS), SettableClock(NOON)))


def ask(doors: Doors, path: str, **parameters: Any) -> httpx.Response:
    return doors.call("GET", f"/prometheus/api/v1{path}?{urlencode(parameters, doseq=True)}")


def data(doors: Doors, path: str, **parameters: Any) -> Any:
    answer = ask(doors, path, **parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["status"] == "success"
    return answer.json()["data"]


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert body.keys() == {"status", "errorType", "error"}
    assert body["status"] == "error"
    return answer.status_code, body["errorType"], body["error"]


def test_a_vector_is_told_with_its_labels_moment_and_number_as_text(doors: Doors) -> None:
    assert data(doors, "/query", query="level", time=AT) == {
        "resultType": "vector",
        "result": [{"metric": {"__name__": "level", "job": "api", "q": 'a"b\\c'}, "value": [AT, "0.25"]}],
    }


def test_without_a_time_it_is_now_and_fractions_and_dates_are_times_too(doors: Doors) -> None:
    for moment, seen in (("", AT), (f"{AT}.5", AT + 0.5), ("2026-11-25T12:00:00.250Z", AT + 0.25)):
        found = data(doors, "/query", query="level", **({"time": moment} if moment else {}))
        assert found["result"][0]["value"][0] == seen


def test_scalars_texts_and_samples_have_types_of_their_own(doors: Doors) -> None:
    assert data(doors, "/query", query="1 / 0", time=AT) == {"resultType": "scalar", "result": [AT, "+Inf"]}
    assert data(doors, "/query", query='"text"', time=AT) == {"resultType": "string", "result": [AT, "text"]}
    assert data(doors, "/query", query="(level[1m])", time=AT) == {
        "resultType": "matrix",
        "result": [{"metric": {"__name__": "level", "job": "api", "q": 'a"b\\c'}, "values": [[AT - 0.5, "0.25"]]}],
    }
    samples = data(doors, "/query", query='requests_total{host="b"}[1m] offset 1m', time=AT)["result"][0]["values"]
    assert samples == [[AT - 105, "26"], [AT - 90, "28"], [AT - 75, "30"], [AT - 60, "32"]]
    assert data(doors, "/query", query="gone[1m]", time=AT) == {"resultType": "matrix", "result": []}


def test_a_range_leaves_out_the_steps_at_which_there_is_nothing(doors: Doors) -> None:
    found = data(doors, "/query_range", query="requests_total", start=AT - 360, end=AT, step="2m")

    assert found["resultType"] == "matrix"
    assert found["result"] == [
        {
            "metric": {"__name__": "requests_total", "host": host, "job": "api"},
            "values": [[AT - 240, str(4 * times)], [AT - 120, str(12 * times)], [AT, str(20 * times)]],
        }
        for host, times in (("a", 1), ("b", 2))
    ]


def test_a_scalar_over_a_range_is_a_series_without_labels(doors: Doors) -> None:
    found = data(doors, "/query_range", query="time() - time() + 1e21", start=AT, end=AT + 60, step=60)

    assert found["result"] == [{"metric": {}, "values": [[AT, "1e+21"], [AT + 60, "1e+21"]]}]


def test_a_form_says_the_same_as_an_address(doors: Doors) -> None:
    form = urlencode({"query": "sum(requests_total)", "time": AT}).encode()
    answer = doors.post("/prometheus/api/v1/query", form, content_type="application/x-www-form-urlencoded")

    assert answer.json()["data"]["result"] == [{"metric": {}, "value": [AT, "60"]}]


def test_series_labels_and_values_are_listed(doors: Doors) -> None:
    span = {"start": AT - 3600, "end": AT}
    assert data(doors, "/series", **{"match[]": ["level", 'requests_total{host="b"}']}, **span) == [
        {"__name__": "level", "job": "api", "q": 'a"b\\c'},
        {"__name__": "requests_total", "host": "b", "job": "api"},
    ]
    assert data(doors, "/labels") == ["__name__", "host", "job", "q"]
    assert data(doors, "/labels", **{"match[]": "level"}) == ["__name__", "job", "q"]
    assert data(doors, "/label/host/values") == ["a", "b"]
    assert data(doors, "/label/__name__/values") == ["level", "requests_total"]
    assert data(doors, "/label/host/values", **{"match[]": '{host!="a",job="api"}'}) == ["b"]
    assert data(doors, "/label/nothing/values") == []
    assert data(doors, "/labels", start=AT - 86_400, end=AT - 7200) == []


def test_a_limit_cuts_and_says_so(doors: Doors) -> None:
    answer = ask(doors, "/label/host/values", limit=1).json()

    assert answer["data"] == ["a"]
    assert answer["warnings"] == ["results truncated due to limit"]
    assert "warnings" not in ask(doors, "/label/host/values", limit=2).json()
    cut = ask(doors, "/query", query="requests_total", time=AT, limit=1).json()
    assert (len(cut["data"]["result"]), cut["warnings"]) == (1, ["results truncated due to limit"])


def test_metadata_is_told_by_metric(doors: Doors) -> None:
    assert data(doors, "/metadata", metric="level") == {"level": [{"type": "unknown", "help": "", "unit": ""}]}
    assert set(data(doors, "/metadata")) == {"level", "requests_total"}
    assert data(doors, "/metadata", metric="gone") == {}


def test_what_grafana_asks_besides_has_an_answer(doors: Doors) -> None:
    assert data(doors, "/status/buildinfo")["application"] == "Wellkept"
    assert data(doors, "/rules") == {"groups": []}
    assert data(doors, "/alerts") == {"alerts": []}
    assert data(doors, "/query_exemplars", query="level") == []


@pytest.mark.parametrize(
    ("path", "parameters", "said"),
    [
        ("/query", {}, "query: is required"),
        ("/query", {"query": "sum("}, "cannot be parsed"),
        ("/query", {"query": "level", "time": "yesterday"}, "time: must be seconds since the epoch"),
        ("/query", {"query": "level", "time": "2026-11-25T12:00:00"}, "time: must be seconds since the epoch"),
        ("/query", {"query": "level", "time": "1e300"}, "time: must be seconds since the epoch"),
        ("/query", {"query": "level", "timeout": "soon"}, "timeout: must be a duration"),
        ("/query", {"query": "level", "limit": "-1"}, "limit: must be a whole number"),
        ("/query", {"query": "(" * 201 + "1" + ")" * 201}, "at most 200 operators"),
        ("/query", {"query": "level @ -1"}, "must not name a moment before 1970"),
        ("/query", {"query": "level @ 1e18"}, "cannot be parsed"),
        ("/query", {"query": "rate(level[99999999y])"}, "cannot be parsed"),
        ("/query", {"query": "max_over_time(level[5m:99999999y])"}, "cannot be parsed"),
        ("/query", {"query": 'level{job="a\0"}'}, "cannot hold the character NUL"),
        ("/query", {"query": "a" * 40_000}, "at most 32768 characters"),
        ("/query_range", {"query": "level", "start": AT, "end": AT}, "step: is required"),
        ("/query_range", {"query": "level", "start": AT, "end": AT, "step": "0"}, "step: must be a duration"),
        ("/query_range", {"query": "level", "start": AT, "end": AT - 1, "step": "1"}, "end: must not be before start"),
        ("/query_range", {"query": "level", "start": 0, "end": AT, "step": "1"}, "exceeded maximum resolution"),
        ("/query_range", {"query": '"text"', "start": AT, "end": AT, "step": "1"}, "must be a scalar or a vector"),
        ("/series", {}, "match[]: is required"),
        ("/series", {"match[]": "sum(level)"}, "match[]: must be a selector"),
        ("/series", {"match[]": "{}"}, "cannot be parsed"),
    ],
)
def test_what_is_asked_wrongly_is_bad_data(path: str, parameters: dict[str, Any], said: str, doors: Doors) -> None:
    status, kind, error = refusal(ask(doors, path, **parameters))

    assert (status, kind) == (400, "bad_data")
    assert said in error


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("holt_winters(level[1m], 0.1, 0.1)", "unknown function"),
        ("requests_total / on (job) requests_total", "found duplicate series"),
        ('count({__name__!=""})', "must come to at most 150 values"),
        ("stddev_over_time(requests_total[5m])", "must look at at most 100 samples"),
        ("limitk(1, level)", "aggregation limitk(): is not supported here"),
        ("info(level)", "function info(): is not supported here"),
    ],
)
def test_what_cannot_be_answered_says_why(query: str, said: str, doors: Doors) -> None:
    status, kind, error = refusal(ask(doors, "/query_range", query=query, start=AT - 60, end=AT, step=1))

    assert (status, kind) in ((422, "execution"), (400, "bad_data"))
    assert said in error


@pytest.mark.parametrize(
    "query",
    [
        "(" * 200 + "1" + ")" * 200,
        "1" + " + 1" * 200,
        "1" + " ^ 1" * 200,
        "-" * 200 + "1",
        "scalar(" + "abs(" * 199 + "level" + ")" * 200,
        "level offset 1000y",
        "rate(level[1000y])",
        "level @ 253402300799",
    ],
    ids=range(8),
)
def test_what_is_as_deep_or_as_far_away_as_can_be_is_answered(query: str, doors: Doors) -> None:
    data(doors, "/query", query=query, time=AT)


def test_too_many_series_are_refused(telemetry: Telemetry) -> None:
    labels = {i: labels_of([(NAME, "many"), ("i", str(i))]) for i in range(1, 5)}
    write_series(telemetry.engine, labels, [(i, AT * 1000, 1.0) for i in labels])
    doors = Doors(prometheus.routes(PromQL(telemetry.engine, LIMITS), SettableClock(NOON)))

    assert refusal(ask(doors, "/query", query="many"))[::2] == (
        422,
        "selector many{}: must match at most 3 series; narrow it",
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SlowError("it took too long"), "timeout"),
        (OverloadError("too much at once", 7), "unavailable"),
        (StoreError("the engine failed"), "unavailable"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_failures_of_ours_are_503(error: Exception, kind: str, telemetry: Telemetry) -> None:
    class Failing(PromQL):
        def instant(self, *_: Any, **__: Any) -> Any:
            raise error

    doors = Doors(prometheus.routes(Failing(telemetry.engine), SettableClock(NOON)))
    answer = ask(doors, "/query", query="level")

    assert refusal(answer) == (503, kind, str(error))
    assert answer.headers.get("retry-after") == ("7" if isinstance(error, OverloadError) else None)


def test_a_query_that_waits_for_others_is_told_to_come_again(telemetry: Telemetry) -> None:
    promql = PromQL(telemetry.engine, Limits(at_once=1))
    doors = Doors(prometheus.routes(promql, SettableClock(NOON)))
    assert promql._turns.acquire(timeout=0)

    status, kind, error = refusal(ask(doors, "/query", query="level", timeout="10ms"))

    assert (status, kind) == (503, "unavailable")
    assert "waited" in error
    promql._turns.release()
    assert data(doors, "/query", query="level")["result"] == []


def test_a_query_that_takes_too_long_is_ended(doors: Doors) -> None:
    assert refusal(ask(doors, "/query", query="level", timeout="1ms"))[:2] == (503, "timeout")


def test_it_needs_the_token_as_a_bearers_or_as_a_password(doors: Doors) -> None:
    path = "/prometheus/api/v1/status/buildinfo"
    basic = base64.b64encode(f"grafana:{TOKEN}".encode()).decode()

    assert doors.call("GET", path, token=None).status_code == 401
    assert doors.call("GET", path).status_code == 200
    assert doors.call("GET", path, token=None, authorization=f"Basic {basic}").status_code == 200
    assert doors.call("GET", path, token=None, authorization="Basic bm86bm8=").status_code == 401


def test_a_lookback_of_five_minutes_holds_at_any_time(doors: Doors) -> None:
    later = (NOON + timedelta(minutes=5)).isoformat()

    assert data(doors, "/query", query="requests_total", time=later)["result"] == []
