"""The guard, the clocks and the memory of series, over real requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.store.fixtures import telemetry_in
from tests.store.telemetry.remote.messages import Labels, Samples, request1, request2

from wellkept.kernel.errors import InputError, StoreError
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.points.known import NOTED_EVERY_MS, KnownSeries
from wellkept.store.telemetry.points.limits import PointLimits
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

RECEIVED = 1_795_000_000_000_000_000
AT = RECEIVED // 1_000_000

Opening = Callable[..., Telemetry]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Opening]:
    """Opens one store after another; a process can have one open at a time."""
    opened: list[Telemetry] = []

    def make(**limits: float) -> Telemetry:
        for one in opened:
            one.close()
        opened[:] = [telemetry_in(tmp_path / "telemetry", limits=PointLimits(**limits))]  # type: ignore[arg-type]
        return opened[0]

    yield make
    for one in opened:
        one.close()


def write(telemetry: Telemetry, *bodies: list[tuple[Labels, Samples]], at: int = RECEIVED) -> list[Receipt]:
    return list(telemetry.remote.insert(Version.V1, [request1(*series) for series in bodies], at))


def wave(name: str, count: int, first: int = 0, at: int = AT, **labels: str) -> list[tuple[Labels, Samples]]:
    return [({"__name__": name, "i": f"{i}", **labels}, [(at, float(i))]) for i in range(first, first + count)]


def count(telemetry: Telemetry, table: str) -> int:
    sql = f"SELECT uniqExact(series) AS n FROM {table}"
    return int(telemetry.engine.query(sql)["n"][0].as_py())


def test_a_burst_of_series_of_one_metric_is_refused_and_others_go_on(limited: Opening) -> None:
    telemetry = limited(series_of_metric=100)
    burst, calm = write(telemetry, wave("burst", 1000), wave("calm", 50))
    assert (burst.items, burst.rejected) == (100, 900)
    assert burst.reason == "metric 'burst' has 100 active series, and may have 100 (ingest.metrics.series_of_metric)"
    assert calm == Receipt(50)
    assert count(telemetry, "metric_series") == count(telemetry, "metric_points") == 150


def test_a_series_that_was_let_in_stays_and_one_that_was_refused_is_refused_again(limited: Opening) -> None:
    telemetry = limited(series_of_metric=10)
    write(telemetry, wave("m", 20))
    (again,) = write(telemetry, wave("m", 20, at=AT + 1000))
    assert (again.items, again.rejected) == (10, 10)
    assert "too many" in again.reason
    assert telemetry.points.status()["refused"] == {"series_of_metric": 10}


def test_a_service_and_the_store_have_limits_too(limited: Opening) -> None:
    telemetry = limited(series_of_service=5, series=8)
    one, other = write(telemetry, wave("a", 7, job="api"), wave("b", 7, job="web"))
    assert (one.items, other.items) == (5, 3)
    assert "service 'api' has 5" in one.reason
    assert "the store has 8" in other.reason


def test_a_series_that_is_spelled_in_two_ways_counts_and_is_written_once(limited: Opening) -> None:
    telemetry = limited(series_of_metric=10)
    write(telemetry, wave("m", 10))
    (again,) = telemetry.remote.insert(Version.V2, [request2(*wave("m", 10, at=AT + 1000))], RECEIVED)
    assert (again.items, again.rejected) == (10, 0)
    assert telemetry.points.status()["series"] == 10
    assert telemetry.engine.query("SELECT count() AS n FROM metric_series")["n"].to_pylist() == [10]


def test_series_that_could_not_be_written_down_do_not_count_and_are_written_when_they_come_again(
    limited: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = limited(series_of_metric=10, series_of_service=10)

    def fails(*_: object) -> None:
        raise StoreError("telemetry engine, insert: no space left")

    with monkeypatch.context() as broken:
        broken.setattr(telemetry.engine, "insert_arrow", fails)
        for _ in range(2):
            with pytest.raises(StoreError, match="no space left"):
                write(telemetry, wave("m", 10, job="api"))
    assert telemetry.points.status()["series"] == 0
    (again,) = write(telemetry, wave("m", 10, job="api"))
    assert again == Receipt(10)
    assert count(telemetry, "metric_series") == telemetry.points.status()["series"] == 10


def test_reasons_are_short_whatever_names_there_are(limited: Opening) -> None:
    telemetry = limited(series_of_metric=1)
    names = [f"line {number}\nanother{'x' * 1000}" for number in range(5)]
    (receipt,) = write(telemetry, [row for name in names for row in wave(name, 2)])
    assert (receipt.items, receipt.rejected) == (5, 5)
    assert "\n" not in receipt.reason
    assert len(receipt.reason) < 1000
    assert receipt.reason.endswith("; and 2 more reasons")


def test_a_series_whose_labels_are_endless_is_refused_alone(telemetry: Telemetry) -> None:
    endless = wave("m", 1, text="x" * (64 << 10)) + wave("n" * (65 << 10), 1)
    (receipt,) = write(telemetry, endless + wave("m", 2, text="x" * (63 << 10)))
    assert (receipt.items, receipt.rejected) == (2, 2)
    assert "metric 'm' has a name and labels of 65543 bytes, and may have 65536" in receipt.reason
    assert telemetry.points.status()["refused"] == {"labels": 2}
    assert count(telemetry, "metric_series") == 2


def test_a_count_that_fails_holds_nothing_up(limited: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = limited(series_of_metric=3)
    query = telemetry.engine.query

    def failing(sql: str, *rest: Any, **more: Any) -> Any:
        if "FROM metric_series" in sql:
            raise StoreError("telemetry engine: too slow")
        return query(sql, *rest, **more)

    with monkeypatch.context() as broken:
        broken.setattr(telemetry.engine, "query", failing)
        with pytest.raises(StoreError):
            write(telemetry, wave("m", 1))
    write(telemetry, wave("m", 2))
    monkeypatch.setattr("wellkept.store.telemetry.points.guard.COUNTED_EVERY_S", 0.0)
    monkeypatch.setattr(telemetry.engine, "query", failing)
    assert write(telemetry, wave("m", 4, at=AT + 1))[0].items == 3, "the limit holds by what was counted before"


def test_what_is_known_is_known_after_a_restart(limited: Opening) -> None:
    now = time.time_ns()  # the guard counts what was seen of late, by the engine's own clock
    write(limited(series_of_metric=10), wave("m", 10, at=now // 1_000_000), at=now)
    telemetry = limited(series_of_metric=10)
    (known,) = write(telemetry, wave("m", 10, at=now // 1_000_000 + 1), at=now)
    (new,) = write(telemetry, wave("m", 1, first=10, at=now // 1_000_000), at=now)
    assert known == Receipt(10)
    assert new.rejected == 1


def test_points_from_the_future_and_from_long_ago_are_refused_by_themselves(limited: Opening) -> None:
    telemetry = limited(late_s=60, early_s=10)
    series: list[tuple[Labels, Samples]] = [
        ({"__name__": "m"}, [(AT, 1.0), (AT - 59_000, 1.0), (AT - 61_000, 1.0), (AT + 9_000, 1.0), (AT + 11_000, 1.0)])
    ]
    (receipt,) = write(telemetry, series)
    assert (receipt.items, receipt.rejected) == (3, 2)
    assert "points lie up to 11 s in the future" in receipt.reason
    assert "points are up to 61 s old" in receipt.reason
    skew = telemetry.points.skew.status()
    assert skew == {
        "points_ahead": 2,
        "points_too_early": 1,
        "points_too_late": 1,
        "most_ahead_s": 11.0,
        "most_late_s": 61.0,
    }


def test_whose_points_are_ahead_and_refused_is_told(limited: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = limited(late_s=60, early_s=3600)
    late, early, far = (
        wave("m", 3, at=AT + ms, job=f"shop/{job}")
        for ms, job in ((-61_000, "late"), (1_500_000, "ahead"), (7_200_000, "far"))
    )
    write(telemetry, late, early, far, wave("m", 3, job="shop/calm"))
    write(telemetry, wave("m", 4, at=AT + 1_400_000, job="shop/ahead"), [({"__name__": "x"}, [(AT + 9_000, 1.0)])])
    odd = telemetry.points.senders.odd()
    assert odd["ahead"] == {"service:shop/ahead": (7, 1400.0), "service:shop/far": (3, 7200.0)}
    assert odd["untimely"] == {"service:shop/late": 3, "service:shop/far": 3}
    assert telemetry.points.skew.status()["points_ahead"] == 11, "one of them is nobody's"

    def fails(*_: object) -> None:
        raise StoreError("telemetry engine: too slow")

    monkeypatch.setattr(telemetry.points.senders, "_owners", fails)
    assert write(telemetry, wave("m", 3, at=AT + 1_500_000, job="shop/ahead"))[0] == Receipt(3), "points go first"


def test_whose_series_are_refused_is_told(limited: Opening) -> None:
    telemetry = limited(series_of_metric=3)
    write(telemetry, wave("m", 5, job="shop/card"), wave("calm", 2, job="shop/calm"))
    assert telemetry.points.senders.odd()["crowded"] == {("series_of_metric", "'m'", "service:shop/card"): 2}


def test_a_histogram_counts_as_one_point_for_its_sender(limited: Opening) -> None:
    telemetry = limited(series_of_metric=3)
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    fits, bursts = metrics.add(name="fits").histogram, metrics.add(name="bursts").histogram
    fits.data_points.add(time_unix_nano=RECEIVED, count=1, bucket_counts=[0, 1], explicit_bounds=[1.0])
    bursts.data_points.add(time_unix_nano=RECEIVED, count=1, bucket_counts=[0] * 9, explicit_bounds=[*range(8)])
    metrics.add(name="plain").gauge.data_points.add(time_unix_nano=RECEIVED, as_int=1)
    (receipt,) = telemetry.otlp.insert(Signal.METRICS, [request.SerializeToString()], RECEIVED)
    assert (receipt.items, receipt.rejected) == (2, 1)
    assert "metric 'bursts_bucket' has 3" in receipt.reason


def test_a_limit_below_nothing_is_a_mistake() -> None:
    with pytest.raises(InputError, match=r"ingest\.metrics\.series: must be 0 or more"):
        PointLimits(series=-1)


def test_the_hours_of_stored_points_are_told(telemetry: Telemetry) -> None:
    told: list[list[int]] = []
    telemetry.points.noted = lambda hours: told.append(hours.tolist())
    write(telemetry, [({"__name__": "m"}, [(3_600_000 * 5 + 1, 1.0), (3_600_000 * 7, 1.0), (3_600_000 * 5, 1.0)])])
    assert told == [[5, 7]]


def test_a_series_is_found_wherever_it_lies() -> None:
    known = KnownSeries()
    raw = np.random.default_rng(1).permutation(np.arange(1, 1001, dtype=np.uint64) * 7)
    for part in np.split(raw, 10):
        known.add(part, part + np.uint64(1), np.zeros(len(part), np.int64))
    asked = np.concatenate([raw[::3], np.array([0, 5, 10**6], np.uint64)])
    places = known.find(asked)
    assert (places[-3:] == -1).all()
    assert (known.ids(places[:-3]) == asked[:-3] + np.uint64(1)).all()


def test_when_a_series_was_seen_is_due_once_in_a_while() -> None:
    known = KnownSeries()
    raw = np.array([3, 1, 2], np.uint64)
    known.add(raw, np.array([30, 0, 20], np.uint64), np.full(3, NOTED_EVERY_MS, np.int64))
    known.see(raw, np.array([2 * NOTED_EVERY_MS, 2 * NOTED_EVERY_MS, 2 * NOTED_EVERY_MS - 1]))
    hashes, ids, last = known.due()
    assert (hashes.tolist(), ids.tolist(), last.tolist()) == ([3], [30], [2 * NOTED_EVERY_MS])
    known.note(hashes, last)
    assert known.due()[0].tolist() == []
    known.forget_refused()
    assert known.find(raw).tolist() == [1, -1, 0]


def test_what_was_forgotten_for_want_of_room_is_described_again(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellkept.store.telemetry.points.known.AT_MOST", 30)
    write(telemetry, wave("m", 10))
    (mixed,) = write(telemetry, wave("m", 10, at=AT + 1) + wave("other", 10, at=AT + 1))
    assert mixed == Receipt(20)
    found = telemetry.engine.query(
        "SELECT name, uniqExact(series) AS series, count() AS points FROM metric_points "
        "INNER JOIN (SELECT DISTINCT series, name FROM metric_series) AS s USING series GROUP BY name ORDER BY name"
    )
    assert found.to_pylist() == [
        {"name": "m", "series": 10, "points": 20},
        {"name": "other", "series": 10, "points": 10},
    ]


def test_a_point_of_no_age_is_refused_and_stops_nothing(telemetry: Telemetry) -> None:
    """``0001-01-01``, which stands for no time, and what no calendar knows."""
    for wrong in (-62_135_596_800_000, -1, 4_102_444_800_000, -(1 << 63), (1 << 63) - 1):
        (receipt,) = write(telemetry, wave("m", 1, at=wrong) + wave("m", 1))
        assert (receipt.items, receipt.rejected) == (1, 1)
        assert "must lie between 1970 and 2100" in receipt.reason
    assert write(telemetry, wave("m", 1, at=0)) == [Receipt(1)]
    skew = telemetry.points.skew.status()
    assert (skew["points_too_late"], skew["points_too_early"], skew["most_ahead_s"]) == (3, 2, 0)
    telemetry.tiers.roll_up(datetime.fromtimestamp(AT / 1000 + 86_400, UTC))


def test_points_that_are_too_early_make_no_series(limited: Opening) -> None:
    telemetry = limited(early_s=60)
    early, both = write(telemetry, wave("early", 3, at=AT + 61_000), wave("m", 3, at=AT + 61_000) + wave("m", 2))
    assert (early.items, early.rejected, both.items, both.rejected) == (0, 3, 2, 3)
    assert count(telemetry, "metric_series") == 2
    assert telemetry.points.status()["series"] == 2


def test_a_note_that_cannot_be_written_is_nobodys_fault_and_made_up_for(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(telemetry, wave("m", 3))
    monkeypatch.setattr("wellkept.store.telemetry.points.writer._REFRESHED_EVERY_S", 0.0)
    later = AT + 2 * NOTED_EVERY_MS
    insert = telemetry.engine.insert_body

    def failing(statement: str, *rest: Any) -> None:
        if "seen.time" in statement:
            raise StoreError("telemetry engine: failed")
        insert(statement, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(telemetry.engine, "insert_body", failing)
        assert write(telemetry, wave("m", 3, at=later)) == [Receipt(3)]
    write(telemetry, wave("m", 1, at=later + 1))
    seen = telemetry.engine.query("SELECT series, max(last_seen) AS seen FROM metric_series GROUP BY series")
    assert [moment.timestamp() for moment in seen["seen"].to_pylist()].count(later / 1000) == 2


def test_a_series_goes_on_being_noted(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    write(telemetry, wave("m", 3))
    monkeypatch.setattr("wellkept.store.telemetry.points.writer._REFRESHED_EVERY_S", 0.0)
    write(telemetry, wave("m", 3, at=AT + 2 * NOTED_EVERY_MS))
    sql = "SELECT toUnixTimestamp64Milli(max(last_seen)) AS at, any(name) AS name FROM metric_series GROUP BY series"
    assert telemetry.engine.query(sql).to_pylist() == [{"at": AT + 2 * NOTED_EVERY_MS, "name": "m"}] * 3
