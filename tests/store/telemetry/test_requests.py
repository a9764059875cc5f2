"""Requests that are stored whole are known by their rows; a part of one is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from tests.store.telemetry.scenes import nanos

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.requests import identity
from wellkept.store.telemetry.telemetry import Telemetry

DAY = 86_400.0
ANY = 1000


def logs(*seconds: float, resources: int = 1) -> bytes:
    """A record at each time, spread over some resources and two scopes of each."""
    request = ExportLogsServiceRequest()
    for block in [request.resource_logs.add() for _ in range(resources)]:
        block.scope_logs.add()
        block.scope_logs.add()
    for number, second in enumerate(seconds):
        scope = request.resource_logs[number % resources].scope_logs[number % 2]
        scope.log_records.add(time_unix_nano=nanos(second)).body.string_value = f"line {number}"
    return request.SerializeToString()


def spans(*seconds: float) -> bytes:
    request = ExportTraceServiceRequest()
    for second in seconds:
        scope = request.resource_spans.add().scope_spans.add()
        scope.spans.add(start_time_unix_nano=nanos(second), end_time_unix_nano=nanos(second + 1))
    return request.SerializeToString()


def known(telemetry: Telemetry, signal: Signal = Signal.LOGS, since: float = 0) -> list[int]:
    return list(telemetry.requests.stored_since(signal, nanos(since), 600.0, ANY))


def test_requests_of_one_group_are_known_each_by_its_own(telemetry: Telemetry) -> None:
    bodies = [logs(1, 2, 3, resources=2), logs(4), logs(5, 6, resources=3)]
    telemetry.otlp.insert(Signal.LOGS, bodies, nanos(10))
    assert sorted(known(telemetry)) == sorted(map(identity, bodies))
    rows = telemetry.engine.query("SELECT Request AS id, any(RequestRows) AS rows FROM otel_logs GROUP BY id")
    told = dict(zip(rows["id"].to_pylist(), rows["rows"].to_pylist(), strict=True))
    assert told == dict(zip(map(identity, bodies), [3, 1, 2], strict=True))


def test_spans_are_known_like_records(telemetry: Telemetry) -> None:
    bodies = [spans(1, 2), spans(3)]
    telemetry.otlp.insert(Signal.TRACES, bodies, nanos(10))
    assert sorted(known(telemetry, Signal.TRACES)) == sorted(map(identity, bodies))
    assert known(telemetry, Signal.LOGS) == []


def test_the_oldest_comes_first_and_the_newest_are_kept(telemetry: Telemetry) -> None:
    bodies = [logs(n) for n in range(3)]
    for second, body in zip((30, 10, 20), bodies, strict=True):
        telemetry.otlp.insert(Signal.LOGS, [body], nanos(second))
    assert known(telemetry) == [identity(bodies[n]) for n in (1, 2, 0)]
    assert known(telemetry, since=15) == [identity(bodies[n]) for n in (2, 0)]
    newest = telemetry.requests.stored_since(Signal.LOGS, nanos(0), 600.0, 1)
    assert newest == {identity(bodies[0]): nanos(30)}


def test_a_request_of_which_a_day_is_missing_is_not_known(telemetry: Telemetry) -> None:
    whole, part = logs(0, 60), logs(0, DAY)
    telemetry.otlp.insert(Signal.LOGS, [whole, part], nanos(10))
    assert sorted(known(telemetry)) == sorted([identity(whole), identity(part)])
    day = telemetry.engine.query("SELECT toString(max(toDate(Timestamp))) AS day FROM otel_logs")["day"][0].as_py()
    telemetry.engine.command("ALTER TABLE otel_logs DROP PARTITION {day:String}", {"day": day})
    assert known(telemetry) == [identity(whole)]


@pytest.mark.parametrize(("signal", "make"), [(Signal.LOGS, logs), (Signal.TRACES, spans)], ids=["logs", "traces"])
def test_what_was_stored_in_part_is_there_once_when_it_is_sent_again(
    telemetry: Telemetry, signal: Signal, make: Callable[..., bytes]
) -> None:
    """A process that was killed between the days of a request, and another one that takes it anew."""
    part, whole, long_ago = make(0, 1, DAY), make(0, DAY, DAY + 1), make(2, DAY + 2)
    telemetry.otlp.insert(signal, [part], nanos(-1000))
    telemetry.otlp.insert(signal, [part, whole, long_ago], nanos(10))
    table = {Signal.LOGS: "otel_logs", Signal.TRACES: "otel_traces"}[signal]
    second = telemetry.engine.query(f"SELECT toString(max(toDate(Timestamp))) AS day FROM {table}")["day"][0].as_py()
    lost = f"DELETE FROM {table} WHERE Request = {{request:UInt64}} AND toDate(Timestamp) = {{day:String}}"
    telemetry.engine.command(lost, {"request": identity(part), "day": second})

    started_again = Telemetry(telemetry.engine)
    known = started_again.requests.stored_since(signal, nanos(0), 600.0, ANY)
    assert sorted(known) == sorted(map(identity, [whole, long_ago]))
    for _ in range(2):
        started_again.otlp.insert(signal, [part, make(3)], nanos(20))

    rows = telemetry.engine.query(f"""
        SELECT Request AS id, countIf(Received >= fromUnixTimestamp64Nano({nanos(0)})) AS rows,
            count() - rows AS before
        FROM {table} GROUP BY id""")
    told = {row["id"]: (row["rows"], row["before"]) for row in rows.to_pylist()}
    assert told[identity(whole)] == (3, 0)
    assert told[identity(long_ago)] == (2, 0)
    assert told[identity(part)] == (2 * 3, 2), "both of the new tries, for nothing below knows that they are one"


def test_what_an_engine_that_failed_had_stored_is_there_once(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine stores the first day of a request and fails at the second; its sender comes again."""
    body, other, twice = logs(0, DAY), logs(1), logs(5)
    telemetry.otlp.insert(Signal.LOGS, [twice], nanos(5))
    insert = telemetry.engine.insert_body

    def cut_short(statement: str, *rest: Any) -> None:
        insert(statement, *rest)
        if "otel_logs" in statement:
            lost = "DELETE FROM otel_logs WHERE toDate(Timestamp) != {day:String}"
            telemetry.engine.command(lost, {"day": day_of(telemetry, "min")})
            raise StoreError("telemetry engine: failed")

    with monkeypatch.context() as broken:
        broken.setattr(telemetry.engine, "insert_body", cut_short)
        with pytest.raises(StoreError):
            telemetry.otlp.insert(Signal.LOGS, [body, other, twice], nanos(10))
    for again in ([body, other, twice], [logs(9)]):
        telemetry.otlp.insert(Signal.LOGS, again, nanos(20))

    rows = telemetry.engine.query("SELECT Request AS id, count() AS rows FROM otel_logs GROUP BY id")
    told = dict(zip(rows["id"].to_pylist(), rows["rows"].to_pylist(), strict=True))
    expected = {body: 2, other: 1, twice: 2, logs(9): 1}
    assert told == {identity(each): count for each, count in expected.items()}, "an older equal one is one of its own"


def day_of(telemetry: Telemetry, which: str) -> str:
    """The first (min) or the last (max) day of what is stored."""
    sql = f"SELECT toString({which}(toDate(Timestamp))) AS day FROM otel_logs"
    return str(telemetry.engine.query(sql)["day"][0].as_py())


def test_two_halves_of_different_tries_are_no_whole(telemetry: Telemetry) -> None:
    """Killed twice at the same place: the same rows are there twice, and the others not at all."""
    body = logs(0, DAY)
    for second in (10, 20):
        telemetry.otlp.insert(Signal.LOGS, [body], nanos(second))
    day = telemetry.engine.query("SELECT toString(max(toDate(Timestamp))) AS day FROM otel_logs")["day"][0].as_py()
    telemetry.engine.command("ALTER TABLE otel_logs DROP PARTITION {day:String}", {"day": day})
    assert known(telemetry) == []
    telemetry.otlp.insert(Signal.LOGS, [body], nanos(30))
    assert known(telemetry) == [identity(body)]


def test_a_request_that_had_to_be_flattened_is_known_by_what_was_sent(telemetry: Telemetry) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=nanos(1))
    record.body.CopyFrom(AnyValue(kvlist_value=KeyValueList()))
    plain = logs(1)
    telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString(), plain], nanos(10))
    assert sorted(known(telemetry)) == sorted([identity(request.SerializeToString()), identity(plain)])


def test_rows_from_before_requests_were_noted_are_of_none(telemetry: Telemetry) -> None:
    telemetry.engine.command("INSERT INTO otel_logs (Timestamp, Body) SELECT now64(9), 'old'")
    assert known(telemetry, since=-1e9) == []


@pytest.mark.parametrize("body", [b"", b"\0", b"x" * 100_000])
def test_an_identity_is_never_that_of_none(body: bytes) -> None:
    assert 0 < identity(body) < 2**64
    assert identity(body) == identity(bytes(body))
    assert identity(body) != identity(body + b"!")
