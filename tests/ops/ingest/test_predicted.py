"""Predictions as an Arrow stream, on a real store: the same rules as of JSON, and damaged streams are refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.fixtures import telemetry_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ops.ingest import outcomes as module
from wellkept.ops.ingest.inputs import Inputs
from wellkept.ops.ingest.outcomes import Outcomes
from wellkept.ops.ingest.predicted import arrow_predictions, read_stream
from wellkept.sdk.outcomes import body_of
from wellkept.store.telemetry.predictions import PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    found = telemetry_in(tmp_path_factory.mktemp("predicted") / "telemetry")
    yield found
    found.close()


@pytest.fixture
def outcomes(telemetry: Telemetry) -> Outcomes:
    return Outcomes(telemetry.predictions, telemetry.labels, SettableClock(NOON))


def row(**changes: Any) -> dict[str, Any]:
    """A right prediction, with changes (... leaves a column out)."""
    whole = {
        "id": "a",
        "time": NOON,
        "model": "fraud",
        "version": "v",
        "entity_key": "card",
        "trace_id": "",
        "span_id": "",
        "score": 0.5,
        "decision": "true",
        "features": [("amount", 1.5), ("risk", None)],
        "categories": [("country", "NL")],
        "latency_ms": 2.0,
        "attributes": [("arm", "canary")],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def body(*rows: dict[str, Any], schema: pa.Schema = PREDICTIONS, **options: Any) -> bytes:
    kept = pa.schema([field for field in schema if field.name in rows[0]])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kept, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(pa.Table.from_pylist(list(rows), schema=kept))
    found: bytes = sink.getvalue().to_pybytes()
    return found


def test_what_is_sent_is_what_is_stored(outcomes: Outcomes, telemetry: Telemetry) -> None:
    model = f"model-{next(_numbers)}"
    for _ in range(2):  # sent again, a prediction is the same prediction
        assert outcomes.prediction_table(body(row(model=model), row(model=model, id="b", features=[]))) == 2

    first, second = telemetry.predictions.window(
        model, NOON, NOON + timedelta(seconds=1), known_by=NOON + timedelta(seconds=1)
    ).to_pylist()

    assert (first["id"], first["score"], first["decision"], first["latency_ms"]) == ("a", 0.5, "true", 2.0)
    assert dict(first["features"]) == {"amount": 1.5, "risk": None}
    assert (first["attributes"], second["features"]) == ([("arm", "canary")], [])


def test_only_what_is_required_has_to_be_there(outcomes: Outcomes, telemetry: Telemetry) -> None:
    model = f"model-{next(_numbers)}"
    optional = ("entity_key", "trace_id", "span_id", "decision", "features", "categories", "latency_ms", "attributes")

    assert outcomes.prediction_table(body(row(model=model, **dict.fromkeys(optional, ...)))) == 1

    (found,) = telemetry.predictions.window(
        model, NOON, NOON + timedelta(seconds=1), known_by=NOON + timedelta(seconds=1)
    ).to_pylist()
    assert (found["entity_key"], found["latency_ms"], found["features"]) == ("", 0.0, [])


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no id": (row(id=""), r"predictions\[1\].id: is required"),
    "null model": (row(model=None), r"predictions\[1\].model: is required"),
    "no version": (row(version=""), r"predictions\[1\].version: is required"),
    "null score": (row(score=None), r"predictions\[1\].score: is required"),
    "null time": (row(time=None), r"predictions\[1\].time: is required"),
    "nan": (row(score=float("nan")), r"predictions\[1\].score: must be a finite number"),
    "infinite latency": (row(latency_ms=float("inf")), r"predictions\[1\].latency_ms: must be a finite number"),
    "far time": (row(time=datetime(2150, 1, 1, tzinfo=UTC)), r"predictions\[1\].time: must lie between 1970 and 2100"),
    "infinite feature": (
        row(features=[("amount", float("inf"))]),
        "predictions.features: must be finite numbers or null",
    ),
    "null features": (row(features=None), "predictions.features: must not be null"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_stored(mistake: str, outcomes: Outcomes, telemetry: Telemetry) -> None:
    wrong, words = MISTAKES[mistake]
    model = f"model-{next(_numbers)}"
    wrong = {**wrong, "model": model if wrong["model"] else wrong["model"]}

    with pytest.raises(InputError, match=words):
        outcomes.prediction_table(body(row(model=model), wrong))

    end = NOON + timedelta(days=1)
    assert telemetry.predictions.window(model, NOON, end, known_by=end).num_rows == 0


def test_a_column_that_nobody_knows_is_refused() -> None:
    more = pa.schema([*PREDICTIONS, ("colour", pa.string())])

    with pytest.raises(InputError, match=r"predictions\.colour: is not a known column"):
        arrow_predictions(body(row(colour="red"), schema=more), 10, Inputs().of_columns)


def test_a_column_of_another_type_is_refused() -> None:
    other = pa.schema([("score", pa.string()) if field.name == "score" else field for field in PREDICTIONS])

    with pytest.raises(InputError, match=r"predictions\.score: must be a column of double"):
        arrow_predictions(body(row(score="much"), schema=other), 10, Inputs().of_columns)


def other_times(column: pa.Array) -> bytes:
    table = pa.ipc.open_stream(body(row())).read_all()
    return body_of(table.set_column(table.column_names.index("time"), "time", column))


FINER = [
    pa.array([NOON + timedelta(microseconds=1_999)], pa.timestamp("us", tz="Europe/Berlin")),
    pa.array([NOON + timedelta(microseconds=1_999)], pa.timestamp("ns", tz="UTC")),
    pa.array(["2026-11-24T13:00:00.001999+01:00"], pa.string_view()),
    pa.array(["2026-11-24T12:00:00.001999999Z"]),
]


@pytest.mark.parametrize("column", FINER, ids=lambda column: str(column.type))
def test_moments_are_kept_to_the_millisecond(column: pa.Array) -> None:
    found = arrow_predictions(other_times(column), 10, Inputs().of_columns)

    assert found["time"].to_pylist() == [NOON + timedelta(milliseconds=1)]


def test_moments_without_a_time_zone_are_refused() -> None:
    with pytest.raises(InputError, match=r"predictions\.time: must name its time zone"):
        arrow_predictions(other_times(pa.array([NOON], pa.timestamp("ms"))), 10, Inputs().of_columns)


def test_texts_may_come_as_views() -> None:
    texts = pa.array(["NL", None], pa.string_view())
    words = pa.DictionaryArray.from_arrays(pa.array([0, None], pa.uint32()), pa.array(["red"], pa.string_view()))
    table = pa.ipc.open_stream(body(row(), row(id="b"))).read_all().drop_columns(["features", "categories"])

    found = arrow_predictions(
        body_of(table.append_column("input.country", texts).append_column("input.colour", words)),
        10,
        Inputs().of_columns,
    )

    assert found["categories"].to_pylist() == [
        [("country", "NL"), ("colour", "red")],
        [("country", ""), ("colour", "")],
    ]


@pytest.mark.parametrize("in_words", [False, True])
def test_many_views_of_one_long_text_are_too_large(in_words: bool) -> None:
    count, long = 5_000, b"x" * 50_000
    view = np.array([len(long), 0x78787878, 0, 0], "<i4").tobytes()
    texts = pa.Array.from_buffers(pa.string_view(), count, [None, pa.py_buffer(view * count), pa.py_buffer(long)])
    places = pa.array(range(count), pa.int32())
    column = pa.DictionaryArray.from_arrays(places, texts) if in_words else texts
    sent = body_of(pa.table({"input.country": column}))
    assert len(sent) < 1_000_000

    with pytest.raises(TooLargeError, match="times their body"):
        read_stream("predictions", sent, count)


def test_too_many_are_refused(outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 2)

    with pytest.raises(TooLargeError, match="must hold at most 2 records, got 3"):
        outcomes.prediction_table(body(row(), row(), row()))


def test_columns_that_unpack_to_many_times_their_body_are_refused() -> None:
    long = body(*[row(entity_key="x" * 1000)] * 500, compression="zstd")

    with pytest.raises(TooLargeError, match="must take at most 4 times their body"):
        arrow_predictions(long, 1000, Inputs().of_columns)


@settings(deadline=None, max_examples=150)
@given(at=st.integers(0, 3000), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_stream_is_refused_or_right_and_never_more(at: int, value: int, cut: bool) -> None:
    data = bytearray(body(*[row(id=str(number)) for number in range(5)]))
    at %= len(data)
    damaged = bytes(data[:at]) if cut else bytes(data[:at] + bytes([value]) + data[at + 1 :])

    try:
        found = arrow_predictions(damaged, 10, Inputs().of_columns)
    except InputError:
        return
    assert found.schema == PREDICTIONS
    assert found.num_rows <= 5
