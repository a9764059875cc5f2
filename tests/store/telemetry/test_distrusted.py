"""Labels that came while their feed was unwell: nothing is judged by them, and nothing is lost for good."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from tests.store.telemetry.scenes import at

from wellkept.store.telemetry.distrusted import Distrust
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labels import Asked
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

RECEIVED = LABELS.append(pa.field("received", LABELS.field("time").type))


def predict(telemetry: Telemetry, model: str, count: int) -> None:
    ids = [f"{model}-{k}" for k in range(count)]
    columns = {"id": ids, "time": [at(k) for k in range(count)], "model": [model] * count, "version": ["v"] * count}
    schema = PREDICTIONS.empty_table().select(["id", "time", "model", "version", "score"]).schema
    telemetry.predictions.write(pa.table({**columns, "score": np.full(count, 0.5)}, schema=schema))


def label(telemetry: Telemetry, model: str, keys: range, value: float, known_s: float, came_s: float) -> None:
    count = len(keys)
    columns = {"prediction_id": [f"{model}-{k}" for k in keys], "model": [model] * count, "value": [value] * count}
    times = {"time": [at(known_s)] * count, "received": [at(came_s)] * count}
    telemetry.labels.write(pa.table({**columns, **times}, schema=RECEIVED))


def told(telemetry: Telemetry, model: str = "m") -> dict[float, float]:
    """The label of each prediction, by its time in seconds after noon."""
    rows = telemetry.serving.labelled(model, "v", at(0), at(100), at(9000))
    return dict(zip((rows["at"].to_numpy() - at(0).timestamp()).tolist(), rows["label"].to_pylist(), strict=True))


def test_what_came_in_a_span_does_not_count_and_what_was_known_before_counts_again(telemetry: Telemetry) -> None:
    predict(telemetry, "m", 10)
    label(telemetry, "m", range(6), 0.0, 100, 110)
    label(telemetry, "m", range(4, 10), 1.0, 200, 210)
    assert told(telemetry) == {**dict.fromkeys(range(4), 0.0), **dict.fromkeys(range(4, 10), 1.0)}
    telemetry.distrusted.write([Distrust("m", "f", at(205))])
    assert told(telemetry) == dict.fromkeys(range(6), 0.0)
    assert telemetry.serving.labelled_rows("m", at(0), at(100), at(9000)) == 6
    window = telemetry.predictions.window("m", at(0), at(100), known_by=at(9000))
    assert window["label"].to_pylist() == [0.0] * 6 + [None] * 4
    asked = Asked("m", "v", Grid.of(at(0), at(100), 100), [100.0, np.inf], "positive", 50, at(9000))
    counted = telemetry.arrivals.arrivals(asked, [0.4], 1)
    assert sum(row["rows"] for row in counted.to_pylist() if row["age"] >= 0) == 6
    assert int(telemetry.feeds.feed("m", Grid.of(at(0), at(300), 10), 300).labels.sum()) == 12


def test_what_comes_after_a_span_counts_and_a_span_can_become_shorter(telemetry: Telemetry) -> None:
    predict(telemetry, "m", 10)
    label(telemetry, "m", range(5), 1.0, 200, 210)
    label(telemetry, "m", range(5, 10), 1.0, 300, 310)
    telemetry.distrusted.write([Distrust("m", "f", at(205))])
    assert told(telemetry) == {}
    telemetry.distrusted.write([Distrust("m", "f", at(205), at(310))])
    assert told(telemetry) == dict.fromkeys(range(5, 10), 1.0)
    label(telemetry, "m", range(3), 0.0, 400, 410)
    assert told(telemetry) == {**dict.fromkeys(range(3), 0.0), **dict.fromkeys(range(5, 10), 1.0)}
    assert telemetry.distrusted.of("m") == [Distrust("m", "f", at(205), at(310))]


def test_a_span_is_of_one_model_alone(telemetry: Telemetry) -> None:
    for model in ("m", "other"):
        predict(telemetry, model, 3)
        label(telemetry, model, range(3), 1.0, 200, 210)
    telemetry.distrusted.write([Distrust("m", "f", at(0)), Distrust("third", "g", at(0))])
    assert told(telemetry) == {}
    assert told(telemetry, "other") == dict.fromkeys(range(3), 1.0)
    telemetry.distrusted.write([])
    assert telemetry.distrusted.of("other") == []
