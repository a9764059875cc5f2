"""Predictions and labels in, on a real store: whole records, each mistake by its place, the right ones kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.fixtures import telemetry_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ops.ingest import outcomes as module
from wellkept.ops.ingest.outcomes import Outcomes, Taken
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    found = telemetry_in(tmp_path_factory.mktemp("outcomes") / "telemetry")
    yield found
    found.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def outcomes(telemetry: Telemetry, clock: SettableClock) -> Outcomes:
    return Outcomes(telemetry.predictions, telemetry.labels, clock)


@pytest.fixture
def model() -> str:
    """The name of a model that no other test uses."""
    return f"model-{next(_numbers)}"


def prediction(model: str, key: str = "1", /, **changes: Any) -> dict[str, Any]:
    """A right prediction, with changes (... leaves a field out)."""
    found = {
        "id": f"{model}/{key}",
        "time": NOON.isoformat(),
        "model": model,
        "version": "v",
        "score": 0.5,
        **changes,
    }
    return {name: value for name, value in found.items() if value is not ...}


def label(model: str, key: str = "1", value: Any = 1.0, **more: Any) -> dict[str, Any]:
    return {"prediction_id": f"{model}/{key}", "value": value, **more}


def stored(telemetry: Telemetry, model: str) -> list[dict[str, Any]]:
    start, end = NOON - timedelta(days=1), NOON + timedelta(days=1)
    rows: list[dict[str, Any]] = telemetry.predictions.window(model, start, end, known_by=end).to_pylist()
    return rows


def test_a_prediction_is_stored_with_all_that_it_says(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    record = prediction(
        model,
        entity_key="card-1",
        trace_id="t" * 32,
        span_id="s" * 16,
        decision="true",
        features={"amount": 2, "risk": None, "foreign": True},
        categories={"country": "NL", "till": None},
        latency_ms=1.5,
        attributes={"shop": "north"},
    )

    assert outcomes.predictions([record]) == 1

    (row,) = stored(telemetry, model)
    assert dict(row["features"]) == {"amount": 2.0, "risk": None, "foreign": 1.0}
    assert dict(row["categories"]) == {"country": "NL", "till": ""}
    assert dict(row["attributes"]) == {"shop": "north"}
    assert (row["time"], row["score"], row["entity_key"], row["label"]) == (NOON, 0.5, "card-1", None)


def test_the_least_that_a_prediction_needs(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    nulls = dict.fromkeys(("entity_key", "trace_id", "features", "categories", "attributes", "decision"))

    assert outcomes.predictions([prediction(model, "1"), prediction(model, "2", **nulls)]) == 2

    assert [dict(row["features"]) for row in stored(telemetry, model)] == [{}, {}]


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"id": ...}, "predictions[1].id: is required"),
    "empty id": ({"id": ""}, "predictions[1].id: is required"),
    "numeric id": ({"id": 17}, "predictions[1].id: must be a text, got 17"),
    "no model": ({"model": None}, "predictions[1].model: is required"),
    "no version": ({"version": ...}, "predictions[1].version: is required"),
    "no score": ({"score": ...}, "predictions[1].score: is required"),
    "score in words": ({"score": "high"}, "predictions[1].score: must be a finite number, got 'high'"),
    "score nan": ({"score": float("nan")}, "predictions[1].score: must be a finite number, got nan"),
    "score without end": ({"score": float("inf")}, "predictions[1].score: must be a finite number, got inf"),
    "no time": ({"time": ...}, "predictions[1].time: is required"),
    "time in words": ({"time": "noon"}, "predictions[1].time: must be a moment in ISO 8601, got 'noon'"),
    "time as a number": ({"time": 1_700_000_000}, "predictions[1].time: must be a moment in ISO 8601, got 1700000000"),
    "time without a zone": (
        {"time": "2026-11-24T12:00:00"},
        "predictions[1].time: must name its time zone (such as Z), got '2026-11-24T12:00:00'",
    ),
    "time before time": (
        {"time": "0001-01-01T00:00:00+14:00"},
        "predictions[1].time: must lie between 1970 and 2100, got '0001-01-01T00:00:00+14:00'",
    ),
    "time far ahead": (
        {"time": "9999-12-31T23:00:00-10:00"},
        "predictions[1].time: must lie between 1970 and 2100, got '9999-12-31T23:00:00-10:00'",
    ),
    "unknown field": ({"colour": "red"}, "predictions[1].colour: is not a known field; known are id, time, model,"),
    "features as a list": ({"features": []}, "predictions[1].features: must be an object, got []"),
    "feature in parts": (
        {"features": {"amount": {"euros": 12}}},
        "predictions[1].features.amount: must be a finite number, got {'euros': 12}",
    ),
    "feature nan": (
        {"features": {"amount": float("nan")}},
        "predictions[1].features.amount: must be a finite number, got nan",
    ),
    "a category that is a number": (
        {"categories": {"country": 31}},
        "predictions[1].categories.country: must be a text, got 31",
    ),
    "attribute as a number": ({"attributes": {"shop": 1}}, "predictions[1].attributes.shop: must be a text, got 1"),
    "latency in words": ({"latency_ms": "fast"}, "predictions[1].latency_ms: must be a finite number, got 'fast'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_stored(
    case: str, outcomes: Outcomes, telemetry: Telemetry, model: str
) -> None:
    changes, message = MISTAKES[case]

    with pytest.raises(InputError) as raised:
        outcomes.predictions([prediction(model, "1"), prediction(model, "2", **changes)])

    assert str(raised.value).startswith(message)
    assert stored(telemetry, model) == []


@pytest.mark.parametrize("records", [None, "text", {"id": "1"}, 3])
def test_records_come_as_a_list(records: Any, outcomes: Outcomes) -> None:
    for take, what in ((outcomes.predictions, "predictions"), (outcomes.labels, "labels")):
        with pytest.raises(InputError, match=f"{what}: must be a list of records"):
            take(records)
        with pytest.raises(InputError, match=rf"{what}\[0\]: must be an object, got 7"):
            take([7])


def test_nothing_is_nothing(outcomes: Outcomes) -> None:
    assert outcomes.predictions([]) == 0
    assert outcomes.labels([]) == Taken(0, 0)


def test_too_many_records_are_refused(outcomes: Outcomes, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 2)

    for take, what in ((outcomes.predictions, "predictions"), (outcomes.labels, "labels")):
        with pytest.raises(TooLargeError, match=f"{what}: must hold at most 2 records, got 3"):
            take([prediction(model)] * 3)


def test_a_prediction_that_is_sent_again_is_the_same(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    for _ in range(3):
        outcomes.predictions([prediction(model), prediction(model)])

    assert len(stored(telemetry, model)) == 1


def test_a_label_joins_its_prediction(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    outcomes.predictions([prediction(model, "1"), prediction(model, "2")])

    assert outcomes.labels([label(model, "1", True), label(model, "2", 0)]) == Taken(2, 0)

    assert [row["label"] for row in stored(telemetry, model)] == [1.0, 0.0]
    assert [row["label_time"] for row in stored(telemetry, model)] == [NOON, NOON]


def test_of_several_labels_the_newest_counts(
    outcomes: Outcomes, telemetry: Telemetry, clock: SettableClock, model: str
) -> None:
    outcomes.predictions([prediction(model)])
    outcomes.labels([label(model, value=0)])
    outcomes.labels([label(model, value=0)])
    clock.advance(timedelta(hours=1))
    outcomes.labels([label(model, value=1)])
    outcomes.labels([label(model, value=0, time=(NOON - timedelta(hours=1)).isoformat())])

    (row,) = stored(telemetry, model)
    assert (row["label"], row["label_time"]) == (1.0, NOON + timedelta(hours=1))


def test_a_label_may_come_before_its_prediction(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    outcomes.predictions([prediction(model, "1")])

    assert outcomes.labels([label(model, "1"), label(model, "2", 0)]) == Taken(1, 1)
    outcomes.settle()
    assert [row["label"] for row in stored(telemetry, model)] == [1.0]

    outcomes.predictions([prediction(model, "2")])
    outcomes.settle()
    assert [row["label"] for row in stored(telemetry, model)] == [1.0, 0.0]
    assert telemetry.labels.waiting() == 0


def test_a_label_that_waited_too_long_is_let_go(
    outcomes: Outcomes, telemetry: Telemetry, clock: SettableClock, model: str
) -> None:
    outcomes.labels([label(model)])
    clock.advance(timedelta(days=6))
    outcomes.settle()
    assert telemetry.labels.waiting() == 1

    clock.advance(timedelta(days=2))
    outcomes.settle()
    assert telemetry.labels.waiting() == 0


def test_too_many_labels_that_wait_are_refused_and_nothing_is_stored(
    outcomes: Outcomes, telemetry: Telemetry, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    outcomes.predictions([prediction(model, "1")])

    with pytest.raises(
        InputError, match=r"labels\[1\].prediction_id: must be of a prediction that is stored: 1 labels wait"
    ):
        outcomes.labels([label(model, "1"), label(model, "x"), label(model, "y")])

    assert [row["label"] for row in stored(telemetry, model)] == [None]


def test_a_label_by_entity_is_of_the_newest_prediction_before(
    outcomes: Outcomes, telemetry: Telemetry, model: str
) -> None:
    made = {key: (NOON + timedelta(minutes=minutes)).isoformat() for key, minutes in (("1", 0), ("2", 10), ("3", 20))}
    outcomes.predictions([prediction(model, key, time=at, entity_key="ada") for key, at in made.items()])
    outcomes.predictions([prediction(model, "4", time=made["2"], entity_key="bob")])

    at = (NOON + timedelta(minutes=15)).isoformat()
    assert outcomes.labels([{"model": model, "entity_key": "ada", "at": at, "value": 1}]) == Taken(0, 1)
    outcomes.settle()

    labels = {row["id"]: row["label"] for row in stored(telemetry, model)}
    assert labels == {f"{model}/1": None, f"{model}/2": 1.0, f"{model}/3": None, f"{model}/4": None}
    assert telemetry.labels.waiting() == 0


def test_labels_by_arrow_are_those_by_json(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    outcomes.predictions([prediction(model, "1"), prediction(model, "2")])
    table = pa.table({"prediction_id": [f"{model}/1", f"{model}/2", f"{model}/3"], "value": [1.0, 0.0, 1.0]})

    assert outcomes.label_table(body_of(table)) == Taken(2, 1)

    assert [(row["label"], row["label_time"]) for row in stored(telemetry, model)] == [(1.0, NOON), (0.0, NOON)]
    for wrong, rule in (
        ({"prediction_id": ["a"], "value": [None]}, r"labels\[0\].value: must be a finite number"),
        ({"value": [1.0]}, r"labels\[0\].prediction_id: must name its prediction"),
        ({"prediction_id": ["a"], "value": [1.0], "colour": ["red"]}, "labels.colour: is not a known column"),
    ):
        with pytest.raises(InputError, match=rule):
            outcomes.label_table(body_of(pa.table(wrong)))


def body_of(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


LABEL_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"value": 1}, "labels[1].prediction_id: is required"),
    "numeric id": ({"prediction_id": 7, "value": 1}, "labels[1].prediction_id: must be a text, got 7"),
    "no value": ({"prediction_id": "a"}, "labels[1].value: is required"),
    "value in words": (
        {"prediction_id": "a", "value": "fraud"},
        "labels[1].value: must be a finite number, got 'fraud'",
    ),
    "value nan": ({"prediction_id": "a", "value": float("nan")}, "labels[1].value: must be a finite number, got nan"),
    "no zone": (
        {"prediction_id": "a", "value": 1, "time": "2026-11-24"},
        "labels[1].time: must name its time zone (such as Z), got '2026-11-24'",
    ),
    "empty time": (
        {"prediction_id": "a", "value": 1, "time": ""},
        "labels[1].time: must be a moment in ISO 8601, got ''",
    ),
    "unknown field": (
        {"prediction_id": "a", "value": 1, "colour": "red"},
        "labels[1].colour: is not a known field; known are prediction_id, value, time, model, entity_key, at",
    ),
}


@pytest.mark.parametrize("case", LABEL_MISTAKES)
def test_a_mistake_in_a_label_is_named_and_none_is_stored(
    case: str, outcomes: Outcomes, telemetry: Telemetry, model: str
) -> None:
    outcomes.predictions([prediction(model)])
    record, message = LABEL_MISTAKES[case]

    with pytest.raises(InputError) as raised:
        outcomes.labels([label(model), record])

    assert str(raised.value).startswith(message)
    assert stored(telemetry, model)[0]["label"] is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["id", "time", "model", "version", "score", "features", "attributes", "decision", "latency_ms"]
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=FIELDS, value=JSON)
def test_whatever_a_field_holds_it_is_stored_or_refused_by_its_name(field: str, value: Any, outcomes: Outcomes) -> None:
    record = prediction("fuzzed", **{field: value})
    refusal = ""
    try:
        outcomes.predictions([record])
    except InputError as error:
        refusal = str(error)

    assert refusal == "" or refusal.startswith(f"predictions[0].{field}")


def test_both_doors_hold_a_full_batch(outcomes: Outcomes, telemetry: Telemetry, model: str) -> None:
    count = 20_000
    records = [prediction(model, str(number), features={"amount": number}) for number in range(count)]

    assert outcomes.predictions(records) == count
    assert outcomes.labels([label(model, str(number), number % 2) for number in range(count)]) == Taken(count, 0)
    assert len(telemetry.predictions.models_of([record["id"] for record in records])) == count


TASKS = ["binary_classification", "ranking", "multiclass_classification", "regression", ""]


def of_task(telemetry: Telemetry, clock: SettableClock, task: str) -> Outcomes:
    """The door, where every model is of one task."""
    return Outcomes(telemetry.predictions, telemetry.labels, clock, task_of=lambda _: task)


@pytest.mark.parametrize("way", ["json", "arrow"])
@pytest.mark.parametrize(
    ("task", "wrong", "rule"),
    [
        ("binary_classification", 2, "must be 0 or 1, as a label of a binary_classification is"),
        ("binary_classification", -1, "must be 0 or 1"),
        ("binary_classification", 1e308, "must be 0 or 1"),
        ("ranking", 5, r"must be 1 \(it was chosen\) or 0"),
        ("multiclass_classification", 1.5, "must be the whole number of a class"),
    ],
)
def test_a_label_that_its_task_does_not_know_is_refused(
    task: str, wrong: float, rule: str, way: str, telemetry: Telemetry, clock: SettableClock, model: str
) -> None:
    outcomes = of_task(telemetry, clock, task)
    outcomes.predictions([prediction(model, "1"), prediction(model, "2")])
    records = [label(model, "1", 1), label(model, "2", wrong)]

    send = outcomes.labels if way == "json" else outcomes.label_table
    body: Any = records if way == "json" else body_of(pa.Table.from_pylist(records))
    with pytest.raises(InputError, match=rf"labels\[1\].value: {rule}.*, got"):
        send(body)

    assert [row["label"] for row in stored(telemetry, model)] == [None, None]


def test_a_label_by_entity_is_held_to_the_task_too(telemetry: Telemetry, clock: SettableClock, model: str) -> None:
    record = {"model": model, "entity_key": "ada", "at": NOON.isoformat(), "value": 2}
    waiting = telemetry.labels.waiting()

    with pytest.raises(InputError, match=r"labels\[0\].value: must be 0 or 1"):
        of_task(telemetry, clock, "binary_classification").labels([record])

    assert telemetry.labels.waiting() == waiting


@pytest.mark.parametrize("task", TASKS)
def test_what_every_task_knows_is_taken(task: str, telemetry: Telemetry, clock: SettableClock, model: str) -> None:
    outcomes = of_task(telemetry, clock, task)
    outcomes.predictions([prediction(model, "1"), prediction(model, "2")])

    assert outcomes.labels([label(model, "1", 0), label(model, "2", True)]) == Taken(2, 0)


@pytest.mark.parametrize(("task", "value"), [("regression", -2.5), ("forecasting", 0.5), ("", 2.5)])
def test_numbers_are_labels_where_the_task_has_numbers_or_is_not_known(
    task: str, value: float, telemetry: Telemetry, clock: SettableClock, model: str
) -> None:
    outcomes = of_task(telemetry, clock, task)
    outcomes.predictions([prediction(model)])

    assert outcomes.labels([label(model, value=value)]) == Taken(1, 0)


@pytest.mark.parametrize(
    ("task", "wrong", "right"), [("binary_classification", 2, 1), ("multiclass_classification", 0.5, 3)]
)
def test_a_label_that_waited_is_held_to_the_task_of_the_prediction_that_came(
    task: str,
    wrong: float,
    right: float,
    telemetry: Telemetry,
    clock: SettableClock,
    model: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes, waiting = of_task(telemetry, clock, task), telemetry.labels.waiting()
    assert outcomes.labels([label(model, "1", wrong), label(model, "2", right)]) == Taken(0, 2)

    outcomes.predictions([prediction(model, "1"), prediction(model, "2")])
    outcomes.settle()

    assert [row["label"] for row in stored(telemetry, model)] == [None, right]
    assert telemetry.labels.waiting() == waiting
    assert f"1 label of {model} that waited was let go: a label of a {task} must be" in caplog.text


@pytest.mark.parametrize("way", ["records", "stream"])
def test_the_ends_of_an_interval_are_kept_among_the_attributes(
    outcomes: Outcomes, telemetry: Telemetry, model: str, way: str
) -> None:
    told = [prediction(model, "1", lower=0.25, upper=0.75, attributes={"shop": "north"}), prediction(model, "2")]
    if way == "records":
        outcomes.predictions(told)
    else:
        table = pa.table(
            {
                **{name: [one[name] for one in told] for name in ("id", "model", "version", "score", "time")},
                "lower": [0.25, None],
                "upper": [0.75, None],
                "attributes": pa.array([[("shop", "north")], []], pa.map_(pa.string(), pa.string())),
            }
        )
        outcomes.prediction_table(body_of(table))
    outcomes.labels([{"prediction_id": one["id"], "value": 0.5} for one in told])

    rows = telemetry.predictions.window(model, NOON, NOON + timedelta(days=1), known_by=NOON + timedelta(days=1))
    kept = [dict(one) for one in rows["attributes"].to_pylist()]
    assert kept == [{"shop": "north", "lower": "0.25", "upper": "0.75"}, {}]
    day = timedelta(days=1)
    read = telemetry.serving.labelled(model, "v", NOON, NOON + day, NOON + day)
    assert (read["lower"].to_pylist(), read["upper"].to_pylist()) == ([0.25, None], [0.75, None])
    with pytest.raises(InputError, match=r"predictions\[0\]\.upper"):
        outcomes.predictions([prediction(model, "3", upper="much")])
