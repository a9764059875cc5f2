"""Our own interface for reading telemetry, on a real store: what is found, by page, as JSON and as Arrow."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.store.telemetry.scenes import (
    CUMULATIVE,
    NOON,
    at,
    attributes,
    nanos,
    put_log,
    put_metric,
    put_span,
    put_spans,
    span_body,
)

from wellkept.api import errors
from wellkept.api.telemetry import ARROW, router
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.cursors import read, written
from wellkept.store.telemetry.failures import SlowError
from wellkept.store.telemetry.log_pages import LogPages, LogsWanted
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry as Store


class Reading:
    """The interface over a store; now is an hour after noon."""

    def __init__(self, store: Store) -> None:
        self.app = FastAPI()
        errors.install(self.app)
        self.app.include_router(router(store, SettableClock(at(3600))))

    def ask(self, path: str, accept: str = "application/json", **parameters: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.get(f"/api/v1/telemetry{path}", params=parameters, headers={"accept": accept})

        return asyncio.run(call())

    def json(self, path: str, **parameters: Any) -> Any:
        answer = self.ask(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, what: str, **parameters: Any) -> list[list[Any]]:
        """Every page, one cursor after another."""
        found, cursor = [], ""
        while True:
            answer = self.json(path, **parameters, **({"cursor": cursor} if cursor else {}))
            found.append(answer[what])
            cursor = answer["next"]
            if not cursor:
                return found


@pytest.fixture
def reading(telemetry: Store) -> Reading:
    return Reading(telemetry)


def bodies(rows: list[dict[str, Any]]) -> list[str]:
    return [row["body"] for row in rows]


# Logs.


def test_a_log_record_is_told_whole(telemetry: Store, reading: Reading) -> None:
    put_log(telemetry, "payment refused", 1.5, severity=17)

    (row,) = reading.json("/logs")["logs"]

    assert row["time"] == "2026-11-02T12:00:01.500000000Z"
    assert (row["body"], row["severity_number"], row["entity"], row["service"]) == (
        "payment refused", 17, "service:shop", "shop",
    )  # fmt: skip
    assert row["resource_attributes"] == {"service.name": "shop"}
    assert row.keys() >= {"severity", "trace_id", "span_id", "attributes"}
    assert "record" not in row


def test_every_word_has_to_occur_in_any_case_and_a_phrase_as_it_is(telemetry: Store, reading: Reading) -> None:
    for second, text in enumerate(
        ("Payment refused by bank", "bank refused payment", "payment taken", "ÄRGER mit 100%_x")
    ):
        put_log(telemetry, text, second)

    assert bodies(reading.json("/logs", text="PAYMENT refused")["logs"]) == [
        "bank refused payment",
        "Payment refused by bank",
    ]
    assert bodies(reading.json("/logs", text='"payment refused"')["logs"]) == ["Payment refused by bank"]
    assert bodies(reading.json("/logs", text="ärger")["logs"]) == ["ÄRGER mit 100%_x"]
    assert bodies(reading.json("/logs", text="%_")["logs"]) == ["ÄRGER mit 100%_x"]
    assert reading.json("/logs", text="refused never")["logs"] == []


def test_logs_are_narrowed_by_severity_service_entity_and_time(telemetry: Store, reading: Reading) -> None:
    put_log(telemetry, "a", 0, severity=9, service="web")
    put_log(telemetry, "b", 10, severity=17, service="web")
    put_log(telemetry, "c", 20, severity=17, service="db")

    assert bodies(reading.json("/logs", severity=10)["logs"]) == ["c", "b"]
    assert bodies(reading.json("/logs", service="web")["logs"]) == ["b", "a"]
    assert bodies(reading.json("/logs", entity="service:db")["logs"]) == ["c"]
    span = {"start": at(0).isoformat(), "end": at(20).isoformat()}
    assert bodies(reading.json("/logs", **span)["logs"]) == ["b", "a"]


def test_pages_of_logs_hold_every_record_once_also_those_of_the_same_moment(telemetry: Store, reading: Reading) -> None:
    texts = [f"record {i}" for i in range(23)]
    for i, text in enumerate(texts):
        put_log(telemetry, text, -(i // 5) * 600, times=2)  # five at the same moment, over three quarters of an hour

    pages = reading.pages("/logs", "logs", start=at(-7200).isoformat(), limit=4)

    assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1)
    found = bodies([row for page in pages for row in page])
    assert sorted(found) == sorted(texts)
    assert [int(text.split()[1]) // 5 for text in found] == sorted(i // 5 for i in range(23))


def test_a_search_that_runs_out_of_time_gives_what_it_has_and_where_to_go_on(
    telemetry: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_log(telemetry, "new", 3590)
    put_log(telemetry, "old", 0)
    query, calls = telemetry.engine.query, []

    def slow(*arguments: Any, **more: Any) -> pa.Table:
        calls.append(arguments)
        if len(calls) == 2:
            raise SlowError("too long")
        return query(*arguments, **more)

    monkeypatch.setattr(telemetry.engine, "query", slow)
    pages, wanted = LogPages(telemetry.engine), LogsWanted(NOON, at(3600))

    first = pages.page(wanted, 10)
    assert bodies(first.rows.select(["body"]).to_pylist()) == ["new"]
    assert bodies(pages.page(wanted, 10, first.next).rows.select(["body"]).to_pylist()) == ["old"]


def test_a_search_that_found_nothing_in_its_time_says_so(telemetry: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, **__: Any) -> pa.Table:
        raise SlowError("too long")

    monkeypatch.setattr(telemetry.engine, "query", slow)
    with pytest.raises(SlowError):
        LogPages(telemetry.engine).page(LogsWanted(NOON, at(3600)), 10)


# Traces.


def test_a_trace_is_told_as_a_whole(telemetry: Store, reading: Reading) -> None:
    put_span(telemetry, "shop/web", 10.0, 2.0, trace=7, span=1, name="GET /cart")
    put_span(telemetry, "shop/db", 10.5, 0.25, trace=7, span=2, parent=1, status="Error", name="SELECT", times=2)

    (row,) = reading.json("/traces")["traces"]

    assert row == {
        "trace_id": f"{7:032x}", "start": "2026-11-02T12:00:10.000000000Z", "duration_s": 2.0, "name": "GET /cart",
        "service": "web", "spans": 2, "errors": 1, "services": ["db", "web"],
    }  # fmt: skip


def test_traces_are_found_by_any_span_of_which_all_is_true(telemetry: Store, reading: Reading) -> None:
    put_span(telemetry, "web", 1, 1.0, trace=1, span=1, name="GET /", http_route="/cart")
    put_span(telemetry, "db", 1, 0.5, trace=1, span=2, parent=1, status="Error")
    put_span(telemetry, "web", 2, 3.0, trace=2, span=1, http_route="/pay")

    def ids(**wanted: Any) -> list[int]:
        return [int(row["trace_id"], 16) for row in reading.json("/traces", **wanted)["traces"]]

    assert ids() == [2, 1]
    assert ids(service="db") == [1]
    assert ids(entity="service:db") == [1]
    assert ids(errors=True) == [1]
    assert ids(errors=True, service="web") == []
    assert ids(min_duration_s=2) == [2]
    assert ids(max_duration_s=0.6) == [1]
    assert ids(attribute="http.route=/cart") == [1]
    assert ids(attribute=["http.route=/cart", "service.name=web"]) == [1]
    assert ids(attribute=["http.route=/cart", "service.name=db"]) == []
    assert ids(name="GET /", start=at(1.5).isoformat()) == [2]


def test_pages_of_traces_hold_every_trace_once(telemetry: Store, reading: Reading) -> None:
    for span, later_s in ((1, 0), (2, 60)):
        told = {"span": span, "parent": span - 1}
        put_spans(
            telemetry, [span_body("web", trace // 3 + later_s, 0.1, trace=trace, **told) for trace in range(1, 12)]
        )

    pages = reading.pages("/traces", "traces", limit=3)

    assert [[int(row["trace_id"], 16) for row in page] for page in pages] == [[11, 10, 9], [8, 7, 6], [5, 4, 3], [2, 1]]


def test_the_spans_of_a_trace_come_with_their_events_and_links(telemetry: Store, reading: Reading) -> None:
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    block.resource.attributes.extend(attributes(service_name="web"))
    span = block.scope_spans.add().spans.add(
        trace_id=(5).to_bytes(16), span_id=(1).to_bytes(8), name="work", kind=2,
        start_time_unix_nano=nanos(0), end_time_unix_nano=nanos(0.5),
    )  # fmt: skip
    span.events.add(time_unix_nano=nanos(0.25), name="exception", attributes=attributes(exception_type="KeyError"))
    span.links.add(trace_id=(6).to_bytes(16), span_id=(2).to_bytes(8))
    telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString()], nanos(1))

    (row,) = reading.json(f"/traces/{5:032X}")["spans"]

    assert (row["name"], row["kind"], row["start"], row["duration_s"]) == (
        "work", "Server", "2026-11-02T12:00:00.000000000Z", 0.5,
    )  # fmt: skip
    assert row["events"] == [
        {"time": "2026-11-02T12:00:00.250000000Z", "name": "exception", "attributes": {"exception.type": "KeyError"}}
    ]
    assert row["links"] == [{"trace_id": f"{6:032x}", "span_id": f"{2:016x}", "attributes": {}}]


def test_a_trace_that_is_not_there_is_not_found(reading: Reading) -> None:
    answer = reading.ask("/traces/abc")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "trace abc: is not known"


# Metrics.


def test_a_metric_is_told_at_the_steps_at_which_it_was_seen(telemetry: Store, reading: Reading) -> None:
    put_metric(telemetry, [(5, 1.0), (65, 2.0), (185, 4.0)], name="queue.length", unit="{item}", labels={"queue": "a"})

    answer = reading.json("/metrics", name="queue.length", start=NOON.isoformat(), end=at(240).isoformat(), step=60)

    (row,) = answer["series"]
    assert row["values"] == [1.0, 2.0, 4.0]
    assert row["times"] == [f"2026-11-02T12:0{minute}:00.000Z" for minute in (1, 2, 4)]
    assert (row["name"], row["unit"], row["kind"], row["entity"]) == ("queue.length", "{item}", "gauge", "service:shop")
    assert row["attributes"] == {"queue": "a"}
    assert row["resource_attributes"] == {"service.name": "shop"}
    assert answer["next"] is None


def test_a_counter_is_told_per_second(telemetry: Store, reading: Reading) -> None:
    put_metric(telemetry, [(0, 0.0), (60, 120.0)], kind=CUMULATIVE, name="jobs", unit="1")

    answer = reading.json("/metrics", name="jobs", start=NOON.isoformat(), end=at(120).isoformat(), step=60)

    assert (answer["series"][0]["values"], answer["series"][0]["unit"]) == ([2.0], "1/s")


def test_series_are_chosen_by_their_attributes_and_those_of_their_resource(telemetry: Store, reading: Reading) -> None:
    for service, mode in (("web", "user"), ("web", "idle"), ("db", "user")):
        put_metric(telemetry, [(1, 1.0)], name="cpu", service=service, labels={"cpu_mode": mode})

    def found(**wanted: Any) -> list[tuple[str, str]]:
        rows = reading.json("/metrics", name="cpu", start=NOON.isoformat(), **wanted)["series"]
        return sorted((row["resource_attributes"]["service.name"], row["attributes"]["cpu.mode"]) for row in rows)

    assert found(match="cpu.mode=user") == [("db", "user"), ("web", "user")]
    assert found(match=["cpu.mode!=idle", "service.name=web"]) == [("web", "user")]
    assert found(entity="service:db") == [("db", "user")]
    assert found(match="gone!=x") == [("db", "user"), ("web", "idle"), ("web", "user")]
    assert reading.json("/metrics", name="memory")["series"] == []


def test_pages_of_metrics_hold_every_series_once(telemetry: Store, reading: Reading) -> None:
    for number in range(7):
        put_metric(telemetry, [(1, float(number))], name="cpu", labels={"core": str(number)})

    pages = reading.pages("/metrics", "series", name="cpu", start=NOON.isoformat(), limit=3)

    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(row["attributes"]["core"] for page in pages for row in page) == [str(number) for number in range(7)]


# Both forms, and what is refused.


def test_arrow_holds_the_same_rows_and_the_cursor_stands_in_a_header(telemetry: Store, reading: Reading) -> None:
    for second in range(3):
        put_log(telemetry, f"text {second}", second)

    answer = reading.ask("/logs", accept=ARROW, limit=2)

    rows = pa.ipc.open_stream(answer.content).read_all()
    assert answer.headers["content-type"] == ARROW
    assert rows["body"].to_pylist() == ["text 2", "text 1"]
    assert pa.types.is_timestamp(rows.schema.field("time").type)
    rest = reading.ask("/logs", accept=ARROW, cursor=answer.headers["wellkept-next"])
    assert pa.ipc.open_stream(rest.content).read_all()["body"].to_pylist() == ["text 0"]
    assert "wellkept-next" not in rest.headers


@pytest.mark.parametrize(("path", "wanted"), [("/logs", {}), ("/traces", {}), ("/metrics", {"name": "none"})])
def test_of_nothing_there_is_an_empty_page_in_both_forms(path: str, wanted: dict[str, str], reading: Reading) -> None:
    (rows,) = (value for name, value in reading.json(path, **wanted).items() if name != "next")

    assert rows == []
    assert pa.ipc.open_stream(reading.ask(path, accept=ARROW, **wanted).content).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("path", "parameters", "thing"),
    [
        ("/metrics", {}, "query.name"),
        ("/metrics", {"name": "cpu", "match": "nothing"}, "match"),
        ("/metrics", {"name": "cpu", "step": 0}, "query.step"),
        ("/metrics", {"name": "cpu", "step": 0.001}, "step"),
        ("/logs", {"severity": 25}, "query.severity"),
        ("/logs", {"limit": 1001}, "query.limit"),
        ("/logs", {"limit": 0}, "query.limit"),
        ("/logs", {"text": "w " * 21}, "text"),
        ("/logs", {"start": "2026-11-02T12:00:00"}, "start"),
        ("/logs", {"start": "2026-11-02T12:00:00Z", "end": "2026-11-02T12:00:00Z"}, "end"),
        ("/logs", {"cursor": "nonsense"}, "cursor"),
        ("/logs", {"cursor": written(5, "word")}, "cursor"),
        ("/logs", {"sverity": 17}, "query.sverity"),
        ("/traces", {"attribute": "a!=b"}, "attribute"),
        ("/traces", {"min_duration_s": -1}, "query.min_duration_s"),
        ("/traces", {"cursor": "!"}, "cursor"),
    ],
)
def test_what_is_asked_wrongly_is_named(path: str, parameters: dict[str, Any], thing: str, reading: Reading) -> None:
    answer = reading.ask(path, **parameters)

    assert answer.status_code == 422
    assert answer.json()["error"]["thing"] == thing


@given(st.integers(min_value=0, max_value=2**64 - 1), st.text("0123456789abcdef", max_size=32))
def test_a_cursor_is_read_as_it_was_written(number: int, word: str) -> None:
    assert read(written(number, word)) == (number, word)


@given(st.text(max_size=40))
def test_no_text_but_a_cursor_is_taken_for_one(text: str) -> None:
    with contextlib.suppress(InputError):
        number, word = read(text)
        assert read(written(number, word)) == (number, word)
