"""Predictions and labels: joined by id, with what was known when."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.scenes import at

from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

LATER = at(1000)


def predict(telemetry: Telemetry, *rows: tuple[str, float], model: str = "fraud", **more: Any) -> None:
    """Store predictions (id, seconds after noon); the score is the number of the second."""
    made = [
        {"id": id_, "time": at(seconds), "model": model, "version": "v1", "score": seconds, **more}
        for id_, seconds in rows
    ]
    required = PREDICTIONS.empty_table().select(["id", "time", "model", "version", "score", *more]).schema
    telemetry.predictions.write(pa.Table.from_pylist(made, schema=required))


def label(telemetry: Telemetry, *rows: tuple[str, float, float], model: str = "fraud") -> None:
    """Store labels (prediction's id, seconds after noon, value)."""
    made = [{"prediction_id": id_, "model": model, "time": at(s), "value": value} for id_, s, value in rows]
    telemetry.labels.write(pa.Table.from_pylist(made, schema=LABELS))


def labels(telemetry: Telemetry, known_by: datetime = LATER) -> dict[str, float | None]:
    window = telemetry.predictions.window("fraud", at(0), at(1000), known_by=known_by)
    return dict(zip(window["id"].to_pylist(), window["label"].to_pylist(), strict=True))


def test_a_prediction_comes_back_whole(telemetry: Telemetry) -> None:
    row = {
        "id": "p1",
        "time": at(1.5),
        "model": "fraud",
        "version": "sha256:1",
        "entity_key": "card-'1'",
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "score": 0.25,
        "decision": "block",
        "features": [("amount", 12.5), ("spend", None)],
        "categories": [("country", "NL"), ("till", "")],
        "latency_ms": 1.25,
        "attributes": [("slice", "new")],
    }
    telemetry.predictions.write(pa.Table.from_pylist([row], schema=PREDICTIONS))
    (found,) = telemetry.predictions.window("fraud", at(0), at(10), known_by=at(100)).to_pylist()
    found["time"] = found["time"].to_pydatetime() if hasattr(found["time"], "to_pydatetime") else found["time"]
    assert found == {k: v for k, v in row.items() if k != "model"} | {"label": None, "label_time": None}


def test_only_what_is_required_has_to_be_there(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1))
    (found,) = telemetry.predictions.window("fraud", at(0), at(10), known_by=at(100)).to_pylist()
    assert (found["decision"], found["features"], found["categories"], found["latency_ms"]) == ("", [], [], 0.0)


def test_a_window_is_of_one_model_and_half_open_and_by_time(telemetry: Telemetry) -> None:
    predict(telemetry, ("c", 5), ("a", 0), ("b", 9.999), ("before", -0.001), ("after", 10))
    predict(telemetry, ("other", 5), model="churn")
    window = telemetry.predictions.window("fraud", at(0), at(10), known_by=at(100))
    assert window["id"].to_pylist() == ["a", "c", "b"]
    assert window["score"].to_pylist() == [0, 5, 9.999]


def test_a_prediction_written_again_is_the_same_prediction(telemetry: Telemetry) -> None:
    for _ in range(3):
        predict(telemetry, ("p1", 1), ("p2", 2))
    assert telemetry.predictions.window("fraud", at(0), at(10), known_by=at(100)).num_rows == 2


def test_the_newest_label_wins_in_whatever_order_they_come(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1), ("p2", 2), ("p3", 3))
    label(telemetry, ("p1", 100, 0.0), ("p2", 100, 1.0))
    label(telemetry, ("p1", 200, 1.0))
    label(telemetry, ("p2", 50, 0.0))
    label(telemetry, ("p3", 100, 1.0), model="churn")
    assert labels(telemetry) == {"p1": 1.0, "p2": 1.0, "p3": None}


def test_what_was_not_known_yet_is_left_out(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1))
    label(telemetry, ("p1", 100, 0.0), ("p1", 200, 1.0))
    assert labels(telemetry, at(100)) == {"p1": None}
    assert labels(telemetry, at(100.001)) == {"p1": 0.0}
    assert labels(telemetry, at(200)) == {"p1": 0.0}
    assert labels(telemetry, at(200.001)) == {"p1": 1.0}
    window = telemetry.predictions.window("fraud", at(0), at(10), known_by=at(150))
    assert window["label_time"].to_pylist() == [at(100)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=12, unique=True),
    st.integers(0, 10),
    st.randoms(use_true_random=False),
)
def test_labels_are_what_brute_force_gives(
    telemetry: Telemetry, moments: list[tuple[str, int]], known_by: int, order: random.Random
) -> None:
    telemetry.engine.command("TRUNCATE TABLE labels")
    predict(telemetry, *((id_, 1) for id_ in "abc"))
    rows = [(id_, float(second), float(index)) for index, (id_, second) in enumerate(moments)]
    order.shuffle(rows)
    half = len(rows) // 2
    label(telemetry, *rows[:half])
    label(telemetry, *rows[half:])
    wanted = {
        id_: max(((s, v) for i, s, v in rows if i == id_ and s < known_by), default=(0, None))[1] for id_ in "abc"
    }
    assert labels(telemetry, at(known_by)) == wanted


def test_a_label_of_the_future_hides_none_that_is_known(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1), ("p2", 2))
    label(telemetry, ("p1", 100, 1.0), ("p1", 9000, 0.0), ("p2", 9000, 1.0))
    page, _ = telemetry.predictions.page("fraud", at(0), at(10), 5, known_by=at(200))
    assert page["label"].to_pylist() == [1.0, None]
    assert page["label_time"].to_pylist() == [at(100), None]
    first = telemetry.logged.first("fraud", "v1", at(0), at(10), 5, known_by=at(200))
    assert first["label"].to_pylist() == [1.0, None]


def test_which_ids_are_known(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1))
    predict(telemetry, ("q1", 1), model="churn")
    assert telemetry.predictions.known(["p1", "q1", "nobody", "'"]) == {"p1", "q1"}
    assert telemetry.predictions.models_of(["q1", "p1"]) == {"p1": "fraud", "q1": "churn"}
    assert telemetry.predictions.known([]) == set()


def test_which_models_have_predicted(telemetry: Telemetry) -> None:
    predict(telemetry, ("p1", 1), ("p2", 7))
    predict(telemetry, ("q1", -50), model="churn")
    found = telemetry.predictions.models(at(0)).to_pylist()
    assert [(row["model"], row["predictions"]) for row in found] == [("fraud", 2)]
    assert found[0]["last"] == at(7)


def test_pages_give_every_prediction_once(telemetry: Telemetry) -> None:
    predict(telemetry, *[(f"p{n:02d}", n // 3) for n in range(40)], ("early", -1), ("late", 50))
    predict(telemetry, ("p07", 2))
    label(telemetry, ("p05", 60, 1.0))
    found: list[Any] = []
    start: datetime | None = at(0)
    while start is not None:
        page, start = telemetry.predictions.page("fraud", start, at(50), 4, known_by=at(100))
        found += page.select(["id", "label"]).to_pylist()
    assert [row["id"] for row in found] == [f"p{n:02d}" for n in range(40)]
    assert [row["label"] for row in found if row["id"] == "p05"] == [1.0]


def test_a_sample_is_of_one_version_and_the_same_each_time(telemetry: Telemetry) -> None:
    predict(telemetry, *[(f"p{n}", n) for n in range(50)], entity_key="card-1")
    predict(telemetry, ("p7", 7), entity_key="card-1")
    rows = [{"id": "other", "time": at(3), "model": "fraud", "version": "v2", "score": 1.0}]
    schema = PREDICTIONS.empty_table().select(["id", "time", "model", "version", "score"]).schema
    telemetry.predictions.write(pa.Table.from_pylist(rows, schema=schema))
    first = telemetry.predictions.sample("fraud", "v1", at(0), at(100), 10)
    assert first.num_rows == 10
    assert first.equals(telemetry.predictions.sample("fraud", "v1", at(0), at(100), 10))
    assert telemetry.predictions.sample("fraud", "v1", at(0), at(100), 1000)["id"].to_pylist() == [
        f"p{n}" for n in range(50)
    ]
    assert first["entity_key"].to_pylist() == ["card-1"] * 10


def test_what_shadows_said_is_nobodys_answer_and_is_judged_by_the_same_truth(telemetry: Telemetry) -> None:
    predict(telemetry, ("a", 1), ("b", 2), features=[("amount", None)])
    predict(telemetry, ("a~2", 1.5), features=[("amount", None)], attributes=[("shadow_of", "a")])
    label(telemetry, ("a", 5, 1.0))
    start, end, serving = at(0), at(10), telemetry.serving

    assert list(labels(telemetry)) == ["a", "b"]
    assert telemetry.predictions.page("fraud", start, end, 10, known_by=at(100))[0]["id"].to_pylist() == ["a", "b"]
    assert serving.rates("fraud", Grid.of(start, end, 10.0)).tolist() == [2]
    assert serving.affected("fraud", start, end, {"amount": None}, 10)["id"].to_pylist() == ["b", "a"]
    found = serving.labelled("fraud", "v1", start, end, at(100)).to_pylist()
    assert [(row["score"], row["label"]) for row in found] == [(1.0, 1.0), (1.5, 1.0)]
