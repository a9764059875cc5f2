"""Predictions and labels that come as log events: what they say, each once, and what is wrong takes nothing with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from wellkept.kernel.clock import SettableClock
from wellkept.ops.ingest.outcomes import Outcomes
from wellkept.ops.ingest.said import SaidEvents

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MAP = pa.map_(pa.string(), pa.string())


class Stores:
    """What was said, and what became of it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.written: list[dict[str, Any]] = []
        self.waiting_ones: list[dict[str, Any]] = []

    def say(self, event: str, at: datetime, **said: str) -> None:
        row = {"event": event, "time": at, "received": at, "trace_id": "t" * 32, "span_id": "s" * 16}
        self.events.append({**row, "said": list(said.items())})

    def since(self, after: datetime, until: datetime) -> pa.Table:
        kind = pa.timestamp("ns", tz="UTC")
        fields = [("event", pa.string()), ("time", kind), ("received", kind), ("trace_id", pa.string())]
        schema = pa.schema([*fields, ("span_id", pa.string()), ("said", MAP)])
        return pa.Table.from_pylist([row for row in self.events if after < row["received"] <= until], schema=schema)

    def write(self, table: pa.Table) -> None:
        self.written += table.to_pylist()

    def wait(self, table: pa.Table) -> None:
        self.waiting_ones += table.to_pylist()

    def waiting(self) -> int:
        return len(self.waiting_ones)

    def come(self) -> pa.Table:
        return pa.table({"model": pa.array([], pa.string()), "value": pa.array([], pa.float64()), "rows": []})

    def settle(self, now: datetime) -> None:
        """Nothing waits for long here."""

    def let_go(self, model: str, values: Sequence[float]) -> None:
        """Nothing is let go here."""

    def models_of(self, ids: Sequence[str]) -> dict[str, str]:
        return {}


@pytest.fixture
def stores() -> Stores:
    return Stores()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def events(stores: Stores, clock: SettableClock, tmp_path: Path) -> SaidEvents:
    return SaidEvents(stores, Outcomes(stores, stores, clock), tmp_path / "said", clock)


def dotted(**named: str) -> dict[str, str]:
    return {f"wellkept.{name.replace('__', '.')}": value for name, value in named.items()}


def test_an_event_is_the_prediction_that_it_says(events: SaidEvents, stores: Stores) -> None:
    said = dotted(model="churn", version="7", score="0.25", feature__spend="12.5", feature__plan="pro", entity_key="c1")
    said |= dotted(lower="0.1", upper="0.4")
    stores.say("wellkept.prediction", NOON - timedelta(seconds=1), **said)

    assert events.follow() == 1

    (row,) = stores.written
    assert (row["id"], row["score"], row["entity_key"]) == (f"{'t' * 32}-{'s' * 16}", 0.25, "c1")
    assert (dict(row["features"]), dict(row["categories"])) == ({"spend": 12.5}, {"plan": "pro"})
    assert row["time"] == NOON - timedelta(seconds=1)
    assert dict(row["attributes"]) == {"lower": "0.1", "upper": "0.4"}


def test_a_label_may_be_said_too(events: SaidEvents, stores: Stores) -> None:
    stores.say("wellkept.label", NOON, **dotted(prediction_id="p1", value="1"))
    assert events.follow() == 1
    assert [(row["prediction_id"], row["value"]) for row in stores.waiting_ones] == [("p1", 1.0)]


def test_what_is_wrong_is_counted_and_takes_nothing_else_with_it(events: SaidEvents, stores: Stores) -> None:
    for number in range(5):
        score = "high" if number == 2 else "0.5"
        stores.say("wellkept.prediction", NOON, **dotted(id=f"p{number}", model="m", version="1", score=score))
    assert events.follow() == 4
    assert sorted(row["id"] for row in stores.written) == ["p0", "p1", "p3", "p4"]
    assert events.refused == 1
    assert "score: must be a finite number" in events.why


def test_each_event_is_taken_once_also_by_a_server_that_was_away(
    events: SaidEvents, stores: Stores, clock: SettableClock, tmp_path: Path
) -> None:
    stores.say("wellkept.prediction", NOON, **dotted(id="p1", model="m", version="1", score="1"))
    assert events.follow() == 1
    clock.advance(timedelta(seconds=10))
    assert events.follow() == 0
    clock.advance(timedelta(seconds=50))
    assert events.follow() == 0
    stores.say("wellkept.prediction", NOON + timedelta(hours=3), **dotted(id="p2", model="m", version="1", score="1"))
    clock.advance(timedelta(hours=30))
    assert SaidEvents(stores, Outcomes(stores, stores, clock), tmp_path / "said", clock).follow() == 1
    assert [row["id"] for row in stores.written] == ["p1", "p2"]


def test_more_events_than_are_taken_at_once_hold_nothing_up(
    events: SaidEvents, stores: Stores, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellkept.ops.ingest.said.AT_ONCE", 4)
    whole = stores.since
    monkeypatch.setattr(stores, "since", lambda after, until: whole(after, until).slice(0, 4))
    for look in range(2):
        for number in range(11):
            at = NOON + timedelta(seconds=20 * look + number)
            stores.say("wellkept.prediction", at, **dotted(id=f"p{look}-{number}", model="m", version="1", score="1"))
        clock.advance(timedelta(seconds=20))
        assert events.follow() == 11
    assert len({row["id"] for row in stores.written}) == len(stores.written) == 22
